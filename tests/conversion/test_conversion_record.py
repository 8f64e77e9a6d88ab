"""The record of a conversion, what `verify` makes of it, and layers whose weights the old file does not hold."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from support.conversion import PLUGINS
from support.corpus import releases

from configsplit import convert
from configsplit.batches.step import Bench
from configsplit.batches.steps import carry_out
from configsplit.cli.main import cli
from configsplit.errors import ConversionError, VerificationError
from configsplit.records import provenance as record
from configsplit.verbs.verify_file import verify_file

RESIDUAL = releases() / "tf-2.4" / "residual.h5"


def told(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(f"{path.name}{record.SUFFIX}").read_text("utf-8"))
    return found


def tell(path: Path, changed: Mapping[str, Any]) -> None:
    """Write a record anew that knows the file as it is now."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    made = {**changed, "result": {**changed["result"], "sha256": digest}}
    path.with_name(f"{path.name}{record.SUFFIX}").write_text(json.dumps(made), "utf-8")


def rewrite(path: Path, change: Any) -> None:
    """Write an archive anew with other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in change(members).items():
            archive.writestr(name, content)


def test_a_conversion_is_recorded_and_verified(tmp_path: Path) -> None:
    made = convert(RESIDUAL)
    saved = made.save(tmp_path / "new.keras")
    found = verify_file(tmp_path / "new.keras")
    assert (found.record.verb, found.weights, saved.compared) == ("convert", saved.weights, saved.weights)
    assert saved.weights > 0
    assert made.migration.model is not None
    assert {came.layer for came in found.record.layers} == {(layer.name,) for layer in made.migration.model.layers}
    assert all(came.source == 0 for came in found.record.layers)


def test_without_the_original_nothing_is_proven_but_all_is_accounted_for(tmp_path: Path) -> None:
    (old := tmp_path / "old.h5").write_bytes(RESIDUAL.read_bytes())
    saved = convert(old).save(tmp_path / "new.keras")
    (tmp_path / "away").mkdir()
    away = old.rename(tmp_path / "away" / "model.h5")
    done = CliRunner().invoke(cli, ["verify", str(saved.path)])
    assert (done.exit_code, "error [source-missing]" in done.stderr) == (1, True)
    assert f"accounts for all of its {len(told(saved.path)['layers'])} layers and {saved.weights} weights" in done.stderr
    assert "--source" in done.stderr
    done = CliRunner().invoke(cli, ["verify", str(saved.path), "--source", str(away)])
    assert (done.exit_code, done.stdout.startswith("proven")) == (0, True)
    done = CliRunner().invoke(cli, ["verify", str(saved.path), "--source", str(releases() / "tf-2.12" / "residual.h5")])
    assert (done.exit_code, "verify-changed-file" in done.stderr) == (1, True)
    counts = told(saved.path)["weights"]
    tell(saved.path, told(saved.path) | {"weights": counts | {"copied": counts["copied"] + 1}})
    with pytest.raises(VerificationError) as caught:
        verify_file(saved.path)
    assert caught.value.code == "verify-provenance"


def test_weights_that_were_laid_out_anew_are_told_with_their_recipe(tmp_path: Path) -> None:
    theano = Path(__file__).resolve().parents[1] / "corpus" / "theano" / "keras-1.2.2.h5"
    convert(theano, backend="theano").save(tmp_path / "new.keras")
    accounts = verify_file(tmp_path / "new.keras").record.weights
    assert accounts is not None
    assert any("flip_window" in each.recipe for each in accounts.relaid)
    changed = told(tmp_path / "new.keras")
    changed["weights"]["relaid"][0]["recipe"] = "copy"
    tell(tmp_path / "new.keras", changed)
    with pytest.raises(VerificationError) as caught:
        verify_file(tmp_path / "new.keras")
    assert caught.value.code == "verify-provenance"


@pytest.mark.parametrize(
    "changed",
    [{"arguments": {"lambda": 1}}, {"arguments": {}}, {"sources": []}, {"needs": {"Scale": "not shipped"}}, {"layers": []}],
)
def test_a_record_that_lies_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    convert(RESIDUAL).save(tmp_path / "new.keras")
    found = told(tmp_path / "new.keras")
    layers = [] if "sources" in changed else found["layers"]  # a layer from a source that is not listed is no record
    tell(tmp_path / "new.keras", {**found, "layers": layers, **changed})
    with pytest.raises(VerificationError) as caught:
        verify_file(tmp_path / "new.keras")
    assert caught.value.code == "verify-provenance"


def flipped(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """One bit of one weight changed."""
    stream = io.BytesIO(members["model.weights.h5"])
    with h5py.File(stream, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        values = file[names[0]][...]
        values.reshape(-1).view("uint8")[0] ^= 1
        file[names[0]][...] = values
    return {**members, "model.weights.h5": stream.getvalue()}


def renamed(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Another activation in the graph."""
    return {**members, "config.json": members["config.json"].replace(b'"relu"', b'"tanh"')}


