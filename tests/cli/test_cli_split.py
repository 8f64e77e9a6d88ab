"""`configsplit split`: every option, end to end."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from command_line import RELEASES, RESIDUAL, names, run
from made_models import edited, of_class, renamed

KERAS2 = RELEASES / "keras-2.3.1"


def split(model: Path, *options: object) -> Any:
    """The manifest of a split that must work."""
    done = run("split", model, *options, "--json")
    assert done.code == 0, done.err
    return done.json["manifest"]


def test_cut_inside_a_branch(tmp_path: Path) -> None:
    done = run("split", RESIDUAL, "--at", "c2", "--out", tmp_path / "out")
    assert done.code == 0
    assert names(tmp_path / "out") == ["manifest.json", "part-0.keras", "part-1.keras"]
    assert "proven: the 2 parts recompose to the original graph of 11 layers; 11 weights" in done.out
    assert done.err == ""


def test_manifest_wires_the_parts(tmp_path: Path) -> None:
    manifest = split(RESIDUAL, "--at", "c2", "--out", tmp_path / "out")
    head, tail = manifest["parts"]
    assert [tensor["tensor"] for tensor in head["outputs"]] == ["activation", "c2"]
    assert [tensor["from"] for tensor in tail["inputs"]] == [{"input": 0}, {"part": 0, "output": 0}, {"part": 0, "output": 1}]
    assert manifest["outputs"][0]["from"] == {"part": 1, "output": 0}
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    done = run("split", RESIDUAL, "--at", "c2", "--out", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["verified"] == "proof"
    assert done.json["directory"] == str(tmp_path / "out")


def test_several_cuts_give_several_parts(tmp_path: Path) -> None:
    manifest = split(RESIDUAL, "--at", "c1", "--at", "res", "--out", tmp_path / "out")
    assert [part["file"] for part in manifest["parts"]] == ["part-0.keras", "part-1.keras", "part-2.keras"]
    assert run("verify", tmp_path / "out").code == 0


def test_one_boundary_through_two_tensors(tmp_path: Path) -> None:
    manifest = split(RELEASES / "keras-3.15.1" / "siamese.keras", "--at", "shared@0,shared@1", "--out", tmp_path / "out")
    crossing = {tensor["tensor"] for tensor in manifest["parts"][0]["outputs"]}
    assert {"shared@0", "shared@1"} <= crossing


@pytest.mark.parametrize("choice", ["smallest", "early", "late"])
def test_boundary(choice: str, tmp_path: Path) -> None:
    manifest = split(RESIDUAL, "--at", "c2", "--boundary", choice, "--out", tmp_path / choice)
    assert "c2" in {tensor["tensor"] for tensor in manifest["parts"][0]["outputs"]}


def test_early_and_late_are_the_ends_of_what_is_possible(tmp_path: Path) -> None:
    """`siamese` has branches that may lie on either side of a cut in one of them."""
    model = RELEASES / "keras-3.15.1" / "siamese.keras"
    heads = {}
    for choice in ("early", "smallest", "late"):
        split(model, "--at", "shared@0", "--boundary", choice, "--out", tmp_path / choice)
        heads[choice] = len(_layers(tmp_path / choice / "part-0.keras"))
    assert heads["early"] <= heads["smallest"] <= heads["late"]
    assert heads["early"] < heads["late"]


def _layers(file: Path) -> list[Any]:
    with zipfile.ZipFile(file) as archive:
        layers: list[Any] = json.loads(archive.read("config.json"))["config"]["layers"]
    return layers


def test_architecture_only(tmp_path: Path) -> None:
    split(KERAS2 / "residual.json", "--at", "c2", "--out", tmp_path / "out")
    assert names(tmp_path / "out") == ["manifest.json", "part-0.json", "part-1.json"]


def test_weights_beside_the_architecture(tmp_path: Path) -> None:
    weights = KERAS2 / "residual.weights_only.h5"
    manifest = split(KERAS2 / "residual.json", "--weights", weights, "--at", "c2", "--out", tmp_path / "out")
    assert names(tmp_path / "out") == [
        "manifest.json", "part-0.json", "part-0.weights.h5", "part-1.json", "part-1.weights.h5"
    ]  # fmt: skip
    assert manifest["parts"][1]["weights"] == "part-1.weights.h5"
    assert manifest["source"]["weights"] == weights.name


def test_weights_of_keras_3_beside_the_architecture(tmp_path: Path) -> None:
    folder = RELEASES / "keras-3.15.1"
    options = ("--weights", folder / "residual.weights.h5", "--to", "keras", "--at", "c2", "--out", tmp_path / "out")
    split(folder / "residual.json", *options)
    assert names(tmp_path / "out") == ["manifest.json", "part-0.keras", "part-1.keras"]


def test_no_weights(tmp_path: Path) -> None:
    manifest = split(RESIDUAL, "--no-weights", "--at", "c2", "--out", tmp_path / "out")
    assert names(tmp_path / "out") == ["manifest.json", "part-0.json", "part-1.json"]
    assert "weights" not in manifest["parts"][0]


def test_weights_and_no_weights_exclude_each_other(tmp_path: Path) -> None:
    done = run("split", RESIDUAL, "--weights", RESIDUAL, "--no-weights", "--at", "c2", "--out", tmp_path / "out")
    assert (done.code, done.out) == (2, "")
    assert "exclude each other" in done.err


@pytest.mark.parametrize(
    ("model", "to", "files"),
    [
        (RESIDUAL, "keras", ["part-0.keras", "part-1.keras"]),
        (RESIDUAL, "h5", ["part-0.h5", "part-1.h5"]),
        (RESIDUAL, "json", ["part-0.json", "part-0.weights.h5", "part-1.json", "part-1.weights.h5"]),
        (KERAS2 / "residual.h5", "h5", ["part-0.h5", "part-1.h5"]),
        (KERAS2 / "residual.h5", "json", ["part-0.json", "part-0.weights.h5", "part-1.json", "part-1.weights.h5"]),
    ],
)
def test_to(model: Path, to: str, files: list[str], tmp_path: Path) -> None:
    split(model, "--to", to, "--at", "c2", "--out", tmp_path / "out")
    assert names(tmp_path / "out") == ["manifest.json", *files]


def test_to_another_layout_is_refused(tmp_path: Path) -> None:
    run("split", KERAS2 / "residual.h5", "--to", "keras", "--at", "c2", "--out", tmp_path / "out").failed("format-layout")
    assert names(tmp_path) == []


def test_to_a_format_with_weights_where_there_are_none(tmp_path: Path) -> None:
    options = ("--to", "keras", "--at", "c2", "--out", tmp_path / "out")
    run("split", KERAS2 / "residual.json", *options).failed("format-needs-weights")
    assert names(tmp_path) == []


def test_verify_none_says_so(tmp_path: Path) -> None:
    done = run("split", RESIDUAL, "--at", "c2", "--verify", "none", "--out", tmp_path / "out")
    assert done.code == 0
    assert "not verified (--verify none)" in done.out
    assert "proven" not in done.out


def test_verify_numeric_runs_both_sides(near_worker: None, tmp_path: Path) -> None:
    done = run("split", RESIDUAL, "--at", "c2", "--verify", "numeric", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "verified: outputs bit-identical in keras" in done.out
    assert "the files' weights" in done.out


def test_a_shape_that_nothing_tells(tmp_path: Path) -> None:
    model = edited(KERAS2 / "residual.json", tmp_path / "mystery.json", of_class("c2", "Mystery"))
    done = run("split", model, "--at", "c2", "--out", tmp_path / "out").failed("shape-unknown")
    assert "--shape c2=None,28,28,128" in done.err
    manifest = split(model, "--at", "c2", "--shape", "c2=None,8,8,4", "--out", tmp_path / "out")
    crossing = {tensor["name"]: tensor for tensor in manifest["parts"][1]["inputs"]}
    assert (crossing["c2"]["shape"], crossing["c2"]["dtype"]) == ([None, 8, 8, 4], "float32")


def test_a_shape_with_its_dtype(tmp_path: Path) -> None:
    model = edited(KERAS2 / "residual.json", tmp_path / "mystery.json", of_class("c2", "Mystery"))
    manifest = split(model, "--at", "c2", "--shape", "c2=?,8,8,4:float16", "--out", tmp_path / "out")
    assert {tensor["name"]: tensor["dtype"] for tensor in manifest["parts"][1]["inputs"]}["c2"] == "float16"


PLUGIN = """
from configsplit.catalog.facts import LayerFacts, same_as_input

