"""The files of every release before Keras 3: whole models, architectures with their weights, and what each has lost."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from configsplit.containers.source import open_source
from support.corpus import releases

LOST: Mapping[str, str] = {
    "tf-1.13/kw_tensors": "tensors among keyword arguments are not in the file",
    "tf-1.13/custom_block": "weights of layers in a list or dict are not in the file",
    "tf-1.13/nested_containers": "weights of layers in a list of lists are not in the file",
    "tf-1.14/pos_args": "numpy numbers among keyword arguments are not in the file",
    "tf-1.15/pos_args": "numpy numbers among keyword arguments are not in the file",
    "tf-2.0/pos_args": "numpy numbers among keyword arguments are not in the file",
    "tf-2.2/pos_args": "numpy numbers among keyword arguments are not in the file",
}
"""What a file itself has lost, by release and model: nobody can know the model from it."""

LOST_IN_JSON = {"preproc_str": "the vocabulary is not in the architecture"}
LOST_IN_ZIP = {"nested_containers": "weights of layers in a list of lists are not in the archive"}
LOST_EVERYWHERE = {"subclassed": "the graph is in the class's code"}


@dataclass(frozen=True, slots=True)
class OldFile:
    """A model as one release saved it; ``weights`` go with an architecture."""

    path: Path
    weights: Path | None
    recorded: Path | None

    @property
    def model(self) -> str:
        return self.path.name.partition(".")[0]

    @property
    def title(self) -> str:
        return self.path.name if self.weights is None else f"{self.path.name} with {self.weights.name}"

    def lost(self) -> str:
        """What the file has lost; empty where nothing."""
        zipped = self.path.suffix == ".keras" or (self.weights is not None and self.weights.name.endswith(".weights.h5"))
        if zipped and self.model in LOST_IN_ZIP and _is_zip_layout(self):
            return LOST_IN_ZIP[self.model]
        if self.path.suffix == ".json" and self.weights is None and self.model in LOST_IN_JSON:
            return LOST_IN_JSON[self.model]
        return LOST_EVERYWHERE.get(self.model) or LOST.get(f"{self.path.parent.name}/{self.model}", "")


def _is_zip_layout(file: OldFile) -> bool:
    with open_source(file.path, file.weights) as source:
        return source.weights is not None and source.weights.layout.kind != "legacy"


HERE = Path(__file__).resolve().parents[1] / "corpus" / "conversion"
"""A few files more for each release, in the repository."""


def _folders() -> list[Path]:
    return [releases()] if "CONFIGSPLIT_CORPUS" in os.environ else [releases(), HERE]


def old_releases() -> list[str]:
    """The folders of the corpus that were written before Keras 3."""
    names = {each.name for folder in _folders() for each in folder.iterdir() if each.is_dir()}
    return sorted(name for name in names if not name.startswith("keras-3."))


def old_files(release: str) -> Iterator[OldFile]:
    """Every whole model of a release, every architecture with the weights beside it, and the architectures alone."""
    for folder in _folders():
        if (folder / release).is_dir():
            yield from _files(folder / release)


def _files(folder: Path) -> Iterator[OldFile]:
    for path in sorted(folder.iterdir()):
        if path.name.endswith((".weights.h5", ".weights_only.h5")) or path.suffix not in (".json", ".h5", ".keras"):
            continue
        if path.name == "index.json":
            continue
        recorded = folder / f"{path.name.partition('.')[0]}.io.npz"
        found = recorded if recorded.exists() else None
        if path.suffix != ".json":
            yield OldFile(path, None, found)
            continue
        stem = path.name.removesuffix(".json")
        beside = [folder / f"{stem}{end}" for end in (".weights_only.h5", ".weights.h5", ".h5")]
        apart = [each for each in beside[:2] if each.exists()] or [each for each in beside[2:] if each.exists()]
        for weights in apart:
            yield OldFile(path, weights, found)
        if not apart:
            yield OldFile(path, None, found)
