"""The real classes behind `converted_plugins` for Keras 3: custom layers and functions of the Keras 1 and 2 generators."""

from __future__ import annotations

from typing import Any

import keras
from plugin_keras import KwAdd, RegScale, TwoArg, named_fn, reg_act

__all__ = ["FUNCTIONS", "Block", "Block2", "KwAdd", "RegScale", "TwoArg"]

Dense = keras.layers.Dense


class Block(keras.layers.Layer):
    """Sublayers in an attribute, a list and a dict."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = Dense(units)
        self.stack = [Dense(units), Dense(units)]
        self.table = {"b": Dense(units), "a": Dense(units)}

    def build(self, shape: Any) -> None:
        self.first.build(shape)
        for layer in [*self.stack, *self.table.values()]:
            layer.build((*shape[:-1], self.units))

    def call(self, x: Any) -> Any:
        for layer in [self.first, *self.stack, *(self.table[key] for key in sorted(self.table))]:
            x = layer(x)
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Block2(keras.layers.Layer):
    """Sublayers in a list of lists and in a dict of lists."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.grid = [[Dense(3), Dense(3)], [Dense(3)]]
        self.table = {"b": [Dense(3)], "a": [Dense(3)]}

    def build(self, shape: Any) -> None:
        for row in [*self.grid, *self.table.values()]:
            for layer in row:
                layer.build(shape)

    def call(self, x: Any) -> Any:
        for layer in [*(layer for row in self.grid for layer in row), self.table["a"][0], self.table["b"][0]]:
            x = layer(x)
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def twice_and_one(x: Any) -> Any:
    return x * 2.0 + 1.0


def difference(pair: Any) -> Any:
    return pair[0] - pair[1]


FUNCTIONS = {
    "research>reg_act": reg_act,
    "reg_act": reg_act,
    "named_fn": named_fn,
    "twice_and_one": twice_and_one,
    "difference": difference,
}
