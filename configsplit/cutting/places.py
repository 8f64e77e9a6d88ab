"""One place to cut at for each tensor: the smallest boundary through it, found near it.

The whole graph is cut into segments by the calls that every other one precedes or follows (one linear sweep). A cut through a
call lies inside that call's segment, so that the minimum cut (Dinic 1970) needs a network of the segment only, and there of
the calls that are neither needed by the call nor need it. Places through which a single tensor passes are all among them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from configsplit.cutting.minimum_cut import FlowNetwork, heads
from configsplit.cutting.pipeline.places import bits, segments
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

    def spread(self, segment: int, mask: int) -> tuple[int, list[int]]:
        """The first unit that a head lacks, and the units behind it that the head has, rising: few, even where the whole graph
        is one segment. What is known of the units before the first one is known of every head that has them all."""
        below = (~mask & mask + 1).bit_length() - 1
        first = self.marks[segment] + below
        return first, [first + bit for bit in bits(mask >> below)]

    def head(self, place: CutPlace) -> frozenset[int]:
        """The calls in the head of a place."""
        first, more = self.spread(place.segment, place.mask)
        return frozenset(self.order[:first]) | {self.order[unit] for unit in more}

    def place(self, head: Collection[int]) -> tuple[int, int]:
        """Segment and mask of a head: the segment is that of the first unit that is not in it, or the one before as a whole."""
        missing = next(unit for unit, call in enumerate(self.order) if call not in head)
        segment = bisect_right(self.marks, missing) - 1
        first, end = self.marks[segment], self.marks[segment + 1]
        mask = sum(1 << unit - first for unit in range(first, end) if self.order[unit] in head)
        return (segment, mask) if mask else (segment - 1, (1 << first - self.marks[segment - 1]) - 1)


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
    choices: dict[tuple[int, int], tuple[bool, int]] = {}
    for segment in range(len(whole.marks) - 1):
        search = _Segment(graph, whole, segment)
        for unit in range(whole.marks[segment], whole.marks[segment + 1]):
            mask = search.smallest(unit - whole.marks[segment])
            places = [(segment, mask)] if mask else []
            for place in (*places, *_through_each(graph, whole, unit, price)):
                through = (not graph.after[whole.order[unit]], whole.order[unit])
                choices[place] = min(through, choices.get(place, through))
    crossing = _Crossing(graph, whole, price)
    rows = [crossing.place(*place, call, taken=not untaken) for place, (untaken, call) in choices.items()]
    return sorted(rows, key=lambda row: (row.segment, row.mask.bit_count(), row.mask))


def _through_each(graph: CallGraph, whole: Segments, unit: int, price: Callable[[TensorRef], int]) -> Iterator[tuple[int, int]]:
    """Where a call has several outputs that are taken: the smallest boundary through each alone, which may lie far behind."""
    call = graph.calls[whole.order[unit]]
    if len(whole.units.gives[unit]) > 1:
        refs = [ref for ref in graph.consumers if ref[:2] == call]
        for ref in refs:
            (head,) = heads(graph, [(ref,)], "smallest", price)
            yield whole.place(head)


class _Flow(NamedTuple):
    """A tensor inside a segment: its bytes, the group of what makes it there, the units that take it there with their groups,
    and whether it is taken behind."""

    bytes: int
    maker: int | None
    takers: tuple[tuple[int, int], ...]
    beyond: bool


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
        self._group = self._grouped()
        self._members: dict[int, int] = {}
        self._tensors: dict[int, list[int]] = {}
        self._flows: dict[int, _Flow] = {}
        for unit, group in enumerate(self._group):
            self._members[group] = self._members.get(group, 0) | 1 << unit
            of = self._units.takes[self._first + unit], self._units.gives[self._first + unit]
            self._tensors.setdefault(group, []).extend((*of[0], *of[1]))
            self._flows.update((index, self._flow(index)) for each in of for index in each if index not in self._flows)

    def _flow(self, number: int) -> _Flow:
        tensor, first = self._units.tensors[number], self._first
        inside = [taker - first for taker in tensor.consumers if first <= taker < self._end]
        maker = self._group[tensor.producer - first] if first <= tensor.producer < self._end else None
        beyond = any(taker >= self._end for taker in tensor.consumers)
        return _Flow(tensor.bytes, maker, tuple((unit, self._group[unit]) for unit in inside), beyond)

    def _grouped(self) -> list[int]:
        """Per unit, the first of those that stay together in a smallest head of the fewest bytes, wherever it is cut: one that
        gives no less than it takes is better left to its only taker, and one that gives less than its only maker gives it
        goes with that. Where one of them cannot be in the head, or is the one that is cut through, none of the free is in it:
        from there a way of only takers leads to one that stays behind."""
        units, lead = self._units, list(range(self._size))

        def first(unit: int) -> int:
            while lead[unit] != unit:
                lead[unit] = lead[lead[unit]]
                unit = lead[unit]
            return unit

        def bytes_of(tensors: Sequence[int]) -> int:
            return sum(units.tensors[index].bytes for index in tensors)

        for unit in range(self._size):
            number = self._first + unit
            makers, takers = units.before[number], units.after[number]
            takes, gives = bytes_of(units.takes[number]), bytes_of(units.gives[number])
            partner = unit
            if len(takers) == 1 and takers[0] < self._end and gives >= takes:
                partner = takers[0] - self._first
            elif len(makers) == 1 and makers[0] >= self._first and units.after[makers[0]] == [number] and gives < takes:
                partner = unit if unit in self._outputs else makers[0] - self._first
            one, other = first(unit), first(partner)
            lead[max(one, other)] = min(one, other)
        return [first(unit) for unit in range(self._size)]

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
        below = (free & -free).bit_length() - 1
        groups = dict.fromkeys(self._group[below + bit] for bit in bits(free >> below))
        node = {group: index for index, group in enumerate((g for g in groups if not self._members[g] & ~free), start=2)}
        flows = [self._flows[index] for index in dict.fromkeys(each for group in node for each in self._tensors[group])]
        network = FlowNetwork(2 + len(node) + len(flows))
        unlimited = sum([flow.bytes for flow in flows]) + 1
        for index, (size, maker, takers, beyond) in enumerate(flows, start=2 + len(node)):
            start = 0 if maker is None else node.get(maker, 0)
            ends = {node.get(group, 1) for unit, group in takers if not inside >> unit & 1}
            if beyond:
                ends.add(1)
            ends.discard(start)
            if len(ends) > 1:  # paid for once, however many take it
                network.add(start, index, size)
            for end in ends:
                network.add(index if len(ends) > 1 else start, end, unlimited if len(ends) > 1 else size)
                if start:
                    network.add(end, start, unlimited)
        side = network.minimum_cut(0, 1)
        return sum(self._members[group] for group, number in node.items() if number in side)


class _Crossing:
    """What crosses at a place: few tensors that pass over the beginning of its segment, and those made inside."""

    def __init__(self, graph: CallGraph, whole: Segments, price: Callable[[TensorRef], int]) -> None:
        self._graph, self._whole, self._price = graph, whole, price
        place = {call: unit for unit, call in enumerate(whole.order)}
        self._made: list[list[TensorRef]] = [[] for _ in whole.order]
        self._takers: dict[TensorRef, list[int]] = {}
        self._last = [-1] * len(whole.order)
        for ref, takers in graph.consumers.items():
            if (maker := place.get(graph.producer(ref))) is not None:
                self._made[maker].append(ref)
                self._takers[ref] = sorted(place[taker] for taker in takers)
                self._last[maker] = max(self._last[maker], self._takers[ref][-1])
        self._over = self._passing()

    def _passing(self) -> list[list[int]]:
        """Per mark, the units before it of which something is taken behind it."""
        passing, alive, position = [], list[int](), 0
        for mark in self._whole.marks:
            alive = [unit for unit in (*alive, *range(position, mark)) if self._last[unit] >= mark]
            passing.append(alive)
            position = mark
        return passing

    def place(self, segment: int, mask: int, through: int, *, taken: bool) -> CutPlace:
        first, more = self._whole.spread(segment, mask)
        before = (*self._over[segment], *range(self._whole.marks[segment], first))
        makers = [*(unit for unit in before if self._last[unit] >= first), *more]
        head, crossing, at = set(more), [], set()
        for ref in (ref for unit in makers for ref in self._made[unit]):
            left = [taker for taker in self._takers[ref] if taker >= first and taker not in head]
            if left:
                crossing.append(ref)
            if taken and len(left) == len(self._takers[ref]):
                at.add(ref)
        crossing.sort(key=self._order)
        whole = tuple(ref for ref in crossing if ref in at)
        return CutPlace(segment, mask, through, tuple(crossing), whole, sum(map(self._price, crossing)))

    def _order(self, ref: TensorRef) -> tuple[int, int]:
        return self._graph.producer(ref), ref.output


def single(places: Sequence[CutPlace]) -> list[CutPlace]:
    """The places through which one tensor passes, and nothing else."""
    return [place for place in places if len(place.tensors) == 1]


# A cost on both sides of many places, each looked up in time proportional to what is out of order in it.


class Tally:
    """Sums of a measure of calls over heads and tails; a shared layer counts on each side that calls it."""

    def __init__(self, whole: Segments, measure: Measure) -> None:
        self._whole = whole
        self._own = [measure.own[call] for call in whole.order]
        place = {call: unit for unit, call in enumerate(whole.order)} if measure.shared else {}
        self._shared = [(cost, sorted(place[each] for each in holders if each in place)) for cost, holders in measure.shared]
        self._of: dict[int, list[int]] = {}
        for group, (_, holders) in enumerate(self._shared):
            for holder in holders:
                self._of.setdefault(holder, []).append(group)
        self.total = sum(self._own) + sum(cost for cost, _ in self._shared)
        self._heads, self._tails = self._swept()

    def _swept(self) -> tuple[list[int], list[int]]:
        """Per unit, the sums before it, and of it and all behind it."""
        heads, tails, counts = [0], [self.total], dict[int, int]()
        for unit in range(len(self._own)):
            more, less = self._step(unit, 0, counts)
            heads.append(heads[-1] + more)
            tails.append(tails[-1] - less)
        return heads, tails

    def _step(self, unit: int, first: int, counts: dict[int, int]) -> tuple[int, int]:
        """What a unit adds to the head and takes from the tail. ``counts`` says how many calls of each shared layer are in the
        head; of one that is not there yet, those before the unit ``first`` are."""
        more = less = self._own[unit]
        for group in self._of.get(unit, ()):
            cost, holders = self._shared[group]
            before = counts[group] if group in counts else bisect_left(holders, first)
            counts[group] = before + 1
            more += cost if before == 0 else 0
            less += cost if before + 1 == len(holders) else 0
        return more, less

    def sides(self, place: CutPlace) -> tuple[int, int]:
        """The sums over head and tail."""
        first, units = self._whole.spread(place.segment, place.mask)
        head, tail, counts = self._heads[first], self._tails[first], dict[int, int]()
        for unit in units:
            more, less = self._step(unit, first, counts)
            head, tail = head + more, tail - less
        return head, tail
