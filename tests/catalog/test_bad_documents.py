"""Documents of Keras 3 with one thing wrong that no key of a class tells: what real Keras refuses is not valid."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from bad_configs import classes, given_other_shapes
from support.thinned import thinned
from test_bad_configs import FRAMEWORKS, judged, runs, taken_by

import configsplit
from configsplit.errors import ShapeError
from configsplit.verbs.validate import validate


def entry(class_name: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 8], "dtype": "float32", "keras_history": ["given", 0, 0]},
    }
    made = {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": "made", **config},
        "registered_name": None,
        "name": "made",
        "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
    }
    return made | more


def document(layer: dict[str, Any], shape: tuple[int | None, ...] = (None, 8), dtype: str = "float32") -> str:
    given = entry("InputLayer", {"batch_shape": list(shape), "dtype": dtype, "name": "given"}, name="given", inbound_nodes=[])
    for node in layer["inbound_nodes"]:
        node["args"][0]["config"] |= {"shape": list(shape), "dtype": dtype}
    config = {
        "name": "whole",
        "trainable": True,
        "layers": [given, layer],
        "input_layers": [["given", 0, 0]],
        "output_layers": [["made", 0, 0]],
    }
    whole = {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}
    return json.dumps({**whole, "registered_name": "Functional"})


def dense(**config: Any) -> dict[str, Any]:
    return entry("Dense", {"units": 3, **config})


def held(package: str, class_name: str, **config: Any) -> dict[str, Any]:
    return {"module": f"keras.{package}", "class_name": class_name, "config": config, "registered_name": None}


DOCUMENTS = {
    "sound": document(dense()),
    "policy": document(dense(dtype=held("", "DTypePolicy", name="mixed_float16") | {"module": "keras"})),
    "a layer as the activation": document(dense(activation=held("layers", "LeakyReLU", negative_slope=0.2))),
    "an initializer": document(dense(kernel_initializer=held("initializers", "HeNormal", seed=1))),
    "a regularizer": document(dense(kernel_regularizer=held("regularizers", "L1L2", l1=None, l2=0.1))),
    "no such dtype": document(dense(dtype="flaot32")),
    "no such policy": document(dense(dtype=held("", "DTypePolicy", name="mixed_floot16") | {"module": "keras"})),
    "no such key of an initializer": document(dense(kernel_initializer=held("initializers", "GlorotUniform", sed=None))),
    "no such scale": document(dense(kernel_initializer=held("initializers", "VarianceScaling", scale=-1.0))),
    "no such penalty": document(dense(kernel_regularizer=held("regularizers", "L2", l2=-1.0))),
    "no such key of a regularizer": document(dense(kernel_regularizer=held("regularizers", "L2", l3=0.1))),
    "no such key of a constraint": document(dense(kernel_constraint=held("constraints", "MaxNorm", max_valu=2))),
    "no such key of an activation": document(dense(activation=held("layers", "ReLU", max_valu=6))),
    "no such function": document(dense(activation=held("activations", "function") | {"config": "rleu"})),
    "no such module": document(dense() | {"module": "keras.layer"}),
    "no such class": document(dense() | {"class_name": "Dens"}),
    "no such dtype of an input": document(dense(), dtype="flot32"),
    "trainable is no truth": document(dense(trainable="yes")),
    "an open size of a kernel": document(dense(), (None, None)),
    "steps of too few axes": document(entry("TimeDistributed", {"layer": held("layers", "Dense", units=3, name="inner")})),
    "stateful, of any number of samples": document(entry("LSTM", {"units": 3, "stateful": True}), (None, 5, 8)),
    "groups that do not divide": document(entry("Conv1D", {"filters": 4, "kernel_size": 1, "groups": 2}), (None, 5, 3)),
    "too large a window": document(entry("MaxPooling1D", {"pool_size": [5]}), (None, 3, 2)),
    "nothing left": document(entry("Cropping1D", {"cropping": [1, 2]}), (None, 3, 2)),
}


@pytest.mark.parametrize("title", DOCUMENTS)
def test_a_document_is_valid_where_keras_builds_it(title: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(DOCUMENTS[title])
    real = taken_by("keras", DOCUMENTS[title])
    found = validate(path)
    assert found.valid == (not real), (real, found.violations)
    assert found.valid == (title in ("sound", "policy") or title.startswith(("a ", "an initializer")))
    if found.valid:
        assert runs("keras", DOCUMENTS[title])


@pytest.mark.parametrize("title", ["conv", "steps", "numbers", "open"])
def test_what_cannot_take_the_output_of_a_model_is_not_put_behind_it(title: str, tmp_path: Path) -> None:
    layers = {
        "conv": ("Conv2D", {"filters": 3, "kernel_size": 3}, (None, 4)),
        "steps": ("LSTM", {"units": 3}, (None, 4)),
        "numbers": ("Reshape", {"target_shape": [3, 3]}, (None, 4)),
        "open": ("Dense", {"units": 3}, (None, None)),
    }
    class_name, config, shape = layers[title]
    whole, fragment = tmp_path / "whole.json", tmp_path / "fragment.json"
    whole.write_text(document(entry("Activation", {"activation": "relu"}), shape))
    made = entry(class_name, config)
    fragment.write_text(json.dumps({key: made[key] for key in ("module", "class_name", "config", "registered_name")}))
    with pytest.raises(ShapeError, match="cannot take its input") as raised:
        configsplit.insert(configsplit.load(whole), fragment, after="made")
    assert raised.value.code == "surgery-shape"


# tf_keras repeats the axes 1, 2 and 3 of any tensor, the channels of an image too: nobody means that by UpSampling3D
PAIRS = [pair for pair in itertools.product(FRAMEWORKS, classes()) if pair != ("tf_keras", "UpSampling3D")]


@pytest.mark.parametrize(("name", "class_name"), thinned(PAIRS, 6))
def test_a_layer_on_tensors_of_other_shapes(name: str, class_name: str, tmp_path: Path) -> None:
    """A layer that a framework builds and runs is valid; in Keras 3, which records all sizes, no other is."""
    found = [each for bad in given_other_shapes(name, class_name) for each in judged(name, bad, tmp_path)]
    wrong = [each for each in found if name == "keras" or not each.startswith("valid, but")]
    assert not wrong, "\n".join(wrong)
