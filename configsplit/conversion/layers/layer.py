"""A layer with all that stands inside its config: wrappers, cells, wrapped models; innermost first, from an explicit stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from configsplit.catalog.classes import is_foreign
from configsplit.catalog.constructors import of_another_class
from configsplit.catalog.keras3 import from_keras1
from configsplit.catalog.keras3.configs import NEVER_CUSTOM, class_of, converted
from configsplit.catalog.keras3.keys import KEYS
from configsplit.catalog.keras3.objects import built_in
from configsplit.catalog.keras3.places import keras2_recipes, places, slots
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.layers.keras1 import lacks_ordering, with_ordering
from configsplit.catalog.operations.layers import snake
from configsplit.catalog.recipes import Recipe, Slot
from configsplit.catalog.table import class_facts
from configsplit.conversion.building import NOTHING, Inside, Stored, Surroundings, Unit
from configsplit.conversion.layers import lambdas, theano
from configsplit.conversion.layers.custom import cell_count, custom, custom_weights
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import LayerPath

_SIDES = ("layer", "backward_layer", "cell")
_MODELS = ("Functional", "Model", "Sequential")


def convert_layer(entry: FrozenDict, path: LayerPath, stored: Stored, around: Surroundings) -> Inside:
    """Convert a layer's entry with everything inside it."""
    root = Unit(entry, stored, 0, "", path=path)
    units, todo = [], [root]
    while todo:
        unit = todo.pop()
        units.append(unit)
        unit.children = _held(unit, around) if _is_custom(unit.entry, around) else children(unit)
        todo.extend(reversed(unit.children))
    for unit in reversed(units):
        _convert(unit, around)
    if root.made is None:
        raise AssertionError(path)
    owned = [unit.own for unit in units if unit.own is not None]
    return Inside(
        root.made,
        tuple(slot for own in owned for slot in own.slots),
        tuple(place for own in owned for place in own.old_places),
        tuple(note for own in owned for note in own.notes),
    )


def children(unit: Unit) -> list[Unit]:
    """The layers in the config of a layer of Keras, each with its share of the weights, which lie one after the other. Raises
    Stop if nobody can say how many each has.
    """
    config = unit.entry.get("config")
    if not isinstance(config, FrozenDict) or is_model(unit.entry):
        return []
    listed: list[tuple[tuple[str, int | None], FrozenDict]] = [
        ((key, None), config[key]) for key in _SIDES if isinstance(config.get(key), FrozenDict)
    ]
    if wraps(unit) == "directions" and listed and not isinstance(config.get("backward_layer"), FrozenDict):
        listed.append((("", None), config["layer"]))  # Keras makes it from the other, and it has weights all the same
    cells = config.get("cells")
    if type(cells) is tuple:
        listed += [(("cells", number), cell) for number, cell in enumerate(cells)]
    prefixes = _prefixes(unit, listed)
    counts = _kept_apart(unit, prefixes) or _shares(unit, [entry for _, entry in listed])
    units: list[Unit] = []
    start = unit.start + _own_first(unit)
    for (key, entry), count, prefix in zip(listed, counts, prefixes, strict=True):
        part = unit.stored.part(start - unit.start, start - unit.start + count)
        units.append(Unit(entry, part, start, prefix, key, unit.path, depth=unit.depth + 1))
        start += count
    return units


def _held(unit: Unit, around: Surroundings) -> list[Unit]:
    """The layers of Keras in the config of a class of the user's own, whose weights are that class's affair. Models, and what
    Keras 3 has under another name, are left as they are."""
    config = unit.entry.get("config")
    if not isinstance(config, FrozenDict):
        return []
    held: list[Unit] = []
    for key in _SIDES:
        entry = config.get(key)
        if not isinstance(entry, FrozenDict) or not isinstance(entry.get("config"), FrozenDict) or is_model(entry):
            continue
        name = str(entry.get("class_name"))
        if not _is_custom(entry, around) and class_of(name) == name:
            held.append(Unit(entry, NOTHING, unit.start, "", (key, None), unit.path, depth=unit.depth + 1))
    return held


def wraps(unit: Unit) -> str:
    """How the class of a layer runs the one in its config."""
    return class_facts(str(unit.entry["class_name"]), "keras2").wraps


def _own_first(unit: Unit) -> int:
    """How many weights of its own a wrapper has before those inside: in an archive its group stands before theirs."""
    return _SPECTRAL if wraps(unit) == "whole" and unit.stored.places else 0


_SPECTRAL = 2
"""The kernel of the layer inside, once more, and the vector of the power iteration."""


def _kept_apart(unit: Unit, prefixes: Sequence[str]) -> list[int]:
    """How many weights an archive keeps for each of several cells; nothing where it does not tell."""
    counts = [sum(place.startswith(prefix) for place in unit.stored.places) for prefix in prefixes]
    return counts if len(prefixes) > 1 and wraps(unit) != "directions" and sum(counts) == len(unit.stored.shapes) else []


