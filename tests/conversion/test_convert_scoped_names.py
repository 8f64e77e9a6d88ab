"""Weights of a custom layer whose names carry a scope: its own, or those of a layer inside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import configsplit
from configsplit.catalog.keras3.places import WEIGHT_NAMES

ROWS = np.linspace(-1, 1, 12, dtype="float32").reshape(2, 6)


class Old(tf_keras.layers.Layer):
    """Has two weights of its own, made below ``scopes``."""

    scopes: tuple[str, ...] = ()

    def build(self, shape: Any) -> None:
        with tf.name_scope("/".join(self.scopes)) if self.scopes else nullcontext():
            self.first = self.add_weight("w", (shape[-1], 3), initializer="random_normal")
        self.second = self.add_weight("shift", (3,), initializer="random_normal")
        super().build(shape)

    def call(self, given: Any) -> Any:
        return tf.matmul(given, self.first) + self.second


class New(keras.layers.Layer):
    def build(self, shape: Any) -> None:
        self.first = self.add_weight(name="w", shape=(shape[-1], 3))
        self.second = self.add_weight(name="shift", shape=(3,))

    def call(self, given: Any) -> Any:
        return keras.ops.matmul(given, self.first) + self.second


class Holds(tf_keras.layers.Layer):
    """Holds a layer of its own."""

    inner: Any = None

    def build(self, shape: Any) -> None:
        self.inside = self.inner()
        super().build(shape)

    def call(self, given: Any) -> Any:
        return self.inside(given)


def saved(place: Path, layer: Any, nested: bool = False) -> Any:
    given = tf_keras.Input((6,))
    if nested:
        inner = tf_keras.Input((6,))
        layer = tf_keras.Model(inner, layer(inner), name="nested")
    model = tf_keras.Model(given, layer(given))
    model.save(place)
    return model


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("scopes", [(), ("phi",), ("my", "phi"), ("my", "phi", "rho_e_to_v"), ("my_1", "phi")])
def test_a_scope_is_no_layer(scopes: tuple[str, ...], nested: bool, tmp_path: Path) -> None:
    before, ported = type("Mine", (Old,), {"scopes": scopes}), type("Mine", (New,), {})
    old = saved(tmp_path / "old.h5", before(name="my"), nested)
    made = configsplit.convert(tmp_path / "old.h5")
    assert [note.layer for note in made.notes if "scope" in note.what] == (
        ["nested/my" if nested else "my"] if scopes[-1:] != () else []
    )
    made.save(tmp_path / "new.keras")
    new = keras.saving.load_model(tmp_path / "new.keras", custom_objects={"Mine": ported})
    assert np.allclose(new(ROWS), old(ROWS), atol=1e-6)


@pytest.mark.parametrize(
    "inner", [lambda: tf_keras.layers.Dense(3, name="phi"), lambda: Old(name="old_1"), lambda: tf_keras.layers.PReLU(name="a")]
)
def test_a_layer_inside_is_none_of_its_own_weights(inner: Any, tmp_path: Path) -> None:
    layer = Holds(name="my")
    layer.inner = inner
    saved(tmp_path / "old.h5", layer)
    assert [each.code for each in configsplit.convert(tmp_path / "old.h5").refusals] == ["convert-weights-unknown"]


MADE: dict[str, Callable[[Any], Any]] = {
    "Dense": lambda of: of.layers.Dense(3)(of.Input((4,))),
    "Conv2D": lambda of: of.layers.Conv2D(3, 2)(of.Input((5, 5, 2))),
    "SeparableConv1D": lambda of: of.layers.SeparableConv1D(3, 2)(of.Input((5, 2))),
    "BatchNormalization": lambda of: of.layers.BatchNormalization()(of.Input((4,))),
    "PReLU": lambda of: of.layers.PReLU()(of.Input((4,))),
    "Embedding": lambda of: of.layers.Embedding(9, 2)(of.Input((4,), dtype="int32")),
    "GRU": lambda of: of.layers.GRU(3)(of.Input((5, 2))),
    "Normalization": lambda of: of.layers.Normalization()(of.Input((4,))),
    "AdditiveAttention": lambda of: of.layers.AdditiveAttention()([of.Input((5, 2)), of.Input((5, 2))]),
}


@pytest.mark.parametrize("framework", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_keras_calls_its_weights_so(framework: Any) -> None:
    found = set()
    for name, made in MADE.items():
        ends = made(framework)
        model = framework.Model(framework.utils.get_source_inputs(ends), ends)
        layer = next(layer for layer in model.layers if type(layer).__name__ == name)
        found |= {weight.name.split("/")[-1].split(":")[0] for weight in layer.weights}
    assert found <= WEIGHT_NAMES
    assert len(found) == 15
