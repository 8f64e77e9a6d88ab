"""Which places of a flat graph `split` comes to when it is given the tensors on their edge: it opens the nested models in which
these lie, and no others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from configsplit.boundaries.flattened import Flattened
from configsplit.cutting.places import CutPlace, Segments
from configsplit.graph.model import LayerPath, TensorRef, walk
from configsplit.rewrites.nested.flat import outer_calls, path_of


@dataclass(frozen=True, slots=True)
class _Group:
    """The units inside one call of an opened model, rising; and whether it hands an input straight through."""

    path: LayerPath
    units: Sequence[int]
    through: bool


class Reach:
    """Asked of places of one flat graph."""

    def __init__(self, seen: Flattened, whole: Segments) -> None:
        self._seen, self._whole = seen, whole
        unit = {call: number for number, call in enumerate(whole.order)}
        through = {
            path
            for path, layer in walk(seen.document.model)
            if layer.model is not None and not set(layer.model.input_refs()).isdisjoint(layer.model.output_refs())
        }
        self._groups = [
            _Group(path_of(outer), sorted(unit[call] for call in calls if call in unit), path_of(outer) in through)
            for outer, calls in seen.groups.items()
        ]
        self._dead = {path_of(outer) for inside, _ in seen.flat.dead for outer in outer_calls(inside)}
        self._weights = [seen.weight(seen.graph.calls[call]) for call in whole.order]
        self._before = [0]
        for weight in self._weights:
            self._before.append(self._before[-1] + weight)

    def beyond(self, place: CutPlace, at: Iterable[TensorRef]) -> frozenset[LayerPath]:
        """The nested models that would stay closed, and are cut there, or have layers inside that no output needs: closed they
        cost more than is counted here."""
        opened = {path_of(outer) for ref in at for outer in outer_calls(self._seen.places[ref].inside)}
        cut = {group.path for group in self._groups if self._is_cut(group, place)}
        return frozenset((cut | self._dead) - opened)

    def _is_cut(self, group: _Group, place: CutPlace) -> bool:
        """Whether some of a model lies before a place and some behind it; or all behind it, where something passes by."""
        first, end = self._whole.marks[place.segment], self._whole.marks[place.segment + 1]
        units = group.units
        near, far = bisect_left(units, first), bisect_left(units, end)
        within = [bool(place.mask >> (unit - first) & 1) for unit in units[near:far]]
        before, behind = near > 0 or any(within), far < len(units) or not all(within)
        return behind and (before or group.through)

    def calls(self, place: CutPlace) -> int:
        """How many calls of the original lie before a place, those inside closed models among them."""
        first, more = self._whole.spread(place.segment, place.mask)
        return self._before[first] + sum(self._weights[unit] for unit in more)
