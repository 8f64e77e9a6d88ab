"""Implicit masks against the ``_keras_mask`` of real tf_keras tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from live import inferred, tf, tf_keras
from support.layer_cases import CASES, Case

from configsplit.graph.model import TensorRef
from configsplit.inference import BUILT_IN, trace, traced_masks

L = tf_keras.layers
IDS = lambda: tf_keras.Input((7,), dtype="int32")  # noqa: E731


def words(x: Any) -> Any:
    return L.Embedding(11, 4, mask_zero=True)(x)


GRAPHS: list[Callable[[Any], Any]] = [
    words,
    lambda x: L.Embedding(11, 4)(x),
    lambda x: L.Dense(3)(words(x)),
    lambda x: L.Flatten()(words(x)),
    lambda x: L.Conv1D(3, 2)(words(x)),
    lambda x: L.LSTM(3)(words(x)),
    lambda x: L.LSTM(3, return_sequences=True)(words(x)),
    lambda x: L.LSTM(3, return_sequences=True, return_state=True)(words(x)),
    lambda x: L.Bidirectional(L.GRU(3, return_sequences=True))(words(x)),
    lambda x: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode=None)(words(x)),
    lambda x: L.Bidirectional(L.GRU(3))(words(x)),
    lambda x: L.TimeDistributed(L.Dense(3))(words(x)),
    lambda x: L.Add()([words(x), L.Embedding(11, 4)(x)]),
    lambda x: L.Concatenate()([L.Embedding(11, 4)(x), words(x)]),
    lambda x: L.Dot(1)([words(x), words(x)]),
    lambda x: L.Attention()([words(x), L.Embedding(11, 4)(x)]),
    lambda x: L.Attention()([L.Embedding(11, 4)(x), words(x)]),
    lambda x: L.MultiHeadAttention(2, 3)(words(x), L.Embedding(11, 4)(x)),
    lambda x: L.MultiHeadAttention(2, 3)(L.Embedding(11, 4)(x), words(x)),
    lambda x: L.Masking()(L.Embedding(11, 4)(x)),
    lambda x: L.Masking()(L.Conv1D(3, 2)(words(x))),
    lambda x: L.GlobalAveragePooling1D()(words(x)),
    lambda x: L.TimeDistributed(L.Embedding(11, 4, mask_zero=True))(L.Reshape((7, 1))(x)),
    lambda x: L.TimeDistributed(L.Embedding(11, 4))(L.Reshape((7, 1))(x)),
    lambda x: L.LSTM(3, return_sequences=True)(L.Embedding(11, 4)(x), initial_state=[L.LSTM(3)(words(x))] * 2),
    lambda x: L.GlobalMaxPooling1D()(words(x)),
    lambda x: L.LayerNormalization()(L.Dropout(0.5)(L.Activation("relu")(words(x)))),
    lambda x: tf.exp(words(x)),
    lambda x: words(x) * 2.0,
    lambda x: L.Reshape((4, 7))(words(x)),
    lambda x: L.Identity()(words(x)),
    lambda x: L.RNN([L.LSTMCell(3), L.GRUCell(4)], return_sequences=True)(words(x)),
]


@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_masks_are_where_tf_keras_has_them(number: int) -> None:
    x = IDS()
    flat = tf.nest.flatten(GRAPHS[number](x))
    model = tf_keras.Model(x, flat)
    inference = inferred(model)
    expected = set()
    for layer in model.layers:
        for place, tensor in enumerate(tf.nest.flatten(layer.output)):
            if getattr(tensor, "_keras_mask", None) is not None:
                expected.add(TensorRef(layer.name, 0, place))
    assert set(traced_masks(inference).tensors) == expected


def test_nested_models_hand_masks_through() -> None:
    x, inner_x = IDS(), tf_keras.Input((7, 4))
    inner = tf_keras.Model(inner_x, [L.Dense(3)(inner_x), L.Flatten()(inner_x)], name="inner")
    model = tf_keras.Model(x, inner(words(x)))
    found = traced_masks(trace(inferred(model).model))
    assert TensorRef("inner", 0, 0) in found.tensors
    assert TensorRef("inner", 0, 1) not in found.tensors


def test_a_class_nobody_declared_is_reported_where_a_mask_meets_it() -> None:
    class Odd(L.Layer):
        pass

    x = IDS()
    found = traced_masks(inferred(tf_keras.Model(x, Odd(name="odd")(words(x)))))
    assert found.unknown == {"odd": "Odd"}
    assert not traced_masks(inferred(tf_keras.Model(x, Odd()(L.Embedding(11, 4)(x))))).unknown


def test_a_normalization_at_every_step_keeps_a_mask_of_several_numbers() -> None:
    """TimeDistributed asks its layer, which hands the mask on as it is: it does not become one of steps."""
    x = tf_keras.Input((5, 6), dtype="int32")
    made = L.TimeDistributed(L.Embedding(11, 4, mask_zero=True))(x)
    for layer, kind, rank in ((L.BatchNormalization(), "hidden", 3), (L.GlobalAveragePooling1D(), "any", 2)):
        out = L.TimeDistributed(layer)(made)
        assert len(out._keras_mask.shape) == rank
        inference = inferred(tf_keras.Model(x, out))
        assert traced_masks(inference).tensors[inference.model.output_refs()[0]].kind == kind


SINGLE = {case.name: case for case in reversed(CASES) if case.only != "keras" and hasattr(L, case.name)}


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_the_table_agrees_with_supports_masking(name: str) -> None:
    """Layers that support masking pass it on, but for those whose compute_mask gives none."""
    case: Case = SINGLE[name]
    layer = getattr(L, name)(**case.kwargs)
    rule = BUILT_IN[name].mask
    passes = layer.supports_masking and name not in {"GlobalAveragePooling1D", "Dot"}
    if rule == "makes":
        assert hasattr(layer, "compute_mask")
    else:
        assert rule == ("passes" if passes else "stops")
