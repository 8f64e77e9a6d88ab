"""Masks before Keras 3, which no document shows: cut between the layer that makes one and the layers that heed it.

Every model is made and run in tf_keras, the tail with nothing but numpy arrays, so that a mask that went missing shows: the
inputs have padding, whole rows of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import cut_and_run, fill, inputs_for
from support.thinned import thinned

import configsplit
from configsplit.errors import CutError
from configsplit.records.manifest import Manifest
from configsplit.runtime.frameworks import framework

WORKS = framework("tf_keras")
K = WORKS.module
L = K.layers


def padded(model: Any) -> list[Any]:
    """Inputs whose first sample is padding from the third step on, and whose second begins with it."""
    made = inputs_for(model, free=6)
    for values in made:
        if values.ndim > 1:
            values[0, 2:] = 0
            values[1, :1] = 0
    return made


def words(width: int = 8) -> tuple[Any, Any]:
    ids = K.Input((6,), dtype="int32", name="ids")
    return ids, L.Embedding(5, width, mask_zero=True, name="emb")(ids)


def finished(inputs: Any, tensor: Any) -> Any:
    return fill(K.Model(inputs, L.Dense(2, name="o")(tensor)))


def self_attention() -> Any:
    ids, embedded = words()
    dense = L.Dense(8, name="d")(embedded)
    return finished(ids, L.MultiHeadAttention(2, 4, name="mha")(dense, dense))


def cross_attention(**options: Any) -> Any:
    """The mask of the value comes from Masking, and stands among the keyword arguments."""
    ids, embedded = words()
    keys = K.Input((5, 8), name="keys")
    value = L.Dense(8, name="v")(L.Masking(name="mk")(keys))
    query = L.Dense(8, name="d")(embedded)
    inputs = [ids, keys]
    if options.pop("given", False):
        inputs.append(K.Input((6, 5), dtype="int32", name="given"))
        options["attention_mask"] = inputs[-1]
    return finished(inputs, L.MultiHeadAttention(2, 4, name="mha")(query, value, **options))


def step_by_step() -> Any:
    ids, embedded = words()
    steps = L.TimeDistributed(L.Dense(3), name="td2")(L.TimeDistributed(L.Dense(6), name="td")(embedded))
    return finished(ids, L.LSTM(2, name="l")(steps))


def words_of_sentences() -> Any:
    """A mask that is made within every step, used within it, and then, where a step has nothing at all, for the steps."""
    ids = K.Input((4, 6), dtype="int32", name="ids")
    embedded = L.TimeDistributed(L.Embedding(5, 6, mask_zero=True), name="tde")(ids)
    return finished(ids, L.LSTM(2, name="l")(L.TimeDistributed(L.LSTM(3), name="tdl")(embedded)))


def sentences(inner: Any) -> Any:
    """The same with the words embedded all at once: their mask has an axis more, which the wrapper takes away."""
    ids = K.Input((4, 6), dtype="int32", name="ids")
    embedded = L.TimeDistributed(L.Dense(6), name="td")(L.Embedding(5, 6, mask_zero=True, name="emb")(ids))
    return finished(ids, L.LSTM(2, name="l")(L.TimeDistributed(inner, name="tdl")(embedded)))


def through_a_nested_model() -> Any:
    ids, embedded = words()
    start = K.Input((6, 8), name="start")
    inner = K.Model(start, L.LSTM(4, return_sequences=True, name="li")(start), name="inner")
    return finished(ids, L.GRU(2, name="g")(inner(embedded)))


def sentence_model() -> Any:
    """A mask that is made and used up within the model in a wrapper: it does not come out."""
    ids = K.Input((6,), dtype="int32", name="word_ids")
    inner = K.Model(ids, L.LSTM(3, name="il")(L.Embedding(5, 6, mask_zero=True, name="ie")(ids)), name="inner")
    outer = K.Input((4, 6), dtype="int32", name="ids")
    return finished(outer, L.LSTM(2, name="l")(L.TimeDistributed(inner, name="td")(outer)))


def sequence_model() -> Any:
    """A mask that is made within the model in a wrapper and comes out."""
    ids = K.Input((6,), dtype="int32", name="word_ids")
    embedded = L.Embedding(5, 6, mask_zero=True, name="ie")(ids)
    inner = K.Model(ids, L.LSTM(3, return_sequences=True, name="il")(embedded), name="inner")
    outer = K.Input((4, 6), dtype="int32", name="ids")
    steps = L.TimeDistributed(L.GlobalAveragePooling1D(), name="tdg")(L.TimeDistributed(inner, name="td")(outer))
    return finished(outer, L.LSTM(2, name="l")(steps))


@dataclass(frozen=True)
class Masked:
    name: str
    make: Callable[[], Any]
    at: str
    holds: Callable[[Manifest], object] = lambda manifest: manifest.masks


KINDS = [
    Masked("attention to itself, cut behind the embedding", self_attention, "emb"),
    Masked("attention to itself, cut before the attention", self_attention, "d"),
    Masked("attention, the mask of the value alone", cross_attention, "v"),
    Masked("attention, both masks", cross_attention, "d,v"),
    Masked("attention with a causal mask too", lambda: cross_attention(use_causal_mask=True), "d,v"),
    Masked("attention with a mask of the user's own too", lambda: cross_attention(given=True), "d,v"),
    Masked("a mask that goes through TimeDistributed", step_by_step, "td"),
    Masked("a mask with an axis more, used up in a wrapper", lambda: sentences(L.LSTM(3)), "td"),
    Masked("the same, behind the wrapper", lambda: sentences(L.GlobalAveragePooling1D()), "tdl"),
    Masked("the same, in both directions", lambda: sentences(L.Bidirectional(L.GRU(3))), "tdl"),
    Masked("masks at every step of TimeDistributed", words_of_sentences, "tde"),
    Masked("steps of which nothing is left", words_of_sentences, "tdl"),
    Masked(
        "through a nested model that hands it on", through_a_nested_model, "inner", lambda m: bool(m.masks) and not m.opened
    ),
    Masked("no mask comes out of a wrapped model that uses it up", sentence_model, "td", lambda m: not m.masks),
]


@pytest.mark.parametrize("kind", thinned(KINDS, 6), ids=lambda kind: kind.name)
def test_a_mask_is_not_lost(kind: Masked, tmp_path: Path) -> None:
    K.backend.clear_session()
    model = kind.make()
    manifest = cut_and_run(model, kind.at, tmp_path, WORKS, suffix="h5", inputs=padded(model))
    assert kind.holds(manifest), manifest


REFUSED = [
    ("a mask that comes out of a wrapped model", sequence_model, "td", "cannot be computed"),
    ("a mask between the parts of a wrapped model", sentence_model, "td/ie", "step by step"),
]


@pytest.mark.parametrize(("name", "make", "at", "reason"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_mask_that_cannot_be_handed_over_is_no_silent_loss(
    name: str, make: Callable[[], Any], at: str, reason: str, tmp_path: Path
) -> None:
    model = make()
    with pytest.raises(CutError, match=reason) as caught:
        cut_and_run(model, at, tmp_path, WORKS, suffix="h5", inputs=padded(model))
    assert caught.value.code == "cut-mask-lost"
    assert caught.value.hint


def test_releases_that_differ_on_masks_in_attention_are_not_guessed(tmp_path: Path) -> None:
    """MultiHeadAttention looks at the masks of its arguments since TF 2.10."""
    document = json.loads(self_attention().to_json())
    document["keras_version"] = "2.8.0"
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(CutError, match=r"since TF 2\.10"):
        configsplit.split(configsplit.load(tmp_path / "model.json"), "d")


def test_a_softmax_heeds_the_mask_that_arrives(tmp_path: Path) -> None:
    """Its mask is laid over the last axes: here over the six numbers of each step of one sample."""
    ids, embedded = words(6)
    model = finished(ids, L.Softmax(name="s")(embedded))
    values = np.array([[1, 3, 2, 0, 4, 0]], "int32")
    shares = K.Model(model.input, model.get_layer("s").output)(values)
    assert not np.asarray(shares)[..., [3, 5]].any(), "the mask was not heeded in the first place"
    manifest = cut_and_run(model, "emb", tmp_path, WORKS, inputs=[values])
    assert manifest.masks
    assert [tensor.dtype for tensor in manifest.parts[1].inputs] == ["float32", "bool"]
