"""Models of Keras 3 written for Keras 2, loaded by tf_keras: the same bits, but for layers that have other kernels there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import keras3_for_keras2 as made
import pytest
from keras import layers
from support.thinned import thinned

import configsplit
from configsplit.verbs.verify_file import verify_file

ROUNDED = {"attention": 1e-6, "attention_of_two": 1e-11, "half": 1e-2, "images": 1e-6, "frames": 1e-6}
"""Normalization and MultiHeadAttention have other kernels in Keras 2; half precision rounds by the kernel."""


NOT_IN_H5 = {"words", "counted", "computed", "steps_apart"}
"""Vocabularies are not in these files; and of operations Keras 3 does not read them itself."""


def written(model: Any, folder: Path, kind: str = "keras") -> Path:
    model.save(folder / f"new.{kind}")
    configsplit.convert(folder / f"new.{kind}", to="keras2").save(folder / "old.h5")
    return folder / "old.h5"


@pytest.mark.parametrize("name", thinned(made.MADE, 7))
def test_the_same_numbers(name: str, tmp_path: Path) -> None:
    path = written(made.filled(made.MADE[name]()), tmp_path)
    model = keras.models.load_model(tmp_path / "new.keras", compile=False)
    given = made.drawn(model)
    assert made.off_by(made.run(model, given), made.run(made.in_keras2(path), given)) <= ROUNDED.get(name, 0.0)
    assert verify_file(path).weights == len(made.in_keras2(path).weights)


@pytest.mark.parametrize("name", thinned([name for name in made.MADE if name not in NOT_IN_H5], 3))
def test_from_h5_files_of_keras_3(name: str, tmp_path: Path) -> None:
    model = made.filled(made.MADE[name]())
    path, given = written(model, tmp_path, "h5"), made.drawn(model)
    assert made.off_by(made.run(model, given), made.run(made.in_keras2(path), given)) <= ROUNDED.get(name, 0.0)


@pytest.mark.parametrize("name", thinned(made.OPERATIONS, 20))
def test_operations_to_the_bit(name: str, tmp_path: Path) -> None:
    model = made.of_operation(name)
    path, given = written(model, tmp_path), made.drawn(model)
    assert made.off_by(made.run(model, given), made.run(made.in_keras2(path), given)) == 0.0


@pytest.mark.parametrize("name", ["lstm", "gru_both_ways", "steps_apart", "masking", "cells"])
def test_masks_are_left_to_keras_2(name: str, tmp_path: Path) -> None:
    """No operation stays behind of those by which Keras 3 writes masks down: TensorFlow.js and old servers have none."""
    with h5py.File(written(made.MADE[name](), tmp_path)) as file:
        config = json.loads(file.attrs["model_config"])
    classes = [layer["class_name"] for layer in config["config"]["layers"]]
    assert "TFOpLambda" not in classes


def test_a_mask_that_was_chosen_by_hand_is_kept(tmp_path: Path) -> None:
    ids = keras.Input((made.STEPS,), dtype="int32")
    x = layers.Embedding(20, 6)(ids)
    model = made.filled(keras.Model(ids, layers.LSTM(3)(x, mask=ids > 1)))
    path, given = written(model, tmp_path), made.drawn(model)
    assert made.off_by(made.run(model, given), made.run(made.in_keras2(path), given)) == 0.0


def test_every_file_says_what_old_readers_take(tmp_path: Path) -> None:
    """No key of the last releases where it says nothing, no module, and policies as TF 2.4 has them."""
    with h5py.File(written(made.MADE["images"](), tmp_path)) as file:
        text = file.attrs["model_config"]
        assert (file.attrs["keras_version"], file.attrs["backend"]) == ("2.15.0", "tensorflow")
    for absent in (
        '"module"',
        '"synchronized"',
        '"lora_rank"',
        '"registered_name"',
        '"DTypePolicy"',
        '"batch_shape"',
        '"optional"',
    ):
        assert absent not in text
    assert '"batch_input_shape"' in text
