"""Layers that hold layers or cells: TimeDistributed, Bidirectional, SpectralNormalization, RNN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from live import FRAMEWORKS, inferred, inferred_weights, inputs_of, live, outputs, tf, weights
from support.thinned import in_turn

SEQ = (None, 7, 4)
FILM = (None, 5, 9, 10, 3)
Make = Callable[[Any], Any]

WRAPPED: list[tuple[Any, Make]] = [
    (SEQ, lambda f: f.TimeDistributed(f.Dense(5))),
    ((None, None, 4), lambda f: f.TimeDistributed(f.Dense(5))),
    (FILM, lambda f: f.TimeDistributed(f.Conv2D(4, 3, strides=2, padding="same"))),
    (FILM, lambda f: f.TimeDistributed(f.BatchNormalization())),
    (FILM, lambda f: f.TimeDistributed(f.Flatten())),
    (FILM, lambda f: f.TimeDistributed(f.GlobalAveragePooling2D())),
    ((None, 3, *FILM[1:]), lambda f: f.TimeDistributed(f.TimeDistributed(f.MaxPooling2D(2)))),
    ((None, 3, 7, 4), lambda f: f.TimeDistributed(f.LSTM(5))),
    ((None, 3, 7, 4), lambda f: f.TimeDistributed(f.Bidirectional(f.GRU(5, return_sequences=True)))),
    *(
        (shape, lambda f, kind=kind, mode=mode, extra=extra: f.Bidirectional(getattr(f, kind)(5, **extra), merge_mode=mode))
        for shape in (SEQ, (None, None, 4))
        for kind in ("LSTM", "GRU", "SimpleRNN")
        for mode in ("concat", "sum", None)
        for extra in ({}, {"return_sequences": True}, {"return_state": True})
    ),
    (SEQ, lambda f: f.Bidirectional(f.LSTM(5), backward_layer=f.LSTM(5, go_backwards=True, use_bias=False))),
    (SEQ, lambda f: f.Bidirectional(f.RNN([f.LSTMCell(3), f.LSTMCell(4)]))),
    (SEQ, lambda f: f.RNN(f.LSTMCell(5), return_state=True)),
    (SEQ, lambda f: f.RNN(f.GRUCell(5), return_sequences=True)),
    (SEQ, lambda f: f.RNN(f.SimpleRNNCell(5, use_bias=False))),
    (SEQ, lambda f: f.RNN([f.LSTMCell(3), f.GRUCell(4), f.SimpleRNNCell(6)], return_state=True)),
    (SEQ, lambda f: f.RNN(f.StackedRNNCells([f.LSTMCell(3), f.StackedRNNCells([f.GRUCell(4), f.GRUCell(2)])]))),
    (SEQ, lambda f: f.LSTM(5, dtype="mixed_float16", return_state=True)),
    (SEQ, lambda f: f.Bidirectional(f.LSTM(5, dtype="mixed_float16"), dtype="mixed_float16")),
    (SEQ, lambda f: f.TimeDistributed(f.Dense(5, dtype="mixed_float16"), dtype="mixed_float16")),
]


KERAS3_ONLY: list[Any] = [
    (SEQ, lambda f: f.SpectralNormalization(f.Dense(5))),
    (FILM[:1] + FILM[2:], lambda f: f.SpectralNormalization(f.Conv2D(5, 3))),
    (FILM, lambda f: f.TimeDistributed(f.SpectralNormalization(f.Conv2D(5, 3)))),
]
"""tf_keras 2.21 takes the InputSpec of Keras 3 in its SpectralNormalization and cannot build it."""

PAIRS = [
    *([(name, shape, make) for name in FRAMEWORKS] for shape, make in WRAPPED),
    *([("keras", shape, make)] for shape, make in KERAS3_ONLY),
]


@pytest.mark.parametrize(("name", "shape", "make"), in_turn(PAIRS))
def test_wrappers(name: str, shape: Any, make: Any) -> None:
    framework = FRAMEWORKS[name]
    layer = make(framework.layers)
    tensors = inputs_of(framework, (shape,))
    flat = tf.nest.flatten(layer(*tensors))
    inference = inferred(framework.Model(tensors, flat))
    assert outputs(inference) == [live(tensor) for tensor in flat], inference.reasons
    assert inferred_weights(inference, layer.name) == weights(framework, layer)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_initial_state(name: str) -> None:
    framework = FRAMEWORKS[name]
    layers = framework.layers
    x, y = inputs_of(framework, (SEQ, SEQ))
    _, *state = layers.LSTM(5, return_state=True)(x)
    out = layers.LSTM(5, return_sequences=True)(y, initial_state=state)
    inference = inferred(framework.Model([x, y], out))
    assert outputs(inference) == [live(out)]
