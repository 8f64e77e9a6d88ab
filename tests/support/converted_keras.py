"""The real classes behind `converted_plugins` for Keras 3: custom layers and functions of the Keras 1 and 2 generators."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Dense = keras.layers.Dense


class RegScale(keras.layers.Layer):
    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, shape: Any) -> None:
        size = (int(shape[self.axis]),)
        self.gamma = self.add_weight(name="gamma", shape=size, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=size, initializer="zeros")

    def call(self, x: Any) -> Any:
        return x * self.gamma + self.beta

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class KwAdd(keras.layers.Layer):
    def call(self, x: Any, scale: Any = None, extras: Any = None, shift: float = 0.0, names: Any = ("a",)) -> Any:
        y = x if scale is None else x * scale
        for key in sorted(extras or {}):
            value = extras[key]
            for tensor in value if isinstance(value, (list, tuple)) else [value]:
                y = y + tensor
        return y + shift

    def compute_output_shape(self, shape: Any, *args: Any, **kwargs: Any) -> Any:
        return shape


class TwoArg(keras.layers.Layer):
    def call(self, x: Any, y: Any = None, c: Any = 1.0) -> Any:
        return (x if y is None else x + y) * c

    def compute_output_shape(self, shape: Any, *args: Any, **kwargs: Any) -> Any:
        return shape


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


def reg_act(x: Any) -> Any:
    return ops.relu(x) * 2.0


def named_fn(x: Any, k: float = 1.0) -> Any:
    return x * k


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
