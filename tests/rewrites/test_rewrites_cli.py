"""The verbs of surgery on the command line: what they say, what they leave, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from surgery_making import NOISE, layer_file

import configsplit
from configsplit.cli.main import cli

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
RESIDUAL = RELEASES / "keras-3.15.1" / "residual.keras"
NESTED = RELEASES / "keras-3.15.1" / "nested2.keras"


def call(*arguments: object, code: int = 0) -> Any:
    done = CliRunner().invoke(cli, [str(item) for item in arguments], prog_name="configsplit")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


def arguments_of(verb: str, folder: Path) -> list[object]:
    noise = layer_file(folder, NOISE)
    return {
        "extract": ["extract", RESIDUAL, "--to", "res", "--to", "bn1"],
        "insert": ["insert", RESIDUAL, "--after", "c1", "--model", noise],
        "replace": ["replace", RESIDUAL, "--from", "c1", "--to", "bn1", "--model", noise],
        "remove": ["remove", RESIDUAL, "--layer", "activation"],
        "rename": ["rename", RESIDUAL, "c*=conv*", "bn1=normal"],
        "freeze": ["freeze", RESIDUAL, "--before", "res"],
        "join": ["join", folder / "parts"],
    }[verb]


VERBS = ["extract", "insert", "replace", "remove", "rename", "freeze", "join"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configsplit.split(configsplit.load(RESIDUAL), "res").save(tmp_path / "parts")
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_writes_a_file_and_its_record(verb: str, folder: Path) -> None:
    out = folder / "out.keras"
    told = call(*arguments_of(verb, folder), "--out", out)
    assert "out.keras" in told
    assert "bit for bit" in told
    assert (folder / "out.keras.provenance.json").is_file()
    assert "proven: out.keras" in call("verify", out)
    found = call("verify", out, "--json")
    assert found["verb"] == verb
    assert found["proof"]["weights"] > 0


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_one_document(verb: str, folder: Path) -> None:
    found = call(*arguments_of(verb, folder), "--out", folder / "out.keras", "--json")
    assert set(found) == {"file", "weights", "verified", "compared", "provenance"}
    assert found["provenance"]["verb"] == verb
    assert found["compared"]["weights"] > 0


@pytest.mark.parametrize("verb", VERBS)
def test_an_existing_output_is_kept(verb: str, folder: Path) -> None:
    out = folder / "out.keras"
    out.write_text("mine")
    call(*arguments_of(verb, folder), "--out", out, code=1)
    assert out.read_text() == "mine"
    call(*arguments_of(verb, folder), "--out", out, "--force")
    assert out.read_bytes()[:2] == b"PK"


def test_what_is_missing_is_named(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["extract", str(RESIDUAL), "--from", "c2", "--to", "res", "--out", str(folder / "x.keras")])
    assert done.exit_code == 1
    assert "error [extract-missing]" in done.stderr
    assert "add it to --from" in done.stderr
    assert not (folder / "x.keras").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", RESIDUAL, "--out", "x.keras"],
        ["freeze", RESIDUAL, "--out", "x.keras"],
        ["insert", RESIDUAL, "--after", "c1", "--out", "x.keras"],
        ["rename", RESIDUAL, "--out", "x.keras"],
        ["remove", RESIDUAL, "--layer", "c1"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[object]) -> None:
    call(*arguments, code=2)


def test_layers_lists_upstream_and_downstream() -> None:
    everything = call("layers", RESIDUAL, "--json")["layers"]
    before = call("layers", RESIDUAL, "--before", "bn2", "--json")["layers"]
    after = call("layers", RESIDUAL, "--after", "bn2", "--json")["layers"]
    names = [layer["layer"] for layer in everything]
    assert [layer["layer"] for layer in before + after] == names
    assert before[-1] == {"layer": "bn2", "class": "BatchNormalization", "calls": 1, "trainable": True, "parameters": 8} | {
        "shape": [None, 8, 8, 4],
        "takers": ["res"],
    }
    assert "BatchNormalization" in call("layers", RESIDUAL, "--before", "bn1")


def test_layers_looks_into_the_nested_model_that_a_tensor_lies_in() -> None:
    nested = next(layer for layer in configsplit.load(NESTED).model.layers if layer.model is not None)
    assert nested.model is not None
    inner = nested.model.layers[-1].name
    found = [layer["layer"] for layer in call("layers", NESTED, "--before", f"{nested.name}/{inner}", "--json")["layers"]]
    assert f"{nested.name}/{inner}" in found
    assert nested.name not in found


def test_frozen_layers_are_marked(folder: Path) -> None:
    call("freeze", RESIDUAL, "--layer", "c*", "--out", folder / "out.keras")
    head, *lines = call("layers", folder / "out.keras").splitlines()
    at = head.index("frozen")
    assert [line.split()[0] for line in lines if line[at : at + 3] == "yes"] == ["c1", "c2", "concatenate"]
    assert "frozen" not in call("layers", RESIDUAL)


def test_weights_apart(folder: Path) -> None:
    call("rename", RESIDUAL, "c1=stem", "--out", folder / "out.json")
    assert (folder / "out.weights.h5").is_file()
    call("verify", folder / "out.json")
    call("rename", folder / "out.json", "--weights", folder / "out.weights.h5", "stem=c1", "--out", folder / "back.keras")
    with pytest.raises(configsplit.ConfigSplitError):
        configsplit.rename(configsplit.load(folder / "out.json"), ["stem=c1"]).save(folder / "bare.keras")


def test_architecture_alone(folder: Path) -> None:
    call("rename", RESIDUAL, "c1=stem", "--no-weights", "--out", folder / "out.json")
    assert not (folder / "out.weights.h5").exists()
    assert "there are no weights" in call("rename", folder / "out.json", "stem=c1", "--out", folder / "back.json")


def test_join_composes_files(folder: Path) -> None:
    call("extract", RESIDUAL, "--to", "activation", "--out", folder / "a.keras")
    call("extract", RESIDUAL, "--from", "image", "--from", "activation", "--out", folder / "b.keras")
    call("join", folder / "a.keras", folder / "b.keras", "--out", folder / "x.keras", code=1)
    call("join", folder / "a.keras", folder / "b.keras", "--by", "name", "--out", folder / "x.keras")
    joined = configsplit.load(folder / "x.keras")
    assert [ref.layer for ref in joined.model.input_refs()] == ["image", "image_2"]
