"""Layers of classes that Keras does not have: carried as they are, with their weights where a plug-in or the file says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from configsplit.catalog.classes import application_place
from configsplit.catalog.constructors import bases_of
from configsplit.catalog.facts import CallFacts
from configsplit.catalog.keras3.configs import of_subclass
from configsplit.catalog.keras3.keys import KEYS
from configsplit.catalog.keras3.objects import policy
from configsplit.catalog.keras3.places import LOAD_THEIR_OWN, WEIGHT_NAMES, places
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.operations.layers import snake
from configsplit.catalog.recipes import Recipe, Slot
from configsplit.catalog.table import class_facts
from configsplit.conversion.building import NOTHING, Inside, Surroundings, Unit
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import TensorSpec
from configsplit.inference import RULE_ERRORS


def cell_count(entry: FrozenDict) -> int:
    """How many weights a cell of Keras has, however wide its input is. Raises Stop where nobody can say."""
    name = str(entry["class_name"])
    rule = class_facts(name, "keras2").weights
    if name not in KEYS or rule is None or "cells" in entry["config"]:
        raise Stop(
            "convert-weights-unknown",
            f"it is unknown how many weights the cell {name} has",
            "save the model as .keras, which stores every cell separately",
        )
    return len(rule(CallFacts(name, entry["config"], (TensorSpec((None, 1)),), dialect="keras2")))  # however wide its input is


def custom(entry: FrozenDict) -> Inside:
    """A layer of a class that Keras does not export, carried as it is, by its registered name: no module is ever imported.

    Those that ``keras.applications`` holds for itself stand where Keras 3 has them, and load without anybody's help.
    """
    registered = str(entry.get("registered_name") or entry["class_name"])
    config = entry.get("config")
    bare = registered.rpartition(">")[2]
    own, notes = _own_config(config)
    if entry.get("module", "") is not None and (place := application_place(bare, own)) is not None:
        return Inside(FrozenDict({"module": place, "class_name": bare, "config": own, "registered_name": bare}))
    made = {"module": None, "class_name": bare, "config": own}
    return Inside(FrozenDict({**made, "registered_name": registered}), notes=notes)


def _own_config(config: Any) -> tuple[FrozenDict, tuple[str, ...]]:
    """What the base class of all layers does not take any more is left out; the rest is the class's own affair, but for what a
    class of Keras that it derives from takes otherwise. And what is to be told of that."""
    if not isinstance(config, FrozenDict):
        return FrozenDict(), ()
    kept = config.without("batch_input_shape", "input_dtype", "input_length", "dynamic")
    made, notes = of_subclass(kept)
    return (made | {"dtype": policy(kept["dtype"])} if "dtype" in kept else made), notes


def custom_weights(unit: Unit, around: Surroundings) -> Inside | None:
    """The weights of a custom layer; None in an architecture without weights. Raises Stop where nobody knows their places."""
    stored = unit.stored
    if stored is NOTHING:
        return None
    facts = around.facts.get(str(unit.entry["class_name"]))
    declared: Sequence[str] = () if facts is None else facts.keras3_places
    if declared and not stored.shapes:
        if around.initialize:
            return None
        raise _lost(unit.entry, declared[0])
    if stored.places:
        if not around.initialize:
            _check_lost(unit, declared)
        inner = [place.removeprefix(unit.prefix) for place in stored.places if place.startswith(unit.prefix)]
        if not declared:
            _check_loaded(unit, inner)
        made = tuple(Slot(unit.prefix + place, Recipe((unit.start + at,))) for at, place in enumerate(inner))
        return Inside(FrozenDict(), made, tuple(unit.prefix + place for place in inner))
    inside = () if declared else _in_its_cell(unit) or _in_its_layer(unit)
    kept = declared or inside or plain_places(unit)
    notes = () if declared or inside else _scopes(unit)
    if len(kept) != len(stored.shapes):
        raise Stop(
            "convert-weights-unknown",
            f"the plug-in declares {len(kept)} weights of the {unit.entry['class_name']}, the file has {len(stored.shapes)}",
            "declare all of them, in the order of layer.weights: keras3_places in the plug-in",
        )
    made = tuple(Slot(unit.prefix + place, Recipe((unit.start + at,))) for at, place in enumerate(kept))
    return Inside(FrozenDict(), made, tuple(slot.place for slot in made), notes)


def _check_lost(unit: Unit, declared: Sequence[str]) -> None:
    """Before 3.15 Keras did not save what a layer holds in a list of lists, and said nothing."""
    missing = sorted({*declared} - {place.removeprefix(unit.prefix) for place in unit.stored.places})
    if missing:
        raise _lost(unit.entry, missing[0])


def _lost(entry: FrozenDict, place: str) -> Stop:
    return Stop(
        "convert-weights-lost",
        f"the file has no weights for {place!r} of the {entry['class_name']}: the release that wrote it did not save them",
        "convert the .h5 of the same model, which has them; or initialize them: --missing-weights initialize",
    )


def plain_places(unit: Unit) -> tuple[str, ...]:
    """Weights that the layer itself has; where their names tell of layers inside it, nobody knows where those are kept."""
    for name in unit.stored.names:
        if _in_a_layer(name, _scope(unit, name)):
            raise Stop(
                "convert-weights-unknown",
                f"the {unit.entry['class_name']} holds layers of its own ({name!r}), and no declaration says where",
                "declare keras3_places in a plug-in (--custom-objects FILE.py)",
            )
    kept = tuple(f"vars/{number}" for number in range(len(unit.stored.shapes)))
    _check_loaded(unit, kept)
    return kept


def _check_loaded(unit: Unit, kept: Sequence[str]) -> None:
    """Raises Stop for a subclass with weights besides those of its base, where that loads its own alone and says nothing."""
    config, own = unit.entry["config"], sum(place.startswith("vars/") for place in kept)
    bases = [*bases_of(config, "keras2"), *bases_of(config, "keras3")] if isinstance(config, FrozenDict) else []
    base = next((each for each in bases if each in LOAD_THEIR_OWN), None)
    if base is not None and own > 1 + bool(config.get("use_bias") or config.get("bias_axes")):
        raise Stop(
            "convert-weights-unknown",
            f"the {unit.entry['class_name']} has weights besides those of a {base}, and Keras 3 loads only those",
            "let the class load them itself (load_own_variables), and declare keras3_places in a plug-in",
        )


def _in_its_cell(unit: Unit) -> tuple[str, ...]:
    """Weights of a class that has all settings of a recurrent one, if they are those of its cell by name and number."""
    config, names = unit.entry["config"], unit.stored.names
    for base in bases_of(config, "keras2")[:1] if isinstance(config, FrozenDict) else ():
        count = len(names)
        inside = places(base, count)
        of_cell = [name for name in names if re.fullmatch(rf"({snake(base)}_cell(_\d+)?)?", "/".join(_scope(unit, name)))]
        if count and inside[0].startswith("cell/") and len(of_cell) == count == cell_count(unit.entry | {"class_name": base}):
            return inside
    return ()


def _in_its_layer(unit: Unit) -> tuple[str, ...]:
    """Weights of a wrapper: those that its layer's class names, in the layer, and its own."""
    config, names = unit.entry["config"], unit.stored.names
    inner = config.get("layer") if isinstance(config, FrozenDict) else None
    if not isinstance(inner, FrozenDict) or not names:
        return ()
    theirs = _weight_names(inner)
    leaves = [name.rpartition("/")[2].partition(":")[0] for name in names]
    if not theirs or any(leaves.count(name) != 1 for name in theirs) or any(_scope(unit, name) for name in names):
        raise Stop(
            "convert-weights-unknown",
            f"the {unit.entry['class_name']} wraps a {inner.get('class_name')}, and their names do not tell the two apart",
            "declare keras3_places in a plug-in (--custom-objects FILE.py)",
        )
    own = [name for name in leaves if name not in theirs]
    return tuple(f"layer/vars/{theirs.index(name)}" if name in theirs else f"vars/{own.index(name)}" for name in leaves)


