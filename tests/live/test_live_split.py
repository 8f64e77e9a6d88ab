"""Live models cut into live models: the same bits, and the original as it was."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import configsplit.keras
from configsplit.errors import TensorReferenceError


@pytest.fixture(params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    module = importlib.import_module(request.param)
    module.backend.clear_session()
    module.utils.set_random_seed(3)
    return module


def branching(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="c1")(image)
    y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, padding="same", name="c2")(x))
    inner_in = keras.Input((8, 8, 4), name="inner_in")
    inner = keras.Model(inner_in, layers.Dense(4, name="fc")(layers.Activation("relu", name="act")(inner_in)), name="inner")
    z = layers.Add(name="sum")([inner(x), y, inner(y)])
    return keras.Model(image, layers.Dense(2, name="out")(layers.Flatten(name="flat")(z)))


def forward(parts: tuple[Any, ...], value: np.ndarray) -> np.ndarray:
    """Each part takes what the one before gives; the first takes the image."""
    for part in parts:
        given = part(value)
        value = [np.asarray(item) for item in given] if isinstance(given, (list, tuple)) else np.asarray(given)
    return np.asarray(value)


@pytest.mark.parametrize("at", ["c2", "bn", "sum", "inner@1/act"])
def test_the_parts_compute_what_the_whole_computes(keras: Any, at: str) -> None:
    model = branching(keras)
    value = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    parts = configsplit.keras.split(model, at, boundary="early" if at == "c2" else "smallest")
    assert len(parts) == 2
    assert forward(parts, value).tobytes() == np.asarray(model(value)).tobytes()


def test_the_original_is_not_touched(keras: Any) -> None:
    model = branching(keras)
    before = model.to_json(), [value.copy() for value in model.get_weights()]
    nodes = {layer.name: len(layer._inbound_nodes) for layer in model.layers}
    head, tail = configsplit.keras.split(model, "sum")
    tail.set_weights([value * 2 for value in tail.get_weights()])
    head.set_weights([value * 2 for value in head.get_weights()])
    assert model.to_json() == before[0]
    assert all((now == then).all() for now, then in zip(model.get_weights(), before[1], strict=True))
    assert {layer.name: len(layer._inbound_nodes) for layer in model.layers} == nodes


def test_custom_classes_come_as_in_keras(keras: Any) -> None:
    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2.0

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="out")(Twice(name="twice")(keras.layers.Dense(4, name="in")(x))))
    value = np.ones((3, 4), "float32")
    parts = configsplit.keras.split(model, "in", custom_objects={"Twice": Twice})
    assert forward(parts, value).tobytes() == np.asarray(model(value)).tobytes()


def test_a_wrong_name_is_answered_with_the_right_ones(keras: Any) -> None:
    with pytest.raises(TensorReferenceError, match="'c2'"):
        configsplit.keras.split(branching(keras), "c22")
