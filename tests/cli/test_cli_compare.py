"""`configsplit verify A B --numeric`, and the user's own data; what is recorded inside of models, by the confined process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import RESIDUAL, run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shutil.copy(RESIDUAL, tmp_path / "model.keras")
    return tmp_path / "model.keras"


@pytest.mark.usefixtures("near_worker")
def test_a_model_before_and_after_surgery(model: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.keras"
    assert run("rename", model, "c2=second", "--out", renamed).code == 0
    done = run("verify", model, renamed, "--numeric", "--samples", "2", "--tolerance", "1e-6")
    assert (done.code, done.err) == (0, "")
    assert "verified: outputs bit-identical (a tolerance of 1e-06 was allowed), model.keras in keras 3" in done.out
    assert "(drawn, seed 0)" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify", "a", "b"), "verify A B --numeric"),
        (("verify", "a", "b", "--numeric", "--source", "c"), "--source goes with"),
        (("verify", "a", "--bisect"), "--bisect goes with two models"),
        (("verify", "a", "--other-weights", "w"), "--other-weights goes with two models"),
        (("verify", "a", "--tolerance", "1"), "--tolerance goes with --numeric"),
        (("verify", "a", "--inputs", "x.npz"), "--inputs goes with --numeric"),
        (("verify", "a", "--size", "x=1"), "--size goes with --numeric"),
        (("convert", str(RESIDUAL), "-o", "a.keras", "--inputs", "x.npz"), "--inputs goes with --verify numeric"),
        (("convert", str(RESIDUAL), "-o", "a.keras", "--size", "x=1"), "--size goes with --verify numeric"),
        (("verify", str(RESIDUAL), "--numeric"), "verify A B --numeric"),
    ],
)
def test_options_that_mean_nothing(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.usefixtures("near_worker")
def test_the_users_own_samples(model: Path, tmp_path: Path) -> None:
    assert run("split", model, "--at", "c2", "--out", tmp_path / "parts").code == 0
    manifest = json.loads((tmp_path / "parts" / "manifest.json").read_text())
    (entry,) = manifest["inputs"]
    np.savez(tmp_path / "own.npz", **{entry["name"]: np.zeros((3, *entry["shape"][1:]))})
    done = run("verify", tmp_path / "parts", "--numeric", "--inputs", tmp_path / "own.npz")
    assert (done.code, done.err) == (0, "")
    assert "on 3 samples" in done.out
    assert "(your own)" in done.out
    np.savez(tmp_path / "own.npz", strange=np.zeros(3))
    run("verify", tmp_path / "parts", "--numeric", "--inputs", tmp_path / "own.npz").failed("inputs-unfit")
    asked = ("--verify", "numeric", "--inputs", tmp_path / "own.npz", "--out", tmp_path / "new.keras")
    run("convert", RESIDUAL, *asked).failed("inputs-unfit")
    run("convert", RESIDUAL, *asked[:2], "--size", "strange=1", *asked[4:]).failed("size-no-input")


def test_where_two_models_part_as_json(near_worker: None, model: Path, tmp_path: Path) -> None:
    fragment, changed = tmp_path / "extra.json", tmp_path / "changed.keras"
    fragment.write_text(json.dumps({"class_name": "Activation", "config": {"activation": "tanh", "name": "extra"}}))
    assert run("insert", model, "--after", "c2", "--model", fragment, "--out", changed).code == 0
    done = run("verify", model, changed, "--numeric", "--bisect", "--json", "--samples", "2")
    assert (done.code, done.err) == (1, "")
    assert done.json["model"] == str(model)
    assert done.json["other"] == str(changed)
    told = done.json["numeric"]
    assert (told["passed"], told["identical"], told["deterministic"]) == (False, False, True)
    parting = told["parting"]
    assert [row["name"] for row in (*parting["before"], parting["first"], *parting["behind"])] == ["c2", "bn2", "res"]
    assert (parting["before"][0]["equal"], parting["first"]["equal"]) == (True, False)
    assert parting["first"]["difference"] > 0.1
    assert (parting["alone"], parting["other_alone"]) == ([], ["extra"])
