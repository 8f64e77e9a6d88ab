"""What the steps of one model share: the model, where they write, and what each has made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from configsplit.errors import CutError
from configsplit.models.document import Document, load
from configsplit.plugins import Registry

Facts = dict[str, Any]


@dataclass(kw_only=True)
class Bench:
    """What the steps of one model share.

    Attributes:
        path, weights: the model, and a file of weights that goes with it.
        folder: where the steps write, each into a folder of its own.
        verify, plugins: of the job.
        stem: what the one file that is left is called but for its suffix; None where each step has a folder of its own.
        dry: say what would be done, and write nothing.
        made: what each step before has written: a file, or the folder of a split.
        digests: of files that were digested while they were written, so that they need not be read for it.
    """

    path: Path
    weights: Path | None
    folder: Path
    verify: str
    plugins: tuple[str, ...]
    stem: str | None = None
    dry: bool = False
    made: dict[str, Path] = field(default_factory=dict)
    digests: dict[Path, str] = field(default_factory=dict)

    @cached_property
    def document(self) -> Document:
        """The model itself."""
        return self._load(self.path, self.weights)

    def _load(self, path: Path, weights: Path | None) -> Document:
        return load(path, weights=weights, custom_objects=self.plugins, registry=_installed())

    def file(self, step: Mapping[str, Any], suffix: str) -> Path:
        """Where a step writes its model."""
        if self.stem is not None:
            return self.folder / f"{self.stem}.{suffix}"
        folder = self.folder / str(step["name"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.path.stem}.{suffix}"

    def written(self, folder: Path, file: Any) -> None:
        """Note the digests of a part, or of the result of surgery, that its record has."""
        for name, digest in ((file.file, file.sha256), (file.weights, file.weights_sha256)):
            if name is not None and digest is not None:
                self.digests[folder / name] = digest

    def source(self, step: Mapping[str, Any]) -> Document:
        """What a step works on: the model, or the file that an earlier step has written."""
        if not step["of"]:
            return self.document
        place = self.made.get(step["of"])
        if place is None or not place.is_file():
            raise CutError(
                f"the step {step['of']!r} gives no single model file",
                code="recipe-step-of",
                where=str(step["name"]),
                hint="`of` can name a step such as convert, extract, rename",
            )
        apart = place.with_name(f"{place.stem}.weights.h5")
        with_it = apart if place.suffix == ".json" and apart.is_file() else None
        return self._load(place, with_it)

    def parts(self, step: Mapping[str, Any]) -> Path:
        """The folder of the split that a step works on."""
        place = self.made.get(step["of"])
        if place is None or not place.is_dir():
            raise CutError(
                "this needs the parts of an earlier split",
                code="recipe-step-of",
                where=str(step["name"]),
                hint="write `of: split`, or the name of that step",
            )
        return place


@cache
def _installed() -> Registry:
    """The installed plug-ins, looked up once for all models of this process."""
    return Registry.discover()
