"""Small models of Keras 2, saved by tf_keras as HDF5 and as SavedModels; values are drawn, so that no two weights are alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras
from tf_keras import layers


class Doubling(layers.Layer):
    """A class of nobody: one layer in another, and a weight of its own that is not trained."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = layers.Dense(3)

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight("factor", (3,), trainable=False)

    def call(self, x: Any) -> Any:
        return self.inner(x) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "trainable": True, "dtype": "float32"}


class Counting(layers.Layer):
    """Keeps its weights twice, as Normalization does in TF 2.3 to 2.5."""

    def build(self, shape: Any) -> None:
        width = (shape[-1],)
        self.mean = self.add_weight("mean", width, trainable=False)
        self.variance = self.add_weight("variance", width, trainable=False)
        self.count = self.add_weight("count", (), trainable=False)
        self.state_variables = {"count": self.count, "mean": self.mean, "variance": self.variance}

    def call(self, x: Any) -> Any:
        return (x - self.mean) / (self.variance + self.count)


def _sequence(*row: Any, shape: tuple[int, ...], name: str = "model") -> Any:
    return tf_keras.Sequential([tf_keras.Input(shape, name="x"), *row], name=name)


def _nested() -> Any:
    inner = _sequence(layers.Dense(3, name="a"), layers.BatchNormalization(name="b"), layers.Dense(3, name="c"), shape=(3,))
    inner._name = "inner"
    shared, x = layers.Dense(3, name="shared"), tf_keras.Input((3,), name="x")
    inner.layers[0].trainable = False
    out = layers.Add(name="add")([shared(inner(x)), shared(x)])
    return tf_keras.Model(x, layers.Dense(2, name="out")(inner(out)), name="model")


def _recurrent() -> Any:
    cells = [layers.LSTMCell(2, name="one"), layers.GRUCell(3, name="two")]
    return _sequence(
        layers.Embedding(5, 4, mask_zero=True, name="words"),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both"),
        layers.GRU(3, return_sequences=True, name="gru"),
        layers.RNN(cells, name="stack"),
        layers.Dense(1, name="out"),
        shape=(4,),
    )


def _attention() -> Any:
    x = tf_keras.Input((4, 3), name="x")
    y = layers.LayerNormalization(name="norm")(layers.MultiHeadAttention(2, 2, name="mha")(x, x))
    return tf_keras.Model(x, layers.Dense(2, name="out")(y), name="model")


def _wrapped() -> Any:
    inner = _sequence(layers.Dense(3, name="u"), layers.BatchNormalization(name="v"), shape=(2,), name="inside")
    steps = layers.TimeDistributed(layers.BatchNormalization(), name="steps")
    return _sequence(steps, layers.TimeDistributed(inner, name="models"), layers.Dense(1, name="out"), shape=(3, 2))


def _images() -> Any:
    return _sequence(
        layers.SeparableConv2D(1, 1, name="apart"),
        layers.Conv2D(3, 2, use_bias=False, name="conv"),
        layers.BatchNormalization(scale=False, name="norm"),
        layers.PReLU(name="relu"),
        layers.Flatten(name="flat"),
        layers.Dense(2, name="out"),
        shape=(4, 4, 1),
    )


def _custom() -> Any:
    return _sequence(layers.Dense(3, name="first"), Doubling(name="double"), layers.Dense(2, name="out"), shape=(3,))


def _counting() -> Any:
    return _sequence(layers.Dense(3, name="first"), Counting(name="norm"), layers.Dense(2, name="out"), shape=(3,))


MODELS: dict[str, Callable[[], Any]] = {
    "nested": _nested,
    "recurrent": _recurrent,
    "attention": _attention,
    "wrapped": _wrapped,
    "images": _images,
    "custom": _custom,
}
KEPT_TWICE = "kept twice"


def made(name: str) -> Any:
    """One of `MODELS`, or that of a layer that keeps its weights twice, with values."""
    tf_keras.backend.clear_session()
    model, draw = {**MODELS, KEPT_TWICE: _counting}[name](), np.random.default_rng(17)
    for weight in model.weights:
        weight.assign(draw.uniform(0.1, 1, weight.shape))
    return model


def saved(model: Any, folder: Path, *, traces: bool) -> tuple[Path, Path]:
    """The model as ``.h5`` and as a SavedModel; without ``traces`` layers list no weights in it."""
    model.save(folder / "its.h5")
    model.save(folder / "ours", save_format="tf", save_traces=traces)
    return folder / "its.h5", folder / "ours"
