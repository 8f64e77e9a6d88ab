"""A custom layer whose class writes no name: in a Sequential its place tells which it is, and the file what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
from surgery_making import NOISE, layer_file

import configsplit
from configsplit.errors import TensorReferenceError, WeightsError

ROWS = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


@keras.saving.register_keras_serializable("held")
class Gate(keras.layers.Layer):
    def build(self, shape: Any) -> None:
        self.k = self.add_weight(name="k", shape=(shape[-1],), initializer="random_normal")

    def call(self, given: Any) -> Any:
        return given * self.k

    def get_config(self) -> dict[str, Any]:
        return {}


def built() -> Any:
    keras.backend.clear_session()
    layers = [keras.layers.Dense(4, name="a"), Gate(name="gate2"), Gate(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers])


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_its_weights_are_those_at_its_place(suffix: str, tmp_path: Path) -> None:
    model = built()
    model.save(tmp_path / f"m.{suffix}")
    document = configsplit.load(tmp_path / f"m.{suffix}")
    assert [layer.name for layer in document.model.layers][-3:-1] == ["gate", "gate_1"]
    saved = configsplit.split(document, "a").save(tmp_path / "parts")
    assert any("'gate' is 'gate2'" in warning for warning in saved.manifest.warnings)
    flow = ROWS
    for number in range(2):
        flow = keras.models.load_model(tmp_path / "parts" / f"part-{number}.{suffix}")(flow)
    assert np.array_equal(flow, model(ROWS))


def test_its_neighbours_names_still_have_to_be_right(tmp_path: Path) -> None:
    import h5py

    model = built()
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        file["layers/dense/vars"].attrs["name"] = "b"
    document = configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.weights.h5")
    with pytest.raises(WeightsError) as caught:
        configsplit.split(document, "a").save(tmp_path / "parts")
    assert caught.value.code == "weights-misplaced"


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_a_model_is_cut_between_two_of_a_class(kind: str, tmp_path: Path) -> None:
    keras.backend.clear_session()
    layers = [keras.layers.Dense(4, name="a"), Gate(name="left"), keras.layers.Dense(3, name="b"), Gate(name="right")]
    flow = start = keras.Input((4,))
    for layer in layers:
        flow = layer(flow)
    model = keras.Model(start, flow) if kind == "functional" else keras.Sequential([start, *layers])
    model.save(path := tmp_path / "m.keras")
    saved = configsplit.split(path, "b").save(tmp_path / "parts")
    flow = ROWS
    for part in saved.manifest.parts:
        flow = keras.models.load_model(tmp_path / "parts" / part.file)(flow)
    assert np.array_equal(flow, model(ROWS))


def test_a_name_of_the_users_is_no_number_that_keras_made_up(tmp_path: Path) -> None:
    import h5py

    keras.backend.clear_session()
    start = keras.Input((4,))
    model = keras.Model(start, Gate(name="right")(keras.layers.Dense(4, name="a")(Gate(name="left")(start))))
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        names = {group: file[f"layers/{group}/vars"].attrs["name"] for group in ("gate", "gate_1")}
        file["layers/gate/vars"].attrs["name"], file["layers/gate_1/vars"].attrs["name"] = names["gate_1"], names["gate"]
    document = configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.weights.h5")
    with pytest.raises(WeightsError) as caught:
        configsplit.split(document, "a").save(tmp_path / "parts")
    assert caught.value.code == "weights-misplaced"


# ---------------------------------------------------------------------------- Keras 2, where they are called by their place


class OldGate(tf_keras.layers.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.k = self.add_weight(name="scale", shape=(shape[-1],), initializer="random_normal")

    def call(self, given: Any) -> Any:
        return given * self.k

    def get_config(self) -> dict[str, Any]:
        return {}


def old(folder: Path) -> tuple[Any, Path]:
    layers = [tf_keras.layers.Dense(4, name="a"), OldGate(name="gate3"), OldGate(name="gate_1"), tf_keras.layers.Dense(2)]
    model = tf_keras.Sequential([tf_keras.Input((4,)), *layers])
    model.save(folder / "old.h5")
    return model, folder / "old.h5"


def test_what_is_put_before_it_leaves_its_weights_at_its_place(tmp_path: Path) -> None:
    model, path = old(tmp_path)
    put = configsplit.insert(path, layer_file(tmp_path, NOISE), after="a").save(tmp_path / "new.h5").path
    for each in (put, configsplit.remove(put, "gaussian_noise").save(tmp_path / "back.h5").path):
        configsplit.verify_file(each)
        anew = tf_keras.models.load_model(each, custom_objects={"OldGate": OldGate}, compile=False)
        assert np.array_equal(anew(ROWS), model(ROWS))


def test_it_is_converted_by_what_the_file_calls_it(tmp_path: Path) -> None:
    """``gate3/scale`` is no weight of a layer inside, whatever the document calls the layer."""
    model, path = old(tmp_path)
    made = configsplit.convert(path)
    assert not [note for note in made.notes if "scope" in note.what]
    made.save(tmp_path / "new.keras")
    with keras.saving.custom_object_scope({"OldGate": type("OldGate", (Gate,), {})}):
        anew = keras.models.load_model(tmp_path / "new.keras")
    np.testing.assert_allclose(np.asarray(anew(ROWS)), np.asarray(model(ROWS)), rtol=1e-6)


def test_it_cannot_be_given_a_name(tmp_path: Path) -> None:
    _, path = old(tmp_path)
    (name, _) = [layer.name for layer in configsplit.load(path).model.layers if layer.class_name == "OldGate"]
    with pytest.raises(TensorReferenceError) as caught:
        configsplit.rename(path, {name: "other"})
    assert caught.value.code == "rename-name"
