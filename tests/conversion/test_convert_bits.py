"""Where Keras 3 can give tf_keras's numbers to the last bit: it does; where it cannot, the reason is the one that is told."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from conversion_models import converted, fill
from support.conversion import Bench
from tf_keras import layers

from configsplit.runtime.arrays import Stored

HARD = "hard_sigmoid"
RECURRENT: Mapping[str, tuple[Callable[[], Any], int | None]] = {
    "LSTM by gate": (lambda: layers.LSTM(7, recurrent_activation=HARD, implementation=1), 1),
    "GRU by gate": (lambda: layers.GRU(7, recurrent_activation=HARD, implementation=1, reset_after=False), 1),
    "GRU by gate, reset after": (lambda: layers.GRU(7, recurrent_activation=HARD, implementation=1), 1),
    "LSTM unrolled": (lambda: layers.LSTM(7, implementation=1, unroll=True), 1),
    "LSTM by gate, but fused": (lambda: layers.LSTM(7, implementation=1), None),
    "GRU by gate, but fused": (lambda: layers.GRU(7, implementation=1), None),
    "LSTM at once": (lambda: layers.LSTM(7, recurrent_activation=HARD, implementation=2), None),
    "cells": (lambda: layers.RNN([layers.LSTMCell(7, implementation=1), layers.GRUCell(5, implementation=1)]), 1),
}


def outputs(make: Callable[[], Any], folder: Path, bench: Bench) -> tuple[Any, Any]:
    """What tf_keras computes, and what Keras 3 does of the converted file."""
    given = layers.Input((6, 5))
    model = tf_keras.Model(given, make()(given))
    fill(model)
    converted(model, folder).save(folder / "new.keras")
    x = np.random.default_rng(3).normal(size=(4, 6, 5)).astype("float32")
    found = bench.run(bench.keras, folder / "new.keras", None, [Stored("float32", x)], safe=True)
    return model(x, training=False).numpy(), found[0].values


@pytest.mark.parametrize("title", RECURRENT)
def test_recurrent_layers_to_the_bit(title: str, tmp_path: Path, bench: Bench) -> None:
    make, implementation = RECURRENT[title]
    old, new = outputs(make, tmp_path, bench)
    assert old.tobytes() == new.tobytes()
    config = zipfile.ZipFile(tmp_path / "new.keras").read("config.json").decode()
    assert ('"implementation"' in config.replace(" ", "")) == (implementation is not None)


def test_a_setting_that_bidirectional_would_lose_is_not_written(tmp_path: Path, bench: Bench) -> None:
    old, new = outputs(
        lambda: layers.Bidirectional(layers.LSTM(7, recurrent_activation=HARD, implementation=1)), tmp_path, bench
    )
    assert np.abs(old - new).max() <= 1e-6
    assert "implementation" not in zipfile.ZipFile(tmp_path / "new.keras").read("config.json").decode()


@pytest.mark.parametrize(("key_dim", "same"), [(4, True), (16, True), (3, False)])
def test_attention_is_the_same_where_its_scale_is_a_power_of_two(
    key_dim: int, same: bool, tmp_path: Path, bench: Bench
) -> None:
    """Keras 3 scales the scores, tf_keras the query."""
    query = layers.Input((6, 5))
    model = tf_keras.Model(query, layers.MultiHeadAttention(2, key_dim)(query, query))
    fill(model)
    converted(model, tmp_path).save(tmp_path / "new.keras")
    x = np.random.default_rng(3).normal(size=(4, 6, 5)).astype("float32")
    (new,) = bench.run(bench.keras, tmp_path / "new.keras", None, [Stored("float32", x)], safe=True)
    old = model(x, training=False).numpy()
    assert (old.tobytes() == new.values.tobytes()) is same
    assert np.abs(old - new.values).max() <= 1e-6 * np.abs(old).max()


def test_keras_1_said_it_in_other_words() -> None:
    from configsplit.catalog.keras3.configs import converted as to_keras3
    from configsplit.catalog.keras3.from_keras1 import layer
    from configsplit.graph.json import FrozenDict

    for word, wanted in (("cpu", 1), ("mem", 1), ("gpu", None)):
        config = FrozenDict({"output_dim": 3, "consume_less": word, "inner_activation": HARD, "activation": "tanh"})
        _, made, _ = layer("LSTM", config, [], "tensorflow")
        assert to_keras3("LSTM", made).get("implementation") == wanted, json.dumps(word)
