"""Files for an older Keras 3: no key that its release does not take, in the spelling that it reads; else refused by name."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras3_for_keras2 as made
import keras3_models
import pytest
from keras import layers, ops
from support.corpus import files

import configsplit
from configsplit.errors import OptionError
from configsplit.verbs.verify_file import verify_file


def config(path: Path) -> Any:
    return json.loads(zipfile.ZipFile(path).read("config.json"))


def entries(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a class in a document."""
    if isinstance(value, dict):
        if {"class_name", "config"} <= value.keys() and isinstance(value["config"], dict):
            yield value
        for each in value.values():
            yield from entries(each)
    elif isinstance(value, list):
        for each in value:
            yield from entries(each)


def written_by(release: str) -> dict[str, set[str]]:
    """Class -> the keys that a release itself has written."""
    found: dict[str, set[str]] = {}
    for file in files(release):
        if file.path.suffix == ".keras" and zipfile.is_zipfile(file.path):
            for entry in entries(config(file.path)):
                found.setdefault(entry["class_name"], set()).update(entry["config"])
    return found


@pytest.mark.parametrize(("target", "release"), [("3.6", "keras-3.6.0"), ("3.10", "keras-3.10.0")])
@pytest.mark.parametrize("name", ["lstm", "gru_both_ways", "twins", "images", "shared", "masking", "frames", "half"])
def test_no_key_that_the_release_has_not_written_itself(name: str, target: str, release: str, tmp_path: Path) -> None:
    made.filled(made.MADE[name]()).save(tmp_path / "new.keras")
    configsplit.convert(tmp_path / "new.keras", target=target).save(tmp_path / "old.keras")
    known = written_by(release)
    for entry in entries(config(tmp_path / "old.keras")):
        keys = {key for key in entry["config"] if key not in ("keras_history",)}
        if entry["class_name"] in known and entry["class_name"] != "__keras_tensor__":
            assert keys <= known[entry["class_name"]] | {"trainable", "optional", "dtype", "name", "ragged"}


@pytest.mark.parametrize("target", ["3.3", "3.8", "3.10", "3.12", "3.15.1"])
def test_today_reads_it_too(target: str, tmp_path: Path) -> None:
    model = made.filled(made.MADE["gru_both_ways"]())
    model.save(tmp_path / "new.keras")
    configsplit.convert(tmp_path / "new.keras", target=target).save(tmp_path / "old.keras")
    given = made.drawn(model)
    again = keras.models.load_model(tmp_path / "old.keras", compile=False)
    assert made.off_by(made.run(model, given), made.run(again, given)) == 0.0
    assert verify_file(tmp_path / "old.keras").weights == len(model.weights)


def test_it_says_which_release_it_is_for(tmp_path: Path) -> None:
    made.MADE["shared"]().save(tmp_path / "new.keras")
    configsplit.convert(tmp_path / "new.keras", target="3.3").save(tmp_path / "old.keras")
    found = json.loads(zipfile.ZipFile(tmp_path / "old.keras").read("metadata.json"))
    assert found["keras_version"] == "3.3.3"
    ends = config(tmp_path / "old.keras")["config"]
    assert (ends["input_layers"][0][1:], len(ends["output_layers"])) == ([0, 0], 2)


def _one(*chain: Any) -> Any:
    return keras.Sequential([layers.Input((8, 8, 3)), *chain])


def _clashing() -> Any:
    x = keras.Input((4,))
    return keras.Model(x, ops.concatenate([layers.Concatenate(name="concatenate_1")([x, x]), x], axis=-1))


REFUSED = {
    "a class": (lambda: _one(layers.RMSNormalization()), "3.4", "RMSNormalization is of Keras 3.9 to 3.15"),
    "a key": (lambda: _one(layers.Resizing(4, 4, antialias=True)), "3.6", "antialias"),
    "a low rank": (lambda: _one(layers.Dense(4, lora_rank=2, lora_alpha=3)), "3.8", "lora_alpha"),
    "a name": (_clashing, "3.6", "concatenate_1"),
    "a policy": (lambda: _one(layers.Dense(4, dtype="int8_from_float32")), "3.6", "policy"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_release_lacks_is_refused(what: str, tmp_path: Path) -> None:
    make, target, told = REFUSED[what]
    make().save(tmp_path / "new.keras")
    found = configsplit.convert(tmp_path / "new.keras", target=target).refusals
    assert {each.code for each in found} == {"convert-target"}
    assert any(told in each.reason for each in found)


@pytest.mark.parametrize("target", ["2.15", "3.0", "3.99", "4", "../3.3", "3.3; rm", ""])
def test_a_target_that_is_none(target: str, tmp_path: Path) -> None:
    made.MADE["shared"]().save(tmp_path / "new.keras")
    with pytest.raises(OptionError) as caught:
        configsplit.convert(tmp_path / "new.keras", target=target)
    assert caught.value.code == "option-unknown"


def test_a_target_goes_with_keras_3_alone(tmp_path: Path) -> None:
    made.MADE["shared"]().save(tmp_path / "new.keras")
    with pytest.raises(OptionError, match="converted to keras2"):
        configsplit.convert(tmp_path / "new.keras", to="keras2", target="3.6")


def test_operations_are_called_as_they_once_were(tmp_path: Path) -> None:
    """What they are made with today stood among the arguments of the call."""
    keras3_models.filled("operations").save(tmp_path / "new.keras")
    found = configsplit.convert(tmp_path / "new.keras", target="3.8")
    assert [each.reason for each in found.refusals] == []
    found.save(tmp_path / "old.keras")
    (isclose,) = (each for each in entries(config(tmp_path / "old.keras")) if each["class_name"] == "Isclose")
    assert isclose["inbound_nodes"][0]["kwargs"]["equal_nan"] is True
    assert "equal_nan" not in isclose["config"]
