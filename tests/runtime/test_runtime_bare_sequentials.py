"""Sequentials that Keras 2.0 to 2.2 wrote as a bare list of layers, as tf_keras gets them."""

from __future__ import annotations

import json

import tf_keras
from support.corpus import releases

from configsplit.dialects import parse
from configsplit.runtime.examine import buildable


def test_one_without_a_name_stays_as_it_is() -> None:
    """tf_keras reads ``{"layers": ...}`` without a name as the list itself."""
    text = (releases() / "keras-2.0.0" / "seq_input_shape.json").read_text()
    document = json.loads(text)
    assert isinstance(document["config"], list)
    assert json.loads(buildable(json.loads(text))) == document
    assert len(tf_keras.models.model_from_json(buildable(json.loads(text))).layers) > 0


def test_one_inside_a_model_keeps_its_name() -> None:
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, 3]}}
    text = json.dumps({"class_name": "Sequential", "name": "inner", "config": [dense]})
    assert tf_keras.models.model_from_json(buildable(json.loads(text))).name == "inner"


def test_one_inside_another_is_called_as_configsplit_calls_it() -> None:
    """Its entry has no name there: what tf_keras makes up hangs on what was loaded before."""
    dense = [{"class_name": "Dense", "config": {"name": name, "units": 2, "batch_input_shape": [None, 2]}} for name in "abc"]
    inner = [{"class_name": "Sequential", "config": [each]} for each in dense[1:]]
    text = json.dumps({"class_name": "Sequential", "config": [dense[0], *inner], "keras_version": "2.0.9"})
    called = [layer.name for layer in parse(text).model.layers if not layer.is_input]
    assert called == ["a", "sequential_2", "sequential_3"]
    for _ in range(2):  # its own count goes on from one model to the next
        assert [layer.name for layer in tf_keras.models.model_from_json(buildable(json.loads(text))).layers] == called
