"""Arrays whose names say nothing, given to the weights of a model in the order of Keras's ``model.get_weights()``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from configsplit.containers.addresses import LEGACY_WEIGHTS
from configsplit.containers.arrays import Listed, ListedArrays, Matched
from configsplit.errors import WeightsError

_NUMBERED = re.compile(r"(.*?)(\d{1,9})")
_SHOWN = 3


class Wanted(NamedTuple):
    """A weight that a model has: its layer of the outermost model, its name below it, its shape, whether it is trained."""

    top: str
    name: str
    shape: tuple[int | None, ...]
    trained: bool


def by_order(wanted: Sequence[Wanted], given: Mapping[str, Listed] | None, where: str) -> ListedArrays:
    """The arrays as weights of the model, each held against the shape of the weight whose turn it is. Both are in their own
    order: that of ``get_weights()``, and that of the file (None where it keeps none).
    """
    if given is None:
        hint = "leave --match out: such a file tells by itself which weight is which"
        raise _refusal("the file keeps its arrays in no order of its own", where, hint)
    arrays = {name: given[name] for name in in_number(given)}
    for place, (each, (name, array)) in enumerate(zip(wanted, arrays.items(), strict=False)):
        if tuple(array.shape) != each.shape:
            what = f"array {place} ({name!r}) is {array.shape}, but {each.top}'s {each.name!r} is {each.shape}"
            raise _refusal(f"{what}: the order is not that of model.get_weights()", where)
    if len(wanted) != len(arrays):
        raise _refusal(f"there are {len(arrays)} arrays, and the model has {len(wanted)} weights", where)
    placed = list(zip(wanted, arrays.values(), strict=True))
    listed = {f"{each.top}/{each.name}": array for kind in (True, False) for each, array in placed if each.trained is kind}
    made = ListedArrays(where, LEGACY_WEIGHTS, listed)
    made.notes = _told(wanted)
    made.matched = tuple(Matched(name, each.name, "order") for each, name in zip(wanted, arrays, strict=True))
    return made


def in_number(names: Mapping[str, Listed]) -> list[str]:
    """The names by their numbers, where they are one word with different numbers (``arr_0``); else in their order."""
    matches = {name: match for name in names if (match := _NUMBERED.fullmatch(name))}
    numbers = {int(match[2]) for match in matches.values()}
    if len(matches) < len(names) or len(numbers) < len(names) or len({match[1] for match in matches.values()}) > 1:
        return list(names)
    return sorted(names, key=lambda name: int(matches[name][2]))


def is_numbered(names: Mapping[str, Listed]) -> bool:
    """Whether the names tell an order by themselves."""
    return in_number(dict(sorted(names.items(), reverse=True))) == in_number(names)


def _told(wanted: Sequence[Wanted]) -> tuple[str, ...]:
    """What was taken for granted: of weights of one shape side by side nothing but their order tells which is which."""
    runs = [[f"{each.name}" for each in run] for _, run in groupby(wanted, key=lambda each: each.shape)]
    alike = [run for run in runs if len(run) > 1]
    said = f"{len(wanted)} weights were taken by their order, each of the shape that its layer implies"
    if not alike:
        return (said,)
    shown = "; ".join(" and ".join(run) for run in alike[:_SHOWN]) + ("; ..." if len(alike) > _SHOWN else "")
    return (said, f"of {sum(map(len, alike))} of these nothing but their order tells which is which: {shown}")


def _refusal(what: str, where: str, hint: str = "") -> WeightsError:
    hint = hint or "save them as numpy.savez(FILE, *model.get_weights()), of the model of this architecture"
    return WeightsError(what, code="weights-match-order", where=where, hint=hint)
