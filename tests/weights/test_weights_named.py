"""Weights that have names and no more, given to the layers of an architecture: TensorFlow 1, safetensors, npz."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from support.bundle_files import Draft
from support.limits import limited

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError

pytestmark = pytest.mark.usefixtures("unleashed")

RELEASE = Path(__file__).parents[1] / "corpus" / "releases" / "tf-2.4"
MODELS = ["residual", "nested2"]
Named = Mapping[str, "np.ndarray[Any, Any]"]


def named(model: str) -> dict[str, np.ndarray[Any, Any]]:
    """The weights of a model by the names that TensorFlow gave them, in the order of the alphabet."""
    found: dict[str, np.ndarray[Any, Any]] = {}

    def note(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[path.partition("/")[2].removesuffix(":0")] = np.asarray(item)

    with h5py.File(RELEASE / f"{model}.h5") as file:
        file["model_weights"].visititems(note)
    return dict(sorted(found.items()))


def as_checkpoint(arrays: Named, folder: Path) -> Path:
    """As TensorFlow 1 writes it, with what an optimizer keeps."""
    draft = Draft()
    for name, values in arrays.items():
        draft.add(name, values)
        draft.add(f"{name}/Momentum", values)
    draft.add("global_step", np.array(3, "int64"))
    draft.write(folder / "model.ckpt-3")
    return folder / "model.ckpt-3"


def as_safetensors(arrays: Named, folder: Path) -> Path:
    head, data = {"__metadata__": {"format": "tf"}}, b""
    for name, values in arrays.items():
        place = [len(data), len(data) + values.nbytes]
        entry: Any = {"dtype": f"F{8 * values.itemsize}", "shape": list(values.shape), "data_offsets": place}
        head[name.replace("/", ".")] = entry
        data += values.tobytes()
    return written(head, data, folder)


def written(head: Any, data: bytes, folder: Path) -> Path:
    text = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    return folder / "model.safetensors"


def as_npz(arrays: Named, folder: Path) -> Path:
    np.savez(folder / "model.npz", **arrays)
    return folder / "model.npz"


def as_packed_npz(arrays: Named, folder: Path) -> Path:
    """In another order of bytes, and column by column."""
    changed = {name: np.asfortranarray(values.astype(values.dtype.newbyteorder(">"))) for name, values in arrays.items()}
    np.savez_compressed(folder / "packed.npz", **changed)
    return folder / "packed.npz"


FORMS: list[Callable[[Named, Path], Path]] = [as_checkpoint, as_safetensors, as_npz, as_packed_npz]


def read(architecture: Path, weights: Path | None = None) -> dict[str, list[tuple[str, str, bytes]]]:
    with open_source(architecture, weights) as opened:
        file = opened.weights
        assert file is not None
        found = {}
        for group in file.children(file.layout.container):
            names = file.weight_names(group)
            values = [(name, file.read(f"{group}/{name}")) for name in names]
            if values:
                plain = [(name.removesuffix(":0"), str(each.dtype), each.tobytes()) for name, each in values]
                found[group.rpartition("/")[2]] = plain
        return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", MODELS)
def test_arrays_go_to_the_layers_that_they_name(model: str, form: Callable[[Named, Path], Path], tmp_path: Path) -> None:
    weights = form(named(model), tmp_path)
    ours, its = read(RELEASE / f"{model}.json", weights), read(RELEASE / f"{model}.h5")
    assert {name: sorted(values) for name, values in ours.items()} == {name: sorted(values) for name, values in its.items()}
    at = {"residual": "bn1", "nested2": "mid"}[model]
    for source, folder in ((configsplit.load(RELEASE / f"{model}.json", weights=weights), "ours"), (None, "its")):
        done = configsplit.split(source or configsplit.load(RELEASE / f"{model}.h5"), at=at)
        assert done.save(tmp_path / folder, to="h5").proof is not None
    for number in range(2):
        assert read(tmp_path / "ours" / f"part-{number}.h5") == read(tmp_path / "its" / f"part-{number}.h5")


DOUBTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no layer's name": (lambda arrays: arrays.update({"nobody/kernel": arrays.pop("c2/kernel")}), "weights-unclaimed"),
    "a name that nobody orders": (
        lambda arrays: arrays.update({"c2/matrix": arrays.pop("c2/kernel")}),
        "weights-order-unknown",
    ),
    "two of one name": (lambda arrays: arrays.update({"c2/more/bias": arrays["c2/bias"]}), "weights-order-unknown"),
    "one too few": (lambda arrays: arrays.pop("c2/kernel"), "weights-shape"),
    "another shape": (lambda arrays: arrays.update({"c2/kernel": arrays["c2/kernel"][..., :1]}), "weights-shape"),
}


@pytest.mark.parametrize("form", [as_safetensors, as_npz])
@pytest.mark.parametrize("kind", DOUBTS)
def test_doubt_is_refused(kind: str, form: Callable[[Named, Path], Path], tmp_path: Path) -> None:
    arrays = named("residual")
    change, code = DOUBTS[kind]
    change(arrays)
    document = configsplit.load(RELEASE / "residual.json", weights=form(arrays, tmp_path))
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.split(document, at="bn1").save(tmp_path / "parts", to="h5")
    assert caught.value.code == code


def test_they_are_no_models(tmp_path: Path) -> None:
    for form in FORMS:
        weights = form(named("residual"), tmp_path)
        path = weights if weights.exists() else weights.with_name(f"{weights.name}.index")
        with pytest.raises(ConfigSplitError) as caught:
            configsplit.load(path)
        assert caught.value.code == "not-a-model"


# ---------------------------------------------------------------- what is hostile


HEADS: dict[str, tuple[Any, bytes]] = {
    "a place beyond the end": ({"c1.bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(4)),
    "an endless place": ({"c1.bias": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}, bytes(4)),
    "a place that ends before it begins": ({"c1.bias": {"dtype": "F32", "shape": [0], "data_offsets": [8, 4]}}, bytes(8)),
    "two arrays at one place": (
        {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in ("c1.bias", "c1.kernel")},
        bytes(4),
    ),
    "a hole": ({"c1.bias": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
    "more bytes than arrays": ({"c1.bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(8)),
    "a size that is no number": ({"c1.bias": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, bytes(4)),
    "a negative size": ({"c1.bias": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}, bytes(4)),
    "a type that numpy does not have": ({"c1.bias": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)),
    "no place": ({"c1.bias": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "an array that is none": ({"c1.bias": 3}, b""),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_that_nobody_writes_is_refused(kind: str, tmp_path: Path) -> None:
    weights = written(*HEADS[kind], tmp_path)
    with limited(5, 300 << 20), pytest.raises(ConfigSplitError) as caught:
        read(RELEASE / "residual.json", weights)
    assert caught.value.code == "safetensors-damaged"


def test_an_endless_head_is_not_read(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    with weights.open("wb") as file:
        file.write((100 << 20).to_bytes(8, "little") + b"{")
        file.truncate(200 << 20)
    with limited(5, 300 << 20), pytest.raises(ConfigSplitError) as caught:
        read(RELEASE / "residual.json", weights)
    assert caught.value.code == "safetensors-damaged"


def test_pickles_are_refused(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {**named("residual"), "c1/bias": np.array([{}, print], dtype=object)}
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(ConfigSplitError, match="Python objects") as caught:
        read(RELEASE / "residual.json", tmp_path / "model.npz")
    assert caught.value.code == "inputs-not-npz"


@pytest.mark.parametrize("form", [as_safetensors, as_packed_npz])
def test_damage_ends_in_a_coded_error(form: Callable[[Named, Path], Path], tmp_path: Path) -> None:
    weights = form(named("residual"), tmp_path)
    sound, chance, refused = weights.read_bytes(), Random(5), 0
    for attempt in range(100):
        damaged = bytearray(sound)
        damaged[chance.randrange(min(len(sound), 3000))] ^= 1 << chance.randrange(8)
        weights.write_bytes(bytes(damaged if attempt % 2 else sound[: chance.randrange(len(sound))]))
        try:
            with limited(5, 300 << 20):
                read(RELEASE / "residual.json", weights)
        except ConfigSplitError as error:
            refused += bool(error.code)
    assert refused > 50


def test_bfloat16_goes_into_safetensors_and_back(tmp_path: Path) -> None:
    """Numpy has no such type, and `.h5` files do not say it: Keras 3 does not read what it writes into one."""
    row = [keras.layers.Dense(4, name="a", dtype="bfloat16"), keras.layers.Dense(2, name="b", dtype="bfloat16")]
    model = keras.Sequential([keras.Input((3,)), *row])
    model.save(tmp_path / "m.keras")
    (tmp_path / "m.json").write_text(model.to_json())
    configsplit.named_weights(tmp_path / "m.keras").save(tmp_path / "m.safetensors")
    document = configsplit.load(tmp_path / "m.json", weights=tmp_path / "m.safetensors")
    configsplit.convert(document).save(tmp_path / "new.keras")
    read_again = keras.models.load_model(tmp_path / "new.keras")
    given = np.ones((1, 3), "float32")
    assert np.asarray(read_again(given)).tobytes() == np.asarray(model(given)).tobytes()
    model.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="cast"):
        keras.models.load_model(tmp_path / "m.h5")
    configsplit.convert(configsplit.load(tmp_path / "m.h5")).save(tmp_path / "out.keras")
    assert np.asarray(keras.models.load_model(tmp_path / "out.keras")(given)).tobytes() == np.asarray(model(given)).tobytes()
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.convert(configsplit.load(tmp_path / "m.keras")).save(tmp_path / "out.h5")
    assert caught.value.code == "layout-bfloat16"
