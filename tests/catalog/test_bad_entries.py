"""Entries of built-in layers with one thing wrong beside their own config: how they are called, what they are said to be built
on, what layers they hold. What real Keras refuses is not valid; what it takes, and runs, is."""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bad_configs import Bad, changed_entry, classes
from support.thinned import in_turn, thinned
from test_bad_configs import FRAMEWORKS, judged, taken_by

from configsplit.verbs.validate import validate

ARGUMENTS = ("nobodys", "training", "mask", "initial_state", "return_attention_scores", "use_causal_mask", "inputs", "value")


def wrong(name: str, changes: Iterator[tuple[str, str]], folder: Path) -> list[str]:
    bad = (Bad(title, document, {}, False, (), "") for title, document in changes)
    return [said for each in bad for said in judged(name, each, folder)]


def called_with(key: str) -> Callable[[dict[str, Any]], None]:
    def change(entry: dict[str, Any]) -> None:
        node = entry["inbound_nodes"][0]
        for keywords in [node["kwargs"]] if isinstance(node, dict) else [each[3] for each in node]:
            keywords[key] = None

    return change


@pytest.mark.parametrize(("name", "class_name"), thinned(itertools.product(FRAMEWORKS, classes()), 6))
def test_arguments_of_calls(name: str, class_name: str, tmp_path: Path) -> None:
    changes = (changed_entry(name, class_name, f"called with {key}", called_with(key)) for key in ARGUMENTS)
    found = wrong(name, filter(None, changes), tmp_path)
    assert not found, "\n".join(found)


def built_on(made: Callable[[list[Any]], Any]) -> Callable[[dict[str, Any]], None]:
    def change(entry: dict[str, Any]) -> None:
        shape = entry.get("build_config", {}).get("input_shape")
        if isinstance(shape, list) and all(size is None or isinstance(size, int) for size in shape):
            entry["build_config"] = made(shape)

    return change


BUILDS: dict[str, Callable[[list[Any]], Any]] = {
    "as it is": lambda shape: {"input_shape": shape},
    "other channels": lambda shape: {"input_shape": [*shape[:-1], (shape[-1] or 3) + 1]},
    "another batch": lambda shape: {"input_shape": [7, *shape[1:]]},
    "text": lambda shape: {"input_shape": "x"},
    "no axes": lambda shape: {"input_shape": []},
    "another argument": lambda shape: {"shapes_dict": {"nobodys_shape": shape}},
}


@pytest.mark.parametrize("class_name", thinned(classes(), 8))
def test_what_layers_are_built_on(class_name: str, tmp_path: Path) -> None:
    changes = (changed_entry("keras", class_name, f"built on {title}", built_on(made)) for title, made in BUILDS.items())
    found = wrong("keras", filter(None, changes), tmp_path)
    assert not found, "\n".join(found)


ODD: dict[tuple[str, str], tuple[Any, ...]] = {
    ("SeparableConv1D", "groups"): (2, 3, 4, -2, 1.5, [], "x"),
    ("SeparableConv2D", "groups"): (2, 3, 4, -2, 1.5, [], "x"),
    ("LeakyReLU", "alpha"): (0.5, -1, [], [0.5], "0.5", "x"),
    ("ELU", "alpha"): (0.5, [0.5], "x"),
    ("Embedding", "weights"): (None, 0, [], [[1.0]]),
    ("Flatten", "weights"): (None, 0, [], [[1.0]]),
    ("ActivityRegularization", "l1"): (None, [], "x", -1),
    ("ActivityRegularization", "l2"): (None, [], "x", -1),
    ("Conv1D", "kernel_size"): (1.0, [1.0]),
    ("Conv2D", "strides"): (1.0, [1.0, 1]),
    ("Conv2D", "dilation_rate"): (1.0, [1.0, 1]),
    ("DepthwiseConv2D", "strides"): (1.0, [1.0, 1]),
    ("Conv2DTranspose", "dilation_rate"): (1.5, [1.0, 1]),
    ("Conv3DTranspose", "dilation_rate"): (1.5, [1.0, 1, 1]),
    ("MaxPooling2D", "strides"): (1.5, [1.0, 1]),
    ("ConvLSTM1D", "strides"): (1.0, [1.0]),
    ("UpSampling2D", "size"): (1.5, [1.0, 1]),
    ("UpSampling3D", "size"): (1.5, [1.0, 1, 1]),
    ("ZeroPadding2D", "padding"): (1, [1.0, 1]),
    ("AdaptiveMaxPooling2D", "output_size"): (1.0, [1.0, 1]),
    ("RandomRotation", "factor"): ([], ""),
    ("RandomBrightness", "factor"): ([], ""),
    ("RandomColorJitter", "brightness_factor"): ([], ""),
    ("RandomColorJitter", "saturation_factor"): ([], ""),
    ("RandomTranslation", "rng_type"): ("smae", 3),
    ("RandomCrop", "rng_type"): ("smae", 3),
    ("Dropout", "rng_type"): ("smae", 3),
    ("Dense", "name"): (0, [], {}),
    ("Dense", "dtype"): ("", 1, 1.5, [], ["float32"], {}, {"a": 1}),
}
"""Values that nobody writes, of which some generations of Keras take some."""


