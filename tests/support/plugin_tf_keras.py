"""The real classes behind `plugins` for tf_keras, as the files of the corpus need them."""

from __future__ import annotations

from typing import Any

import tf_keras

Dense = tf_keras.layers.Dense


class Scale(tf_keras.layers.Layer):
    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, shape: Any) -> None:
        size = (int(shape[self.axis]),)
        self.gamma = self.add_weight(name="gamma", shape=size, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=size, initializer="zeros")
        super().build(shape)

    def call(self, x: Any) -> Any:
        return x * self.gamma + self.beta

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class RegScale(Scale):
    pass


class KwAdd(tf_keras.layers.Layer):
    def call(self, x: Any, scale: Any = None, extras: Any = None, shift: float = 0.0, names: Any = ("a",)) -> Any:
        y = x
        if scale is not None:
            y = y * scale
        for key in sorted(extras or {}):
            value = extras[key]
            for tensor in value if isinstance(value, (list, tuple)) else [value]:
                y = y + tensor
        return y + shift

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class TwoArg(tf_keras.layers.Layer):
    def call(self, x: Any, y: Any = None, c: float = 1.0) -> Any:
        return (x if y is None else x + y) * c

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class Block(tf_keras.layers.Layer):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = Dense(units)
        self.stack = [Dense(units), Dense(units)]
        self.table = {"b": Dense(units), "a": Dense(units)}

    def call(self, x: Any) -> Any:
        x = self.first(x)
        for layer in [*self.stack, *(self.table[key] for key in sorted(self.table))]:
            x = layer(x)
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return (*tuple(shape)[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Block2(tf_keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.grid = [[Dense(3), Dense(3)], [Dense(3)]]
        self.table = {"b": [Dense(3)], "a": [Dense(3)]}

    def call(self, x: Any) -> Any:
        for row in self.grid:
            for layer in row:
                x = layer(x)
        return self.table["b"][0](self.table["a"][0](x))

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class HTTPServer2DLayer(tf_keras.layers.Layer):
    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(int(shape[-1]),))
        super().build(shape)

    def call(self, x: Any) -> Any:
        return x + self.w


class OwnStore(tf_keras.layers.Layer):
    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(int(shape[-1]),), initializer="ones")
        super().build(shape)

    def call(self, x: Any) -> Any:
        return x * self.w


def reg_act(x: Any) -> Any:
    return tf_keras.backend.relu(x) * 2.0


def named_fn(x: Any, k: float = 1.0) -> Any:
    return x * k


FUNCTIONS = {"research>reg_act": reg_act, "reg_act": reg_act, "named_fn": named_fn}