@pytest.mark.parametrize(("change", "code"), [(flipped, "verify-weights"), (renamed, "verify-graph")])
def test_a_file_that_is_not_the_conversion_is_refused(change: Any, code: str, tmp_path: Path) -> None:
    path = tmp_path / "new.keras"
    convert(RESIDUAL).save(path)
    rewrite(path, change)
    tell(path, told(path))
    with pytest.raises(VerificationError) as caught:
        verify_file(path)
    assert caught.value.code == code


# -------------------------------------------------------------------------------------------- weights that are not there


def archive(path: Path, config: str, weights: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", config)
        made.writestr("metadata.json", json.dumps({"keras_version": "2.21.0"}))
        made.writestr("model.weights.h5", weights)
    return path


def without_weights(folder: Path) -> Path:
    """What tf_keras saves of a model whose layer holds its layers in a list of lists: no weights at all."""
    config = (releases() / "tf_keras-2.21" / "nested_containers.json").read_text("utf-8")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for group in ("vars", "layers/block2/vars", "layers/input_layer/vars"):
            file.create_group(group)
    return archive(folder / "old.keras", config, stream.getvalue())


def test_a_layer_without_its_weights_is_refused(tmp_path: Path) -> None:
    made = convert(without_weights(tmp_path), custom_objects=(PLUGINS,))
    assert [(each.layer, each.code) for each in made.refusals] == [("b2", "convert-weights-lost")]
    with pytest.raises(ConversionError):
        made.save(tmp_path / "new.keras")


def test_of_a_class_that_may_have_lost_some_it_is_said(tmp_path: Path) -> None:
    """Most undeclared classes without weights have none; the file never held those of the others."""
    made = convert(without_weights(tmp_path))
    saved = made.save(tmp_path / "new.keras")
    assert [each.layer for each in made.notes if "were never saved, and begin anew" in each.what] == ["b2"]
    assert saved.record is not None
    assert any("b2: the file holds no weights of the Block2" in each for each in saved.record.warnings)
    assert not made.absent


@pytest.mark.parametrize("plugins", [(), (PLUGINS,)])
def test_on_request_it_begins_anew_and_is_named_everywhere(plugins: Sequence[Path], tmp_path: Path) -> None:
    made = convert(without_weights(tmp_path), custom_objects=plugins, missing_weights="initialize")
    saved = made.save(tmp_path / "new.keras")
    assert saved.record is not None
    assert saved.record.weights is not None
    assert [each.layer for each in saved.record.weights.absent] == [("b2",)]
    assert list(saved.record.needs) == ["Block2"]
    assert ("not shipped" in saved.record.needs.values()) == (not plugins)
    assert any(note.layer == "b2" and "fresh weights" in note.what for note in made.notes)
    assert verify_file(tmp_path / "new.keras", custom_objects=plugins).record.weights == saved.record.weights


def test_a_recipe_says_what_is_missing(tmp_path: Path) -> None:
    options = {
        "to": "keras3",
        "target": None,
        "lambdas": (),
        "read_lambda": True,
        "shapes": (),
        "backend": None,
        "missing_weights": "initialize",
        "with_weights": True,
    }
    bench = Bench(path=without_weights(tmp_path), weights=None, folder=tmp_path / "out", verify="proof", plugins=())
    facts = carry_out({"name": "convert", "verb": "convert", "of": None, "options": options}, bench)
    assert (facts["absent"], facts["needs"], facts["proof"]) == (["b2"], {"Block2": "not shipped"}, {"weights": 0})


# --------------------------------------------------------------------------------------- what the weights prove


def attention(path: Path, weights: Sequence[str]) -> Path:
    """A model of TF 1.14 with attention, whose config does not say whether it has a scale."""
    shape = {"batch_input_shape": [None, 3, 4], "dtype": "float32", "sparse": False}
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "config": {**shape, "name": name}, "name": name, "inbound_nodes": []} for name in "qv"
    ]
    calls = [[["q", 0, 0, {}], ["v", 0, 0, {}]]]
    config = {"name": "att", "trainable": True, "dtype": "float32"}
    layers.append({"class_name": "Attention", "config": config, "name": "att", "inbound_nodes": calls})
    ends = {"input_layers": [["q", 0, 0], ["v", 0, 0]], "output_layers": [["att", 0, 0]]}
    model = {"class_name": "Model", "config": {"name": "m", "layers": layers, **ends}}
    with h5py.File(path, "w") as file:
        file.attrs.update(model_config=json.dumps(model), keras_version="2.2.4-tf", backend="tensorflow")
        group = file.create_group("model_weights")
        group.attrs.update(layer_names=np.array([b"q", b"v", b"att"]), keras_version="2.2.4-tf", backend="tensorflow")
        for name in ("q", "v", "att"):
            found = [each.encode() for each in weights] if name == "att" else []
            group.create_group(name).attrs["weight_names"] = np.array(found, "S20") if found else np.array([])
        for each in weights:
            group["att"][each] = np.float32(0.75)
    return path


