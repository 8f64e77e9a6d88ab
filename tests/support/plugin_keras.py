"""The real classes behind `plugins` for Keras 3, as the files of the corpus need them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

Dense = keras.layers.Dense


class Scale(keras.layers.Layer):
    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, shape: Any) -> None:
        size = (int(shape[self.axis]),)
        self.gamma = self.add_weight(name="gamma", shape=size, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=size, initializer="zeros")

    def call(self, x: Any) -> Any:
        return x * self.gamma + self.beta

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class RegScale(Scale):
    pass


class KwAdd(keras.layers.Layer):
    def call(self, x: Any, scale: Any = None, extras: Any = None, shift: float = 0.0, names: Any = ("a",)) -> Any:
        y = x
        if scale is not None:
            y = y * scale
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
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = Dense(units)
        self.stack = [Dense(units), Dense(units), keras.layers.LayerNormalization()]
        self.table = {"b": Dense(units), "a": Dense(units)}
        self.pair = (Dense(units, name="named_in_tuple"), Dense(units))
        self.seq = keras.Sequential([Dense(units), Dense(units)])

    def build(self, shape: Any) -> None:
        self.own = self.add_weight(name="own", shape=(self.units,))
        self.first.build(shape)
        inner = (*shape[:-1], self.units)
        for layer in [*self.stack, self.table["a"], self.table["b"], *self.pair, self.seq]:
            layer.build(inner)

    def call(self, x: Any) -> Any:
        x = self.first(x)
        for layer in [*self.stack, *(self.table[key] for key in sorted(self.table)), *self.pair]:
            x = layer(x)
        return self.seq(x) + self.own

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Block2(keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.grid = [[Dense(3), Dense(3)], [Dense(3)]]
        self.table = {"b": [Dense(3)], "a": [Dense(3)]}

    def build(self, shape: Any) -> None:
        for row in [*self.grid, *self.table.values()]:
            for layer in row:
                layer.build(shape)

    def call(self, x: Any) -> Any:
        for row in self.grid:
            for layer in row:
                x = layer(x)
        return self.table["b"][0](self.table["a"][0](x))

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class HTTPServer2DLayer(keras.layers.Layer):
    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(int(shape[-1]),))

    def call(self, x: Any) -> Any:
        return x + self.w


class OwnStore(keras.layers.Layer):
    """Stores its weight under a name of its own, something that is no weight beside it, and an asset."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(int(shape[-1]),), initializer="ones")

    def call(self, x: Any) -> Any:
        return x * self.w

    def save_own_variables(self, store: Any) -> None:
        store["my_special_name"] = np.asarray(ops.convert_to_numpy(self.w))
        store["extra"] = np.arange(3)

    def load_own_variables(self, store: Any) -> None:
        self.w.assign(store["my_special_name"])

    def save_assets(self, folder: str) -> None:
        Path(folder, "note.txt").write_text("hello")

    def load_assets(self, folder: str) -> None:
        assert Path(folder, "note.txt").read_text() == "hello"

    def get_build_config(self) -> dict[str, Any]:
        return {"input_shape": [None, int(self.w.shape[0])], "note": 1}

    def build_from_config(self, config: dict[str, Any]) -> None:
        self.build(config["input_shape"])


def reg_act(x: Any) -> Any:
    return ops.relu(x) * 2.0


def named_fn(x: Any, k: float = 1.0) -> Any:
    return x * k


FUNCTIONS = {"research>reg_act": reg_act, "reg_act": reg_act, "named_fn": named_fn}
