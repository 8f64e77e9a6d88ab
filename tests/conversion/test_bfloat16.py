"""Models of Keras 2 whose weights are bfloat16: only archives of Keras 3 say so of an array, and only these are read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import configsplit
from configsplit.errors import WeightsError
from configsplit.models.document import Document

pytestmark = pytest.mark.usefixtures("unleashed")

GIVEN = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Every file of one model, and what it computes; tf_keras itself cannot load the ``.h5`` and the ``.keras``."""
    folder = tmp_path_factory.mktemp("bfloat16")
    policy = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("bfloat16")
    try:
        x = tf_keras.Input((4,), name="x")
        model = tf_keras.Model(x, tf_keras.layers.Dense(2, name="b")(tf_keras.layers.Dense(3, name="a")(x)), name="model")
    finally:
        tf_keras.mixed_precision.set_global_policy(policy)
    model.save(folder / "saved", save_format="tf")
    model.save_weights(folder / "checkpoint" / "c", save_format="tf")
    (folder / "model.json").write_text(model.to_json())
    for suffix in (".h5", ".keras"):
        model.save(folder / f"model{suffix}")
        with pytest.raises(ValueError, match="cast"):
            tf_keras.models.load_model(folder / f"model{suffix}", compile=False)
    return folder, numbers(model(GIVEN))


def numbers(values: Any) -> Any:
    return np.asarray(tf.cast(values, tf.float32))


def sources(folder: Path) -> dict[str, Document]:
    return {
        "SavedModel": configsplit.load(folder / "saved"),
        "checkpoint": configsplit.load(folder / "model.json", weights=folder / "checkpoint" / "c"),
        "h5": configsplit.load(folder / "model.h5"),
        "keras": configsplit.load(folder / "model.keras"),
    }


@pytest.mark.parametrize("kind", ["SavedModel", "checkpoint", "h5", "keras"])
def test_keras_3_computes_the_same(kind: str, made: Any, tmp_path: Path) -> None:
    folder, wanted = made
    configsplit.convert(sources(folder)[kind]).save(tmp_path / "new.keras")
    assert numbers(keras.models.load_model(tmp_path / "new.keras")(GIVEN)).tobytes() == wanted.tobytes()
    assert configsplit.verify_file(tmp_path / "new.keras").weights == 4


@pytest.mark.parametrize("kind", ["SavedModel", "checkpoint", "h5"])
def test_they_go_out_under_names_and_back(kind: str, made: Any, tmp_path: Path) -> None:
    folder, wanted = made
    configsplit.named_weights(sources(folder)[kind]).save(tmp_path / "w.safetensors")
    configsplit.convert(configsplit.load(folder / "model.json", weights=tmp_path / "w.safetensors")).save(
        tmp_path / "new.keras"
    )
    assert numbers(keras.models.load_model(tmp_path / "new.keras")(GIVEN)).tobytes() == wanted.tobytes()
    with pytest.raises(WeightsError) as caught:
        configsplit.named_weights(sources(folder)[kind]).save(tmp_path / "w.npz")
    assert caught.value.code == "weights-type"


@pytest.mark.parametrize("kind", ["SavedModel", "checkpoint"])
def test_nothing_is_written_that_no_keras_reads(kind: str, made: Any, tmp_path: Path) -> None:
    source = sources(made[0])[kind]
    for write in (
        lambda: configsplit.split(source, at="a").save(tmp_path / "parts", format="h5"),
        lambda: configsplit.convert(source, to="keras2").save(tmp_path / "old.h5"),
    ):
        with pytest.raises(WeightsError) as caught:
            write()
        assert caught.value.code == "layout-bfloat16"
