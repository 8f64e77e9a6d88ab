"""What users keep in the file of a model beside its weights: Keras never reads it, and neither does a cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import configsplit
from configsplit.errors import WeightsError

PLACES = {"a group of their own": "calibration/scale", "an array": "labels", "beside the layers": "model_weights/extra/scale"}


def saved(framework: str, path: Path) -> Any:
    keras = __import__(framework)
    source = keras.Input((6,), name="source")
    model = keras.Model(source, keras.layers.Dense(3, name="end")(keras.layers.Dense(4, name="first")(source)))
    model.save(path)
    return model


@pytest.mark.parametrize("framework", ["tf_keras", "keras"])
@pytest.mark.parametrize("kind", sorted(PLACES))
def test_it_is_left_out_and_said(kind: str, framework: str, tmp_path: Path) -> None:
    model = saved(framework, path := tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        file[PLACES[kind]] = np.arange(5.0)
    seen = configsplit.inspect(path)
    assert seen.parameters == model.count_params()
    assert any(repr(PLACES[kind]) in note for note in seen.notes)
    parts = configsplit.split(path, at="first").save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts").proof.weights == 4
    load = __import__(framework).models.load_model
    data = given = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")
    for part in parts.manifest.parts:
        with h5py.File(tmp_path / "parts" / part.file) as file:
            assert PLACES[kind] not in file
        data = np.asarray(load(tmp_path / "parts" / part.file, compile=False)(data, training=False))
    np.testing.assert_array_equal(data, np.asarray(load(path, compile=False)(given, training=False)))
    converted = configsplit.convert(path)
    converted.save(tmp_path / "new.keras")
    assert configsplit.inspect(tmp_path / "new.keras").parameters == model.count_params()


def test_weights_of_a_layer_that_the_model_has_not_are_refused_as_before(tmp_path: Path) -> None:
    saved("tf_keras", path := tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        container = file["model_weights"]
        container.copy("end", "other")
        container.attrs["layer_names"] = [*map(str, container.attrs["layer_names"]), "other"]
    with pytest.raises(WeightsError) as raised:
        configsplit.split(path, at="first").save(tmp_path / "parts")
    assert raised.value.code == "weights-unclaimed"