@pytest.mark.parametrize(("weights", "scale"), [(("att/scale:0",), True), ((), False)])
def test_the_weights_tell_whether_attention_has_a_scale(weights: Sequence[str], scale: bool, tmp_path: Path) -> None:
    made = convert(attention(tmp_path / "old.h5", weights))
    assert made.refusals == ()
    assert made.migration.model is not None
    assert made.migration.model.by_name()["att"].config["use_scale"] is scale
    assert made.save(tmp_path / "new.keras").weights == len(weights)


# ------------------------------------------------------------------------------------------------------ by numbers


def test_both_models_are_run_and_the_difference_is_told(near_worker: None, tmp_path: Path) -> None:
    saved = convert(RESIDUAL).save(tmp_path / "new.keras", verify="numeric")
    assert saved.numeric is not None
    assert saved.numeric.difference <= 1e-6
    assert [output.shape for output in saved.numeric.outputs] == [(4, 2)]


def test_both_models_are_run_on_the_users_own_samples(near_worker: None, tmp_path: Path) -> None:
    made, own = convert(RESIDUAL), tmp_path / "own.npz"
    shape = made.document.infer().specs[made.document.model.input_refs()[0]].shape[1:]
    np.savez(own, np.random.default_rng(0).random((3, *shape)))
    report = made.save(tmp_path / "new.keras", verify="numeric", inputs=own).numeric
    assert report.samples == 3
    assert [output.shape for output in report.outputs] == [(3, 2)]
    np.savez(own, np.ones((3, 77)))
    with pytest.raises(VerificationError) as caught:
        made.save(tmp_path / "other.keras", verify="numeric", inputs=own)
    assert caught.value.code == "inputs-unfit"
    assert not (tmp_path / "other.keras").exists()


def test_both_models_are_run_at_the_size_that_is_asked_for(near_worker: None, tmp_path: Path) -> None:
    keras2 = importlib.import_module("tf_keras")
    x = keras2.Input((None, 2), name="x")
    keras2.Model(x, keras2.layers.Conv1D(3, 1)(x)).save(tmp_path / "old.h5")
    report = convert(tmp_path / "old.h5").save(tmp_path / "new.keras", verify="numeric", sizes=["x=9"]).numeric
    assert [output.shape for output in report.outputs] == [(4, 9, 3)]


def test_an_original_that_does_not_answer_in_time_is_named(tmp_path: Path) -> None:
    from configsplit.runtime.confinement.policy import Limits

    with pytest.raises(VerificationError, match=r"tf_keras does not run the original.* 0\.2 seconds") as caught:
        convert(RESIDUAL).save(tmp_path / "new.keras", verify="numeric", limits=Limits(timeout=0.2))
    assert caught.value.code == "verify-converted-run"
    assert "--timeout" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_conversion_that_computes_something_else_is_an_error(near_worker: None, tmp_path: Path) -> None:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.converted import compare_converted
    from configsplit.runtime.feeding import Feed
    from configsplit.saving.conversion_numeric import original

    made = convert(RESIDUAL)
    made.save(tmp_path / "new.keras")
    rewrite(tmp_path / "new.keras", renamed)
    with pytest.raises(VerificationError) as caught:
        compare_converted(
            original(made.document, made.document.path, None),
            tmp_path / "new.keras",
            feed=Feed(),
            custom_objects=(),
            limits=Limits(),
        )
    assert caught.value.code == "verify-converted"
