"""Inputs and boundaries that are no plain dense tensors: sparse, ragged, optional, of a fixed batch size.

A part declares each as what it is; where nobody can say, the cut is refused, for a fresh InputLayer is dense unless told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.made import cut_and_run, fill, flat, run, run_parts, same

import configsplit
from configsplit.errors import CutError
from configsplit.records.manifest import Manifest
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework
from configsplit.verbs.planned import Device

pytestmark = pytest.mark.in_turn("name")
FRAMEWORKS = pytest.mark.parametrize("name", ["keras", "tf_keras"])
IDS = np.array([[1, 2, 3], [3, 3, 0]], "int64")
SPARSE = tf.sparse.from_dense(np.array([[1.0, 0, 2, 0], [0, 3, 0, 0]], "float32"))
RAGGED_IDS = tf.ragged.constant([[1, 2], [3, 4, 1]], dtype="int64")
RAGGED = tf.RaggedTensor.from_row_lengths(np.arange(20, dtype="float32").reshape(5, 4) / 7, [2, 3])


def declared(folder: Path, manifest: Manifest, works: Framework, part: int = 1) -> list[tuple[str, bool, bool]]:
    """What the inputs of a part are, as real Keras loads it: name, sparse, ragged."""
    document = configsplit.load(folder / "parts" / manifest.parts[part].file)
    model = load(folder / "parts" / manifest.parts[part].file, framework=works, classes={})
    assert len(model.inputs) == len(document.model.input_refs())
    layers = [model.get_layer(ref.layer).get_config() for ref in document.model.input_refs()]
    return [(layer["name"], bool(layer.get("sparse")), bool(layer.get("ragged"))) for layer in layers]


@FRAMEWORKS
@pytest.mark.parametrize("maker", ["Hashing", "IntegerLookup"])
def test_a_sparse_tensor_crosses_as_one(maker: str, name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers = works.module.layers
    ids = works.module.Input((3,), dtype="int64", name="ids")
    options: dict[str, Any] = {"num_bins": 5} if maker == "Hashing" else {"vocabulary": [1, 2, 3]}
    made = getattr(layers, maker)(**options, output_mode="multi_hot", sparse=True, name="made")(ids)
    model = fill(works.module.Model(ids, layers.Dense(2, name="o")(made)))
    manifest = cut_and_run(model, "made", tmp_path, works, inputs=[IDS])
    assert declared(tmp_path, manifest, works) == [("made", True, False)]


@FRAMEWORKS
def test_behind_a_dense_layer_nothing_is_sparse_any_more(name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers = works.module.layers
    sparse = works.module.Input((4,), sparse=True, name="sparse")
    dense = layers.Dense(3, activation="tanh", name="d")(sparse)
    model = fill(works.module.Model(sparse, layers.Dense(2, name="o")(dense)))
    manifest = cut_and_run(model, "d", tmp_path, works, inputs=[SPARSE])
    assert declared(tmp_path, manifest, works, 0) == [("sparse", True, False)]
    assert declared(tmp_path, manifest, works) == [("d", False, False)]


def test_a_sparse_input_that_only_the_tail_takes(tmp_path: Path) -> None:
    works = framework("tf_keras")
    layers = works.module.layers
    ends = [works.module.Input((4,), sparse=True, name="sparse"), works.module.Input((3,), name="dense")]
    both = layers.Add(name="a")([layers.Dense(3, name="d")(ends[0]), layers.Dense(3, name="h")(ends[1])])
    model = fill(works.module.Model(ends, layers.Dense(2, name="o")(both)))
    inputs = [SPARSE, np.ones((2, 3), "float32")]
    manifest = cut_and_run(model, "h", tmp_path, works, inputs=inputs, boundary="early")
    assert declared(tmp_path, manifest, works) == [("sparse", True, False), ("h", False, False)]


@FRAMEWORKS
@pytest.mark.parametrize("at", ["text", "emb"])
def test_ragged_text_crosses_as_it_is(at: str, name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers = works.module.layers
    words = works.module.Input((), dtype="string", name="words")
    ids = layers.TextVectorization(vocabulary=["a", "b", "c"], ragged=True, output_mode="int", name="text")(words)
    pooled = layers.GlobalMaxPooling1D(name="g")(layers.Embedding(8, 4, name="emb")(ids))
    model = fill(works.module.Model(words, layers.Dense(2, name="o")(pooled)))
    manifest = cut_and_run(model, at, tmp_path, works, inputs=[np.array(["a b", "c a b"], dtype=object)])
    assert declared(tmp_path, manifest, works) == [(at, False, True)]


@pytest.mark.parametrize("at", ["emb", "seq", "last"])
def test_a_ragged_input_and_what_is_ragged_behind_it(at: str, tmp_path: Path) -> None:
    works = framework("tf_keras")
    layers = works.module.layers
    ids = works.module.Input((None,), dtype="int64", ragged=True, name="ids")
    sequence = layers.LSTM(3, return_sequences=True, name="seq")(layers.Embedding(6, 4, name="emb")(ids))
    model = fill(works.module.Model(ids, layers.Dense(2, name="o")(layers.GRU(3, name="last")(sequence))))
    manifest = cut_and_run(model, at, tmp_path, works, suffix="h5", inputs=[RAGGED_IDS])
    assert declared(tmp_path, manifest, works) == [(at, False, at != "last")]


def test_ragged_numbers_step_by_step(tmp_path: Path) -> None:
    works = framework("tf_keras")
    layers = works.module.layers
    steps = works.module.Input((None, 4), ragged=True, name="steps")
    wrapped = layers.TimeDistributed(layers.Dense(3), name="td")(steps)
    model = fill(works.module.Model(steps, layers.LSTM(3, name="l")(wrapped)))
    manifest = cut_and_run(model, "td", tmp_path, works, inputs=[RAGGED])
    assert declared(tmp_path, manifest, works) == [("td", False, True)]


def test_what_may_be_ragged_or_not_is_no_boundary(tmp_path: Path) -> None:
    works = framework("tf_keras")
    layers = works.module.layers
    steps = works.module.Input((None, 4), ragged=True, name="steps")
    doubtful = layers.LayerNormalization(name="ln")(layers.Dense(3, name="d")(steps))
    model = works.module.Model(steps, layers.LSTM(3, name="l")(doubtful))
    (tmp_path / "model.json").write_text(model.to_json())
    with pytest.raises(CutError) as caught:
        configsplit.split(configsplit.load(tmp_path / "model.json"), "ln")
    assert caught.value.code == "cut-tensor-kind"
    assert len(configsplit.split(configsplit.load(tmp_path / "model.json"), "d")) == 2


@pytest.mark.parametrize("at", ["d", "plus"])
def test_an_optional_input_may_still_be_left_out(at: str, tmp_path: Path) -> None:
    works = framework("keras")
    keras = works.module

    class Plus(keras.layers.Layer):
        def call(self, x: Any, y: Any = None) -> Any:
            return x if y is None else x + y

        def compute_output_spec(self, x: Any, y: Any = None) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

    ends = [keras.Input((3,), name="x"), keras.Input((3,), optional=True, name="maybe")]
    summed = Plus(name="plus")(keras.layers.Dense(3, name="d")(ends[0]), ends[1])
    fill(keras.Model(ends, keras.layers.Dense(2, name="o")(summed))).save(path := tmp_path / "model.keras")
    saved = configsplit.split(configsplit.load(path), at).save(tmp_path / "parts")
    some = np.ones((2, 3), "float32")
    for inputs in ([some, None], [some, some * 2]):
        whole = run(load(path, framework=works, classes={"Plus": Plus}), inputs, works)
        parts = run_parts(saved.directory, saved.manifest, inputs, works, {"Plus": Plus})
        assert all(same(one, other) for one, other in zip(flat(whole, works), flat(parts, works), strict=True))


@FRAMEWORKS
def test_a_fixed_batch_size_stays_fixed_at_the_boundary(name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers = works.module.layers
    start = works.module.Input(batch_shape=(2, 5, 4), name="start")
    states = layers.GRU(3, stateful=True, return_sequences=True, name="g")(start)
    model = fill(works.module.Model(start, layers.LSTM(2, stateful=True, name="l")(states)))
    manifest = cut_and_run(model, "g", tmp_path, works, suffix="h5" if name == "tf_keras" else "keras")
    assert manifest.parts[1].inputs[0].shape == (2, 5, 3)
    part = load(tmp_path / "parts" / manifest.parts[1].file, framework=works, classes={})
    assert tuple(part.inputs[0].shape) == (2, 5, 3)


@FRAMEWORKS
def test_what_is_extracted_from_a_sparse_tensor_takes_a_sparse_tensor(name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers = works.module.layers
    ids = works.module.Input((3,), dtype="int64", name="ids")
    hashed = layers.Hashing(5, output_mode="multi_hot", sparse=True, name="made")(ids)
    model = fill(works.module.Model(ids, layers.Dense(2, name="o")(hashed)))
    model.save(path := tmp_path / "model.keras")
    edited = configsplit.extract(configsplit.load(path), from_="made")
    tail = load(edited.save(tmp_path / "tail.keras").path, framework=works, classes={})
    values = tf.sparse.from_dense(np.array([[1.0, 0, 1, 0, 1], [0, 1, 0, 0, 0]], "float32"))
    assert tail.get_layer("made").get_config()["sparse"] is True
    assert same(*(flat(each(values, training=False), works)[0] for each in (tail, model.get_layer("o"))))


def ragged_model(folder: Path) -> configsplit.Document:
    """A ragged chain: what ``ln`` gives may be ragged or not; all weights are in ``d`` and in ``l``."""
    works = framework("tf_keras")
    layers = works.module.layers
    steps = works.module.Input((None, 4), ragged=True, name="steps")
    doubtful = layers.LayerNormalization(name="ln")(layers.Dense(3, name="d")(steps))
    model = works.module.Model(steps, layers.LSTM(3, name="l")(doubtful))
    (folder / "model.json").write_text(model.to_json())
    return configsplit.load(folder / "model.json")


def test_extract_declares_what_is_ragged_and_refuses_what_may_be(tmp_path: Path) -> None:
    document = ragged_model(tmp_path)
    (start,) = (layer for layer in configsplit.extract(document, from_="d").model.layers if layer.is_input)
    assert start.config["ragged"] is True
    with pytest.raises(CutError) as caught:
        configsplit.extract(document, from_="ln")
    assert caught.value.code == "cut-tensor-kind"
    assert len(configsplit.extract(document, to="ln").model.layers) == 3


def test_a_plan_declares_what_is_ragged_and_refuses_what_may_be(tmp_path: Path) -> None:
    document = ragged_model(tmp_path)
    devices = [Device(name="a", memory=70), Device(name="b")]
    tail = configsplit.plan(document, 2, balance="params", devices=devices).parts[1].model
    assert [layer.spec.ragged for layer in tail.layers if layer.is_input and layer.spec] == [True]
    with pytest.raises(CutError) as caught:
        configsplit.plan(document, 3, balance="params")
    assert caught.value.code == "cut-tensor-kind"
