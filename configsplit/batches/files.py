"""Files of one model, measured: the source before it is worked on, the outputs after."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from configsplit.containers.source import digest, open_source
from configsplit.errors import StoreError
from configsplit.records import manifest, provenance


class Skipped(Exception):  # noqa: N818 - not an error
    """The model is left out: the cause, and the reason in words."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


def measure(path: Path, limit: int | None) -> tuple[int, str]:
    """Bytes and digest of a source."""
    if path.is_dir():
        with open_source(path) as source:
            size = sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
            return size, source.sha256()
    if not path.is_file():
        with open_source(path):  # raises, with the reason
            raise StoreError("this is not a regular file", code="file-kind", where=str(path), hint="name a model file")
    size = path.stat().st_size
    if limit is not None and size > limit:
        raise Skipped("limit-source", f"the source has {size} bytes, more than the limit of {limit}")
    return size, digest(path)


def outputs_of(
    folder: Path, known: Mapping[Path, str] = MappingProxyType({}), only: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Every file below a folder, or those ``only``: path there, bytes, digest. ``known`` digests are not computed again."""
    paths = folder.rglob("*") if only is None else (folder / name for name in only)
    files = sorted((path.relative_to(folder).as_posix(), path) for path in paths if path.is_file())
    return [{"file": name, "bytes": path.stat().st_size, "sha256": known.get(path) or digest(path)} for name, path in files]


def forget_source(folder: Path) -> None:
    """A source that was streamed here lies nowhere near the outputs: records keep its name and digest, and no path."""
    for path in folder.rglob(manifest.NAME):
        read = manifest.from_text(path.read_text("utf-8"), str(path))
        source = read.source.but(path=None, weights_path=None)
        path.write_text(manifest.to_text(read.but(source=source)), "utf-8")
    for path in folder.rglob(f"*{provenance.SUFFIX}"):
        told = provenance.from_text(path.read_text("utf-8"), str(path))
        sources = tuple(each.but(path=None, weights_path=None) for each in told.sources)
        path.write_text(provenance.to_text(told.but(sources=sources)), "utf-8")


def settle_source(folder: Path, final: Path) -> None:
    """A file was written elsewhere than where it will lie: the way from there to its sources, as its record has it."""
    for path in folder.glob(f"*{provenance.SUFFIX}"):
        told = provenance.from_text(path.read_text("utf-8"), str(path))
        sources = [
            each.but(**{name: _moved(getattr(each, name), folder, final) for name in ("path", "weights_path")})
            for each in told.sources
        ]
        path.write_text(provenance.to_text(told.but(sources=tuple(sources))), "utf-8")


def _moved(way: str | None, folder: Path, final: Path) -> str | None:
    return None if way is None else Path(os.path.relpath(folder.resolve() / way, final.resolve())).as_posix()


def stamp(path: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of change of a file, or of all files of a folder: the same as long as nobody writes to it."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [(item.name, status.st_size, status.st_mtime_ns) for item in files for status in [item.stat()]]
