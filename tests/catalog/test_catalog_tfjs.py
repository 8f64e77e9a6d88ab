"""What the catalog takes for classes and activations of TensorFlow.js, held against what TensorFlow.js says that it has."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support.tensorflow_js import DATA
from support.tensorflow_js_lines import cases

from configsplit.catalog import tfjs

UNTRIED = {"CenterCrop", "ConvLSTM2DCell", "RandomWidth", "Resizing"}
"""Layers that it has and `convert` does not write: they compute otherwise, or nobody has held them against Keras."""
ITS_OWN = {"gelu_new"}
"""Activations that Keras has not."""

HAS = json.loads(DATA.read_text())


def test_layers() -> None:
    assert set(HAS["layers"]) - UNTRIED == set(tfjs.LAYERS)
    assert set(HAS["layers"]) >= UNTRIED


def test_activations() -> None:
    named = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name) for name in HAS["activations"]}
    assert named - ITS_OWN == set(tfjs._ACTIVATIONS)


def test_it_is_the_release_that_was_measured() -> None:
    assert f"Measured with {HAS['version']}" in str(tfjs.__doc__)


def agree(each: dict[str, Any]) -> bool:
    ours, theirs = each["keras"], each["gives"]
    near = all(abs(one - other) < 2e-3 for one, other in zip(ours["values"], theirs["values"], strict=True))
    return bool(ours["shape"] == theirs["shape"] and near)


@pytest.mark.parametrize("each", HAS["settings"], ids=lambda each: f"{each['class']}-{each['key']}-{each['value']}")
def test_every_setting_was_measured(each: dict[str, Any]) -> None:
    """Where one makes no difference, the numbers are those of Keras; else it is refused, has no key, or gives others."""
    if not each["same"]:
        assert each["does"] in ("refuses", "has no such key") or not agree(each)
    elif each["keras"] is not None:
        assert agree(each)
    else:
        assert each["value"] is None  # which Keras takes in no class here, and older releases wrote


def test_no_setting_was_left_out() -> None:
    assert [(each["class"], each["key"], each["value"], each["same"]) for each in HAS["settings"]] == [*cases()]


def test_initializers_and_dtypes() -> None:
    assert {*tfjs._RENAMED.values()} <= {*HAS["initializers"]}
    assert {name.lower() for name in tfjs._RENAMED} == {name.lower() for name in tfjs._RENAMED.values()}
    assert {*tfjs._RENAMED}.isdisjoint(HAS["initializers"])
    assert {*HAS["dtypes"]} - {"string"} == {*tfjs._DTYPES}
