"""Models of Keras 3 that files lose something of on the way from one layout to another, each with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras.src.applications.convnext import LayerScale

MADE: dict[str, Callable[[], Any]] = {}


def model(make: Callable[[], Any]) -> Callable[[], Any]:
    MADE[make.__name__] = make
    return make


def inner(name: str, width: int = 4) -> Any:
    x = layers.Input((width,), name=f"{name}_in")
    y = layers.BatchNormalization(name=f"{name}_bn")(layers.Dense(4, name=f"{name}_fc")(x))
    return keras.Model(x, layers.Dense(4, name=f"{name}_out")(y), name=name)


@model
def operations() -> Any:
    x = layers.Input((4, 3))
    y = layers.Dense(3, name="d")(ops.exp(-x) / 2 + 1)
    y = ops.concatenate([y, ops.zeros_like(y, dtype="float32"), ops.cast(y > 0, "float32")], axis=-1)
    y = ops.where(ops.isclose(y, y * 2, equal_nan=True), y, ops.full_like(y, 2.0))
    return keras.Model(x, ops.einsum("bij,bkj->bik", y, y[:, ::-1]))


@model
def masks() -> Any:
    x = layers.Input((6,), dtype="int32")
    y = layers.Embedding(9, 4, mask_zero=True)(x)
    return keras.Model(x, layers.GRU(3)(layers.LSTM(4, return_sequences=True)(y)))


@model
def scales() -> Any:
    x = layers.Input((8, 8, 3))
    y = LayerScale(1e-1, 3, name="scale")(layers.DepthwiseConv2D(3, padding="same")(x))
    return keras.Model(x, layers.GlobalAveragePooling2D()(x + ops.relu6(y)))


@model
def wrappers() -> Any:
    x = layers.Input((5, 4))
    y = layers.TimeDistributed(inner("each"), name="td")(x)
    y = layers.TimeDistributed(layers.Dense(4))(y)
    y = layers.Bidirectional(layers.GRU(4, return_sequences=True))(y)
    y = layers.RNN([layers.LSTMCell(4), layers.GRUCell(4)], return_sequences=True)(y)
    return keras.Model(x, layers.Bidirectional(layers.LSTM(2), backward_layer=layers.GRU(2, go_backwards=True))(y))


@model
def attention() -> Any:
    x, z = layers.Input((5, 8)), layers.Input((3, 8))
    y = layers.MultiHeadAttention(2, 4)(x, z)
    y = layers.GroupQueryAttention(4, 4, 2)(y, z)
    y = layers.Attention(use_scale=True)([y, z])
    return keras.Model([x, z], layers.AdditiveAttention()([y, z]))


@model
def spectral() -> Any:
    x = layers.Input((6, 6, 2))
    y = layers.SpectralNormalization(layers.Conv2D(3, 3))(x)
    return keras.Model(x, layers.SpectralNormalization(layers.Dense(3))(layers.Flatten()(y)))


@model
def normalized() -> Any:
    x = layers.Input((4,))
    y = layers.Normalization()(x)
    y = layers.GroupNormalization(2)(layers.UnitNormalization()(y))
    return keras.Model(x, layers.PReLU()(layers.RMSNormalization()(layers.LayerNormalization()(y))))


@model
def nested() -> Any:
    x, z = layers.Input((4,), name="x"), layers.Input((4,), name="z")
    twice, frozen = inner("twice"), inner("frozen")
    frozen.trainable = False
    partly = keras.Sequential([layers.Input((4,)), inner("deep"), layers.BatchNormalization(), layers.Dense(4)], name="partly")
    partly.layers[0].get_layer("deep_bn").trainable = False
    y = layers.Add()([twice(x), frozen(twice(z))])
    return keras.Model({"a": x, "b": z}, {"one": partly(y), "two": twice(ops.tanh(y))})


@model
def sequence() -> Any:
    return keras.Sequential(
        [layers.Input((4,)), inner("first"), layers.Dense(4, name="z"), layers.Dense(4, name="a"), inner("last")], name="outer"
    )


@model
def numbered() -> Any:
    """Classes and names that contradict the numbers of groups; a layer that is called before an earlier one."""
    x = layers.Input((4,))
    late = layers.Dense(4, name="dense")
    y = layers.Dense(4, name="dense_2")(layers.Dense(4, name="dense_1")(x))
    return keras.Model(x, [late(y), layers.Dense(4, name="dense_10")(late(x))])


@model
def halves() -> Any:
    x = layers.Input((4,))
    y = layers.Dense(4, dtype="mixed_float16")(x)
    return keras.Model(x, layers.Dense(3, dtype="float64")(y))


@keras.saving.register_keras_serializable(package="tests")
class Shifted(layers.Layer):
    """Weights of its own of both kinds, made in turn."""

    def build(self, shape: Any) -> None:
        self.first = self.add_weight(shape=shape[-1:], name="first", trainable=False)
        self.second = self.add_weight(shape=shape[-1:], name="second")
        self.third = self.add_weight(shape=shape[-1:], name="third")

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return x * self.second + self.third - self.first * 2


@model
def own_class() -> Any:
    x = layers.Input((4,))
    return keras.Model(x, layers.TimeDistributed(Shifted())(layers.Reshape((2, 2))(Shifted(name="shift")(x))))


def filled(name: str) -> Any:
    """A model with numbers for every weight, positive for variances."""
    keras.backend.clear_session()
    made = MADE[name]()
    for number, weight in enumerate(made.weights):
        values = np.random.default_rng(number).normal(0, 0.5, weight.shape)
        weight.assign(np.abs(values) + 0.1 if "variance" in weight.path else values)
    for layer in made.layers:
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()  # it computes with copies
    return made


def run(made: Any) -> list[np.ndarray[Any, Any]]:
    """What a model gives for the same numbers every time."""
    rng = np.random.default_rng(5)
    given = []
    for tensor in made.inputs:
        shape = (3, *tensor.shape[1:])
        given.append(rng.integers(0, 9, shape) if "int" in str(tensor.dtype) else rng.normal(size=shape).astype("float32"))
    whole = getattr(made, "_functional", made)  # a Sequential is a functional model inside
    found = made(keras.tree.pack_sequence_as(whole._inputs_struct, given), training=False)
    return [np.asarray(each) for each in keras.tree.flatten(found)]


def same(one: list[np.ndarray[Any, Any]], other: list[np.ndarray[Any, Any]]) -> bool:
    told = [[(each.shape, each.dtype, each.tobytes()) for each in found] for found in (one, other)]
    return told[0] == told[1]


def loaded(path: Path) -> Any:
    return keras.models.load_model(path, compile=False)
