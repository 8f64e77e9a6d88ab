"""Keras 1.0 to 1.2: the grammar of Keras 2 with references of three elements and no keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from configsplit.dialects import keras2
from configsplit.dialects.keras2 import KERAS2, SHORT
from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Node, TensorSpec


def input_entry(layer: Layer, modern: bool) -> FrozenDict:
    """The entry of a fresh InputLayer, with the keys of Keras 1.0."""
    spec = layer.spec or TensorSpec()
    config = {"batch_input_shape": spec.shape, "input_dtype": spec.dtype, "name": layer.name}
    return FrozenDict({"class_name": "InputLayer", "config": FrozenDict(config)})


def write_node(node: Node, bases: Mapping[str, int]) -> Any:
    """A call with references of three elements, wherever it came from."""
    if node.kwargs:
        message = f"Keras 1 has no keyword arguments, and a call has {', '.join(node.kwargs)}"
        raise DocumentError(message, code="document-bad-reference")
    return keras2.write_node(replace(node, form=SHORT), bases)


KERAS1 = replace(KERAS2, name="keras1", title="Keras 1 (1.0 to 1.2)", input_entry=input_entry, write_node=write_node)
