"""One place to cut at for each tensor: the smallest boundary through it, found near it.

The whole graph is cut into segments by the calls that every other one precedes or follows (one linear sweep). A cut through a
call lies inside that call's segment, so that the minimum cut (Dinic 1970) needs a network of the segment only, and there of
the calls that are neither needed by the call nor need it. Places through which a single tensor passes are all among them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from configsplit.cutting.minimum_cut import FlowNetwork, heads
from configsplit.cutting.pipeline.places import segments
from configsplit.cutting.pipeline.units import Measure, Units, units_of
from configsplit.graph.calls import CallGraph
from configsplit.graph.model import TensorRef


@dataclass(frozen=True, slots=True)
class CutPlace:
    """A head: everything before its segment, and the units of the segment in ``mask``.

    ``through`` is the first call (in document order) whose smallest boundary this is; ``tensors`` cross, in document order.
    ``at`` are those of them that nothing in the head takes: the smallest boundary through all of these is this one, too. (A
    head that is legal for them is legal for the one among them through which this head is the smallest of the cheapest.)
    There are none where ``through`` is an output of the model that nobody takes.
    """

    segment: int
    mask: int
    through: int
    tensors: tuple[TensorRef, ...]
    at: tuple[TensorRef, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Segments:
    """The calls of a graph, cut into segments: segment ``i`` holds the units from ``marks[i]`` up to ``marks[i + 1]``."""

    units: Units
    marks: list[int]
    order: list[int]

    def head(self, place: CutPlace) -> frozenset[int]:
        """The calls in the head of a place."""
        first = self.marks[place.segment]
        return frozenset(self.order[:first]) | {self.order[first + bit] for bit in bits(place.mask)}

    def place(self, head: Collection[int]) -> tuple[int, int]:
        """Segment and mask of a head: the segment is that of the first unit that is not in it, or the one before as a whole."""
        missing = next(unit for unit, call in enumerate(self.order) if call not in head)
        segment = bisect_right(self.marks, missing) - 1
        first, end = self.marks[segment], self.marks[segment + 1]
        mask = sum(1 << unit - first for unit in range(first, end) if self.order[unit] in head)
        return (segment, mask) if mask else (segment - 1, (1 << first - self.marks[segment - 1]) - 1)


def bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, rising."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def segmented(graph: CallGraph, price: Callable[[TensorRef], int]) -> Segments:
    nothing = Measure([0] * len(graph.calls))
    units = units_of(graph, price, nothing, nothing)
    return Segments(units, segments(units), [calls[0] for calls in units.calls])


def cut_places(graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]) -> list[CutPlace]:
    """For every call (and every output of a call with several) the smallest boundary through it, each head once, in the
    order of segments and sizes.

    The same heads as ``heads(graph, [[tensor of the call]], "smallest", price)`` gives. A call whose outputs nobody takes has
    one only if other outputs of the model lie outside what it needs.
    """
    found: dict[tuple[int, int], tuple[bool, int]] = {}
    for segment in range(len(whole.marks) - 1):
        search = _Segment(graph, whole, segment)
        for unit in range(whole.marks[segment], whole.marks[segment + 1]):
            mask = search.smallest(unit - whole.marks[segment])
            places = [(segment, mask)] if mask else []
            for place in (*places, *_through_each(graph, whole, unit, price)):
                through = (not graph.after[whole.order[unit]], whole.order[unit])
                found[place] = min(through, found.get(place, through))
    crossing = _Crossing(graph, whole, price)
    rows = [crossing.place(*place, call, taken=not untaken) for place, (untaken, call) in found.items()]
    return sorted(rows, key=lambda row: (row.segment, row.mask.bit_count(), row.mask))


def _through_each(graph: CallGraph, whole: Segments, unit: int, price: Callable[[TensorRef], int]) -> Iterator[tuple[int, int]]:
    """Where a call has several outputs that are taken: the smallest boundary through each alone, which may lie far behind."""
    call = graph.calls[whole.order[unit]]
    if len(whole.units.gives[unit]) > 1:
        refs = [ref for ref in graph.consumers if ref[:2] == call]
        for ref in refs:
            (head,) = heads(graph, [(ref,)], "smallest", price)
            yield whole.place(head)


class _Segment:
    """Minimum cuts inside one segment."""

    def __init__(self, graph: CallGraph, whole: Segments, number: int) -> None:
        self._first, self._end = whole.marks[number], whole.marks[number + 1]
        self._size, self._units = self._end - self._first, whole.units
        self._last = self._end == len(whole.units)
        self._below, self._above = self._closures()
        producers = (graph.producer(ref) for ref in graph.outputs)
        place = {call: unit for unit, call in enumerate(whole.order)} if self._last else {}
        wanted = [place[call] - self._first for call in producers if call in place]
        self._outputs = sorted({unit for unit in wanted if unit >= 0})

    def _closures(self) -> tuple[list[int], list[int]]:
        """Per unit, itself and all in the segment that it needs, and that need it."""
        below, above = [1 << unit for unit in range(self._size)], [1 << unit for unit in range(self._size)]
        for unit in range(self._size):
            for maker in self._units.before[self._first + unit]:
                below[unit] |= below[maker - self._first] if maker >= self._first else 0
        for unit in reversed(range(self._size)):
            for taker in self._units.after[self._first + unit]:
                above[unit] |= above[taker - self._first] if taker < self._end else 0
        return below, above

    def smallest(self, unit: int) -> int:
        """The head of the fewest bytes with the unit's outputs on its edge, of several the smallest; 0 if there is none."""
        full, inside = (1 << self._size) - 1, self._below[unit]
        behind = [taker - self._first for taker in self._units.after[self._first + unit]]
        if not behind and self._last:
            behind = [each for each in self._outputs if not inside >> each & 1]
            if not behind:
                return 0
        outside = 0
        for taker in behind:
            outside |= self._above[taker] if taker < self._size else 0
        free = full & ~inside & ~outside
        return inside | self._cut(inside, free) if free else inside

    def _cut(self, inside: int, free: int) -> int:
        """The free units on the head's side of a minimum cut (see `configsplit.cutting.minimum_cut`)."""
        units, members = self._units, bits(free)
        node = {self._first + member: index + 2 for index, member in enumerate(members)}
        touched = [index for unit in node for index in (*units.takes[unit], *units.gives[unit])]
        tensors = [units.tensors[index] for index in dict.fromkeys(touched)]
        network = FlowNetwork(2 + len(node) + len(tensors))
        unlimited = sum(tensor.bytes for tensor in tensors) + 1
        for index, tensor in enumerate(tensors, start=2 + len(node)):
            network.add(node.get(tensor.producer, 0), index, tensor.bytes)
            for taker in tensor.consumers:
                if not self._within(taker, inside):
                    network.add(index, node.get(taker, 1), unlimited)
        for unit, number in node.items():
            for maker in units.before[unit]:
                if maker in node:
                    network.add(number, node[maker], unlimited)
        side = network.minimum_cut(0, 1)
        return sum(1 << unit - self._first for unit, number in node.items() if number in side)

    def _within(self, unit: int, mask: int) -> bool:
        return unit < self._first or (unit < self._end and bool(mask >> (unit - self._first) & 1))


