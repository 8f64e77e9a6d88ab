"""Layers of Keras in the configs of classes that nobody has declared, as wrappers and recurrent layers have them: they are
converted by their own rules, and their weights are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import configsplit


def cell(frame: Any) -> Any:
    class Minimal(frame.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int, **more: Any) -> None:
            super().__init__(**more)
            self.units = self.state_size = self.output_size = units

        def build(self, shape: Any) -> None:
            self.k = self.add_weight(name="k", shape=(shape[-1], self.units), initializer="zeros")
            self.r = self.add_weight(name="r", shape=(self.units, self.units), initializer="zeros")
            self.built = True

        def call(self, x: Any, states: Any) -> Any:
            new = tf.tanh(tf.matmul(x, self.k) + tf.matmul(states[0], self.r))
            return new, [new]

        def get_config(self) -> Any:
            return {**super().get_config(), "units": self.units}

    return Minimal


def classes(frame: Any) -> dict[str, Any]:
    class Residual(frame.layers.Wrapper):  # type: ignore[misc]
        def build(self, shape: Any = None) -> None:
            if not self.layer.built:
                self.layer.build(shape)
                self.layer.built = True
            self.built = True

        def call(self, x: Any) -> Any:
            return x + self.layer(x)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    class Doubled(Residual):
        def call(self, x: Any) -> Any:
            return self.layer(x) * 2.0

        def compute_output_shape(self, shape: Any) -> Any:
            return self.layer.compute_output_shape(shape)

    return {each.__name__: each for each in (Residual, Doubled, cell(frame))}


def chain(frame: Any, start: Any, *layers: Any) -> Any:
    flow = start
    for layer in layers:
        flow = layer(flow)
    model = frame.Model(start, flow)
    chance = np.random.default_rng(5)
    model.set_weights([chance.uniform(-0.9, 0.9, each.shape).astype("float32") for each in model.get_weights()])
    return model


def recurrent(frame: Any) -> Any:
    layers, made = frame.layers, classes(frame)
    held = made["Residual"](layers.LSTM(4, return_sequences=True))
    return chain(frame, frame.Input((5, 4)), held, made["Residual"](layers.Dense(4)), layers.LSTM(3))


def looked_up(frame: Any) -> Any:
    layers, made = frame.layers, classes(frame)
    return chain(frame, frame.Input((5,)), made["Doubled"](layers.Embedding(9, 4)), layers.LSTM(3))


def stacked(frame: Any) -> Any:
    layers, made = frame.layers, classes(frame)
    return chain(frame, frame.Input((5, 4)), layers.RNN([made["Minimal"](4), layers.LSTMCell(4)]), layers.Dense(2))


def both_ways(frame: Any) -> Any:
    layers, made = frame.layers, classes(frame)
    return chain(frame, frame.Input((5, 4)), layers.Bidirectional(layers.RNN(made["Minimal"](3))), layers.Dense(2))


TO_KERAS3: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a recurrent layer in an archive": (recurrent, "keras"),
    "what begins a model, in an archive": (looked_up, "keras"),
    "what begins a model": (looked_up, "h5"),
    "a cell beside a known one": (stacked, "keras"),
    "a cell run both ways": (both_ways, "h5"),
}


def held(path: Path, frame: Any, wanted: Any, batch: Any) -> None:
    again = frame.models.load_model(path, custom_objects=classes(frame), compile=False)
    np.testing.assert_allclose(np.asarray(again(batch, training=False)), np.asarray(wanted), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", TO_KERAS3)
def test_it_goes_into_keras_3(kind: str, tmp_path: Path) -> None:
    make, suffix = TO_KERAS3[kind]
    model = make(tf_keras)
    model.save(path := tmp_path / f"old.{suffix}")
    configsplit.convert(path).save(tmp_path / "new.keras")
    batch = np.arange(5 * (4 if len(model.input.shape) == 3 else 1), dtype="float32").reshape(1, *model.input.shape[1:]) % 8
    held(tmp_path / "new.keras", keras, model(batch, training=False), batch)


@pytest.mark.parametrize("make", [recurrent, looked_up])
def test_it_goes_back_to_keras_2(make: Callable[[Any], Any], tmp_path: Path) -> None:
    model = make(keras)
    model.save(path := tmp_path / "new.keras")
    configsplit.convert(path, to="keras2").save(tmp_path / "old.h5")
    batch = np.arange(5 * (4 if len(model.input.shape) == 3 else 1), dtype="float32").reshape(1, *model.input.shape[1:]) % 8
    held(tmp_path / "old.h5", tf_keras, model(batch, training=False), batch)


def test_a_name_that_keras_2_has_too_is_said(tmp_path: Path) -> None:
    class ELU(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 5.0

    chain(keras, keras.Input((3,)), keras.layers.Dense(2), ELU(name="own"), keras.layers.ELU()).save(
        path := tmp_path / "new.keras"
    )
    notes = [note for note in configsplit.convert(path, to="keras2").notes if "custom_objects" in note.what]
    assert [note.layer for note in notes] == ["own"]
