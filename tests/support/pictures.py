"""The picture in README.md and docs/plot.md: ``python -m support.pictures`` writes it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import configsplit

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "cut.svg"
_MODEL = ROOT / "tests" / "corpus" / "releases" / "keras-3.15.1" / "residual.keras"


def picture() -> str:
    """A model of the corpus, cut inside its residual branch."""
    with tempfile.TemporaryDirectory() as folder:
        configsplit.split(configsplit.load(_MODEL), at="c2").save(f"{folder}/parts")
        return configsplit.plot(f"{folder}/parts").text(".svg")


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