def _weight_names(entry: FrozenDict) -> list[str]:
    """What a layer of Keras calls its weights; nothing where it is of another class, or they stand in a cell."""
    name, config = str(entry.get("class_name")), entry.get("config")
    rule = class_facts(name, "keras2").weights
    if rule is None or name not in KEYS or not isinstance(config, FrozenDict):
        return []
    for rank in range(2, 6):
        taken = (TensorSpec((None, *(8,) * (rank - 1))),)
        with suppress(*RULE_ERRORS):
            found = [spec.name for spec in rule(CallFacts(name, config, taken, dialect="keras2"))]
            return found if places(name, len(found)) == tuple(f"vars/{at}" for at in range(len(found))) else []
    return []


def _scopes(unit: Unit) -> tuple[str, ...]:
    """What is taken for granted of weights that were made under a name scope (``my/my/phi/w:0``)."""
    scoped = next((name for name in unit.stored.names if _scope(unit, name)), None)
    if scoped is None:
        return ()
    told = "write `keras3_places` into a plug-in if its class holds layers"
    return (f"its weights are taken for its own, though {scoped!r} stands below a scope: {told}",)


def _scope(unit: Unit, name: str) -> list[str]:
    """What stands between the layer's own name, or the file's for it, and the weight's; a class may open its own scope
    once more (``my_1``)."""
    *scopes, _ = name.split("/")
    inside = snake(str(unit.entry["class_name"]).rpartition(">")[2]) if unit.depth else ""  # what Keras calls a cell
    names = filter(None, ("".join(unit.path[-1:]), unit.stored.owner, inside))
    own = re.compile(f"({'|'.join(map(re.escape, names))})" + r"(_\d+)?")
    last = max((at for at, scope in enumerate(scopes) if own.fullmatch(scope)), default=-1)
    return scopes[last + 1 :]


def _in_a_layer(name: str, scope: Sequence[str]) -> bool:
    """Whether a weight is that of a layer inside, as far as names tell: Keras's own call theirs so, and numbers tell layers."""
    own = name.rpartition("/")[2].partition(":")[0]
    return bool(scope) and (re.sub(r"_\d+$", "", own) in WEIGHT_NAMES or any(re.search(r"_\d+$", step) for step in scope))
