"""Layers of classes that Keras does not have: carried as they are, with their weights where a plug-in or the file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from configsplit.ir.recipes import Recipe, Slot
from configsplit.ir.values import FrozenDict
from configsplit.migration.objects import policy
from configsplit.migration.outcome import Stop
from configsplit.migration.stored import NOTHING
from configsplit.migration.units import Inside, Surroundings, Unit


def custom(entry: FrozenDict) -> FrozenDict:
    """A layer of a class that Keras does not have, carried as it is, by its registered name: no module is ever imported."""
    registered = str(entry.get("registered_name") or entry["class_name"])
    config = entry.get("config")
    made = {"module": None, "class_name": registered.rpartition(">")[2], "config": _own_config(config)}
    return FrozenDict({**made, "registered_name": registered})


def _own_config(config: Any) -> FrozenDict:
    """What the base class of all layers does not take any more is left out; the rest is the class's own affair."""
    if not isinstance(config, FrozenDict):
        return FrozenDict()
    kept = config.without("batch_input_shape", "input_dtype", "input_length", "dynamic")
    return kept | {"dtype": policy(kept["dtype"])} if "dtype" in kept else kept


def custom_weights(unit: Unit, around: Surroundings) -> Inside | None:
    """The weights of a custom layer; None in an architecture without weights. Raises Stop where nobody knows their places."""
    stored = unit.stored
    if stored is NOTHING:
        return None
    facts = around.facts.get(str(unit.entry["class_name"]))
    declared: Sequence[str] = () if facts is None else facts.keras3_places
    if declared and not stored.shapes:
        raise _lost(unit.entry, declared[0])
    if stored.places:
        _check_lost(unit, declared)
        inner = [place.removeprefix(unit.prefix) for place in stored.places if place.startswith(unit.prefix)]
        made = tuple(Slot(unit.prefix + place, Recipe((unit.start + at,))) for at, place in enumerate(inner))
        return Inside(FrozenDict(), made, tuple(unit.prefix + place for place in inner))
    found = declared or _plain_places(unit)
    if len(found) != len(stored.shapes):
        raise Stop(
            "convert-weights-unknown",
            f"the plug-in declares {len(found)} weights of the {unit.entry['class_name']}, the file has {len(stored.shapes)}",
            "declare all of them, in the order of layer.weights: keras3_places in the plug-in",
        )
    made = tuple(Slot(unit.prefix + place, Recipe((unit.start + at,))) for at, place in enumerate(found))
    return Inside(FrozenDict(), made, tuple(slot.place for slot in made))


def _check_lost(unit: Unit, declared: Sequence[str]) -> None:
    """Before 3.15 Keras did not save what a layer holds in a list of lists, and said nothing."""
    missing = sorted({*declared} - {place.removeprefix(unit.prefix) for place in unit.stored.places})
    if missing:
        raise _lost(unit.entry, missing[0])


def _lost(entry: FrozenDict, place: str) -> Stop:
    return Stop(
        "convert-weights-lost",
        f"the file has no weights for {place!r} of the {entry['class_name']}: the release that wrote it did not save them",
        "convert the .h5 of the same model, which has them",
    )


def _plain_places(unit: Unit) -> tuple[str, ...]:
    """Weights that the layer itself has; where their names tell of layers inside it, nobody knows where those are kept."""
    own = str(unit.path[-1]) if unit.path else ""
    for name in unit.stored.names:
        pieces = name.removeprefix(f"{own}/").split("/")
        if len(pieces) > 1:
            raise Stop(
                "convert-weights-unknown",
                f"the {unit.entry['class_name']} holds layers of its own ({name!r}), and nobody has said where it keeps them",
                "declare keras3_places in a plug-in (--custom-objects FILE.py)",
            )
    return tuple(f"vars/{number}" for number in range(len(unit.stored.shapes)))
