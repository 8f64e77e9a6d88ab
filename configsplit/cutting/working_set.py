"""How much of a model's activations lives at once, before and behind a cut.

Calls run one after the other, those of the head first. A tensor lives from the call that makes it (an original input: from the
first call that takes it) to the last call that takes it; while a call runs, what it takes and what it gives live both. The
working set of a side is the largest sum over its calls, in bytes per sample, weights not counted. It is what a runtime needs
that frees each tensor as soon as it can, and does nothing in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from configsplit.cutting.places import CutPlace, Segments, bits
from configsplit.graph.calls import CallGraph
from configsplit.graph.model import TensorRef


@dataclass(frozen=True, slots=True)
class _Tensors:
    """Every tensor of the model: its bytes, and how often it is taken; per unit, what it takes and what it makes."""

    bytes: list[int]
    uses: list[int]
    takes: list[list[int]]
    makes: list[list[int]]


class WorkingSets:
    """Peaks on both sides of places; prefixes and suffixes are settled once, a place only looks at its own segment."""

    def __init__(self, graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]) -> None:
        self._whole = whole
        self._tensors = _collected(graph, whole, price)
        self._left = list(self._tensors.uses)
        self._alive: set[int] = set()
        self._starts: list[tuple[int, dict[int, int]]] = []
        self._peaks: list[int] = []
        self._sweep()
        self._before, self._behind = _running(self._peaks), _running(self._peaks[::-1])[::-1]

    @property
    def whole(self) -> int:
        """The working set of the whole model."""
        return max(self._peaks)

    def _sweep(self) -> None:
        """Run the whole once in order, and remember what lives where each segment begins."""
        marks = self._whole.marks
        for first, end in pairwise(marks):
            living = {tensor: self._left[tensor] for tensor in self._alive}
            self._starts.append((sum(self._tensors.bytes[tensor] for tensor in living), living))
            living = dict(living)
            peaks = self._run(range(first, end), self._starts[-1][0], living)
            self._alive = {tensor for tensor, left in living.items() if left}
            for tensor in self._alive:
                self._left[tensor] = living[tensor]
            self._peaks.append(max(peaks, default=0))  # a segment of inputs that nothing takes has no call

    def _run(self, units: Iterable[int], live: int, living: dict[int, int]) -> list[int]:
        """The live bytes during each call; ``living`` counts the uses that are left of each tensor, and is changed."""
        known, peaks = self._tensors, []
        for unit in units:
            fresh = [tensor for tensor in (*known.takes[unit], *known.makes[unit]) if tensor not in living]
            for tensor in fresh:
                living[tensor] = known.uses[tensor]
                live += known.bytes[tensor]
            peaks.append(live)
            for tensor in known.takes[unit]:
                living[tensor] -= 1
            for tensor in dict.fromkeys((*known.takes[unit], *known.makes[unit])):
                if not living[tensor]:
                    live -= known.bytes[tensor]
                    living[tensor] = 0
        return peaks

    def peaks(self, place: CutPlace) -> tuple[int, int]:
        """The working sets of head and tail, in bytes per sample."""
        first, end = self._whole.marks[place.segment], self._whole.marks[place.segment + 1]
        inside = bits(place.mask)
        held = set(inside)
        order = [*inside, *(unit for unit in range(end - first) if unit not in held)]
        live, living = self._starts[place.segment]
        peaks = self._run([first + unit for unit in order], live, dict(living))
        head = max([*self._before[: place.segment][-1:], *peaks[: len(inside)]])
        tail = max([*self._behind[place.segment + 1 :][:1], *peaks[len(inside) :]], default=0)
        return head, tail


def _running(values: Sequence[int]) -> list[int]:
    """The largest so far."""
    found: list[int] = []
    for value in values:
        found.append(max(value, found[-1] if found else 0))
    return found


def _collected(graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]) -> _Tensors:
    place = {call: unit for unit, call in enumerate(whole.order)}
    refs = dict.fromkeys((*graph.consumers, *graph.outputs))
    takes: list[list[int]] = [[] for _ in whole.order]
    makes: list[list[int]] = [[] for _ in whole.order]
    for index, ref in enumerate(refs):
        for taker in graph.consumers.get(ref, ()):
            takes[place[taker]].append(index)
        if (maker := place.get(graph.producer(ref))) is not None:
            makes[maker].append(index)
    uses = [len(graph.consumers.get(ref, ())) for ref in refs]
    return _Tensors([price(ref) for ref in refs], uses, takes, makes)
