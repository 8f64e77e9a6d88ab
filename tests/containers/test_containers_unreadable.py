"""What stands where weights should, and cannot be read: never taken for a model that somebody has without its weights."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from support.bundle_files import Hand
from support.tfjs_files import as_tfjs

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import StoreError

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
OLD, NEW = RELEASES / "tf-2.4" / "residual.h5", RELEASES / "keras-3.15.1" / "residual.keras"


def folder(place: Path) -> tuple[Path, Path]:
    with zipfile.ZipFile(NEW) as archive:
        archive.extractall(place)
    return place, place / "model.weights.h5"


def saved_model(place: Path) -> tuple[Path, Path]:
    Hand(OLD).write(place)
    return place, place / "variables" / "variables.index"


def browser(place: Path) -> tuple[Path, Path]:
    model = as_tfjs(OLD, place)
    (shard,) = place.glob("*.bin")
    return model, shard


MADE = {"folder": folder, "saved_model": saved_model, "tfjs": browser}
PUT: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to itself": lambda file: file.symlink_to(file),
    "a link to nothing": lambda file: file.symlink_to(file.with_name("nothing")),
    "a link to a folder": lambda file: file.symlink_to("/"),
    "nothing in it": Path.touch,
}


CODES = {"file-kind", "file-missing", "io-failed", "bundle-damaged", "hdf5-damaged", "weights-manifest"}


@pytest.mark.parametrize("put", PUT)
@pytest.mark.parametrize("kind", MADE)
def test_what_cannot_be_read_is_refused(kind: str, put: str, tmp_path: Path) -> None:
    model, weights = MADE[kind](tmp_path / "model")
    weights.unlink()
    PUT[put](weights)
    with open_source(model) as opened, pytest.raises(StoreError) as caught:
        opened.weights  # noqa: B018 - reads them
    assert caught.value.code in CODES


def test_an_index_that_was_not_copied_is_missed(tmp_path: Path) -> None:
    model, index = saved_model(tmp_path / "model")
    index.unlink()
    with pytest.raises(StoreError) as caught:
        configsplit.split(model, at="bn1").save(tmp_path / "parts")
    assert caught.value.code == "file-missing"


@pytest.mark.parametrize("kind", MADE)
def test_an_architecture_alone_is_still_one(kind: str, tmp_path: Path) -> None:
    model, weights = MADE[kind](tmp_path / "model")
    shutil.rmtree(weights.parent) if kind == "saved_model" else weights.unlink()
    with open_source(model) as opened:
        assert opened.weights is None


def test_no_weights_make_no_file_that_nobody_can_tell(tmp_path: Path) -> None:
    x = keras.Input((3,), name="x")
    keras.Model(x, keras.layers.ReLU(name="relu")(x)).save(tmp_path / "empty.keras")
    with pytest.raises(StoreError) as caught:
        configsplit.named_weights(tmp_path / "empty.keras").save(tmp_path / "empty.npz")
    assert caught.value.code == "format-needs-weights"
    configsplit.named_weights(tmp_path / "empty.keras").save(tmp_path / "empty.safetensors")
