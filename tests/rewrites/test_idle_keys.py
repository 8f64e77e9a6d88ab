"""`value_range` of RandomRotation: the first releases of Keras 3 wrote it, it did nothing, and later ones refuse it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.corpus import releases

import configsplit

OLD = releases() / "keras-3.0.5" / "rand_layers.json"
IMAGES = np.linspace(0, 1, 2 * 4 * 6 * 3, dtype="float32").reshape(2, 4, 6, 3)


def aged(value: Any) -> Any:
    """As Keras 3.0 wrote it."""
    if isinstance(value, list):
        return [aged(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: aged(each) for key, each in value.items()}
    if made.get("class_name") == "RandomRotation":
        made["config"] = {**made["config"], "value_range": [0, 255]}
    return made


def turning(name: str) -> Any:
    return keras.layers.RandomRotation(0.1, name=name)


def alone() -> Any:
    return keras.Sequential([keras.Input((4, 6, 3)), turning("turn"), keras.layers.Flatten()])


def nested() -> Any:
    given, inside = keras.Input((4, 6, 3)), keras.Input((4, 6, 3))
    inner = keras.Model(inside, keras.layers.Rescaling(2.0)(turning("turn")(inside)), name="inner")
    return keras.Model(given, keras.layers.Flatten()(turning("outer")(inner(given))))


def wrapped() -> Any:
    inner = keras.Sequential([keras.Input((6, 3)), turning("turn"), keras.layers.Flatten()], name="inner")
    given = keras.Input((4, 6, 3))
    return keras.Model(given, keras.layers.Flatten()(keras.layers.TimeDistributed(inner)(given)))


@pytest.mark.parametrize("made", [alone, nested, wrapped])
def test_every_verb_leaves_it_out(made: Any, tmp_path: Path) -> None:
    keras.backend.clear_session()
    model = made()
    (tmp_path / "m.json").write_text(json.dumps(aged(json.loads(model.to_json()))))
    with pytest.raises((TypeError, ValueError), match="value_range"):
        keras.models.model_from_json((tmp_path / "m.json").read_text())
    document = configsplit.load(tmp_path / "m.json")
    (note, *more) = document.notes
    assert "value_range" in note
    assert len(more) == (made is nested)
    last = document.model.layers[-1].name
    configsplit.extract(document, to=last).save(tmp_path / "new.json")
    again = keras.models.model_from_json((tmp_path / "new.json").read_text())
    assert np.array_equal(again(IMAGES, training=False), model(IMAGES, training=False))
    parts = configsplit.split(document, document.model.layers[1].name).save(tmp_path / "parts")
    assert note in parts.manifest.warnings
    assert configsplit.verify(tmp_path / "parts").proof.parts == 2
    for number in range(2):
        keras.models.model_from_json((tmp_path / "parts" / f"part-{number}.json").read_text())
    joined = configsplit.join(tmp_path / "parts").save(tmp_path / "joined.json").path
    assert "value_range" not in joined.read_text()


def test_validate_says_which_release_takes_it() -> None:
    found = configsplit.validate(OLD)
    assert found.valid
    (note,) = [each for each in found.notes if "value_range" in each]
    assert "Keras 3.15.1 does not take" in note
    assert "keras-3.0.5 wrote" in note


def test_a_class_of_the_user_keeps_its_key(tmp_path: Path) -> None:
    text = OLD.read_text()
    document = json.loads(text)
    for layer in document["config"]["layers"]:
        if layer["class_name"] == "RandomRotation":
            layer |= {"module": "mine", "registered_name": "mine>RandomRotation"}
    (tmp_path / "m.json").write_text(json.dumps(document))
    found = configsplit.load(tmp_path / "m.json")
    assert not found.notes
    assert found.model.by_name()["random_rotation"].config["value_range"] == (0, 255)
