"""`configsplit validate`: every violation, at its place, in words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from malformed import KERAS2, KERAS3, changed, without

import configsplit
from configsplit.cli.main import cli

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"


def found(tmp_path: Path, value: Any) -> list[tuple[str, str]]:
    file = tmp_path / "m.json"
    file.write_text(json.dumps(value))
    return [(each.where, each.message) for each in configsplit.validate(file).violations]


@pytest.mark.parametrize("whole", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_what_is_well_has_no_violations(tmp_path: Path, whole: dict[str, Any]) -> None:
    assert found(tmp_path, whole) == []


def test_all_violations_are_told_at_once(tmp_path: Path) -> None:
    value = changed(KERAS2, "config.layers.1.config.units", value="two")
    value = changed(value, "config.layers.3.inbound_nodes.0.0", value=["d", 0, 0])
    value = changed(value, "config.layers.2.config.layers.1.config.units", value=-1)
    value = without(value, "config.layers.0.config.batch_input_shape")
    value = changed(value, "config.layers.2.config.output_layers.0", value=["gone", 0])
    value = changed(value, "config.name", value="")
    assert found(tmp_path, value) == [
        ("name", "should not be empty"),
        ("layers[0].config", "the key 'batch_input_shape' is missing (InputLayer of Keras 2)"),
        ("layers[1].config.units", "should be a whole number, is 'two'"),
        ("layers[3].inbound_nodes[0][0]", "should have 4 elements, has 3: ['d', 0, 0]"),
        ("layers[2].config.layers[1].config.units", "should be at least 0, is -1"),
        ("layers[2].config.output_layers[0]", "should have 3 elements, has 2: ['gone', 0]"),
    ]


def test_a_document_that_mixes_generations_is_held_against_the_nearest(tmp_path: Path) -> None:
    value = changed(KERAS3, "config.layers.0.config.batch_input_shape", value=[None, 2])
    value = changed(value, "config.layers.3.inbound_nodes.0.args.0.0.config.keras_history", value=["d", -1, 0])
    value = changed(value, "config.layers.1.inbound_nodes.0", value=[["x", 0, 0, {}]])
    value = without(value, "config.layers.1.name")
    assert found(tmp_path, value) == [
        ("layers[0].config.batch_input_shape", "does not belong here: Keras 3 does not write it"),
        ("layers[1]", "the key 'name' is missing (A layer or an operation of a functional model of Keras 3)"),
        ("layers[1].inbound_nodes[0]", "should be an object, is [['x', 0, 0, {}]]"),
        ("layers[3].inbound_nodes[0].args[0][0].config.keras_history[1]", "should be at least 0, is -1"),
    ]


def test_references_are_followed_too(tmp_path: Path) -> None:
    value = changed(KERAS2, "config.layers.3.inbound_nodes.0.0", value=["gone", 0, 0, {}])
    assert found(tmp_path, value) == [("layers[3].inbound_nodes[0]", "no layer is named 'gone'")]


def test_models_inside_wrappers_are_looked_at(tmp_path: Path) -> None:
    inner = changed(KERAS2, "config.layers.2.config.layers.1.config", value={"name": "e"})["config"]["layers"][2]
    wrapper = {"name": "t", "layer": {"class_name": inner["class_name"], "config": inner["config"]}}
    layer = {"name": "t", "class_name": "TimeDistributed", "config": wrapper, "inbound_nodes": [[["d", 0, 0, {}]]]}
    value = changed(KERAS2, "config.layers.4", value=layer)
    where = "layers[4].config.layer.config.layers[1].config"
    assert found(tmp_path, value)[0] == (
        where,
        "the key 'units' is missing (Dense, recurrent and other layers that are so many units wide)",
    )


def test_depth_costs_no_stack(tmp_path: Path) -> None:
    value: dict[str, Any] = {"class_name": "Dense", "config": {"units": "x"}}
    for _ in range(140):
        value = {"class_name": "Sequential", "config": {"name": "s", "layers": [value]}}
    (where, message), *more = found(tmp_path, {**value, "keras_version": "2.4.0"})
    assert where.count("layers[0]") == 140
    assert (message, more) == ("should be a whole number, is 'x'", [])


@pytest.mark.parametrize("release", ["keras-1.2.2", "keras-2.0.0", "tf-2.12", "tf-2.15", "keras-3.6.0", "keras-3.15.1"])
def test_all_kinds_of_file_in_one_call(release: str) -> None:
    files = [
        path for path in sorted((RELEASES / release).glob("siamese.*")) if "weights" not in path.name and path.suffix != ".npz"
    ]
    result = CliRunner().invoke(cli, ["validate", "--json", *map(str, files)])
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["valid"] is True
    assert [each["file"] for each in told["files"]] == list(map(str, files))
    assert {each["schema"] for each in told["files"]} == {f"keras{release[6]}" if release.startswith("keras-") else "keras2"}


def test_the_exit_code_and_the_text(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(json.dumps(without(KERAS2, "config.layers.1.config.units")))
    (tmp_path / "page.h5").write_text("<html>")
    good = RELEASES / "keras-3.15.1" / "residual.keras"
    names = [str(tmp_path / "bad.json"), str(good), str(tmp_path / "page.h5"), str(tmp_path / "none.json")]
    result = CliRunner().invoke(cli, ["validate", *names])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{names[0]}  keras2, 1 violation"
    assert lines[1].startswith("  layers[1].config: the key 'units' is missing")
    assert lines[2] == f"{names[1]}  keras3, valid"
    assert lines[3] == "  for Keras 3.15, as far as it shows"
    assert lines[6].endswith("[file-stand-in]")
    assert lines[8].endswith("[file-missing]")


def test_an_archive_and_an_h5_are_read_to_their_documents(tmp_path: Path) -> None:
    source = RELEASES / "keras-3.15.1" / "residual.keras"
    damaged = tmp_path / "m.keras"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(damaged, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b'"batch_shape"', b'"batch_input_shape"') if name == "config.json" else text)
    places = {each.where for each in configsplit.validate(damaged).violations}
    assert places == {"layers[0].config", "layers[0].config.batch_input_shape"}


def test_manifests_records_and_recipes(tmp_path: Path) -> None:
    configsplit.split(configsplit.load(RELEASES / "keras-3.15.1" / "siamese.keras"), "encoder@1").save(tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.json"
    assert configsplit.validate(manifest).schema == "manifest"
    assert configsplit.validate(manifest).valid
    value = json.loads(manifest.read_text())
    value["parts"][0]["sha256"] = "short"
    assert found(tmp_path, value) == [("parts[0].sha256", "should be of the form ^[0-9a-f]{64}$, is 'short'")]
    recipe = tmp_path / "r.yaml"
    recipe.write_text("do:\n  - splitt: {at: x}\n")
    told = configsplit.validate(recipe)
    assert told.schema == "recipe"
    assert [(each.where, each.message) for each in told.violations] == [("do[0]", "unknown key 'splitt'")]


@pytest.mark.parametrize(("release", "schema"), [("2.13.1", "keras2"), ("2.21.0", "keras2"), ("3.6.0", "keras3")])
def test_an_archive_without_a_graph_says_its_release_beside_it(release: str, schema: str, tmp_path: Path) -> None:
    document = json.loads((RELEASES / "tf-2.15" / "subclassed.json").read_text())
    bare = {key: value for key, value in document.items() if key not in ("keras_version", "backend")}
    with zipfile.ZipFile(RELEASES / "tf-2.13" / "residual.keras") as old, zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
        new.writestr("metadata.json", json.dumps({"keras_version": release}))
        new.writestr("config.json", json.dumps(bare))
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    told = configsplit.validate(tmp_path / "m.keras")
    assert (told.valid, told.schema) == (True, schema)


def test_a_graph_in_code_is_said(tmp_path: Path) -> None:
    told = configsplit.validate(RELEASES / "tf-2.15" / "subclassed.json")
    assert (told.schema, told.valid) == ("keras2", True)
    assert "in Python code" in told.notes[0]


def test_only_this_verb_loads_jsonschema(tmp_path: Path) -> None:
    shutil.copy(RELEASES / "keras-3.15.1" / "residual.json", tmp_path / "m.json")
    code = (
        "import sys, configsplit\n"
        f"configsplit.load({str(tmp_path / 'm.json')!r})\n"
        "before = 'jsonschema' in sys.modules\n"
        f"configsplit.validate({str(tmp_path / 'm.json')!r})\n"
        "print(before, 'jsonschema' in sys.modules, *(name for name in ('keras', 'tensorflow', 'h5py') if name in sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "True"]


def test_models_in_memory() -> None:
    """What `load` and other verbs gave is held to the schemas as it would be written; what is no model is said."""
    model = configsplit.load(RELEASES / "keras-3.15.1" / "residual.keras")
    old = configsplit.load(RELEASES / "keras-2.3.1" / "lambdas.json")
    made = [model, configsplit.freeze(model, before="res"), configsplit.split(model, at="c2")[1], old, configsplit.convert(old)]
    told = [configsplit.validate(each) for each in made]
    assert [(each.schema, each.valid) for each in told] == [(name, True) for name in ("keras3",) * 3 + ("keras2", "keras3")]
    assert [each.file.rpartition("/")[2] for each in told[:2]] == ["residual.keras", "freeze of residual.keras"]
    assert [len(each.hazards) for each in told] == [0, 0, 0, 2, 0]  # the conversion has read the code
    assert [each.code for each in configsplit.validate(3).violations] == ["model-unknown"]  # type: ignore[arg-type]