class _Crossing:
    """What crosses at a place: few tensors that pass over the beginning of its segment, and those made inside."""

    def __init__(self, graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]) -> None:
        self._graph, self._whole, self._price = graph, whole, price
        self._place = {call: unit for unit, call in enumerate(whole.order)}
        self._made: list[list[TensorRef]] = [[] for _ in whole.order]
        for ref in graph.consumers:
            if graph.producer(ref) in self._place:
                self._made[self._place[graph.producer(ref)]].append(ref)
        self._over = self._passing()

    def _passing(self) -> list[list[TensorRef]]:
        """Per mark, the tensors made before it and taken behind it."""
        found, alive = [], {}
        position = 0
        for mark in self._whole.marks:
            for unit in range(position, mark):
                alive.update({ref: max(self._takers(ref)) for ref in self._made[unit]})
            alive = {ref: last for ref, last in alive.items() if last >= mark}
            found.append(list(alive))
            position = mark
        return found

    def _takers(self, ref: TensorRef) -> list[int]:
        return [self._place[taker] for taker in self._graph.consumers[ref]]

    def place(self, segment: int, mask: int, through: int, *, taken: bool) -> CutPlace:
        first = self._whole.marks[segment]
        inside = [ref for bit in bits(mask) for ref in self._made[first + bit]]
        takers = {
            ref: [self._left(taker, first, mask) for taker in self._takers(ref)] for ref in (*self._over[segment], *inside)
        }
        crossing = sorted((ref for ref, left in takers.items() if any(left)), key=self._order)
        at = [ref for ref in crossing if all(takers[ref])] if taken else []
        return CutPlace(segment, mask, through, tuple(crossing), tuple(at), sum(map(self._price, crossing)))

    def _order(self, ref: TensorRef) -> tuple[int, int]:
        return self._graph.producer(ref), ref.output

    @staticmethod
    def _left(taker: int, first: int, mask: int) -> bool:
        """Whether a unit is in the tail."""
        return taker >= first and not mask >> (taker - first) & 1


