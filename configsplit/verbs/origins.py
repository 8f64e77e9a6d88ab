"""The files that a manifest or a record names: where they lie, and whether they are still the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from configsplit.containers.source import FOLDERS, Source, digest
from configsplit.containers.system.named_files import Stamp, stamp
from configsplit.containers.system.threads import Workers
from configsplit.errors import StoreError, VerificationError
from configsplit.graph.json import unspelled
from configsplit.records.manifest import SourceFile

Place = tuple[Path, Path | None]
"""A model, and its weights if they stand apart."""


def find(folder: Path, source: SourceFile, beside: Path, hint: str) -> Place:
    """A source as a record in ``folder`` names it, there or ``beside``. Raises StoreError if it is not there."""
    places = [folder / (source.path or ""), beside / source.file, Path(source.file)]
    return _first(places, source.file, source.address, hint), weights_of(folder, source, beside, hint)


def weights_of(folder: Path, source: SourceFile, beside: Path, hint: str) -> Path | None:
    """The weights of a source that stand apart, if they do. Raises StoreError where they are missing."""
    if source.weights is None:
        return None
    places = [folder / (source.weights_path or ""), beside / source.weights]
    return _first(places, source.weights, source.weights_address, hint)


def _first(places: Sequence[Path], name: str, address: str | None, hint: str) -> Path:
    """The first place where it is; an address in a record is told, and never opened."""
    for place in (*places, *(Path(unspelled(str(place))) for place in places)):
        if place.is_file() or any((place / name).is_file() for name in FOLDERS):
            return place
    was = "is not where it was" if address is None else f"was fetched from {address!r}, and is not here"
    raise StoreError(f"the original {name!r} {was}", code="source-missing", where=str(places[0]), hint=hint)


def check_unchanged(stamps: Mapping[Path, Stamp]) -> None:
    """Raises VerificationError where a path leads to another file by now, or the file was written to."""
    for path, before in stamps.items():
        if stamp(path) != before:
            raise VerificationError(
                "the file was changed or replaced while it was verified", code="verify-changed-file", where=str(path)
            )


def check_digests(wanted: Mapping[Path, str | None], models: Sequence[tuple[Source, str, bool]], since: str) -> None:
    """Hold files, and models that may be folders, against their recorded SHA-256; those that have none are left out. Of a model
    it is said whether that is of its architecture alone.
    """
    with Workers() as workers:
        checks = [(path, value, workers.submit(partial(digest, path))) for path, value in wanted.items() if value]
        checks += [(source.path, value, workers.submit(partial(source.sha256, text=text))) for source, value, text in models]
    for path, value, task in checks:
        if task.result() != value:
            raise VerificationError(f"the file was changed since{since}", code="verify-changed-file", where=str(path))
