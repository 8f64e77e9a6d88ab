"""Vocabularies in SavedModels of TensorFlow 2.3 to 2.6 (corpus/lookups/record.py), held against what the models gave there."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import configsplit
from configsplit.dialects import emit
from configsplit.errors import ConfigSplitError, StoreError
from configsplit.graph.json import thaw

pytestmark = pytest.mark.usefixtures("unleashed")

LOOKUPS = Path(__file__).resolve().parents[1] / "corpus" / "lookups"
RELEASES = ("tf-2.3", "tf-2.4", "tf-2.5", "tf-2.6")


def given(release: str) -> tuple[list[Any], list[Any]]:
    """The inputs, and what the model of the release gave for them."""
    with np.load(LOOKUPS / f"{release}.io.npz") as told:
        inputs = [tf.constant(told["in_words"]), tf.constant(told["in_numbers"])]
        return inputs, [told[f"out_{number}"] for number in range(len(told.files) - 2)]


def agree(found: Any, wanted: Any) -> bool:
    return [np.asarray(each).tolist() for each in found] == [each.tolist() for each in wanted]


@pytest.mark.parametrize("release", RELEASES)
def test_parts_look_up_what_the_release_did(release: str, tmp_path: Path) -> None:
    inputs, wanted = given(release)
    model = configsplit.load(LOOKUPS / f"{release}.tar.gz")
    lookups = [layer.name for layer in model.model.layers if not layer.is_input and not layer.name.startswith("twice")]
    assert len(lookups) == len(wanted)
    saved = configsplit.split(model, at=",".join(lookups)).save(tmp_path / "parts")
    assert saved.proof is not None
    head, tail = (tf_keras.models.load_model(tmp_path / "parts" / f"part-{n}.h5", compile=False) for n in (0, 1))
    assert agree(tail(head(inputs)), wanted)


@pytest.mark.parametrize("release", RELEASES)
def test_keras_3_looks_up_what_the_release_did(release: str, tmp_path: Path) -> None:
    inputs, wanted = given(release)
    configsplit.convert(LOOKUPS / f"{release}.tar.gz").save(tmp_path / "new.keras")
    assert agree(keras.models.load_model(tmp_path / "new.keras")(inputs), wanted)


def unpacked(release: str, folder: Path) -> Path:
    with tarfile.open(LOOKUPS / f"{release}.tar.gz") as packed:
        packed.extractall(folder, filter="data")
    return folder / release


@pytest.mark.parametrize(
    ("there", "damaged"), [(b"apple", b"appla"), (b"\x05\x01\x00\x05", b"\x05\x01\x00\xff"), (b"\xc3\xbc", b"\xc3\x00")]
)
def test_damaged_words_are_refused(there: bytes, damaged: bytes, tmp_path: Path) -> None:
    """A letter, a length of a word, and what is no text: the checksum tells of each."""
    model = unpacked("tf-2.4", tmp_path)
    data = model / "variables" / "variables.data-00000-of-00001"
    assert there in data.read_bytes()
    data.write_bytes(data.read_bytes().replace(there, damaged, 1))
    with pytest.raises(StoreError, match="checksum does not match"):
        configsplit.load(model)


def test_an_architecture_beside_the_checkpoint_does_not_lose_its_words(tmp_path: Path) -> None:
    model = unpacked("tf-2.4", tmp_path)
    document = thaw(emit(configsplit.load(model).model))
    for layer in document["config"]["layers"]:
        for key in ("vocabulary", "idf_weights"):
            layer["config"].pop(key, None)
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(ConfigSplitError) as refused:
        configsplit.convert(configsplit.load(tmp_path / "model.json", weights=model / "variables" / "variables"))
    assert refused.value.code == "saved-model-vocabulary"
