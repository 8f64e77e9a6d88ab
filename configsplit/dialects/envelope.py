"""What people put around an architecture before it reached this file, taken off: text in text, one object around it, or too
little around it."""

from __future__ import annotations

from typing import Any

from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict, loads

MOST_WRAPPINGS = 4

_HINT = "give the output of model.to_json(), or a whole .keras or .h5 file"


def unwrapped(value: Any) -> tuple[FrozenDict, tuple[str, ...]]:
    """The architecture inside a value, and what was taken off (or added) for it, in words."""
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


# Which entries of a document are models, whatever their class; and why a document is none.


_NOT_MODELS = frozenset({"Pipeline", "StackedRNNCells", "RandomApply", "RandomChoice", "AugMix"})
"""Layers whose config has ``layers`` too, but which run them in their own way."""


def model_kind(entry: FrozenDict) -> str | None:
    """Whether a document entry is a functional or Sequential model, of whatever class; None for a plain layer."""
    config = entry.get("config")
    if isinstance(config, FrozenDict):
        if "layers" not in config:
            return None
        if "input_layers" in config and "output_layers" in config:
            return "functional"
        items, class_name = config["layers"], str(entry.get("class_name"))
        if class_name in _NOT_MODELS or type(items) is not tuple:
            return None
        if class_name.endswith("Sequential") or ("build_input_shape" in config and all(map(_is_entry, items))):
            return "sequential"
        return None
    return "sequential" if type(config) is tuple and entry.get("class_name") == "Sequential" else None


def _is_entry(item: Any) -> bool:
    return isinstance(item, FrozenDict) and "class_name" in item


def no_graph(document: FrozenDict) -> DocumentError:
    """How the class runs what its config holds is code too; but a model in there has a graph, and can be cut by itself."""
    held = _held_models(document["config"])
    name = document["class_name"]
    if not held:
        return DocumentError(
            f"{name} keeps its graph in code, or is a single layer: its config has no layers",
            code="document-no-graph",
            where="config",
            hint="let the library of a functional class write its graph (`configsplit expand MODEL --library PACKAGE`); any "
            "other subclassed model can only be cut live, where Keras can trace it",
        )
    attribute = held[0].partition(".")[0].partition("[")[0]
    return DocumentError(
        f"{name} keeps its graph in code: its config holds the models {', '.join(held)}, but not how they are called",
        code="document-no-graph",
        where="config",
        hint=f"cut such a model by itself: in Keras, model.{attribute}.save('{attribute}.keras') and cut that file, or "
        f"configsplit.keras.split(model.{attribute}, at=...)",
    )


def _held_models(config: Any) -> list[str]:
    """Where in a config functional and Sequential models stand, outermost ones only."""
    held: list[str] = []
    todo: list[tuple[Any, str]] = [(config, "")]
    while todo:
        item, where = todo.pop()
        if isinstance(item, FrozenDict) and "class_name" in item and model_kind(item) is not None:
            held.append(where)
        elif isinstance(item, FrozenDict):
            todo += [(value, f"{where}.{key}".lstrip(".")) for key, value in reversed(item.items())]
        elif type(item) is tuple:
            todo += [(value, f"{where}[{index}]") for index, value in reversed(list(enumerate(item)))]
    return held
