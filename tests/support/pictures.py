"""The pictures in docs: ``python -m support.pictures`` writes them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import configsplit

ROOT = Path(__file__).resolve().parents[2]
_RELEASE = ROOT / "tests" / "corpus" / "releases" / "keras-3.15.1"
PICTURES = {"cut.svg": ("residual", "c2"), "mask.svg": ("embed_mask_lstm", "emb")}
"""Models of the corpus, and where they are cut: inside a residual branch, and behind what makes a mask."""


def picture(name: str) -> str:
    """One of them, as it is drawn now."""
    model, at = PICTURES[name]
    with tempfile.TemporaryDirectory() as folder:
        configsplit.split(configsplit.load(_RELEASE / f"{model}.keras"), at=at).save(f"{folder}/parts")
        return configsplit.plot(f"{folder}/parts").text(".svg")


if __name__ == "__main__":
    for each in PICTURES:
        (ROOT / "docs" / each).write_text(picture(each), "utf-8")
