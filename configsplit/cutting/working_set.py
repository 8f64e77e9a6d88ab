"""How much of a model's activations lives at once, before and behind a cut.

Calls run one after the other, those of the head first. A tensor lives from the call that makes it (an original input: from the
first call that takes it) to the last call that takes it; while a call runs, what it takes and what it gives live both. The
working set of a side is the largest sum over its calls, in bytes per sample, weights not counted. It is what a runtime needs
that frees each tensor as soon as it can, and does nothing in place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from configsplit.cutting.places import CutPlace, Segments
from configsplit.graph.calls import CallGraph
from configsplit.graph.model import TensorRef


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor: its bytes, the unit from which on it lives if all run in order, and the units that take it, rising."""

    bytes: int
    born: int
    takers: list[int]


class WorkingSets:
    """Peaks on both sides of places. All units run in order once; a place only looks at those that it takes out of order."""

    def __init__(self, graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]) -> None:
        self._whole = whole
        self._tensors, self._takes, self._touched = _collected(graph, whole, price)
        peaks, self._live = self._run(range(len(whole.order)), 0, 0)
        self._before = [0, *accumulate(peaks, max)]
        self._behind = [0, *accumulate(reversed(peaks), max)][::-1]

    @property
    def whole(self) -> int:
        """The working set of the whole model."""
        return self._before[-1]

    def _run(self, units: Iterable[int], first: int, live: int) -> tuple[list[int], list[int]]:
        """The live bytes during each call, and before each and at the end, where all units before ``first`` have run and
        nothing else."""
        peaks, between, left = [], [live], dict[int, int]()
        for unit in units:
            for number in self._touched[unit]:
                if number not in left:
                    tensor = self._tensors[number]
                    left[number] = len(tensor.takers) - bisect_left(tensor.takers, first)
                    live += tensor.bytes if tensor.born >= first else 0
            peaks.append(live)
            for number in self._takes[unit]:
                left[number] -= 1
            live -= sum(self._tensors[number].bytes for number in self._touched[unit] if not left[number])
            between.append(live)
        return peaks, between

    def peaks(self, place: CutPlace) -> tuple[int, int]:
        """The working sets of head and tail, in bytes per sample."""
        first, inside = self._whole.spread(place.segment, place.mask)
        end, held = inside[-1] + 1 if inside else first, set(inside)
        outside = [unit for unit in range(first, end) if unit not in held]
        peaks, _ = self._run([*inside, *outside], first, self._live[first])
        head, tail = peaks[: len(inside)], peaks[len(inside) :]
        return max(self._before[first], *head, 0), max(self._behind[end], *tail, 0)


def _collected(
    graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]
) -> tuple[list[_Tensor], list[list[int]], list[list[int]]]:
    """Every tensor of the model; and per unit what it takes, and what it takes or makes."""
    place = {call: unit for unit, call in enumerate(whole.order)}
    takes: list[list[int]] = [[] for _ in whole.order]
    touched: list[list[int]] = [[] for _ in whole.order]
    tensors = []
    for number, ref in enumerate(dict.fromkeys((*graph.consumers, *graph.outputs))):
        takers = sorted(place[taker] for taker in graph.consumers.get(ref, ()))
        maker = place.get(graph.producer(ref))
        for taker in takers:
            takes[taker].append(number)
        for unit in takers if maker is None else (maker, *takers):
            touched[unit].append(number)
        born = takers[0] if maker is None and takers else maker or 0
        tensors.append(_Tensor(price(ref), born, takers))
    return tensors, takes, touched
