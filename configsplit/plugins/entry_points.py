"""Entry points of the group of plug-ins. ``importlib.metadata`` takes longer to load than all plug-ins that ship here, so the
usual case, that nobody else declares one, is told from the file names and bytes alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

GROUP = "configsplit.custom_objects"
"""The entry point group by which installed packages declare plug-ins."""


class Point(NamedTuple):
    """An entry point: what is to be imported, and the package that declares it."""

    name: str
    module: str
    attribute: str
    package: str

    def key(self) -> tuple[str, str]:
        return self.name, f"{self.module}:{self.attribute}" if self.attribute else self.module


def points() -> list[Point]:
    """All entry points of the group."""
    own = _own_file() if "importlib.metadata" not in sys.modules else None
    return _installed() if own is None else [*_read(own)]


def _installed() -> list[Point]:
    from importlib import metadata

    found = metadata.entry_points(group=GROUP)
    return [Point(point.name, point.module, point.attr or "", point.dist.name if point.dist else "") for point in found]


def _own_file() -> Path | None:
    """configsplit's own list of entry points, if no other package can have one of the group; None if that is not certain."""
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return None
    own: list[Path] = []
    for folder in dict.fromkeys(sys.path):
        if folder.endswith((".egg", ".whl")) or Path(folder).is_file():
            return None
        found = [path for path in _lists(folder) if GROUP.encode() in path.read_bytes()]
        if not all(path.parent.name.startswith(("configsplit-", "configsplit.egg-info")) for path in found):
            return None
        own += found
    return own[0] if own else None


def _lists(folder: str) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info"))]  # noqa: PTH208
    except OSError:
        return []
    places = (Path(folder, name, "entry_points.txt") for name in sorted(names))
    return [place for place in places if place.is_file()]


def _read(path: Path) -> Iterator[Point]:
    """The group's entries of one list: ``name = module`` or ``name = module:attribute``, below ``[group]``."""
    inside = False
    for line in map(str.strip, path.read_text("utf-8").splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            module, _, attribute = value.partition(":")
            yield Point(name.strip(), module.strip(), attribute.strip(), "configsplit")
