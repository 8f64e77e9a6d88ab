"""Numeric verification of hand-made splits of Keras 2 models, run by tf_keras."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from splits import Split

from configsplit.errors import DocumentError
from configsplit.models.document import load
from configsplit.runtime.build import load as load_in
from configsplit.verbs.split import split


@pytest.fixture
def k(keras2: Any) -> Any:
    keras2.module.utils.set_random_seed(7)
    return keras2.module


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".json"])
def test_a_cut_between_conv_batchnorm_and_relu(k: Any, tmp_path: Path, verify: Any, suffix: str) -> None:
    """`predict` fuses these three into one kernel where it sees them together, and then differs by 3e-7."""
    x = k.Input((20, 20, 3), name="x")
    y = k.layers.Conv2D(8, 3, use_bias=False, name="conv")(x)
    bn = k.layers.BatchNormalization(name="bn", moving_variance_initializer=k.initializers.RandomUniform(0.3, 2.0))
    model = k.Model(x, k.layers.Dense(3, name="d")(k.layers.ReLU(name="relu")(bn(y))))
    split = Split(tmp_path, "keras2", suffix).whole(model, [{"part": 1, "output": 0}])
    split.part(k.Model(x, y), [{"input": 0}]).part(k.Model(y, model.output), [{"part": 0, "output": 0}])
    report = verify(split)
    assert report.identical
    assert (report.framework, report.weights) == ("tf_keras", "filled" if suffix == ".json" else "file")


def test_dict_inputs_and_a_float_input_that_holds_ids(k: Any, tmp_path: Path, verify: Any) -> None:
    words, sizes = k.Input((6,), name="words"), k.Input((2,), name="a_sizes")
    vectors = k.layers.Embedding(5, 3, name="e")(words)
    flat = k.layers.Flatten(name="flat")(vectors)
    model = k.Model({"words": words, "a_sizes": sizes}, k.layers.Concatenate(name="cat")([flat, sizes]))
    split = Split(tmp_path, "keras2", ".h5").whole(model, [{"part": 1, "output": 0}])
    order = {tensor.name: i for i, tensor in enumerate(model.inputs)}
    split.part(k.Model(words, vectors), [{"input": order["words"]}])
    tail = k.Model([vectors, sizes], model.output)
    split.part(tail, [{"part": 0, "output": 0}, {"input": order["a_sizes"]}])
    assert verify(split).identical


def test_an_implicit_mask_is_lost_on_disk_and_shows(k: Any, tmp_path: Path, verify: Any) -> None:
    ids = k.Input((7,), dtype="int32", name="ids")
    vectors = k.layers.Embedding(6, 4, mask_zero=True, name="e")(ids)
    model = k.Model(ids, k.layers.LSTM(3, name="lstm")(vectors))
    split = Split(tmp_path, "keras2", ".h5").whole(model, [{"part": 1, "output": 0}])
    split.part(k.Model(ids, vectors), [{"input": 0}]).part(k.Model(vectors, model.output), [{"part": 0, "output": 0}])
    assert not verify(split).identical


def test_one_ulp_in_an_h5_is_found(k: Any, tmp_path: Path, verify: Any) -> None:
    x = k.Input((1,), name="x")
    model = k.Model(x, k.layers.Dense(1, use_bias=False, name="d")(x))
    split = Split(tmp_path, "keras2", ".h5").whole(model, [{"part": 0, "output": 0}])
    model.set_weights([np.nextafter(model.get_weights()[0], np.float32(9))])
    assert not verify(split.part(model, [{"input": 0}])).identical


def test_a_model_that_samples_is_told_from_a_wrong_split(k: Any, tmp_path: Path, verify: Any) -> None:
    """tf_keras heeds ``training=True`` in a call whatever the model is run with; Keras 3 does not."""
    x = k.Input((4,), name="x")
    noisy = k.layers.GaussianNoise(0.5, name="n")(x, training=True)
    model = k.Model(x, k.layers.GaussianNoise(0.5, name="m")(noisy, training=True))
    split = Split(tmp_path, "keras2", ".h5").whole(model, [{"part": 1, "output": 0}])
    split.part(k.Model(x, noisy), [{"input": 0}]).part(k.Model(noisy, model.output), [{"part": 0, "output": 0}])
    report = verify(split)
    assert not report.identical
    assert not report.deterministic


def test_a_sequential_without_a_name_gets_the_made_up_weights_of_its_layer(near_worker: None, tmp_path: Path) -> None:
    """Keras 2.0 wrote it as a bare list; called otherwise on each side, whole and parts would get other numbers."""
    source = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-2.0.0" / "shared_seq.json"
    saved = split(load(source), "sq@0/sqd@0").save(tmp_path / "parts", verify="numeric")
    assert saved.numeric.identical
    assert saved.numeric.weights == "filled"


def test_calls_that_are_counted_in_another_way_do_not_keep_tf_keras_for_ever(keras2: Any, tmp_path: Path) -> None:
    """TF 1.13 counted those of a Sequential without an input shape from one more."""
    k, place = keras2.module, tmp_path / "model.json"
    x, shared = k.Input((3,), name="x"), k.layers.Dense(3, name="d")
    text = k.Model(x, shared(shared(x))).to_json()
    place.write_text(text)
    assert len(load_in(place, framework=keras2, classes={}).get_layer("d").inbound_nodes) == 2
    for number in (1, 0):
        assert f'["d", {number}, 0' in text
        text = text.replace(f'["d", {number}, 0', f'["d", {number + 1}, 0')
    place.write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_in(place, framework=keras2, classes={})
    assert caught.value.code == "runtime-endless"


def test_a_graph_of_which_every_round_makes_one_call_is_rebuilt(keras2: Any, tmp_path: Path) -> None:
    k, place = keras2.module, tmp_path / "model.json"
    x = y = k.Input((3,), name="x")
    for number in range(60):
        y = k.layers.ReLU(name=f"r{number}")(y)
    config = json.loads(k.Model(x, y).to_json())
    config["config"]["layers"].reverse()
    place.write_text(json.dumps(config))
    assert len(load_in(place, framework=keras2, classes={}).layers) == 61


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_are_traced_for_processors_alone(k: Any, kind: str) -> None:
    """With all that they are for GPUs tests take minutes more: `support.recurrent`."""
    layer = getattr(k.layers, kind)(2)
    tf = importlib.import_module("tensorflow")
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec((None, 3, 2))).graph
    names = [function.signature.name for function in graph.as_graph_def().library.function]
    assert any("standard" in name for name in names)
    assert not any("gpu" in name for name in names)
