"""Entries of Keras 3 as the Keras of today reads them, whichever release wrote them, and into whatever kind of file."""

from __future__ import annotations

from typing import Any

from configsplit.catalog.classes import CLASSES, application_place
from configsplit.catalog.constructors import of_another_class
from configsplit.catalog.operations.layers import ONCE_CALLED, is_operation, once_called, operation_place
from configsplit.catalog.table import class_facts, exported_name
from configsplit.graph.json import FrozenDict, rebuild

_LAYERS = "keras.layers"
_FRAMES = {"Functional": "keras.src.models.functional", "Sequential": "keras", "Model": "keras.src.models.functional"}


def placed(entry: FrozenDict) -> FrozenDict:
    """The entry of a layer with the module of its class. ``.h5`` files have none: Keras takes operations for layers there."""
    if "module" in entry or not isinstance(entry.get("config"), FrozenDict):
        return entry
    name, config = str(entry["class_name"]), entry["config"]
    rest = entry.without("class_name", "config", "registered_name")
    return _found(name, config) | rest


def _found(name: str, config: FrozenDict) -> FrozenDict:
    from configsplit.catalog.keras3.objects import built_in

    if name in _FRAMES and "layers" in config:
        registered = None if name == "Sequential" else "Functional"
        made = {"module": _FRAMES[name], "class_name": registered or name, "config": config}
        return FrozenDict({**made, "registered_name": registered})
    if is_operation(None, name, config):
        return _private(operation_place(name), name, config)
    if (place := application_place(name, config)) is not None:
        return _private(place, name, config)
    public = exported_name(name)
    kept = _LAYERS in CLASSES.get(public, ()) or class_facts(public).code_key
    if kept and not of_another_class(name, config, "keras3"):
        return built_in(_LAYERS, public, config)
    bare = name.rpartition(">")[2]
    return FrozenDict({"module": None, "class_name": bare, "config": config, "registered_name": name})


def _private(module: str, name: str, config: FrozenDict) -> FrozenDict:
    return FrozenDict({"module": module, "class_name": name, "config": config, "registered_name": name})


def called_as_today(entry: FrozenDict) -> FrozenDict:
    """The entry of an operation with those arguments in its config with which it is made since, and was called before."""
    nodes, known = entry.get("inbound_nodes"), once_called(str(entry["class_name"]))
    if not known or type(nodes) is not tuple or len(nodes) != 1 or not str(entry.get("module")).startswith("keras.src."):
        return entry
    ((args, kwargs),) = ((node["args"], node["kwargs"]) for node in nodes)
    moved: dict[str, Any] = {}
    for (name, made_with), value in [*zip(known, args, strict=False)][::-1]:
        if not made_with or _has_tensor(value):
            break
        moved[name], args = value, args[:-1]
    moved |= {name: kwargs[name] for name, made_with in known if made_with and name in kwargs and not _has_tensor(kwargs[name])}
    if not moved:
        return entry
    node = FrozenDict({"args": args, "kwargs": kwargs.without(*moved)})
    return entry | {"config": entry["config"] | moved, "inbound_nodes": (node,)}


def _has_tensor(value: Any) -> bool:
    tensors: list[Any] = []
    rebuild(value, tensors.append, stop=_is_tensor)
    return any(map(_is_tensor, tensors))


def _is_tensor(item: Any) -> bool:
    return isinstance(item, FrozenDict) and item.get("class_name") == "__keras_tensor__"


def as_today(document: FrozenDict) -> FrozenDict:
    """A whole document so, with all models in it, nested and wrapped ones."""
    return placed(rebuild(document, lambda leaf: leaf, whole=_with_layers))


def _with_layers(item: FrozenDict) -> FrozenDict:
    listed = item.get("layers")
    if type(listed) is not tuple or not all(isinstance(entry, FrozenDict) and "class_name" in entry for entry in listed):
        return item
    return item | {"layers": tuple(called_as_today(placed(entry)) for entry in listed)}


def is_lost(entry: FrozenDict) -> bool:
    """Whether Keras does not load an entry without its module: of operations, for which it takes layers of such names, and of
    attention, of which it takes a word for a function."""
    config = entry.get("config")
    if "module" in entry or not isinstance(config, FrozenDict):
        return False
    return config.get("score_mode") == "dot" or is_operation(None, str(entry["class_name"]), config)


def called_otherwise(text: str) -> bool:
    """Whether a document may have an operation that is called otherwise today, by what is quick to look for."""
    return any(f'"{name}"' in text for name in ONCE_CALLED)
