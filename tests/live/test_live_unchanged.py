"""What is looked at alive stays as it was: weights, moving averages, counters and generators of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import configsplit.keras as live

Make = Callable[[Any, Any], Any]


def eager_to_train(keras: Any) -> Any:
    """A layer that trains unless it is told not to, counts its calls, and draws random numbers, as libraries write them."""

    class Eager(keras.layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.norm = keras.layers.BatchNormalization(momentum=0.5)
            self.drop = keras.layers.Dropout(0.5, seed=1)

        def build(self, shape: Any) -> None:
            self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
            self.norm.build(shape)
            self.built = True

        def call(self, x: Any, training: bool = True) -> Any:
            self.count.assign_add(1.0)
            return self.drop(self.norm(x, training=training), training=training)

        def get_config(self) -> dict[str, Any]:
            return super().get_config()

    return Eager


def trains_behind_resizing(keras: Any) -> Any:
    """A layer that says nothing of training, as that of DeepLab: Resizing trains by default, and so does what is behind it."""

    class Pooling(keras.layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.norm = keras.layers.BatchNormalization(momentum=0.5)
            self.size = keras.layers.Resizing(1, 4)

        def build(self, shape: Any) -> None:
            self.norm.build(shape)
            self.built = True

        def call(self, x: Any) -> Any:
            return self.norm(self.size(x[:, None, :, None])[:, 0, :, 0])

        def get_config(self) -> dict[str, Any]:
            return super().get_config()

    return Pooling


def functional(keras: Any, layer: Any) -> Any:
    row = keras.Input((4,), name="row")
    x = keras.layers.Dense(4, name="stem")(row)
    return keras.Model(row, keras.layers.Dense(2, name="head")(layer(name="eager")(x)), name="model")


def hiding(keras: Any, layer: Any) -> Any:
    class Built(keras.Model):
        def __init__(self, width: int) -> None:
            row = keras.Input((4,), name="row")
            x = layer(name="eager")(keras.layers.Dense(width, name="stem")(row))
            super().__init__(row, keras.layers.Dense(2, name="head")(x), name="built")
            self.width = width

        def get_config(self) -> dict[str, Any]:
            return {"width": self.width}

    return Built(4)


def subclassed(keras: Any, layer: Any) -> Any:
    class Written(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="written")
            self.stem = keras.layers.Dense(4, name="stem")
            self.eager = layer(name="eager")
            self.head = keras.layers.Dense(2, name="head")

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.head(self.eager(self.stem(x), training=training))

    model = Written()
    model(np.ones((2, 4), "float32"), training=False)
    return model


def state(model: Any) -> list[bytes]:
    """Of every variable, those of generators among them, which are no weights."""
    return [np.asarray(each).tobytes() for each in model.variables if hasattr(each, "shape")]


MADE = [
    (functional, eager_to_train),
    (hiding, eager_to_train),
    (subclassed, eager_to_train),
    (functional, trains_behind_resizing),
    (hiding, trains_behind_resizing),
]


@pytest.mark.parametrize(("make", "layer"), MADE)
def test_no_verb_changes_the_model_that_it_looks_at(make: Make, layer: Callable[[Any], Any], keras: Any) -> None:
    model = make(keras, layer(keras))
    before = state(model)
    parts = live.split(model, "stem")
    assert state(model) == before
    live.verify(parts, numeric=True)
    live.cuts(model)
    live.extract(model, to="eager")
    assert state(model) == before
    given = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    whole = np.asarray(model(given, training=False))
    assert np.asarray(parts[1](parts[0](given, training=False), training=False)).tobytes() == whole.tobytes()
