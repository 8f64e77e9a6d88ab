"""A cost on both sides of many places, each looked up in time proportional to its segment."""

from __future__ import annotations

from configsplit.algorithms.cut_places import CutPlace, Segments, bits
from configsplit.algorithms.plan_units import Measure


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
