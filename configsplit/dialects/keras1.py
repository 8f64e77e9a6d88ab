"""Keras 1.0 to 1.2: the grammar of Keras 2 with references of three elements and no keyword arguments."""

from __future__ import annotations

from dataclasses import replace

from configsplit.dialects.keras2 import KERAS2
from configsplit.ir.graph import Layer, TensorSpec
from configsplit.ir.values import FrozenDict


def input_entry(layer: Layer, modern: bool) -> FrozenDict:
    """The entry of a fresh InputLayer, with the keys of Keras 1.0."""
    spec = layer.spec or TensorSpec()
    config = {"batch_input_shape": spec.shape, "input_dtype": spec.dtype, "name": layer.name}
    return FrozenDict({"class_name": "InputLayer", "config": FrozenDict(config)})


KERAS1 = replace(KERAS2, name="keras1", title="Keras 1 (1.0 to 1.2)", input_entry=input_entry)