@pytest.mark.parametrize(("name", "class_name", "key"), in_turn([(name, *each) for name in FRAMEWORKS] for each in ODD))
def test_odd_values(name: str, class_name: str, key: str, tmp_path: Path) -> None:
    changes = (
        changed_entry(name, class_name, f"{key} = {value!r}", lambda entry, value=value: entry["config"].update({key: value}))
        for value in ODD[class_name, key]
    )
    found = wrong(name, filter(None, changes), tmp_path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("dtype", ["", "mixed_float16", {}, {"a": 1}], ids=str)
def test_odd_dtypes_of_inputs(name: str, dtype: Any, tmp_path: Path) -> None:
    title, text = changed_entry(name, "Flatten", f"given {dtype!r}", lambda entry: None) or ("", "")
    document = json.loads(text)
    document["config"]["layers"][0]["config"]["dtype"] = dtype
    found = wrong(name, iter([(title, json.dumps(document))]), tmp_path)
    assert not found, "\n".join(found)


RANKS = {
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Conv2D"), (2, 3, 4, 5, 6)),
    **dict.fromkeys(("BatchNormalization", "LayerNormalization", "GroupNormalization", "EinsumDense", "PReLU"), (2, 3, 4)),
}


@pytest.mark.parametrize(("class_name", "rank"), [(each, rank) for each, ranks in RANKS.items() for rank in ranks])
def test_layers_built_on_another_rank(class_name: str, rank: int, tmp_path: Path) -> None:
    change = built_on(lambda shape: {"input_shape": [None, *[4] * (rank - 2), shape[-1]]})
    made = changed_entry("keras", class_name, f"built on {rank} axes", change)
    assert made is not None
    found = wrong("keras", iter([made]), tmp_path)
    assert not found, "\n".join(found)


# ---------------------------------------------------------------- layers that hold layers


@cache
def entries(name: str) -> dict[str, Any]:
    """What may stand where a layer is held, sound and unsound."""
    framework = importlib.import_module(name)
    layers = framework.layers
    made = {
        "dense": layers.Dense(3),
        "steps": layers.LSTM(3),
        "back": layers.LSTM(3, go_backwards=True),
        "back, all steps": layers.LSTM(3, return_sequences=True, go_backwards=True),
        "cell": layers.LSTMCell(3),
        "cells": layers.StackedRNNCells([layers.GRUCell(3)]),
        "two ways": layers.Bidirectional(layers.LSTM(2)),
        "each step": layers.TimeDistributed(layers.Dense(2)),
        "over a cell": layers.RNN(layers.GRUCell(2)),
        "dropout": layers.Dropout(0.1),
        "attention": layers.MultiHeadAttention(1, 2),
        "images": layers.Conv2D(2, 1),
    }
    found = {title: json.loads(json.dumps(framework.saving.serialize_keras_object(each))) for title, each in made.items()}
    for each in found.values():
        each.pop("build_config", None)

    def changed(title: str, **config: Any) -> Any:
        return {**found[title], "config": {**found[title]["config"], **config}}

    return {
        **found,
        "unknown key": changed("dense", unitss=3),
        "out of range": changed("cell", units=0),
        "no such function": changed("steps", activation="reluu"),
        "no such class": {**found["dense"], "class_name": "Dens"},
        "no config": {key: found["dense"][key] for key in ("module", "class_name")},
        "nothing": None,
        "text": "Dense",
    }


@cache
def holders(name: str) -> dict[str, tuple[str, str]]:
    """Documents with a layer that holds one, and the key that it is held by."""
    framework = importlib.import_module(name)
    layers = framework.layers
    given = framework.Input((5, 4), name="given")
    made = {
        "Bidirectional": ("layer", layers.Bidirectional(layers.LSTM(2), name="made")),
        "Bidirectional, backward": (
            "backward_layer",
            layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3, go_backwards=True), name="made"),
        ),
        "RNN": ("cell", layers.RNN(layers.GRUCell(2), name="made")),
        "StackedRNNCells": ("cells", layers.RNN(layers.StackedRNNCells([layers.GRUCell(2)]), name="made")),
        "TimeDistributed": ("layer", layers.TimeDistributed(layers.Dense(2), name="made")),
    }
    if name == "keras":
        made["SpectralNormalization"] = ("layer", layers.SpectralNormalization(layers.Dense(2), name="made"))
        made["Pipeline"] = ("layers", layers.Pipeline([layers.Rescaling(2)], name="made"))
    return {title: (key, framework.Model(given, layer(given)).to_json()) for title, (key, layer) in made.items()}