def _shares(unit: Unit, entries: Sequence[FrozenDict]) -> list[int]:
    """How many of a layer's weights each layer inside it has."""
    total = len(unit.stored.shapes)
    if wraps(unit) == "whole":
        total = max(total - (_own_first(unit) or 1), 0)
    if len(entries) <= 1 or not total:
        return [total] * len(entries)
    if wraps(unit) == "directions":
        return [total // 2, total - total // 2]
    counts = [cell_count(entry) for entry in entries]
    if sum(counts) != total:
        raise Stop(
            "convert-weights-unknown",
            f"the cells of the {unit.entry['class_name']} should have {sum(counts)} weights, the file has {total}",
            "save the model as .keras, which stores every cell separately",
        )
    return counts


def _prefixes(unit: Unit, listed: Sequence[tuple[tuple[str, int | None], FrozenDict]]) -> list[str]:
    """Where each layer inside is stored: ``forward_layer/``, ``cell/cells/lstm_cell_1/``."""
    prefixes, taken = [], dict[str, int]()
    for (key, number), entry in listed:
        if number is None:
            sides = {"layer": "forward_layer", "": "backward_layer"} if wraps(unit) == "directions" else {}
            side = sides.get(key, key)
            prefixes.append(f"{unit.prefix}{side}/")
            continue
        name = snake(str(entry["class_name"]).rpartition(">")[2])
        again = taken.get(name, 0)
        taken[name] = again + 1
        prefixes.append(f"{unit.prefix}cells/{name}_{again}/" if again else f"{unit.prefix}cells/{name}/")
    return prefixes


def is_model(entry: FrozenDict) -> bool:
    """Whether an entry is that of a model with layers."""
    config = entry.get("config")
    listed = type(config) is tuple or (isinstance(config, FrozenDict) and "layers" in config)
    return entry["class_name"] in _MODELS and listed


def _is_custom(entry: FrozenDict, around: Surroundings) -> bool:
    """Whether the class is not one of Keras itself."""
    name = str(entry["class_name"])
    if ">" in name or ("module" in entry and entry["module"] is None) or name in around.facts:
        return True
    known = class_of(from_keras1.class_of(entry) if around.dialect == "keras1" else name)
    module, config = entry.get("module"), entry.get("config")
    if not module and isinstance(config, FrozenDict) and of_another_class(name, config, around.dialect):
        return True
    return is_foreign(entry) or (known not in KEYS and not from_keras1.knows(name) and name not in NEVER_CUSTOM)


def _convert(unit: Unit, around: Surroundings) -> None:
    if is_model(unit.entry):
        if unit.depth != 1:
            raise Stop("convert-inside", "a model is inside several wrappers", "wrap it once, in a model of its own")
        unit.made = around.model(unit.entry, unit.path)
        return
    if _is_custom(unit.entry, around):
        carried, weights = custom(_with_children(unit)), custom_weights(unit, around) or Inside(FrozenDict())
        unit.made, unit.own = carried.entry, replace(weights, notes=(*carried.notes, *weights.notes))
        return
    if class_facts(str(unit.entry["class_name"])).code_key:
        unit.made = _with_code(unit, around)
        return
    entry = _with_children(unit)
    class_name, config, stored = str(entry["class_name"]), entry["config"], unit.stored
    recipes: tuple[Recipe, ...] | None = None
    if around.dialect == "keras1":
        config = _ordered(class_name, config, around)
        class_name, config, recipes = from_keras1.layer(class_name, config, stored.shapes, around.backend)
    theano.check(class_name, config, around.backend)
    new = class_of(class_name)
    made = converted(class_name, config)
    unit.made = built_in("keras.layers", new, made)
    if not unit.children and stored.shapes:
        if recipes is None:
            recipes = keras2_recipes(class_name, config, stored.shapes, around.backend)
        unit.own = _placed(unit, new, class_name, recipes)
    elif class_facts(new).wraps == "whole" and stored.shapes:
        unit.own = _spectral(unit)


def _ordered(class_name: str, config: FrozenDict, around: Surroundings) -> FrozenDict:
    """The config with the order of dimensions, which some classes of Keras 1 do not write."""
    if not lacks_ordering(class_name, config):
        return config
    if around.ordering is None:
        raise Stop(
            "convert-ordering-unknown",
            f"Keras 1 does not write the order of dimensions of a {class_name}, and no other layer of the model tells it",
            "write it into its config in the file: dim_ordering, 'tf' or 'th'",
        )
    return with_ordering(class_name, config, around.ordering)


def _with_code(unit: Unit, around: Surroundings) -> FrozenDict:
    """A Lambda inside a wrapper, with the function that the user names, or as the model that its code comes down to."""
    title, config = "/".join(unit.path), unit.entry["config"]
    replacement = around.lambdas.get(title) or around.lambdas.get(str(config.get("name")))
    if replacement is not None:
        return lambdas.entry(config, str(config.get("name")), replacement)
    if unit.depth != 1:
        raise lambdas.unread(config, title, "it stands inside several wrappers")
    return around.model(lambdas.alone(unit.entry, around.taken(unit.path)), unit.path)


def _spectral(unit: Unit) -> Inside:
    """Keras 3 stores the kernel of the layer inside once more, before the vector of the power iteration; so do archives."""
    last = unit.start + (1 if unit.stored.places else len(unit.stored.shapes) - 1)
    own = (Recipe((unit.start,)), Recipe((last,)))
    made = tuple(Slot(f"{unit.prefix}vars/{number}", recipe) for number, recipe in enumerate(own))
    return Inside(FrozenDict(), made, tuple(f"{unit.prefix}vars/{number}" for number in range(_own_first(unit))))


def _with_children(unit: Unit) -> FrozenDict:
    if not unit.children:
        return unit.entry
    config: dict[str, Any] = dict(unit.entry["config"])
    for child in unit.children:
        key, number = child.key
        if number is None and key:
            config[key] = child.made
        elif key:
            config[key] = tuple(child.made if at == number else item for at, item in enumerate(config[key]))
    return unit.entry | {"config": FrozenDict(config)}


def _placed(unit: Unit, new: str, old: str, recipes: Sequence[Recipe]) -> Inside:
    moved = [Recipe(tuple(unit.start + source for source in recipe.sources), recipe.steps) for recipe in recipes]
    made = tuple(Slot(unit.prefix + slot.place, slot.recipe) for slot in slots(new, moved))
    count = len(unit.stored.shapes)
    return Inside(FrozenDict(), made, tuple(unit.prefix + place for place in places(old, count, old=True)))
