"""Where archives of Keras 3 keep the weights of a layer, in the order of ``layer.weights``, which is that of ``.h5`` files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.keras3.places import listed_otherwise, places
from configsplit.catalog.keras3.refusals import Stop
from configsplit.conversion.building import Stored, Unit
from configsplit.conversion.layers.custom import plain_places
from configsplit.conversion.layers.layer import children, is_model, wraps
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import LayerPath

Places = Sequence[tuple[str, ...]]
"""Of each weight in the order of ``layer.weights`` the datasets below the layer's group that hold it; mostly one."""


def archived(entry: FrozenDict, path: LayerPath, stored: Stored, facts: Mapping[str, LayerFacts]) -> Places:
    """Where the weights of one layer of Keras 3 are, wrapped ones included: as many as ``stored`` has shapes, one for each
    weight that ``layer.weights`` lists.
    """
    root = Unit(entry, Stored(stored.shapes, stored.names, owner=stored.owner), 0, "", path=path)
    places: list[tuple[str, ...]] = []
    behind: list[tuple[str, ...]] = []
    todo = [root]
    while todo:
        unit = todo.pop()
        custom = _is_custom(unit.entry)
        unit.children = [] if custom else children(unit)
        todo.extend(reversed(unit.children))
        if not unit.children and not is_model(unit.entry):
            own = _custom(unit, stored.places, facts) if custom else _own(unit)
            places += [(f"{unit.prefix}{place}",) for place in own]
        elif wraps(unit) == "whole" and stored.shapes:
            behind.append((f"{unit.prefix}vars/1",))  # the vector of the power iteration, behind the kernel once more
    places += behind
    if behind:
        places[0] = (*places[0], behind[0][0].replace("vars/1", "vars/0"))
    if len(places) != len(stored.shapes):
        raise _unknown(entry, f"it should have {len(places)} weights, the file has {len(stored.shapes)}")
    return places


def _is_custom(entry: FrozenDict) -> bool:
    return str(entry.get("module")).partition(".")[0] != "keras"


def _own(unit: Unit) -> Sequence[str]:
    name, config, count = str(unit.entry["class_name"]), unit.entry.get("config"), len(unit.stored.shapes)
    if not isinstance(config, FrozenDict):
        raise _unknown(unit.entry, "it has no config")
    if count and listed_otherwise(config):
        raise _unknown(unit.entry, "quantized kernels and low-rank adapters stand elsewhere in .h5 files than in archives")
    return places(name, count)


def _custom(unit: Unit, there: Sequence[str], facts: Mapping[str, LayerFacts]) -> Sequence[str]:
    """Those of a class that Keras does not have: as a plug-in declares; or all of one layer, itself or the only one inside it
    that has any (the cell of a recurrent one), in the order in which that made them."""
    known = facts.get(str(unit.entry.get("registered_name"))) or facts.get(str(unit.entry["class_name"]))
    if known is not None and known.keras3_places:
        return known.keras3_places
    inner = [place.removeprefix(unit.prefix) for place in there if place.startswith(unit.prefix)]
    if not inner:
        return plain_places(unit)
    only = inner[0].rpartition("vars/")[0]
    numbers = [f"{only}vars/{number}" for number in range(len(inner))]
    if {*inner} != {*numbers}:
        strange = next(place for place in inner if place not in numbers)
        raise _unknown(unit.entry, f"it keeps one at {strange!r}, and no declaration says in which order it lists them")
    return numbers


def _unknown(entry: FrozenDict, why: str) -> Stop:
    return Stop(
        "layout-unknown",
        f"it is unknown where the weights of the {entry['class_name']} go in the other layout: {why}",
        "write the source's format, or convert the model's .h5; or declare keras3_places (--custom-objects FILE.py)",
    )
