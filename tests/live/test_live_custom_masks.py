"""Masks that layers of the user's own make in a live model: its graph shows them, whatever nobody has declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from live_models import numbers

import configsplit.keras as live
from configsplit.errors import CutError


def model_of(keras: Any, masked: bool) -> Any:
    """A layer that makes a mask in its own way if it is to, one that hands it on, and one that reads it off its tensor."""
    layers = keras.layers

    class Maker(layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return x * 2.0

        def compute_mask(self, x: Any, mask: Any = None) -> Any:
            return x[..., 0] > 0 if masked else mask

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    class Reader(layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            mask = getattr(x, "_keras_mask", None)
            return x[:, 0] if mask is None else x[:, 1]

        def compute_output_shape(self, shape: Any) -> Any:
            return (shape[0], shape[2])

    x = keras.Input((5, 4), name="x")
    steps = layers.Activation("relu", name="between")(Maker(name="maker")(x))
    return keras.Model(x, layers.Dense(2, name="out")(Reader(name="reader")(steps)))


@pytest.mark.parametrize("at", ["maker", "between"])
def test_a_mask_that_the_graph_shows_is_not_lost(keras: Any, at: str) -> None:
    with pytest.raises(CutError) as caught:
        live.split(model_of(keras, masked=True), at)
    assert caught.value.code == "cut-mask-lost"


@pytest.mark.parametrize("at", ["maker", "between"])
@pytest.mark.filterwarnings("ignore:masks. no plug-in declares whether Maker")  # nothing shows that it will never make one
def test_where_the_graph_shows_none_it_is_cut(keras: Any, at: str) -> None:
    model, x = model_of(keras, masked=False), np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    head, tail = live.split(model, at)
    (crossed,), (wanted,) = numbers(keras, head(x)), numbers(keras, model(x))
    assert np.array_equal(numbers(keras, tail(crossed))[0], wanted)
