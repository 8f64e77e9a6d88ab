"""Arrays that have names and no more, each given to the layer that its name names: ``dense/kernel``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from configsplit.catalog.table import class_facts
from configsplit.catalog.weight_names import UNTRAINED, WEIGHT_ORDER
from configsplit.containers.addresses import LEGACY_WEIGHTS
from configsplit.containers.arrays import Listed, ListedArrays, Matched
from configsplit.dialects import read_entry
from configsplit.errors import WeightsError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, walk


class _Found(NamedTuple):
    """An array of a layer: its name, and what of it stands behind that of the layer."""

    name: str
    rest: tuple[str, ...]


def holds(dialect: str) -> HeldBy:
    """What a layer is or runs step by step, where that is a model."""
    return lambda layer: layer.model or _wrapped(layer, dialect)


def _wrapped(layer: Layer, dialect: str) -> Model | None:
    entry = layer.config.get("layer")
    if not isinstance(entry, FrozenDict) or class_facts(layer.class_name, dialect).wraps != "steps":
        return None
    config = entry.get("config")
    return read_entry(entry, dialect) if isinstance(config, FrozenDict) and "layers" in config else None


def by_name(model: Model, named: Mapping[str, Listed], where: str) -> ListedArrays:
    """The arrays as weights of the model's layers, in the order in which Keras lists them. Raises WeightsError if a name names
    no layer, or several; or it is not certain in which order a layer has its weights.
    """
    held = holds(model.dialect)
    layers = {path: layer for path, layer in walk(model, held) if held(layer) is None and not layer.implicit}
    owners: dict[str, list[LayerPath]] = {}
    for path in layers:
        owners.setdefault(path[-1], []).append(path)
    by_path: dict[LayerPath, list[_Found]] = {}
    for name in named:
        path, rest = _owner(name, owners, where)
        by_path.setdefault(path, []).append(_Found(name, rest))
    listed: dict[bool, dict[str, Listed]] = {True: {}, False: {}}
    for path, layer in layers.items():
        for each in _in_order(by_path.get(path, []), path, where):
            trained = layer.config.get("trainable") is not False and each.rest[-1:] not in {(step,) for step in UNTRAINED}
            listed[trained][f"{path[0]}/{each.name}"] = named[each.name]
    arrays = ListedArrays(where, LEGACY_WEIGHTS, listed[True] | listed[False])
    arrays.matched = tuple(
        Matched(each.name, "/".join((*path, *each.rest)), "name") for path, row in by_path.items() for each in row
    )
    return arrays


def _owner(name: str, owners: Mapping[str, list[LayerPath]], where: str) -> tuple[LayerPath, tuple[str, ...]]:
    """The layer that the first name of one in a name means, and the steps behind it."""
    steps = name.split("/")
    for last in range(len(steps), 0, -1):
        if (whole := tuple(steps[:last])) in owners.get(whole[-1], []):
            return whole, tuple(step.removesuffix(":0") for step in steps[last:])
    for first in range(len(steps)):
        for last in range(len(steps), first, -1):
            paths = owners.get("/".join(steps[first:last]), [])
            if len(paths) == 1 and all(steps):
                return paths[0], tuple(step.removesuffix(":0") for step in steps[last:])
            if paths:
                raise _refusal(f"the array {name!r} could belong to any of {['/'.join(path) for path in paths]}", where)
    raise _refusal(f"the array {name!r} has the name of no layer in it", where)


def _in_order(rows: list[_Found], path: LayerPath, where: str) -> list[_Found]:
    """The arrays of one layer in the order of its weights, which names tell where each is known and stands for itself."""
    if len(rows) < 2:
        return rows
    if len({each.rest for each in rows}) < len(rows) or not all(map(_is_known, rows)):
        message = f"it is not certain in which order {'/'.join(path)!r} has its weights {[each.name for each in rows]}"
        hint = "give them as .h5, where they have an order"
        raise WeightsError(message, code="weights-order-unknown", where=where, hint=hint)
    return sorted(rows, key=lambda each: [*map(_rank, each.rest)])


def _is_known(row: _Found) -> bool:
    """Whether its place is known among the weights of a layer; a number says it itself."""
    return bool(row.rest) and all(step in WEIGHT_ORDER or step.isdecimal() for step in row.rest)


def _rank(step: str) -> int:
    return int(step) if step.isdecimal() else WEIGHT_ORDER.index(step)


def _refusal(what: str, where: str) -> WeightsError:
    return WeightsError(what, code="weights-unclaimed", where=where, hint="call each array LAYER/kernel, LAYER/bias and so on")
