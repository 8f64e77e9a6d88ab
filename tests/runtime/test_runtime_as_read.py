"""What is run is the model as it was read: people wrap documents, Windows spells groups its own way, releases lose things."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras

import configsplit
from configsplit.saving.numeric import readable


def model_of(of: Any) -> Any:
    return of.Sequential([of.Input((4,), name="i"), of.layers.Dense(3, name="a"), of.layers.Dense(2, name="b")])


def twice(text: str) -> str:
    return json.dumps(text)


def wrapped(text: str) -> str:
    return json.dumps({"model": json.loads(text)})


def bare(text: str) -> str:
    return json.dumps(json.loads(text)["config"])


def with_text(source: Path, change: Callable[[str], str]) -> None:
    """The same file with another text for its architecture."""
    if source.suffix == ".h5":
        with h5py.File(source, "r+") as file:
            file.attrs["model_config"] = change(file.attrs["model_config"])
        return
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"].decode()).encode()
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("of", "suffix", "change"),
    [(keras, ".keras", twice), (tf_keras, ".h5", wrapped), (keras, ".h5", bare)],
    ids=lambda each: "",
)
@pytest.mark.usefixtures("near_worker")
def test_a_file_with_something_around_its_document_is_run(of: Any, suffix: str, change: Any, tmp_path: Path) -> None:
    source = tmp_path / f"m{suffix}"
    model_of(of).save(source)
    with_text(source, change)
    with pytest.raises(Exception):  # noqa: B017, PT011  # each framework and release fails in its own way
        of.models.load_model(source)
    document = configsplit.load(source)
    assert document.notes
    saved = configsplit.split(document, "a").save(tmp_path / "parts", verify="numeric")
    assert saved.numeric.passed
    assert saved.numeric.weights == "file"
    if of is tf_keras:
        made = configsplit.convert(document).save(tmp_path / "new.keras", verify="numeric")
        assert made.numeric.difference < 1e-5


def test_groups_that_windows_spelt_are_found(tmp_path: Path) -> None:
    """TF 2.14 and 2.15 wrote ``layers\\dense/vars/0`` there; Keras looks for ``layers/dense/vars/0``."""
    source, model = tmp_path / "m.keras", model_of(tf_keras)
    model.save(source)
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "w.h5").write_bytes(members["model.weights.h5"])
    with h5py.File(tmp_path / "w.h5", "r") as old, h5py.File(tmp_path / "new.h5", "w") as new:
        for name in old:
            if name != "layers":
                old.copy(name, new)
        for name in old["layers"]:
            old.copy(f"layers/{name}", new, name=f"layers\\{name}")
    members["model.weights.h5"] = (tmp_path / "new.h5").read_bytes()
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    rows = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    with readable(configsplit.load(source)) as (place, weights):
        assert (place == source, weights) == (False, None)
        assert np.array_equal(tf_keras.models.load_model(place)(rows), model(rows))
    assert not place.exists()