LAYERS = LayerFacts(class_name="Mystery", outputs=same_as_input)
"""


def test_a_plug_in_tells_the_shape(tmp_path: Path) -> None:
    model = edited(KERAS2 / "residual.json", tmp_path / "mystery.json", of_class("c2", "Mystery"))
    plugin = tmp_path / "mystery.py"
    plugin.write_text(PLUGIN)
    manifest = split(model, "--at", "c2", "--custom-objects", plugin, "--out", tmp_path / "out")
    assert {tensor["name"]: tensor["shape"] for tensor in manifest["parts"][1]["inputs"]}["c2"] == [None, 8, 8, 4]


def test_an_unknown_layer_away_from_the_cut_needs_nothing(tmp_path: Path) -> None:
    model = edited(KERAS2 / "residual.json", tmp_path / "mystery.json", of_class("out", "Mystery"))
    split(model, "--at", "c2", "--out", tmp_path / "out")


def test_existing_output_is_refused_and_force_replaces_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    split(RESIDUAL, "--at", "c2", "--at", "res", "--out", out)
    before = {name: (out / name).read_bytes() for name in names(out)}
    run("split", RESIDUAL, "--at", "c1", "--out", out).failed("output-exists")
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    split(RESIDUAL, "--at", "c1", "--out", out, "--force")
    assert names(out) == ["manifest.json", "part-0.keras", "part-1.keras"]
    assert names(tmp_path) == ["out"]


def test_force_never_touches_what_is_not_ours(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    run("split", RESIDUAL, "--at", "c2", "--out", out, "--force").failed("output-not-ours")
    assert names(out) == ["thesis.tex"]


def test_an_empty_folder_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    split(RESIDUAL, "--at", "c2", "--out", tmp_path / "out")
    assert names(tmp_path) == ["out"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    split(RESIDUAL, "--at", "c2", "--out", tmp_path / "a" / "b" / "out")
    assert names(tmp_path / "a" / "b") == ["out"]


@pytest.mark.parametrize("name", ["block 2 conv", "été/fc", "слой-2", "a:b@c", "层", "x,y"])
@pytest.mark.parametrize("model", ["keras-3.0.5/residual.json", "keras-3.0.5/residual.keras", "keras-2.3.1/residual.json"])
def test_names_of_all_kinds(name: str, model: str, tmp_path: Path) -> None:
    source = RELEASES / model
    made = edited(source, tmp_path / f"model{source.suffix}", renamed("c2", name))
    if "/" in name and "keras-3" in model:  # which Keras 3 itself refuses
        run("split", made, "--at", name, "--out", tmp_path / "out").failed("verify-buildable")
        return
    manifest = split(made, "--at", name, "--out", tmp_path / "out")
    assert name in {tensor["tensor"] for tensor in manifest["parts"][0]["outputs"]}
    assert run("verify", tmp_path / "out").code == 0


@pytest.mark.parametrize("model", ["tf-2.13/slash_names.h5", "tf-2.13/slash_names.keras", "keras-2.3.1/slash_names.h5"])
def test_names_with_a_slash_as_old_releases_wrote_them(model: str, tmp_path: Path) -> None:
    manifest = split(RELEASES / model, "--at", "block1/fc", "--out", tmp_path / "out")
    assert manifest["parts"][0]["outputs"][0]["tensor"] == "block1/fc"


def test_paths_with_spaces_and_unicode(tmp_path: Path) -> None:
    folder = tmp_path / "meine Modelle, été"
    folder.mkdir()
    model = folder / "résiduel 模型.keras"
    model.write_bytes(RESIDUAL.read_bytes())
    split(model, "--at", "c2", "--out", folder / "die Teile")
    assert run("verify", folder / "die Teile").code == 0


@pytest.mark.parametrize(
    "release", ["keras-2.0.9", "keras-2.3.1", "tf-1.13", "tf-2.4", "tf-2.13", "tf_keras-2.21", "keras-3.0.5"]
)
def test_whole_models_of_every_release(release: str, tmp_path: Path) -> None:
    for index, model in enumerate(sorted((RELEASES / release).glob("residual.*"))):
        if model.suffix in (".h5", ".keras") and "weights" not in model.name:
            split(model, "--at", "c2", "--out", tmp_path / str(index))
            assert run("verify", tmp_path / str(index)).code == 0


def test_a_call_of_a_shared_layer(tmp_path: Path) -> None:
    model = RELEASES / "keras-2.3.1" / "siamese.h5"
    ambiguous = run("split", model, "--at", "shared", "--out", tmp_path / "out").failed("reference-ambiguous")
    assert "shared@0, shared@1" in ambiguous.err
    split(model, "--at", "shared@1", "--out", tmp_path / "one")
    split(model, "--at", "shared@*", "--out", tmp_path / "all")


def test_a_layer_inside_a_nested_model(tmp_path: Path) -> None:
    manifest = split(RELEASES / "keras-3.15.1" / "nested2.keras", "--at", "mid/inner/d0", "--out", tmp_path / "out")
    assert manifest["opened"]
    assert run("verify", tmp_path / "out").code == 0
