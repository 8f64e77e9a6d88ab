"""The real `Scale` classes against their declaration, and both kinds of config that are about."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tf_keras

import configsplit
from configsplit.dialects import parse
from configsplit.graph.model import TensorRef
from configsplit.inference import counted, trace, weights_of
from configsplit.plugins import Registry

FRAMEWORKS = {"keras": keras, "tf_keras": tf_keras}
SEED = Path(__file__).resolve().parents[1] / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"

CONFIGS: list[dict[str, Any]] = [
    {"name": "scale_conv1", "trainable": True, "momentum": 0.9, "axis": 3},
    {"name": "s", "axis": -1},
    {"name": "s", "axis": 1, "momentum": 0.9, "gamma_init": "one", "beta_init": "zero"},
]


def scale(name: str) -> type[Any]:
    return Registry.discover().keras_classes(name)["Scale"]  # type: ignore[arg-type]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_configs_come_back_as_they_were(name: str, config: dict[str, Any]) -> None:
    found = scale(name).from_config(config).get_config()
    assert {key: found[key] for key in config} == config
    assert set(found) - set(config) <= {"trainable", "dtype"}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_numbers_along_the_axis(name: str, config: dict[str, Any]) -> None:
    layer = scale(name).from_config(config)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    layer.build(x.shape)
    assert np.array_equal(layer(x), x)
    size = x.shape[config["axis"]]
    gamma, beta = np.arange(size, dtype="float32"), np.arange(size, dtype="float32") / 3
    layer.set_weights([gamma, beta])
    along = [1, 1, 1, 1]
    along[config["axis"]] = size
    assert np.array_equal(layer(x), x * gamma.reshape(along) + beta.reshape(along))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_declaration_is_true(name: str, config: dict[str, Any]) -> None:
    framework = FRAMEWORKS[name]
    layer = scale(name).from_config(config)
    x = framework.Input((4, 5, 6))
    facts = Registry.discover().facts()
    model = parse(framework.Model(x, layer(x)).to_json()).model
    assert trace(model, facts).specs[TensorRef(layer.name)].shape == (None, 4, 5, 6)
    found = weights_of(trace(model, facts), model.by_name()[layer.name])
    assert found is not None
    assert [(spec.name, spec.shape) for spec in found] == [
        ("gamma", tuple(layer.gamma.shape)),
        ("beta", tuple(layer.beta.shape)),
    ]
    assert layer.supports_masking is (facts["Scale"].mask == "passes")


def test_the_seed_model_is_known_through_and_through() -> None:
    text = SEED.read_text()
    model = parse(text).model
    facts = Registry.discover().facts()
    specs = trace(model, facts).specs
    assert all(spec.shape is not None for spec in specs.values())
    assert specs[model.output_refs()[0]].shape == (None, 1000)
    live = tf_keras.models.model_from_json(text, custom_objects={"Scale": scale("tf_keras")})
    assert counted(trace(model, facts)).parameters == live.count_params()
    assert {layer.name: tuple(layer.output.shape) for layer in live.layers} == {
        ref.layer: spec.shape for ref, spec in specs.items()
    }
    assert json.loads(text)["config"]["name"] == model.name


def test_another_class_of_that_name_is_not_declared(tmp_path: Path) -> None:
    """Many call a layer of their own Scale; both kinds of Caffe's have an axis in their config."""
    layers = [
        {"class_name": "Dense", "config": {"name": "one", "units": 4, "batch_input_shape": [None, 4], "use_bias": True}},
        {"class_name": "Scale", "config": {"name": "mine", "trainable": True}},
        {"class_name": "Dense", "config": {"name": "two", "units": 2}},
    ]
    for more, declared in (({}, False), ({"axis": -1}, True)):
        layers[1]["config"] |= more
        path = tmp_path / "net.json"
        config = {"name": "net", "layers": layers}
        path.write_text(json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.4.0"}))
        inference = configsplit.load(path).infer()
        assert (inference.facts(inference.model.by_name()["mine"]) is not None) == declared
