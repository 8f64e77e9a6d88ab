"""Weights in shards (Keras 3.10 and later): an index in JSON, and beside it HDF5 files that together are one file of weights.

The weights of one layer may be spread over two shards; see `shardnames` for the index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from configsplit.containers.hdf5.index import DatasetInfo, GroupInfo, Index
from configsplit.containers.hdf5.plain_format import Attribute, Unplain
from configsplit.containers.shard_index import refusal, shard_names
from configsplit.containers.system.window import Span
from configsplit.containers.weights import WeightFile


class ShardedFile(WeightFile):
    """All shards as one file of weights, in the order of their names."""

    def __init__(self, shards: Sequence[WeightFile], where: str) -> None:
        self.shards = shards
        self._homes: dict[str, WeightFile] = {}
        super().__init__(shards[0].span, where)

    def _read_index(self) -> Index:
        self._plain = None
        groups: dict[str, GroupInfo] = {}
        datasets: dict[str, DatasetInfo] = {}
        for shard in self.shards:
            for path, group in shard.groups.items():
                if path not in groups or group.attributes > groups[path].attributes:
                    groups[path], self._homes[path] = group, shard
            for path, dataset in shard.datasets.items():
                if path in datasets or (dataset.offset is None and dataset.nbytes):
                    why = "stands in two shards" if path in datasets else "is packed, which no Keras writes"
                    raise refusal(f"the weight {path!r} {why}", shard.where)
                datasets[path], self._homes[path] = dataset, shard
        if both := sorted(groups.keys() & datasets.keys()):
            raise refusal(f"{both[0]!r} is a group in one shard and a weight in another", self.where)
        return Index(dict(sorted(groups.items())), dict(sorted(datasets.items(), key=_in_order)))

    def place(self, path: str) -> Span | None:
        return self._homes[path].place(path)

    def plain_attributes(self, path: str) -> dict[str, Attribute]:
        """Attributes are left to h5py: those of a plain file cannot be read without knowing which file it is."""
        raise Unplain

    def text(self, path: str, name: str) -> str | None:
        return self._homes[path].text(path, name) if path in self._homes else None

    def handle(self, path: str) -> Any:
        self.check_there(path)
        return self._homes[path].handle(path)


def _in_order(item: tuple[str, DatasetInfo]) -> list[tuple[int, int | str]]:
    """Sorts ``vars/10`` behind ``vars/9``."""
    return [(0, int(step)) if step.isdigit() else (1, step) for step in item[0].split("/")]


def open_shards(index: Path, text: str, open_one: Callable[[Path], WeightFile]) -> ShardedFile:
    """The shards that an index speaks of, each opened by ``open_one``, as one file of weights."""
    return ShardedFile([open_one(index.with_name(name)) for name in shard_names(text, str(index))], str(index))
