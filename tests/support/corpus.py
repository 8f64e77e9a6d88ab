"""The files of the corpus: where they are, which of them are models, and with which weights and inputs each goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parents[1] / "corpus" / "releases"
_WEIGHTS = (".weights.h5", ".weights_only.h5", ".weights.json")


def releases() -> Path:
    """The folder with one folder for each release: that of the repository, or a larger one in CONFIGSPLIT_CORPUS."""
    given = os.environ.get("CONFIGSPLIT_CORPUS")
    if not given:
        return _HERE
    found = Path(given)
    return found / "releases" if (found / "releases").is_dir() else found


def names() -> list[str]:
    """Every release, from Keras 1.0 to 3.15."""
    return sorted(each.name for each in releases().iterdir() if each.is_dir())


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A model file; ``weights`` go with an architecture, ``recorded`` are the inputs that its release was given."""

    path: Path
    weights: Path | None
    recorded: Path | None

    @property
    def title(self) -> str:
        return self.path.name if self.weights is None else f"{self.path.name} with {self.weights.name}"


def files(release: str) -> Iterator[CorpusFile]:
    """Every model file of a release, and every architecture once more with each file of weights for it."""
    for path in sorted((releases() / release).iterdir()):
        if path.name == "index.json" or path.name.endswith((".npz", ".yaml", ".savedmodel")):
            continue
        if path.is_dir() or not path.name.endswith(_WEIGHTS):
            yield _file(path, None)
            continue
        architecture = path.with_name(f"{_stem(path)}.json")
        if architecture.exists():
            yield _file(architecture, path)


def _stem(path: Path) -> str:
    return path.name.partition(".")[0].removesuffix("_dir").removesuffix("_sharded")


def _file(path: Path, weights: Path | None) -> CorpusFile:
    recorded = path.with_name(f"{_stem(path)}.io.npz")
    return CorpusFile(path, weights, recorded if recorded.exists() else None)
