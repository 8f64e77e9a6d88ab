"""What people put around an architecture before it reached this file, taken off: text in text, one object around it, or too
little around it."""

from __future__ import annotations

from typing import Any

from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict, loads

MOST_WRAPPINGS = 4

_HINT = "give the output of model.to_json(), or a whole .keras or .h5 file"


def unwrapped(value: Any) -> tuple[FrozenDict, tuple[str, ...]]:
    """The architecture inside a value, and what was taken off (or added) for it, in words.

    Raises:
        DocumentError: there is none, or there are several.
    """
    notes: list[str] = []
    while not _is_model(value):
        if len(notes) == MOST_WRAPPINGS:
            raise _no_model("the architecture is wrapped too often")
        value, note = _opened(value)
        notes.append(note)
    return value, tuple(notes)


def _is_model(value: Any) -> bool:
    return isinstance(value, FrozenDict) and "class_name" in value and "config" in value


def _opened(value: Any) -> tuple[Any, str]:
    """One wrapping less. A bare ``get_config()`` gets what ``to_json()`` would have put around it."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        return loads(value), "the architecture stood as JSON text inside of JSON"
    if isinstance(value, tuple) and value and all(map(_is_model, value)):
        return FrozenDict({"class_name": "Sequential", "config": value}), _BARE
    if not isinstance(value, FrozenDict):
        raise _no_model("no Keras model: the outermost value is no object")
    if "weight_map" in value and "metadata" in value:
        raise _no_model(
            "this is the index of sharded weights", "name the architecture as MODEL and give this file as --weights"
        )
    if {"layers", "input_layers", "output_layers"} <= value.keys():
        return _functional(value), _BARE
    if type(layers := value.get("layers")) is tuple and layers and all(map(_is_model, layers)):
        return FrozenDict({"class_name": "Sequential", "config": value}), _BARE
    inside = {key: item for key, item in value.items() if _may_be_model(item)}
    if len(inside) > 1:
        raise _no_model(f"{len(inside)} architectures stand side by side, under {', '.join(map(repr, inside))}")
    for key, item in inside.items():
        return item, f"the architecture stood under {key!r}"
    raise _no_model("no Keras model: the outermost object needs class_name and config")


_BARE = "the file holds get_config() alone; what to_json() puts around it was added"


def _functional(config: FrozenDict) -> FrozenDict:
    """A functional config with the class that every release of its generation knows."""
    entries = [item for item in config["layers"] if isinstance(item, FrozenDict)] if type(config["layers"]) is tuple else []
    nodes = [node for item in entries for node in item.get("inbound_nodes") or ()]
    if any(isinstance(node, FrozenDict) and "args" in node for node in nodes):
        head = {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}
        return FrozenDict({**head, "registered_name": "Functional"})
    return FrozenDict({"class_name": "Model", "config": config})


def _may_be_model(item: Any) -> bool:
    """An architecture, or text that looks like the beginning of one."""
    if isinstance(item, str):
        return item.lstrip().startswith("{") and "class_name" in item and "config" in item
    return _is_model(item)


def _no_model(message: str, hint: str = _HINT) -> DocumentError:
    return DocumentError(message, code="document-not-a-model", hint=hint)
