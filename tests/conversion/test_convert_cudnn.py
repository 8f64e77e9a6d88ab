"""CuDNNLSTM and CuDNNGRU, saved by tf_keras: against CuDNN's own equations, and against what tf_keras makes of the weights.

CuDNN itself needs a graphics card. Its equations are in its documentation (``cudnnRNNMode_t``): every gate is a matrix of
``(units, width)`` in C's order that is multiplied from the left, and has two biases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from conversion_models import fill
from support.conversion import Bench
from tf_keras.src.layers.rnn.cudnn_gru import CuDNNGRU
from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM

from configsplit import convert
from configsplit.runtime.arrays import Stored

WIDTH, UNITS, STEPS = 3, 4, 5
NEAR = 1e-6


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gates(weights: list[Any], count: int) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Matrices and biases as CuDNN takes them out of the buffer that Keras 2 fills: each gate's columns, flattened."""
    kernel, recurrent, bias = (each.astype("float64") for each in weights)
    ours = [piece.reshape(-1).reshape(UNITS, WIDTH) for piece in np.split(kernel, count, axis=1)]
    inner = [piece.reshape(-1).reshape(UNITS, UNITS) for piece in np.split(recurrent, count, axis=1)]
    first, second = np.split(bias, 2)
    return ours, inner, np.split(first, count), np.split(second, count)


def lstm(x: Any, weights: list[Any]) -> Any:
    """All hidden states; gates in the order i, f, c, o."""
    w, r, b, d = gates(weights, 4)
    hidden = carry = np.zeros((len(x), UNITS))
    found = []
    for step in x.astype("float64").transpose(1, 0, 2):
        i, f, c, o = (step @ w[k].T + hidden @ r[k].T + b[k] + d[k] for k in range(4))
        carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(carry)
        found.append(hidden)
    return np.stack(found, 1)


def gru(x: Any, weights: list[Any]) -> Any:
    """All hidden states; gates in the order z, r, h, the reset gate behind the multiplication."""
    w, r, b, d = gates(weights, 3)
    hidden = np.zeros((len(x), UNITS))
    found = []
    for step in x.astype("float64").transpose(1, 0, 2):
        z, reset = (sigmoid(step @ w[k].T + hidden @ r[k].T + b[k] + d[k]) for k in (0, 1))
        new = np.tanh(step @ w[2].T + reset * (hidden @ r[2].T + d[2]) + b[2])
        hidden = (1 - z) * new + z * hidden
        found.append(hidden)
    return np.stack(found, 1)


KINDS = {"LSTM": (CuDNNLSTM, tf_keras.layers.LSTM, lstm), "GRU": (CuDNNGRU, tf_keras.layers.GRU, gru)}


def run(kind: str, folder: Path, bench: Bench) -> tuple[Any, Any, Any]:
    """A model of one such layer, converted: the inputs, its old weights, what Keras 3 computes."""
    given = tf_keras.Input((STEPS, WIDTH))
    old = tf_keras.Model(given, KINDS[kind][0](UNITS, return_sequences=True, name="cell")(given))
    fill(old)
    old.save(folder / "old.h5")
    made = convert(folder / "old.h5")
    assert made.refusals == ()
    made.save(folder / "new.keras")
    x = np.random.default_rng(5).normal(size=(2, STEPS, WIDTH)).astype("float32")
    return x, old.get_weights(), bench.run(bench.keras, folder / "new.keras", None, [Stored("float32", x)], safe=True)[0].values


@pytest.mark.parametrize("kind", KINDS)
def test_what_cudnn_defines(kind: str, tmp_path: Path, bench: Bench) -> None:
    x, weights, found = run(kind, tmp_path, bench)
    assert np.abs(found - KINDS[kind][2](x, weights)).max() <= NEAR


@pytest.mark.parametrize("kind", KINDS)
def test_what_tf_keras_makes_of_the_weights(kind: str, tmp_path: Path, bench: Bench) -> None:
    """It loads a file of the CuDNN layer into the plain layer of that name."""
    x, _, found = run(kind, tmp_path, bench)
    given = tf_keras.Input((STEPS, WIDTH))
    settings = {"reset_after": True} if kind == "GRU" else {}
    plain = tf_keras.Model(given, KINDS[kind][1](UNITS, return_sequences=True, name="cell", **settings)(given))
    plain.load_weights(tmp_path / "old.h5")
    assert np.abs(found - plain(x, training=False).numpy()).max() <= NEAR


def test_another_order_of_gates_is_seen(tmp_path: Path, bench: Bench) -> None:
    """The equations above tell the gates apart: with two of them changed over they give other numbers."""
    x, weights, found = run("LSTM", tmp_path, bench)
    kernel = np.concatenate([np.split(weights[0], 4, axis=1)[at] for at in (0, 2, 1, 3)], axis=1)
    assert np.abs(found - lstm(x, [kernel, *weights[1:]])).max() > 1e-2
