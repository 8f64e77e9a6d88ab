"""Masks that Keras 3 would find where Keras 2 finds none, or another, or by the order of running alone: never silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras

import configsplit

L = tf_keras.layers
IDS = np.array([[1, 2, 0, 0], [3, 0, 0, 0]], "int32")


def words(dtype: str = "float32") -> tuple[Any, Any]:
    ids = tf_keras.Input((4,), dtype="int32", name="ids")
    return ids, L.Embedding(9, 3, mask_zero=True, dtype=dtype, name="emb")(ids)


def pooling(name: str) -> Any:
    vectors = tf_keras.Input((4, 3), name="vectors")
    return tf_keras.Model(vectors, L.GlobalAveragePooling1D(name="mean")(vectors), name=name)


def cast_at_a_nested_model() -> Any:
    """Keras 2 casts to the float32 of the nested input, and what it casts to carries no mask."""
    ids, steps = words("float64")
    return tf_keras.Model(ids, pooling("nested")(steps))


def cast_at_every_step() -> Any:
    ids = tf_keras.Input((2, 4), dtype="int32", name="ids")
    steps = L.Embedding(9, 3, mask_zero=True, dtype="float64", name="emb")(ids)
    return tf_keras.Model(ids, L.TimeDistributed(pooling("nested"), name="steps")(steps))


def joined_with_an_unseen_mask() -> Any:
    """Keras 3 sees one of two masks when it builds the model, and both when it runs it."""
    ids, steps = words()
    nested = tf_keras.Sequential([tf_keras.Input((4,), dtype="int32"), L.Embedding(9, 3, mask_zero=True)], name="nested")
    return tf_keras.Model(ids, L.LSTM(2, name="lstm")(L.Concatenate(name="joined")([nested(ids), steps])))


def taken_off_in_a_nested_model() -> Any:
    """MultiHeadAttention of Keras 3 takes the mask off a tensor that another layer takes too."""
    ids, steps = words()
    dense = L.Dense(3, name="dense")(steps)
    vectors = tf_keras.Input((4, 3), name="vectors")
    attended = L.MultiHeadAttention(1, 2, name="attention")(vectors, vectors)
    nested = tf_keras.Model(vectors, attended, name="nested")
    return tf_keras.Model(ids, [nested(dense), pooling("pooled")(L.Activation("linear", name="same")(dense))])


@pytest.mark.parametrize(
    "make", [cast_at_a_nested_model, cast_at_every_step, joined_with_an_unseen_mask, taken_off_in_a_nested_model]
)
def test_such_a_model_is_refused(make: Callable[[], Any], tmp_path: Path) -> None:
    make().save(tmp_path / "model.h5")
    made = configsplit.convert(tmp_path / "model.h5")
    assert {each.code for each in made.refusals} == {"convert-mask"}


def test_a_cast_at_a_nested_model_loses_the_mask_in_keras_2() -> None:
    model = cast_at_a_nested_model()
    without = np.asarray(model.get_layer("emb")(IDS)).mean(1)
    assert np.allclose(model(IDS), without)
