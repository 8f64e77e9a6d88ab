"""Layers that do one plain operation on one tensor, in the spelling of each generation of Keras that has such layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Node, Use


def cast(dialect: str, name: str, use: Use, dtype: str) -> Layer:
    """A layer that casts a tensor; in Keras 2 one that TF 2.4 and later read."""
    if dialect == "keras3":
        return _keras3("core", "Cast", name, use, {"dtype": dtype})
    return _keras2("cast", name, use, {"dtype": dtype, "name": None})


def squeeze(dialect: str, name: str, use: Use) -> Layer:
    """A layer that takes away the last axis, which is of size 1."""
    if dialect == "keras3":
        return _keras3("numpy", "Squeeze", name, use, {"axis": -1})
    return _keras2("compat.v1.squeeze", name, use, {"axis": -1, "name": None})


def expand(dialect: str, name: str, use: Use) -> Layer:
    """A layer that puts an axis of size 1 behind the last one."""
    if dialect == "keras3":
        return _keras3("numpy", "ExpandDims", name, use, {"axis": -1})
    return _keras2("expand_dims", name, use, {"axis": -1, "name": None})


def _keras3(module: str, class_name: str, name: str, use: Use, config: Mapping[str, Any]) -> Layer:
    entry: dict[str, Any] = {
        "module": f"keras.src.ops.{module}",
        "class_name": class_name,
        "config": FrozenDict(config),
        "registered_name": class_name,
        "name": name,
        "inbound_nodes": None,
    }
    return Layer(name=name, class_name=class_name, entry=FrozenDict(entry), calls=(Node((use,)),))


def _keras2(function: str, name: str, use: Use, arguments: Mapping[str, Any]) -> Layer:
    """Entries without ``module`` are read by every release since TF 2.4."""
    config = FrozenDict({"name": name, "trainable": True, "dtype": "float32", "function": function})
    entry = FrozenDict({"class_name": "TFOpLambda", "config": config, "name": name, "inbound_nodes": None})
    return Layer(name=name, class_name="TFOpLambda", entry=entry, calls=(Node((use,), FrozenDict(arguments), "bare"),))