def holding(name: str, holder: str, title: str) -> str:
    key, text = holders(name)[holder]
    document = json.loads(text)
    (made,) = (each for each in document["config"]["layers"] if each["config"]["name"] == "made")
    made.pop("build_config", None)
    config, held = made["config"], entries(name)[title]
    if key == "cells":
        config = config["cell"]["config"]
    config[key] = [held] if key in ("cells", "layers") and isinstance(held, dict) else held
    return json.dumps(document)


HOLDERS = (
    "Bidirectional",
    "Bidirectional, backward",
    "RNN",
    "StackedRNNCells",
    "TimeDistributed",
    "SpectralNormalization",
    "Pipeline",
)


@pytest.mark.parametrize(
    ("name", "holder"),
    in_turn([(name, each) for name in FRAMEWORKS if name == "keras" or each in HOLDERS[:5]] for each in HOLDERS),
)
def test_layers_in_layers(name: str, holder: str, tmp_path: Path) -> None:
    changes = ((f"{holder} of {title}", holding(name, holder, title)) for title in entries(name))
    found = wrong(name, changes, tmp_path)
    assert not found, "\n".join(found)


# ---------------------------------------------------------------- inputs and nested models


def nested(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> str:
    """A model in a model; ``change`` takes the entry of the inner one, and that of its layer."""
    import keras

    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)], name="inner")
    given = keras.Input((8,), name="given")
    document = json.loads(keras.Model(given, inner(given)).to_json())
    (entry,) = (each for each in document["config"]["layers"] if each["config"]["name"] == "inner")
    change(entry, entry["config"]["layers"][1])
    return json.dumps(document)


NESTED: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "sound": lambda model, layer: None,
    "an unknown argument": lambda model, layer: model["inbound_nodes"][0]["kwargs"].update(nobodys=1),
    "another input": lambda model, layer: model["config"]["layers"][0]["config"].update(batch_shape=[None, 9]),
    "built on another": lambda model, layer: layer.update(build_config={"input_shape": [None, 9]}),
    "of a negative rank": lambda model, layer: layer["config"].update(lora_rank=-1),
    "of a low rank": lambda model, layer: layer["config"].update(lora_rank=2),
    "a rank and a constraint": lambda model, layer: layer["config"].update(lora_rank=2, kernel_constraint="non_neg"),
    "a number for a name": lambda model, layer: layer["config"].update(name=3),
    "a number for a regularizer": lambda model, layer: layer["config"].update(activity_regularizer=1.5),
    "an input of two shapes": lambda model, layer: model["config"]["layers"][0]["config"].update(shape=[8]),
}


@pytest.mark.parametrize("title", NESTED)
def test_nested_models(title: str, tmp_path: Path) -> None:
    document = nested(NESTED[title])
    path = tmp_path / "model.json"
    path.write_text(document)
    real, found = taken_by("keras", document), validate(path)
    assert found.valid == (not real), (real, found.violations)
    assert found.valid == (title in ("sound", "of a low rank"))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_state_that_is_not_given_cannot_be_taken(name: str, tmp_path: Path) -> None:
    framework = importlib.import_module(name)
    given = framework.Input((5, 4))
    outputs = framework.layers.LSTM(3, return_state=True, name="made")(given)
    document = json.loads(framework.Model(given, outputs[1]).to_json())
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    assert validate(path).valid
    (entry,) = (each for each in document["config"]["layers"] if each["config"]["name"] == "made")
    del entry["config"]["return_state"]
    path.write_text(json.dumps(document))
    assert taken_by(name, path.read_text())
    assert [each.code for each in validate(path).violations] == ["shape-contradicted"]


@pytest.mark.parametrize(("release", "valid"), [("2.21.0", False), ("2.4.0", True)])
def test_what_an_old_release_left_out_is_missing_in_a_newer_one(release: str, valid: bool, tmp_path: Path) -> None:
    import tf_keras

    given = tf_keras.Input((5, 4))
    layer = tf_keras.layers.MultiHeadAttention(2, 3, name="made")
    document = json.loads(tf_keras.Model(given, layer(given, given)).to_json()) | {"keras_version": release}
    (entry,) = (each for each in document["config"]["layers"] if each["config"]["name"] == "made")
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    assert validate(path).valid
    del entry["config"]["query_shape"]
    path.write_text(json.dumps(document))
    assert "query_shape" in taken_by("tf_keras", json.dumps(document))
    found = validate(path)
    assert found.valid is valid
    assert any("'query_shape', which tf-2.4 did not write yet" in each for each in (*found.notes, *map(str, found.violations)))
