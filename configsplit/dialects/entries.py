"""Which entries of a document are models, whatever their class; and why a document is none."""

from __future__ import annotations

from typing import Any

from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict

_NOT_MODELS = frozenset({"Pipeline", "StackedRNNCells", "RandomApply", "RandomChoice", "AugMix"})
"""Layers whose config has ``layers`` too, but which run them in their own way."""


def model_kind(entry: FrozenDict) -> str | None:
    """Whether a document entry is a functional or Sequential model, of whatever class; None for a plain layer."""
    config, class_name = entry.get("config"), str(entry.get("class_name"))
    if isinstance(config, FrozenDict):
        if {"layers", "input_layers", "output_layers"} <= config.keys():
            return "functional"
        items = config.get("layers")
        if class_name in _NOT_MODELS or type(items) is not tuple:
            return None
        if class_name.endswith("Sequential") or ("build_input_shape" in config and all(map(_is_entry, items))):
            return "sequential"
        return None
    return "sequential" if type(config) is tuple and class_name == "Sequential" else None


def _is_entry(item: Any) -> bool:
    return isinstance(item, FrozenDict) and "class_name" in item


def no_graph(document: FrozenDict) -> DocumentError:
    """How the class runs what its config holds is code too; but a model in there has a graph, and can be cut by itself."""
    held = _held_models(document["config"])
    name = document["class_name"]
    if not held:
        return DocumentError(
            f"{name} keeps its graph in code: its config has no layers",
            code="document-no-graph",
            where="config",
            hint="let the library of a functional class write its graph (`configsplit expand MODEL --library PACKAGE`); any "
            "other subclassed model can only be cut live, where Keras can trace it",
        )
    attribute = held[0].partition(".")[0].partition("[")[0]
    return DocumentError(
        f"{name} keeps its graph in code: its config holds the models {', '.join(held)}, but not how they are run",
        code="document-no-graph",
        where="config",
        hint=f"cut such a model by itself: in Keras, model.{attribute}.save('{attribute}.keras') and cut that file, or "
        f"configsplit.keras.split(model.{attribute}, at=...)",
    )


def _held_models(config: Any) -> list[str]:
    """Where in a config functional and Sequential models stand, outermost ones only."""
    found: list[str] = []
    todo: list[tuple[Any, str]] = [(config, "")]
    while todo:
        item, where = todo.pop()
        if isinstance(item, FrozenDict) and "class_name" in item and model_kind(item) is not None:
            found.append(where)
        elif isinstance(item, FrozenDict):
            todo += [(value, f"{where}.{key}".lstrip(".")) for key, value in reversed(item.items())]
        elif type(item) is tuple:
            todo += [(value, f"{where}[{index}]") for index, value in reversed(list(enumerate(item)))]
    return found
