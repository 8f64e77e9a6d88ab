"""The best chain of nested heads among given places: dynamic programming over chains, and a search for the largest stage.

For a given largest stage B the chain with the fewest bytes is a shortest path over (stage, place): the best way to a place at
stage i comes from the best way to a place inside it at stage i - 1 that leaves the stage no more than B. Over segments the
costs of places are in order, so that candidates form a sliding window (a queue of falling minima); inside a segment they are
tried in the order of their bytes. The smallest B for which a chain exists is found by bisection: chains only become more as B
grows (as in the partitioning of chains: Pinar and Aykanat 2004).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil, floor, gcd, inf
from typing import TypeAlias

from configsplit.cutting.pipeline.places import Budget, Lattice, Place, Window

UNLIMITED = 1 << 100
"""A limit that nothing reaches."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What stages may be.

    Attributes:
        pace: per stage, the cost that it works off in one unit of time; the time of a stage is what is balanced.
        weight: per stage, the most bytes of weights.
        bytes: per boundary, the most bytes across.
        link: per boundary, bytes that pass in one unit of time; None for a link whose time does not count.
    """

    pace: tuple[Fraction, ...]
    weight: tuple[int, ...]
    bytes: tuple[int, ...]
    link: tuple[Fraction | None, ...]

    @classmethod
    def equal(cls, stages: int, *, weight: int = UNLIMITED, across: int = UNLIMITED) -> Terms:
        """Stages that are all alike; time is cost."""
        return cls((Fraction(1),) * stages, (weight,) * stages, (across,) * (stages - 1), (None,) * (stages - 1))

    @property
    def stages(self) -> int:
        return len(self.pace)

    @property
    def alike(self) -> bool:
        return all(pace == 1 for pace in self.pace) and not any(self.link)

    @property
    def bounded(self) -> bool:
        """Whether a boundary more can do harm, or a stage is not like another."""
        return not self.alike or any(limit < UNLIMITED for limit in self.bytes)

    @property
    def weighed(self) -> bool:
        return min(self.weight) < UNLIMITED

    def costs(self, largest: int) -> list[int]:
        """Per stage, the most that it can cost if none takes longer than ``largest``."""
        return [floor(largest * pace) for pace in self.pace]

    def crossing(self, largest: int) -> list[int]:
        """Per boundary, the most bytes that can cross it."""
        limits = zip(self.bytes, self.link, strict=True)
        return [limit if link is None else min(limit, floor(largest * link)) for limit, link in limits]

    def windows(self, largest: int) -> list[Window]:
        """Per boundary, the most that the stages before it and behind it can cost."""
        heads = list(accumulate(self.costs(largest)))
        return [Window(head, heads[-1] - head) for head in heads[:-1]]

    def longest(self, costs: Sequence[int], across: Sequence[int]) -> int:
        """The time of the slowest stage or link."""
        stages = [ceil(cost / pace) for cost, pace in zip(costs, self.pace, strict=True)]
        links = [ceil(size / link) for size, link in zip(across, self.link, strict=True) if link is not None]
        return max(stages + links)


@dataclass(frozen=True, slots=True)
class Chain:
    """Places one inside the next, with the time of the slowest stage, and the bytes across all boundaries."""

    places: tuple[Place, ...]
    largest: int
    bytes: int


_Way: TypeAlias = tuple[int, int, int, int]
"""A way to a place: bytes so far, the head's cost, its mask, and the number of the way in its layer."""


@dataclass(slots=True)
class _Layer:
    """The ways to one boundary: indices of places in their order, the bytes of the best way to each, and where it came from."""

    index: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)

    def add(self, index: int, across: int, parent: int) -> None:
        self.index.append(index)
        self.bytes.append(across)
        self.parent.append(parent)


