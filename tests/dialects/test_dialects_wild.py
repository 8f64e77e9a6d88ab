"""What is found in the wild: architectures in envelopes, lost call numbers, odd first layers, and files that are no models."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from malformed import KERAS2, KERAS3, node, tensor, without

import configsplit
from configsplit.dialects import emit, parse, to_text
from configsplit.errors import ConfigSplitError, DocumentError, StoreError
from configsplit.graph.json import thaw

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"


def architecture(release: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RELEASES / release / f"{name}.json").read_text())
    return found


# ---------------------------------------------------------------- envelopes


@pytest.mark.parametrize("whole", [KERAS2, KERAS3], ids=["keras2", "keras3"])
@pytest.mark.parametrize(
    ("wrap", "note"),
    [
        (lambda text: json.dumps(text), "JSON text inside of JSON"),
        (lambda text: json.dumps(json.dumps(text)), "JSON text inside of JSON"),
        (lambda text: json.dumps({"keras_model": text, "epochs": 3}), "under 'keras_model'"),
        (lambda text: json.dumps({"model": json.loads(text), "author": "x"}), "under 'model'"),
    ],
    ids=["text", "text-in-text", "keras_model", "object"],
)
def test_an_envelope_is_taken_off(whole: dict[str, Any], wrap: Any, note: str) -> None:
    parsed = parse(wrap(json.dumps(whole)))
    assert note in parsed.notes[0]
    assert thaw(emit(parsed.model)) == whole
    assert parse(json.dumps(whole)).notes == ()


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("keras-1.0.8", "siamese"),
        ("keras-1.0.8", "conv_seq_th"),
        ("keras-2.0.0", "seq_input_shape"),
        ("keras-2.2.4", "seq_input_shape"),
        ("tf-2.8", "siamese"),
        ("keras-3.10.0", "siamese"),
        ("keras-3.10.0", "seq_deferred"),
    ],
)
def test_a_bare_config_is_as_good_as_the_document(release: str, name: str) -> None:
    whole = architecture(release, name)
    bare, full = parse(json.dumps(whole["config"])), parse(json.dumps(whole))
    assert "get_config() alone" in bare.notes[0]
    assert bare.detection.dialect is full.detection.dialect
    assert bare.model.layers == full.model.layers
    assert bare.model.outputs == full.model.outputs
    again = parse(to_text(bare.model))
    assert (again.notes, again.model) == ((), bare.model)


def test_two_architectures_in_one_file_are_refused() -> None:
    with pytest.raises(DocumentError, match="'encoder', 'decoder'") as caught:
        parse(json.dumps({"encoder": KERAS2, "decoder": json.dumps(KERAS2)}))
    assert caught.value.code == "document-not-a-model"


def test_wrapping_without_end_is_refused() -> None:
    text = json.dumps(KERAS2)
    for _ in range(5):
        text = json.dumps({"model": text})
    with pytest.raises(DocumentError, match="too often"):
        parse(text)


def test_an_envelope_is_said_by_inspect_and_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"keras_model": json.dumps(architecture("tf-2.8", "siamese"))}))
    document = configsplit.load(tmp_path / "m.json")
    assert configsplit.inspect(document).notes == document.notes != ()
    saved = configsplit.split(document, "encoder@0").save(tmp_path / "out")
    assert document.notes[0] in saved.manifest.warnings
    assert json.loads((tmp_path / "out" / "part-0.json").read_text())["class_name"] in ("Model", "Functional")


# ---------------------------------------------------------------- lost call numbers


def chained(count: int, *, parallel: bool = False) -> dict[str, Any]:
    """A nested Sequential that is called several times, one call on the other or side by side, all numbers lost."""
    inner = {"name": "s", "trainable": True, "dtype": "float32", "layers": [copy.deepcopy(KERAS3["config"]["layers"][1])]}
    del inner["layers"][0]["inbound_nodes"]
    head = {"module": "keras", "class_name": "Sequential", "config": inner, "registered_name": None, "name": "s"}
    nodes = [node(tensor("x"))] + [node(tensor("x" if parallel else "s")) for _ in range(count - 1)]
    join = {**KERAS3["config"]["layers"][3], "name": "sum", "inbound_nodes": [node([tensor("s"), tensor("s")])]}
    layers = [KERAS3["config"]["layers"][0], {**head, "inbound_nodes": nodes}, *([join] if parallel else [])]
    config = {
        "name": "m",
        "layers": layers,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["sum" if parallel else "s", 0, 0]],
    }
    return {**KERAS3, "config": config}


@pytest.mark.parametrize("count", [2, 3, 4])
def test_lost_numbers_come_back_where_only_one_reading_is_possible(count: int) -> None:
    parsed = parse(json.dumps(chained(count)))
    shared = parsed.model.by_name()["s"]
    assert "had lost their numbers" in parsed.notes[0]
    assert [use.ref.call for call in shared.calls[1:] for use in call.uses()] == list(range(count - 1))
    assert [ref.call for ref in parsed.model.output_refs()] == [count - 1]
    assert parse(to_text(parsed.model)).notes == ()


def test_lost_numbers_with_several_readings_are_refused() -> None:
    with pytest.raises(DocumentError, match="2 calls of the Sequential 's'") as caught:
        parse(json.dumps(chained(2, parallel=True)))
    assert (caught.value.code, caught.value.where) == ("document-lost-calls", "layers[1]")


def test_numbers_that_are_there_are_left_alone() -> None:
    whole = architecture("keras-3.15.1", "shared_seq")
    parsed = parse(json.dumps(whole))
    assert parsed.notes == ()
    assert any(len(layer.calls) > 1 and layer.model for layer in parsed.model.layers)


# ---------------------------------------------------------------- odd but well


def test_training_settings_of_keras_1_0_stand_at_the_top() -> None:
    whole = {**architecture("keras-1.0.8", "siamese"), "loss": "mse", "optimizer": {"name": "SGD"}, "sample_weight_mode": None}
    del whole["keras_version"]
    assert thaw(emit(parse(json.dumps(whole)).model)) == whole


def test_the_class_layer_as_the_first_of_a_chain(tmp_path: Path) -> None:
    first = {"batch_input_shape": [None, 6], "input_dtype": "float32", "trainable": True, "name": "layer_1"}
    dense = {"output_dim": 3, "name": "dense_1", "activation": "linear", "input_dim": None}
    second = {"output_dim": 2, "name": "dense_2", "activation": "linear", "input_dim": None}
    entries = [("Layer", first), ("Dense", dense), ("Dense", second)]
    whole = {"class_name": "Sequential", "config": [{"class_name": name, "config": config} for name, config in entries]}
    (tmp_path / "m.json").write_text(json.dumps(whole))
    document = configsplit.load(tmp_path / "m.json")
    assert document.dialect == "keras1"
    saved = configsplit.split(document, "dense_1").save(tmp_path / "out")
    assert saved.proof is not None
    assert configsplit.validate(tmp_path / "out" / "part-1.json").valid


def test_an_input_that_nothing_uses(tmp_path: Path) -> None:
    whole = copy.deepcopy(KERAS2)
    spare = copy.deepcopy(whole["config"]["layers"][0]) | {"name": "spare"}
    spare["config"]["name"] = "spare"
    whole["config"]["layers"].append(spare)
    whole["config"]["input_layers"].append(["spare", 0, 0])
    (tmp_path / "m.json").write_text(json.dumps(whole))
    document = configsplit.load(tmp_path / "m.json")
    assert thaw(emit(document.model)) == whole
    assert configsplit.split(document, "n").save(tmp_path / "out").proof is not None


def test_no_version_is_no_hindrance() -> None:
    assert parse(json.dumps(without(KERAS2, "keras_version"))).detection.dialect.name == "keras2"


# ---------------------------------------------------------------- impostors

IMPOSTORS: dict[str, tuple[bytes, str]] = {
    "m.h5": (b"\x80\x04\x95\x00\x00", "pickle"),
    "w.h5": (b"<!DOCTYPE html><html>", "HTML page"),
    "p.hdf5": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"),
    "c.json": (b'{"class_name": "Model",\n<<<<<<< HEAD\n"config": {}\n=======\n"config": []\n>>>>>>> b\n}', "conflict markers"),
    "e.keras": (b"", "empty"),
}


@pytest.mark.parametrize("name", IMPOSTORS)
def test_an_impostor_is_named(name: str, tmp_path: Path) -> None:
    content, what = IMPOSTORS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreError, match=what):
        configsplit.load(tmp_path / name)
    assert what in configsplit.validate(tmp_path / name).violations[0].message


def test_json_under_the_name_of_an_h5_is_read_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_text(json.dumps(KERAS2))
    assert configsplit.load(tmp_path / "m.h5").kind == "json"


def test_the_rest_of_a_failed_save_is_refused(tmp_path: Path) -> None:
    """An HDF5 file with its architecture and its groups, but no ``weight_names`` in one of them."""
    import h5py

    source = RELEASES / "tf-2.4" / "siamese.h5"
    (tmp_path / "m.h5").write_bytes(source.read_bytes())
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file["model_weights/encoder"].attrs["weight_names"]
    document = configsplit.load(tmp_path / "m.h5")
    with pytest.raises(ConfigSplitError, match="weight_names is missing"):
        configsplit.split(document, "encoder@0").save(tmp_path / "out")
    assert not (tmp_path / "out").exists()
