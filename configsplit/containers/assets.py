"""What lies in an archive beside the weights: vocabularies and the like, which go where the weights of their layer go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from configsplit.containers.source import Source

FOLDER = "assets/"


class Asset(NamedTuple):
    """A member beside the weights (``assets/...``): its name, its size, and its bytes piece by piece."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, source: Source, name: str, new_name: str | None = None) -> Asset:
        return cls(new_name or name, source.asset_size(name), lambda: source.asset(name))

    @classmethod
    def moved(cls, source: Source, groups: Mapping[str, str]) -> list[Asset]:
        """The assets of a source that go along when ``groups`` of weights move: a vocabulary lies under its layer's group."""
        found: list[Asset] = []
        for name in source.assets:
            group = name.removeprefix(FOLDER)
            while group and group not in groups:
                group = group.rpartition("/")[0]
            if group:
                rest = name.removeprefix(FOLDER).removeprefix(group)
                found.append(cls.of(source, name, f"{FOLDER}{groups[group]}{rest}"))
        return found