def single(places: Sequence[CutPlace]) -> list[CutPlace]:
    """The places through which one tensor passes, and nothing else."""
    return [place for place in places if len(place.tensors) == 1]


# A cost on both sides of many places, each looked up in time proportional to its segment.


class Tally:
    """Sums of a measure of calls over heads and tails; a shared layer counts on each side that calls it."""

    def __init__(self, whole: Segments, measure: Measure) -> None:
        self._whole = whole
        self._own = [measure.own[call] for call in whole.order]
        self._shared = [(cost, set(holders)) for cost, holders in measure.shared]
        self._of: dict[int, list[int]] = {}
        for group, (_, holders) in enumerate(measure.shared):
            for holder in holders:
                self._of.setdefault(holder, []).append(group)
        self.total = sum(self._own) + sum(cost for cost, _ in self._shared)
        self._heads, self._tails, self._seen = self._swept()

    def _swept(self) -> tuple[list[int], list[int], list[dict[int, int]]]:
        """Per mark, the sums before and behind it, and how many calls of each shared layer lie before it, where any do and
        not all."""
        heads, tails, seen = [], [], []
        head, tail, counts, position = 0, self.total, dict[int, int](), 0
        for mark in self._whole.marks:
            for unit in range(position, mark):
                more, less = self._step(unit, counts)
                head, tail = head + more, tail - less
            heads.append(head)
            tails.append(tail)
            seen.append(dict(counts))
            position = mark
        return heads, tails, seen

    def _step(self, unit: int, counts: dict[int, int]) -> tuple[int, int]:
        """What a unit adds to the head and takes from the tail."""
        more = less = self._own[unit]
        for group in self._of.get(self._whole.order[unit], ()):
            cost, holders = self._shared[group]
            before = counts.get(group, 0)
            counts[group] = before + 1
            more += cost if before == 0 else 0
            less += cost if before + 1 == len(holders) else 0
            if before + 1 == len(holders):
                del counts[group]
        return more, less

    def sides(self, place: CutPlace) -> tuple[int, int]:
        """The sums over head and tail."""
        head, tail = self._heads[place.segment], self._tails[place.segment]
        counts = dict(self._seen[place.segment])
        first = self._whole.marks[place.segment]
        for bit in bits(place.mask):
            more, less = self._step(first + bit, counts)
            head, tail = head + more, tail - less
        return head, tail
