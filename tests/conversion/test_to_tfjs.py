"""Layers models of TensorFlow.js: written as its converter documents them, read back by configsplit, run as Keras 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import keras3_for_keras2 as made
import numpy as np
import pytest
from keras import layers
from support.tfjs_files import as_tfjs

import configsplit
from configsplit.containers import write_tfjs
from configsplit.errors import ConversionError, StoreError
from configsplit.verbs.verify_file import verify_file

TAKEN = ("lstm", "states", "images", "built_later", "nested_later", "frames", "shared", "odd_names")


def saved(name: str, folder: Path) -> Path:
    model = made.filled(made.MADE[name]())
    model.save(folder / "new.keras")
    return folder / "new.keras"


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_read_back_computes_the_same(name: str, tmp_path: Path) -> None:
    source = saved(name, tmp_path)
    found = configsplit.convert(source, to="tfjs").save(tmp_path / "web")
    assert found.path == tmp_path / "web" / "model.json"
    assert verify_file(found.path).weights == found.weights
    configsplit.convert(found.path, to="keras2").save(tmp_path / "old.h5")
    model = keras.models.load_model(source, compile=False)
    given = made.drawn(model)
    off = made.off_by(made.run(model, given), made.run(made.in_keras2(tmp_path / "old.h5"), given))
    assert off <= (1e-6 if name in ("images", "frames") else 0.0)


def test_it_is_laid_out_as_its_own_converter_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held against files made by the documented layout, of the same model as tf_keras has it."""
    monkeypatch.setattr(write_tfjs, "SHARD", 1000)
    source = saved("images", tmp_path)
    configsplit.convert(source, to="keras2").save(tmp_path / "old.h5")
    ours = configsplit.convert(source, to="tfjs").save(tmp_path / "web").path
    theirs = as_tfjs(tmp_path / "old.h5", tmp_path / "theirs", shard=1000)
    left, right = (json.loads(path.read_text()) for path in (ours, theirs))
    assert left["format"] == right["format"] == "layers-model"
    assert left["weightsManifest"] == right["weightsManifest"]
    assert left["modelTopology"].keys() == right["modelTopology"].keys()
    for name in left["weightsManifest"][0]["paths"]:
        assert (ours.parent / name).read_bytes() == (theirs.parent / name).read_bytes()
    assert len(left["weightsManifest"][0]["paths"]) > 1


def _chain(*chain: Any, shape: tuple[int | None, ...] = (7, 4)) -> Any:
    return keras.Sequential([layers.Input(shape), *chain])


def _masked(layer: Any) -> Any:
    return made._text(layers.LSTM(4, return_sequences=True), layer)


REFUSED = {
    "a layer": (lambda: _chain(layers.UnitNormalization()), "UnitNormalization"),
    "a setting that it leaves out": (lambda: _chain(layers.ReLU(negative_slope=0.1)), "negative_slope"),
    "an axis": (lambda: _chain(layers.BatchNormalization(axis=1)), "last axis"),
    "an order of gates": (lambda: _chain(layers.GRU(3)), "reset_after"),
    "an activation": (lambda: _chain(layers.Dense(3, "exponential")), "exponential"),
    "a mask that it does not heed": (lambda: _masked(layers.GlobalAveragePooling1D()), "mask"),
    "two layers both ways": (
        lambda: _chain(layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3, "relu", go_backwards=True))),
        "both directions",
    ),
    "half precision": (lambda: _chain(layers.Dense(3, dtype="mixed_float16")), "mixed_float16"),
    "open sizes": (lambda: _chain(layers.Flatten(), shape=(None, 4)), "flatten"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_it_computes_otherwise_is_refused(what: str, tmp_path: Path) -> None:
    make, told = REFUSED[what]
    make().save(tmp_path / "new.keras")
    found = configsplit.convert(tmp_path / "new.keras", to="tfjs")
    assert {each.code for each in found.refusals} == {"convert-tfjs"}
    assert any(told in each.reason for each in found.refusals)
    with pytest.raises(ConversionError):
        found.save(tmp_path / "web")
    assert not (tmp_path / "web").exists()


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    """It finds weights by the names of their layers, and by nothing else."""
    inner, x = _chain(layers.Dense(4, name="same"), shape=(4,)), keras.Input((4,))
    keras.Model(x, layers.Dense(4, name="same")(inner(x))).save(tmp_path / "new.keras")
    (refusal,) = configsplit.convert(tmp_path / "new.keras", to="tfjs").refusals
    assert (refusal.layer, refusal.code) == ("same", "convert-tfjs")


def test_outputs_by_name_stand_in_a_list(tmp_path: Path) -> None:
    x = keras.Input((4,))
    keras.Model(x, {"one": layers.Dense(2)(x), "other": layers.Dense(3)(x)}).save(tmp_path / "new.keras")
    found = configsplit.convert(tmp_path / "new.keras", to="tfjs")
    path = found.save(tmp_path / "web").path
    ends = json.loads(path.read_text())["modelTopology"]["model_config"]["config"]["output_layers"]
    assert [end[1:] for end in ends] == [[0, 0], [0, 0]]
    assert any("lists" in note.what for note in found.notes)


def test_nothing_of_somebody_else_is_replaced(tmp_path: Path) -> None:
    """Neither a folder that is not ours, nor a shard beside a ``model.json`` that is named; and nothing is half written."""
    source, web = saved("shared", tmp_path), tmp_path / "web"
    web.mkdir()
    (web / "group1-shard1of1.bin").write_bytes(b"theirs")
    with pytest.raises(StoreError, match="exists"):
        configsplit.convert(source, to="tfjs").save(web)
    with pytest.raises(StoreError, match="not an output of configsplit"):
        configsplit.convert(source, to="tfjs").save(web, force=True)
    with pytest.raises(StoreError, match="exists"):
        configsplit.convert(source, to="tfjs").save(web / "model.json")
    assert [path.name for path in web.iterdir()] == ["group1-shard1of1.bin"]
    configsplit.convert(source, to="tfjs").save(web / "model.json", force=True)
    assert np.fromfile(web / "group1-shard1of1.bin", "float32").size == 20
    configsplit.convert(source, to="tfjs").save(web, force=True)
    assert verify_file(web / "model.json").weights == 2
