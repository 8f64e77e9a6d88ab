"""What Keras 3 computes wrongly itself: every converted model that it concerns says so, and only those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from configsplit import convert

FIRST = {"data_format": "channels_first"}
MAKES = {
    "Conv1D": ((3, 6), lambda filters: layers.Conv1D(filters, 3, **FIRST)),
    "Conv2D": ((3, 5, 6), lambda filters: layers.Conv2D(filters, 3, **FIRST)),
    "Conv3D": ((3, 4, 4, 6), lambda filters: layers.Conv3D(filters, 3, **FIRST)),
    "Conv2DTranspose": ((3, 2, 2), lambda filters: layers.Conv2DTranspose(filters, 3, **FIRST)),
    "SeparableConv2D": ((3, 5, 6), lambda filters: layers.SeparableConv2D(filters, 3, **FIRST)),
}
CASES = [(name, filters) for name in MAKES for filters in (4, 5)]
"""Each output is 4 numbers wide."""


def notes(model: Any, folder: Path) -> list[str]:
    model.save(folder / "old.h5")
    made = convert(folder / "old.h5")
    assert made.refusals == ()
    made.save(folder / "new.keras")
    return [note.layer for note in made.notes if "adds its bias" in note.what]


@pytest.mark.parametrize(("name", "filters"), CASES)
def test_a_bias_that_keras_adds_along_the_width(name: str, filters: int, tmp_path: Path) -> None:
    """Once Keras adds it along the channels, the note has to go: this test will tell."""
    shape, make = MAKES[name]
    given = layers.Input(shape)
    told = notes(tf_keras.Model(given, make(filters)(given)), tmp_path)
    loaded = keras.models.load_model(tmp_path / "new.keras")
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    without = np.asarray(loaded(x))  # biases are zero at first
    bias = np.arange(1.0, filters + 1, dtype="float32")
    loaded.layers[-1].bias.assign(bias)
    wrong = np.abs(np.asarray(loaded(x)) - without - bias.reshape(1, -1, *[1] * (len(shape) - 1))).max() > 0.5
    assert (told == [loaded.layers[-1].name]) is bool(wrong) is (filters == 4)


def test_it_is_seen_inside_other_models_and_wrappers(tmp_path: Path) -> None:
    inner = tf_keras.Sequential([layers.Conv2D(4, 3, **FIRST, name="deep", input_shape=(3, 5, 6))], name="inner")
    given, film = layers.Input((3, 5, 6)), layers.Input((2, 3, 5, 6))
    wrapped = layers.TimeDistributed(layers.Conv2D(4, 3, **FIRST), name="each")(film)
    assert sorted(notes(tf_keras.Model([given, film], [inner(given), wrapped]), tmp_path)) == ["deep", "each"]


def test_no_word_without_a_bias_or_with_the_channels_last(tmp_path: Path) -> None:
    given, last = layers.Input((3, 5, 6)), layers.Input((5, 6, 3))
    outputs = [layers.Conv2D(4, 3, use_bias=False, **FIRST)(given), layers.Conv2D(4, 3)(last)]
    assert notes(tf_keras.Model([given, last], outputs), tmp_path) == []


@pytest.mark.parametrize("nested", [False, True])
def test_words_in_a_file_are_read_where_the_user_allows_it(nested: bool, tmp_path: Path) -> None:
    """Once Keras reads them all the same, the note has to go: this test will tell."""
    (tmp_path / "words.txt").write_text("a\nb\nc\n", "utf-8")
    given = layers.Input((2,), dtype="string")
    look = layers.StringLookup(vocabulary=str(tmp_path / "words.txt"), name="look")
    inner = tf_keras.Model(given, look(given), name="inner")
    model = tf_keras.Model(given, layers.Embedding(5, 3)(inner(given) if nested else inner.output))
    model.save(tmp_path / "old.h5")
    made = convert(tmp_path / "old.h5")
    assert [note.layer for note in made.notes if "safe_mode=False" in note.what] == ["look"]
    made.save(tmp_path / "new.keras")
    with pytest.raises(Exception, match="safe_mode=False"):
        keras.models.load_model(tmp_path / "new.keras")
    loaded = keras.models.load_model(tmp_path / "new.keras", safe_mode=False)
    x = tf.constant([["a", "c"], ["b", "z"]])
    assert np.array_equal(np.asarray(loaded(x)), model(x).numpy())
    loaded.save(tmp_path / "whole.keras")
    (tmp_path / "words.txt").unlink()
    assert np.array_equal(np.asarray(keras.models.load_model(tmp_path / "whole.keras")(x)), model(x).numpy())
