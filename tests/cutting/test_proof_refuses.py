"""The proof itself can fail: parts that were tampered with, one way after another, are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from configsplit.containers.source import open_source
from configsplit.errors import VerificationError
from configsplit.models.document import load
from configsplit.saving.proof import Proving, prove
from configsplit.verbs.split import split
from configsplit.verbs.verify import read_manifest


def dense(name: str, taken: str, shape: list[Any]) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"name": name, "units": 4, "activation": "linear"},
        "registered_name": None,
        "build_config": {"input_shape": shape},
        "name": name,
        "inbound_nodes": [{"args": [tensor(taken)], "kwargs": {}}],
    }


def tensor(name: str) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}}


def difference(name: str, one: str, other: str) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": "Subtract",
        "config": {"name": name},
        "registered_name": None,
        "build_config": {"input_shape": [[None, 4], [None, 4]]},
        "name": name,
        "inbound_nodes": [{"args": [[tensor(one), tensor(other)]], "kwargs": {}}],
    }


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """``a`` -> ``b``, ``c`` -> ``b - c`` -> ``d``, with same-shape weights everywhere, so that any mix-up fits."""
    start = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"},
        "registered_name": None,
        "name": "x",
        "inbound_nodes": [],
    }
    shape = [None, 4]
    layers = [start, dense("a", "x", shape), dense("b", "a", shape), dense("c", "a", shape)]
    layers += [difference("gap", "b", "c"), dense("d", "gap", shape)]
    config = {"name": "m", "trainable": True, "layers": layers, "input_layers": ["x", 0, 0], "output_layers": ["d", 0, 0]}
    document = {"module": "keras", "class_name": "Functional", "config": config, "registered_name": None}
    (tmp_path / "m.json").write_text(json.dumps(document))
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for number, (name, group) in enumerate(zip("abcd", ("dense", "dense_1", "dense_2", "dense_3"), strict=True)):
            made = file.create_group(f"layers/{group}/vars")
            made.attrs["name"] = name
            made["0"] = [[float(number + 1)] * 4] * 4
            made["1"] = [float(number)] * 4
        for group in ("input_layer", "subtract"):
            file.create_group(f"layers/{group}/vars")
    return tmp_path / "m.json"


Change = Callable[[Path], None]


def of_document(change: Callable[[dict[str, Any]], None], part: int) -> Change:
    def apply(folder: Path) -> None:
        file = folder / f"part-{part}.json"
        document = json.loads(file.read_text())
        change(document["config"])
        file.write_text(json.dumps(document))

    return apply


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in config["layers"] if item["name"] == name)


def swap_branches(config: dict[str, Any]) -> None:
    layer(config, "gap")["inbound_nodes"][0]["args"][0].reverse()


def another_activation(config: dict[str, Any]) -> None:
    layer(config, "d")["config"]["activation"] = "relu"


def skip_a_layer(config: dict[str, Any]) -> None:
    layer(config, "d")["inbound_nodes"][0]["args"] = [tensor("c")]


def another_order(config: dict[str, Any]) -> None:
    names = [item["name"] for item in config["layers"]]
    one, other = names.index("gap"), names.index("d")
    config["layers"][one], config["layers"][other] = config["layers"][other], config["layers"][one]


def swapped_weights(folder: Path) -> None:
    with h5py.File(folder / "part-1.weights.h5", "r+") as file:
        layers = file["layers"]
        one, other = layers["dense/vars/0"][()], layers["dense_1/vars/0"][()]
        layers["dense/vars/0"][...], layers["dense_1/vars/0"][...] = other, one


def one_bit(folder: Path) -> None:
    with h5py.File(folder / "part-0.weights.h5", "r+") as file:
        dataset = file["layers/dense/vars/1"]
        bits = dataset[()].view("uint64") if dataset.dtype.itemsize == 8 else dataset[()].view("uint32")
        bits[-1] ^= 1
        dataset[...] = bits.view(dataset.dtype)


TAMPERED = {
    "the inputs of a Subtract change places": (of_document(swap_branches, 1), "verify-graph"),
    "an activation": (of_document(another_activation, 1), "verify-graph"),
    "a layer is skipped": (of_document(skip_a_layer, 1), "verify-graph"),
    "the layers stand in another order": (of_document(another_order, 1), "verify-order"),
    "two layers have each other's weights": (swapped_weights, "verify-weights"),
    "one bit of one weight": (one_bit, "verify-weights"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_parts_that_were_tampered_with_are_refused(what: str, whole: Path, tmp_path: Path) -> None:
    document = load(whole, weights=whole.with_name("m.weights.h5"))
    folder = tmp_path / "parts"
    manifest = split(document, "a").save(folder).manifest
    change, code = TAMPERED[what]
    with open_source(document.path, document.weights) as source:
        assert prove(folder, manifest, source, document).weights == 8
        change(folder)
        with pytest.raises(VerificationError) as caught:
            prove(folder, manifest, source, document)
    assert caught.value.code == code


def test_a_file_must_hold_the_very_document_that_was_proven(whole: Path, tmp_path: Path) -> None:
    """`split` proves the graphs while the files are still being written."""
    document = load(whole, weights=whole.with_name("m.weights.h5"))
    folder = tmp_path / "parts"
    split(document, "a").save(folder)
    manifest = read_manifest(folder)
    texts = [(folder / part.file).read_text() for part in manifest.parts]
    with open_source(document.path, document.weights) as source:
        proving = Proving(manifest, source, document)
        proving.read(texts)
        assert proving.graphs().parts == 2
        assert [len(proving.part(number, folder)) for number in (0, 1)] == [2, 6]
        of_document(another_activation, 1)(folder)
        with pytest.raises(VerificationError, match="another document"):
            proving.part(1, folder)
