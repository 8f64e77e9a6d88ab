"""Which call inside one model stands for which of another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from configsplit.graph.model import LayerPath

Maker = tuple[int, int]
"""The number of the call that gave a tensor, and which of its outputs it is; of the model's own inputs -1 and the input's."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a run has recorded (`configsplit.runtime.recorded_calls`), by its ``number`` in the order of running."""

    number: int
    path: LayerPath
    class_name: str
    call: int
    file: Path
    takes: tuple[Maker | None, ...]
    shapes: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def read(cls, number: int, record: Mapping[str, Any]) -> Call:
        takes = tuple(None if maker is None else (int(maker[0]), int(maker[1])) for maker in record["takes"])
        shapes = tuple(map(tuple, record["shapes"]))
        return cls(number, tuple(record["path"]), record["class_name"], record["call"], Path(record["file"]), takes, shapes)

    def name(self, output: int | None = None) -> str:
        call = f"@{self.call}" if self.call else ""
        return "/".join(self.path) + call + ("" if output is None else f":{output}")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two calls that stand for each other."""

    ours: Call
    theirs: Call
    by: Literal["record", "name", "position"]


def matched(
    ours: Sequence[Call], theirs: Sequence[Call], order: Sequence[int], names: Mapping[LayerPath, LayerPath] | None
) -> list[Pair]:
    """Pairs in the order of ``ours``; a call is in no pair where none can be told for certain.

    ``order`` says which input of ours each of theirs is; ``names`` the layer of ours that a layer of theirs came from.
    """
    named = _by_name(ours, theirs, order, names)
    ours_left = _grouped(ours, {pair.ours.number for pair in named})
    theirs_left = _grouped(theirs, {pair.theirs.number for pair in named})
    placed = [
        Pair(one, other, "position")
        for class_name, calls in ours_left.items()
        if [call.shapes for call in calls] == [call.shapes for call in theirs_left.get(class_name, ())]
        for one, other in zip(calls, theirs_left[class_name], strict=True)
    ]
    return sorted([*named, *placed], key=lambda pair: pair.ours.number)


def _by_name(
    ours: Sequence[Call], theirs: Sequence[Call], order: Sequence[int], names: Mapping[LayerPath, LayerPath] | None
) -> list[Pair]:
    """Calls of one layer; where it is called several times those that take the same, for each Keras runs them in its order."""
    waiting: dict[LayerPath | None, list[Call]] = defaultdict(list)
    for call in theirs:
        waiting[call.path if names is None else names.get(call.path)].append(call)
    there = {path: len(calls) for path, calls in waiting.items()}
    here = Counter(call.path for call in ours)
    partners: dict[int, int] = {}
    pairs: list[Pair] = []

    def takes(call: Call) -> tuple[Maker | None, ...]:
        return tuple(
            None if maker is None else (-1, order[maker[1]]) if maker[0] < 0 else (partners.get(maker[0], -2), maker[1])
            for maker in call.takes
        )

    for call in ours:  # in the order of running: what a call takes has its partner already
        open_ = waiting[call.path]
        if here[call.path] != there.get(call.path):
            continue
        chosen = next((each for each in open_ if takes(each) == call.takes), open_[0])
        open_.remove(chosen)
        partners[chosen.number] = call.number
        pairs.append(Pair(call, chosen, "name" if names is None else "record"))
    return pairs


def _grouped(calls: Iterable[Call], taken: set[int]) -> dict[str, list[Call]]:
    """Calls that have no partner, by class."""
    groups: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.number not in taken:
            groups[call.class_name].append(call)
    return groups
