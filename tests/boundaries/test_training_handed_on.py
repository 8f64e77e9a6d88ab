"""A nested model that is called with a fixed ``training`` hands it on to the layers inside, also once it is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import configsplit
from configsplit.errors import CutError

FILE = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1" / "nested_training_false.json"


def with_class(tmp_path: Path, class_name: str, training: bool, *, custom: bool = False) -> Path:
    """The file with another class in place of its BatchNormalization, called with ``training``."""
    document = json.loads(FILE.read_text())
    nested = document["config"]["layers"][1]
    nested["inbound_nodes"][0]["kwargs"]["training"] = training
    layer = nested["config"]["layers"][1]
    assert layer["class_name"] == "BatchNormalization"
    layer |= {"class_name": class_name, "config": {"name": layer["config"]["name"], "trainable": True, "dtype": "float32"}}
    if custom:
        layer |= {"module": None, "registered_name": f"mine>{class_name}"}
    made = tmp_path / "model.json"
    made.write_text(json.dumps(document))
    return made


def plugin(tmp_path: Path, training: bool) -> Path:
    made = tmp_path / "plugin.py"
    made.write_text(
        "from configsplit.plugins import LayerFacts, same_as_input\n"
        f"LAYERS = (LayerFacts(class_name='Noise', outputs=same_as_input, uses_mask=(), mask='stops', training={training}),)\n"
    )
    return made


@pytest.mark.parametrize(("class_name", "told"), [("RandomHue", True), ("GaussianNoise", True), ("ReLU", False)])
def test_classes_of_keras_are_told_that_take_it(class_name: str, told: bool, tmp_path: Path) -> None:
    parts = configsplit.split(configsplit.load(with_class(tmp_path, class_name, True)), "base/base_bn")
    assert ("training" in parts.models[0].by_name()["base_bn"].calls[0].kwargs) == told


@pytest.mark.parametrize("takes", [True, False])
def test_a_custom_class_is_told_where_it_is_declared_to_take_it(takes: bool, tmp_path: Path) -> None:
    file = with_class(tmp_path, "Noise", True, custom=True)
    parts = configsplit.split(configsplit.load(file, custom_objects=[plugin(tmp_path, takes)]), "base/base_bn")
    assert ("training" in parts.models[0].by_name()["base_bn"].calls[0].kwargs) == takes


def test_an_undeclared_class_is_not_opened_where_it_might_train(tmp_path: Path) -> None:
    with pytest.raises(CutError) as caught:
        configsplit.split(configsplit.load(with_class(tmp_path, "Noise", True, custom=True)), "base/base_bn")
    assert caught.value.code == "cut-not-openable"
    assert "plug-in" in (caught.value.hint or "")
    assert configsplit.split(configsplit.load(with_class(tmp_path, "Noise", False, custom=True)), "base/base_bn")
