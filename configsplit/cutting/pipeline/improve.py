"""Better plans from good ones: each boundary moved to its best place between its neighbours, round after round.

Where the lattice of heads is too large to be searched as a whole, two neighbouring stages are a plan of two stages, which can.
A round makes every pair as even as it can be; the second kind of round keeps to the largest stage that was reached, and looks
for fewer bytes. Coordinate descent: it ends in a plan that no move of a single boundary improves, not always in the best.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

from configsplit.cutting.pipeline.search import Terms
from configsplit.cutting.pipeline.units import Measure, Tensor, Units, connected

Two = Callable[[Units, Terms, int | None], frozenset[int] | None]
"""The head (calls) of the best plan of two stages; with a number, of fewest bytes where no stage takes longer than that."""

_ROUNDS = 2


def polished(units: Units, terms: Terms, heads: Sequence[set[int]], two: Two) -> list[set[int]]:
    """Heads (sets of units) that are at least as good as those given."""
    work = _Polish(units, terms, heads, two)
    for allowed in (False, True):
        for _ in range(_ROUNDS):
            largest = work.largest() if allowed else None
            moves = [work.move(number, largest) for number in range(len(heads))]
            if not any(moves):
                break
    return work.heads


def price_of(units: Units, terms: Terms, heads: Sequence[set[int]]) -> tuple[int, int]:
    """The slowest stage or link of a plan, and the bytes across all boundaries."""
    across = [bytes_across(units, head) for head in heads]
    costs = [units.cost.of(head - inner) for inner, head in pairwise([set[int](), *heads, set(range(len(units)))])]
    return terms.longest(costs, across), sum(across)


def bytes_across(units: Units, head: set[int]) -> int:
    return sum(each.bytes for each in units.tensors if each.producer in head and not head.issuperset(each.consumers))


class _Polish:
    def __init__(self, units: Units, terms: Terms, heads: Sequence[set[int]], two: Two) -> None:
        self._units, self._terms, self._two = units, terms, two
        self.heads = [set(head) for head in heads]
        self._best: dict[Hashable, frozenset[int] | None] = {}

    def _between(self, number: int) -> tuple[set[int], set[int]]:
        """The heads before and behind a boundary."""
        before = self.heads[number - 1] if number else set[int]()
        behind = self.heads[number + 1] if number + 1 < len(self.heads) else set(range(len(self._units)))
        return before, behind

    def largest(self) -> int:
        return price_of(self._units, self._terms, self.heads)[0]

    def _price(self, number: int, head: set[int]) -> tuple[int, int]:
        """How good a boundary is between its neighbours: the slower of the two stages (or the link), then the bytes."""
        before, behind = self._between(number)
        across = bytes_across(self._units, head)
        costs = [self._units.cost.of(head - before), self._units.cost.of(behind - head)]
        return self._pair(number).longest(costs, [across]), across

    def _pair(self, number: int) -> Terms:
        both, one = slice(number, number + 2), slice(number, number + 1)
        terms = self._terms
        return Terms(terms.pace[both], terms.weight[both], terms.bytes[one], terms.link[one])

    def move(self, number: int, largest: int | None) -> bool:
        """Put a boundary to its best place; False if it is there already."""
        before, behind = self._between(number)
        members = sorted(behind - before)
        asked = number, largest, frozenset(before), frozenset(behind)
        if asked not in self._best:  # a round asks again of each pair of which the one before moved no end
            self._best[asked] = self._two(_part(self._units, members, before), self._pair(number), largest)
        parts = self._best[asked]
        if parts is None:
            return False
        head = before | {unit for unit in members if not parts.isdisjoint(self._units.calls[unit])}
        if head in (before, behind):
            return False
        new, old = self._price(number, head), self._price(number, self.heads[number])
        better = new < old if largest is None else new[0] <= largest and new[1] < old[1]
        if better:
            self.heads[number] = head
        return better


def _part(units: Units, members: Sequence[int], inner: set[int]) -> Units:
    """Some of the units, between a first one that stands for all before and a last one that stands for all behind."""
    place = {unit: index for index, unit in enumerate(members, start=1)}
    last = len(members) + 1
    before = [[], *([place[maker] for maker in units.before[unit] if maker in place] or [0] for unit in members), [0]]
    ends = set(range(1, last)) - {maker for makers in before for maker in makers}
    before[last] = sorted(ends) or [0]
    tensors = []
    for index in sorted({each for unit in members for each in (*units.gives[unit], *units.takes[unit])}):
        tensor = units.tensors[index]
        takers = {place.get(taker, last) for taker in tensor.consumers if taker not in inner}
        tensors.append(Tensor(place.get(tensor.producer, 0), tensor.bytes, tuple(sorted(takers))))
    calls = [list[int](), *(units.calls[unit] for unit in members), list[int]()]
    return connected(calls, before, tensors, _restricted(units.cost, place, last), _restricted(units.weight, place, last))


def _restricted(measure: Measure, place: dict[int, int], last: int) -> Measure:
    """A measure of the members; the two ends cost nothing."""
    own = [0] * (last + 1)
    for unit, index in place.items():
        own[index] = measure.own[unit]
    shared = []
    for cost, holders in measure.shared:
        inside = tuple(place[holder] for holder in holders if holder in place)
        if len(inside) == 1:
            own[inside[0]] += cost
        elif inside:
            shared.append((cost, inside))
    return Measure(own, tuple(shared))