class ChainSearch:
    """Chains among the places of one lattice."""

    def __init__(self, lattice: Lattice, places: Sequence[Place], terms: Terms, budget: Budget) -> None:
        self._lattice, self._places, self._terms, self._budget = lattice, places, terms, budget
        self._groups, self._kinds = lattice.groups, lattice.kinds
        self._heads = [place.head for place in places]
        alone = len({place.segment for place in places}) == len(places)
        self._sliding = alone or not (lattice.groups or terms.weighed)
        units = lattice.units
        self._total, self._weight = lattice.head[-1], lattice.weight[-1]
        self._everything = Place(len(lattice.marks), 0, self._total, 0, 0, self._weight, lattice.counts[-1])
        self._nothing = Place(-1, 0, 0, self._total, 0, 0, (0,) * len(lattice.groups))
        self._grain = gcd(*units.cost.own, *(cost for cost, _ in units.cost.shared)) if terms.alike else 1

    def stage(self, inner: Place, outer: Place) -> tuple[int, int]:
        """Cost and bytes of weights of the stage between two nested places."""
        cost, weight = outer.head - inner.head, outer.weight - inner.weight
        if self._groups:
            for group, (price, _) in enumerate(self._groups):
                called = outer.counts[group] > inner.counts[group]
                if group >= self._kinds:
                    weight += price if called else 0
                elif called and inner.counts[group]:  # the head has paid for it already, this stage pays again
                    cost += price
        return cost, weight

    def minimise(self, low: int, high: int) -> Chain | None:
        """The chain with the smallest largest stage between ``low`` and ``high``; of those the one with the fewest bytes."""
        best = self.best(high)
        if best is None:
            return None
        grain = max(self._grain, 1)
        bottom, top = -(-low // grain), -(-best.largest // grain)
        while bottom < top and not self.gave_up:
            middle = (bottom + top) // 2
            chain = self.best(middle * grain)
            if chain is None:
                bottom = middle + 1
            else:
                best, top = chain, -(-chain.largest // grain)
        return self.best(best.largest) or best

    @property
    def gave_up(self) -> bool:
        return self._budget.left < 0

    def best(self, largest: int) -> Chain | None:
        """The chain with the fewest bytes in which no stage takes longer than ``largest``; None if there is none."""
        terms = self._terms
        if terms.stages == 1:
            return self._only(largest)
        costs, crossing, windows = terms.costs(largest), terms.crossing(largest), terms.windows(largest)
        layers: list[_Layer] = []
        for number, window in enumerate(windows):
            fitting = self._fitting(window, crossing[number])
            before = layers[-1] if layers else None
            layers.append(self._step(before, fitting, costs[number], terms.weight[number]))
            if not layers[-1].index or self.gave_up:
                return None
        return self._traced(layers, costs[-1], terms.weight[-1])

    def _fitting(self, window: Window, crossing: int) -> list[int]:
        """The places of a window; they are in the order of their heads' costs."""
        first = bisect_left(self._heads, self._total - window.tail)
        last = bisect_right(self._heads, window.head)
        span = self._places[first:last]
        return [index for index, place in enumerate(span, first) if place.tail <= window.tail and place.bytes <= crossing]

    def _only(self, largest: int) -> Chain | None:
        cost, weight = self.stage(self._nothing, self._everything)
        fits = cost <= self._terms.costs(largest)[0] and weight <= self._terms.weight[0]
        return Chain((), self._terms.longest([cost], []), 0) if fits else None

    def _step(self, before: _Layer | None, fitting: Sequence[int], cost: int, weight: int) -> _Layer:
        if before is None:
            return self._first(fitting, cost, weight)
        return self._slide(before, fitting, cost, weight) if self._sliding else self._scan(before, fitting, cost, weight)

    def _first(self, fitting: Sequence[int], cost: int, weight: int) -> _Layer:
        layer = _Layer()
        for index in fitting:
            place = self._places[index]
            spent, held = self.stage(self._nothing, place)
            if spent <= cost and held <= weight:
                layer.add(index, place.bytes, -1)
        return layer

    def _slide(self, before: _Layer, fitting: Sequence[int], cost: int, weight: int) -> _Layer:
        """Costs are in order over segments: a queue whose front is the fewest bytes among those that are near enough."""
        layer, places = _Layer(), self._places
        queue: deque[int] = deque()
        entered = 0
        inside: list[_Way] = []
        segment = -1
        for index in fitting:
            place = places[index]
            if place.segment != segment:
                segment = place.segment
                entered = self._enter(before, queue, entered, segment)
                inside = self._of_segment(before, segment)
            while queue and not self._fits(places[before.index[queue[0]]], place, cost, weight):
                queue.popleft()
            best = before.bytes[queue[0]] if queue else inf
            parent = self._inside(inside, place, cost, best)
            parent = parent if parent >= 0 else queue[0] if queue else -1
            if parent >= 0:
                layer.add(index, before.bytes[parent] + place.bytes, parent)
        return layer

    def _enter(self, before: _Layer, queue: deque[int], entered: int, segment: int) -> int:
        while entered < len(before.index) and self._places[before.index[entered]].segment < segment:
            while queue and before.bytes[queue[-1]] > before.bytes[entered]:
                queue.pop()
            queue.append(entered)
            entered += 1
        return entered

    def _of_segment(self, before: _Layer, segment: int) -> list[_Way]:
        """The ways that end in a segment, fewest bytes first; where a segment has one unit there are none inside."""
        if self._lattice.marks[segment + 1] - self._lattice.marks[segment] == 1:
            return []
        first = bisect_left(before.index, segment, key=lambda index: self._places[index].segment)
        last = bisect_left(before.index, segment + 1, key=lambda index: self._places[index].segment)
        ends = [(before.bytes[way], way, self._places[before.index[way]]) for way in range(first, last)]
        return sorted((across, place.head, place.mask, way) for across, way, place in ends)

    def _inside(self, ways: Sequence[_Way], place: Place, cost: int, best: float) -> int:
        """The best way from a place of the same segment, if it is better than ``best``; only costs bound it."""
        if self.gave_up:
            return -1
        mask, nearest = place.mask, place.head - cost
        outside = ~mask
        for count, (across, head, other, way) in enumerate(ways, 1):
            if across >= best or (head >= nearest and not other & outside and other != mask):
                self._budget.take(count)
                return way if across < best else -1
        self._budget.take(len(ways))
        return -1

    def _scan(self, before: _Layer, fitting: Sequence[int], cost: int, weight: int) -> _Layer:
        """Shared layers or limits on weights: every way is tried, fewest bytes first."""
        layer = _Layer()
        ways = sorted(range(len(before.index)), key=before.bytes.__getitem__)
        for index in fitting:
            place = self._places[index]
            for way in ways:
                if not self._budget.take():
                    return layer
                other = self._places[before.index[way]]
                if _nested(other, place) and self._fits(other, place, cost, weight):
                    layer.add(index, before.bytes[way] + place.bytes, way)
                    break
        return layer

    def _fits(self, inner: Place, outer: Place, cost: int, weight: int) -> bool:
        spent, held = self.stage(inner, outer)
        return spent <= cost and held <= weight

    def _traced(self, layers: Sequence[_Layer], cost: int, weight: int) -> Chain | None:
        last = layers[-1]
        ends = [way for way, index in enumerate(last.index) if self._fits(self._places[index], self._everything, cost, weight)]
        if not ends:
            return None
        way = min(ends, key=last.bytes.__getitem__)
        total, chain = last.bytes[way], []
        for layer in reversed(layers):
            chain.append(self._places[layer.index[way]])
            way = layer.parent[way]
        chain.reverse()
        return self._chain(tuple(chain), total)

    def _chain(self, chain: tuple[Place, ...], total: int) -> Chain:
        edges = [self._nothing, *chain, self._everything]
        costs = [self.stage(inner, outer)[0] for inner, outer in pairwise(edges)]
        return Chain(chain, self._terms.longest(costs, [place.bytes for place in chain]), total)


def _nested(inner: Place, outer: Place) -> bool:
    if inner.segment != outer.segment:
        return inner.segment < outer.segment
    return not inner.mask & ~outer.mask and inner.mask != outer.mask
