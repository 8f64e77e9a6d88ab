"""Masks that tf_keras hands on behind the scenes do in Keras 3 what they did, and stand in the document."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tf_keras
from conversion_models import NEAR, fill, run_both
from support.conversion import Bench
from tf_keras import layers as made

from configsplit import convert
from configsplit.runtime.arrays import Stored

IDS = np.array([[3, 4, 5, 0, 0], [1, 2, 3, 4, 5], [1, 0, 2, 0, 0]], "int32")


def _embedded(given: Any) -> Any:
    return made.Embedding(12, 6, mask_zero=True)(given)


def _added(one: Any, other: Any) -> Any:
    return made.LSTM(3)(made.Add()([made.Dense(6)(_embedded(one)), _embedded(other)]))


def _joined(one: Any, other: Any) -> Any:
    return made.LSTM(3)(made.Concatenate(axis=1)([_embedded(one), _embedded(other)]))


def _with_state(one: Any, other: Any) -> Any:
    """Keras 3 hands no implicit mask to a call that is given several tensors."""
    state = made.Dense(4)(made.GlobalMaxPooling1D()(made.Dense(6)(made.Embedding(12, 6)(other))))
    return made.GRU(4)(_embedded(one), initial_state=state)


def _attending(one: Any, other: Any) -> Any:
    return made.Attention()([_embedded(one), _embedded(other)])


def _into_a_model(one: Any, other: Any) -> Any:
    inner = tf_keras.Input((5, 6))
    model = tf_keras.Model(inner, made.LSTM(3)(inner))
    return made.Add()([model(_embedded(one)), model(_embedded(other))])


def _out_of_a_model(one: Any, other: Any) -> Any:
    inner = tf_keras.Input((5,), dtype="int32")
    model = tf_keras.Model(inner, made.Dense(6)(_embedded(inner)))
    return made.Add()([made.LSTM(3)(model(one)), made.LSTM(3)(model(other))])


def _three_of_a_class(one: Any, other: Any) -> Any:
    """The graph with its masks decides the order of layers, and so the places of their weights."""
    numbers = made.Dense(4)(made.Embedding(12, 3)(one))
    masked = made.LSTM(3)(made.Masking(0.3)(numbers))
    return made.Concatenate()([masked, made.LSTM(3)(made.Dense(4)(_embedded(other))), made.LSTM(3)(numbers)])


CASES = {
    "added": (_added, 3),
    "joined": (_joined, 3),
    "with state": (_with_state, 1),
    "attending": (_attending, 2),
    "into a model": (_into_a_model, 2),
    "out of a model": (_out_of_a_model, 0),
    "three of a class": (_three_of_a_class, 3),
}
"""Title -> the graph, and how many operations its masks are in the document."""


QUICK = ("joined", "with state", "three of a class")


@pytest.mark.parametrize(
    "title", [title if title in QUICK else pytest.param(title, marks=pytest.mark.exhaustive) for title in CASES]
)
def test_a_mask(title: str, tmp_path: Path, bench: Bench) -> None:
    make: Callable[[Any, Any], Any]
    make, count = CASES[title]
    one, other = tf_keras.Input((5,), dtype="int32"), tf_keras.Input((5,), dtype="int32")
    given = [Stored("int32", IDS), Stored("int32", np.ascontiguousarray(IDS[::-1]))]
    run_both(tf_keras.Model([one, other], make(one, other)), given, tmp_path, bench)
    layers = json.loads(zipfile.ZipFile(tmp_path / "new.keras").read("config.json"))["config"]["layers"]
    names = ("NotEqual", "Any", "LogicalAnd", "Concatenate")
    assert sum(each["class_name"] in names and each["module"] == "keras.src.ops.numpy" for each in layers) == count


@pytest.mark.parametrize("nested", [False, True])
def test_a_mask_that_attention_did_not_use_before_2_10(nested: bool, tmp_path: Path, bench: Bench) -> None:
    """Keras 3 would use it: against the same weights in tf_keras behind an embedding that makes no mask."""
    models = [_attention(mask_zero, nested) for mask_zero in (True, False)]
    fill(models[0])
    models[1].set_weights(models[0].get_weights())
    models[0].save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["keras_version"] = "2.9.0"
    found = convert(tmp_path / "old.h5")
    assert found.refusals == ()
    found.save(tmp_path / "new.keras")
    (given,) = bench.run(bench.keras, tmp_path / "new.keras", None, [Stored("int32", IDS)], safe=True)
    wanted, masked = (np.asarray(model(IDS)) for model in reversed(models))
    assert np.abs(given.values - wanted).max() <= NEAR * np.abs(wanted).max()
    assert np.abs(given.values - masked).max() > 1e-3


def _attention(mask_zero: bool, nested: bool) -> Any:
    given = tf_keras.Input((5,), dtype="int32")
    embedded = made.Embedding(12, 6, mask_zero=mask_zero)(given)
    if not nested:
        attended = made.MultiHeadAttention(2, 3)(embedded, embedded)
        return tf_keras.Model(given, made.Reshape((-1,))(attended))
    inner = tf_keras.Input((5, 6))
    return tf_keras.Model(
        given, tf_keras.Model(inner, made.Reshape((-1,))(made.MultiHeadAttention(2, 3)(inner, inner)))(embedded)
    )
