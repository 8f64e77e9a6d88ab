"""The places at which a plan may cut: heads of units whose costs leave a chance to the stages before and behind them.

Heads form a distributive lattice (Birkhoff 1937). A unit that every other one precedes or follows splits it: all heads lie in
one *segment* between two such units, and heads of different segments are nested by themselves. Inside a segment heads are
enumerated by branching on one unit after the other, in or out, and a branch ends where no window can be met any more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from configsplit.cutting.pipeline.units import Units
from configsplit.graph.walking import grouped


class Window(NamedTuple):
    """What the costs of one cut may be: the head's at most ``head``, the tail's at most ``tail``."""

    head: int
    tail: int


class Place(NamedTuple):
    """A head: all units before its segment, and those in ``mask`` (bit 0 is the segment's first unit).

    ``head`` and ``tail`` are the costs on each side, ``bytes`` is what crosses, ``weight`` the sum of the head's own weights;
    ``counts`` says how many units of each shared layer are in the head, first for costs, then for weights.
    """

    segment: int
    mask: int
    head: int
    tail: int
    bytes: int
    weight: int
    counts: tuple[int, ...]


@dataclass(slots=True)
class Budget:
    """Steps that are left; at 0 a search gives up."""

    left: int

    def take(self, steps: int = 1) -> bool:
        self.left -= steps
        return self.left >= 0


def segments(units: Units) -> list[int]:
    """Where segments begin, and the number of units: the last unit of each segment follows all others of it, and everything
    behind it follows that unit. One sweep forwards (ends of the part so far), one backwards (beginnings of the rest)."""
    count, marks = len(units), [0]
    beginnings = _beginnings(units)
    open_ends: set[int] = set()
    for unit in range(count - 1):
        open_ends.difference_update(units.before[unit])
        open_ends.add(unit)
        if len(open_ends) == 1 and beginnings[unit] == 1:
            marks.append(unit + 1)
    return [*marks, count]


def _beginnings(units: Units) -> list[int]:
    """Per unit, how many units from it on need none from it on."""
    numbers = [0] * len(units)
    open_beginnings: set[int] = set()
    for unit in reversed(range(len(units))):
        open_beginnings.difference_update(units.after[unit])
        open_beginnings.add(unit)
        numbers[unit] = len(open_beginnings)
    return numbers


def bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, rising."""
    return [number for number, bit in enumerate(reversed(bin(mask))) if bit == "1"]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Units cut into segments, with what is known at the beginning of each: costs on both sides and bytes across."""

    units: Units
    marks: list[int]
    head: list[int]
    tail: list[int]
    bytes: list[int]
    weight: list[int]
    counts: list[tuple[int, ...]]
    groups: list[tuple[int, tuple[int, ...]]]
    kinds: int

    def places(self, windows: Sequence[Window], budget: Budget) -> list[Place] | None:
        """Every place in any of the windows, in the order of segments and costs; None if the budget does not do."""
        places: list[Place] = []
        for segment in range(len(self.marks) - 1):
            low, high = self.head[segment], self.tail[segment + 1]
            fitting = [window for window in windows if window.head >= low and window.tail >= high]
            if fitting:
                size = self.marks[segment + 1] - self.marks[segment]
                if not budget.take(size * size >> 10):  # what closures of so many units take
                    return None
                inside = _Segment(self, segment, _undominated(fitting)).places(budget)
                if inside is None:
                    return None
                places += inside
        return places


def _undominated(windows: Sequence[Window]) -> list[Window]:
    """The windows that no other one contains; heads rise, so tails fall."""
    kept: list[Window] = []
    for window in sorted(set(windows), key=lambda each: (-each.head, -each.tail)):
        if not kept or window.tail > kept[-1].tail:
            kept.append(window)
    return kept[::-1]


def thinned(places: Sequence[Place], windows: Sequence[Window], crowd: int) -> list[Place]:
    """The places without the crowds: of those in one window and one segment, the ones with the fewest bytes across."""
    kept: set[Place] = set()
    for window in windows:
        inside = grouped((place.segment, place) for place in places if place.head <= window.head and place.tail <= window.tail)
        for members in inside.values():
            fewest = members if len(members) <= crowd else sorted(members, key=lambda place: place.bytes)[: crowd // 2]
            kept.update(fewest)
    return [place for place in places if place in kept]


def lattice(units: Units) -> Lattice:
    marks = segments(units)
    groups = [*units.cost.shared, *units.weight.shared]
    sweep = _Sweep(units, groups)
    rows = [sweep.at(mark) for mark in marks]
    head, tail, across, weight, counts = (list(column) for column in zip(*rows, strict=True))
    return Lattice(units, marks, head, tail, across, weight, counts, groups, len(units.cost.shared))


class _Sweep:
    """Moves through the units in order, keeping the figures of the head that ends there."""

    def __init__(self, units: Units, groups: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        self._units, self._groups = units, groups
        self._of = _membership(groups)
        self._position = self._head = self._bytes = self._weight = 0
        self._counts = [0] * len(groups)
        self._tail = units.cost.of(set(range(len(units))))
        self._open = [len(tensor.consumers) for tensor in units.tensors]

    def at(self, mark: int) -> tuple[int, int, int, int, tuple[int, ...]]:
        while self._position < mark:
            self._pass(self._position)
            self._position += 1
        return self._head, self._tail, self._bytes, self._weight, tuple(self._counts)

    def _pass(self, unit: int) -> None:
        units = self._units
        self._head += units.cost.own[unit]
        self._tail -= units.cost.own[unit]
        self._weight += units.weight.own[unit]
        self._bytes += sum(units.tensors[index].bytes for index in units.gives[unit])
        for index in units.takes[unit]:
            self._open[index] -= 1
            if not self._open[index]:
                self._bytes -= units.tensors[index].bytes
        for group in self._of.get(unit, ()):
            cost, members = self._groups[group]
            self._counts[group] += 1
            if group < len(units.cost.shared):
                self._head += cost if self._counts[group] == 1 else 0
                self._tail -= cost if self._counts[group] == len(members) else 0


def _membership(groups: Sequence[tuple[int, tuple[int, ...]]]) -> dict[int, list[int]]:
    """Unit -> the shared layers that it holds a call of."""
    return grouped((member, group) for group, (_, members) in enumerate(groups) for member in members)


_Branch = tuple[int, int, int, int, int, int, int, tuple[int, ...]]
"""A branch of the enumeration: units before the first number are decided; which are in and out, as masks; costs of head and
tail, bytes across, weights, and counts as a `Place` has them."""


class _Segment:
    """The heads of one segment."""

    def __init__(self, whole: Lattice, number: int, windows: Sequence[Window]) -> None:
        self._whole, self._number = whole, number
        self._heads, self._tails = [window.head for window in windows], [*(window.tail for window in windows), -1]
        self._first, self._end = whole.marks[number], whole.marks[number + 1]
        self._size = self._end - self._first
        self._last = number + 2 == len(whole.marks)
        units = whole.units
        self._own = units.cost.own[self._first : self._end]
        self._weights = units.weight.own[self._first : self._end]
        self._gives = [sum(units.tensors[index].bytes for index in units.gives[unit]) for unit in self._range()]
        self._takes = [[self._tensor(index) for index in units.takes[unit]] for unit in self._range()]
        self._of = self._shared() if whole.groups else {}
        self._sharing = sum(1 << unit for unit in self._of)
        self._costs: dict[int, int] = {}
        self._above = self._closures()

    def _range(self) -> range:
        return range(self._first, self._end)

    def _tensor(self, index: int) -> tuple[int, int]:
        """(bytes, consumers as a mask); a bit behind the segment stands for consumers there."""
        tensor = self._whole.units.tensors[index]
        mask = 0
        for taker in tensor.consumers:
            if taker >= self._first:
                mask |= 1 << min(taker - self._first, self._size)
        return tensor.bytes, mask

    def _shared(self) -> dict[int, list[int]]:
        groups = enumerate(self._whole.groups)
        inside = [(group, member) for group, (_, members) in groups for member in members if self._first <= member < self._end]
        return grouped((member - self._first, group) for group, member in inside)

    def _closures(self) -> list[int]:
        """Per unit, itself and all in the segment that need it."""
        after = self._whole.units.after
        above = [0] * self._size
        for unit in reversed(range(self._size)):
            mask = 1 << unit
            for taker in after[self._first + unit]:
                if taker < self._end:
                    mask |= above[taker - self._first]
            above[unit] = mask
        return above

    def places(self, budget: Budget) -> list[Place] | None:
        """Every head in one of the windows but the empty one, which is the segment before's whole."""
        places: list[Place] = []
        whole, full = self._whole, (1 << self._size) - 1
        number = self._number
        start: _Branch = (
            0,
            0,
            0,
            whole.head[number],
            whole.tail[number + 1],
            whole.bytes[number],
            whole.weight[number],
            whole.counts[number],
        )
        todo = [start]
        while todo:
            branch = todo.pop()
            decided, mask, out, head, tail, across, weight, counts = branch
            if not budget.take():
                return None
            if left := full & ~out & -1 << decided:
                self._branch(branch, (left & -left).bit_length() - 1, todo)
            elif mask and not (self._last and mask == full):
                places.append(Place(number, mask, head, tail, across, weight, counts))
        places.sort(key=lambda place: (place.head, place.mask))
        return places

    def _branch(self, branch: _Branch, unit: int, todo: list[_Branch]) -> None:
        """The unit out, and in, where that can still meet a window: the first one whose head is large enough has the
        largest tail."""
        heads, tails, own = self._heads, self._tails, self._own
        _, mask, out, head, tail, across, weight, counts = branch
        fresh = self._above[unit] & ~out
        if (cost := self._costs.get(fresh)) is None:  # the same few sets on many branches
            cost = self._costs[fresh] = self._cost(fresh)
        outside = tail + cost + (self._shared_outside(out, fresh) if fresh & self._sharing else 0)
        if outside <= tails[bisect_left(heads, head)]:
            todo.append((unit + 1, mask, out | fresh, head, outside, across, weight, counts))
        head += own[unit]
        if unit in self._of:
            more, counts = self._shared_within(unit, counts)
            head += more
        if tail <= tails[bisect_left(heads, head)]:
            mask |= 1 << unit
            across += self._gives[unit]
            for size, consumers in self._takes[unit]:
                if not consumers & ~mask:
                    across -= size
            todo.append((unit + 1, mask, out, head, tail, across, weight + self._weights[unit], counts))

    def _cost(self, units: int) -> int:
        """What units cost, which are few."""
        cost = 0
        while units:
            low = units & -units
            cost += self._own[low.bit_length() - 1]
            units ^= low
        return cost

    def _shared_within(self, unit: int, counts: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """What the shared layers that a unit calls first cost in the head, and the calls of shared layers in it then."""
        changed, cost = list(counts), 0
        for group in self._of[unit]:
            cost += self._whole.groups[group][0] if not changed[group] and group < self._whole.kinds else 0
            changed[group] += 1
        return cost, tuple(changed)

    def _shared_outside(self, out: int, fresh: int) -> int:
        """What shared layers cost in the tail that have their first call there among the fresh units."""
        cost, every = 0, out | fresh
        fresh &= self._sharing
        while fresh:
            low = fresh & -fresh
            for group in self._of[low.bit_length() - 1]:
                if group < self._whole.kinds and not self._held(group, out | (low - 1 & every)):
                    cost += self._whole.groups[group][0]
            fresh ^= low
        return cost

    def _held(self, group: int, out: int) -> bool:
        """Whether a shared layer has a call among the units that are out, or behind the segment."""
        members = self._whole.groups[group][1]
        return any(member >= self._end or (member >= self._first and out >> (member - self._first) & 1) for member in members)
