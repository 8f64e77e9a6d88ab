"""`configsplit verify`: what it proves, and what it finds out."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from command_line import RELEASES, RESIDUAL, run


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder of parts, with the model that was cut beside it."""
    model = tmp_path / "model.keras"
    shutil.copy(RESIDUAL, model)
    assert run("split", model, "--at", "c2", "--out", tmp_path / "parts").code == 0
    return tmp_path / "parts"


def test_verify(parts: Path) -> None:
    done = run("verify", parts)
    assert (done.code, done.err) == (0, "")
    assert "proven: 2 parts of model.keras recompose to its graph of 11 layers" in done.out
    assert "proven: 11 weights, 1.18 kB, are bit for bit the original's" in done.out


def test_verify_as_json(parts: Path) -> None:
    done = run("verify", parts, "--json")
    assert (done.code, done.err) == (0, "")
    proof = {"parts": 2, "layers": 11, "weights": 11, "bytes": 1184}
    assert done.json == {"directory": str(parts), "proof": proof, "numeric": None}


def test_verify_numerically(parts: Path) -> None:
    done = run("verify", parts, "--numeric", "--samples", "3", "--seed", "7", "--json")
    assert done.code == 0, done.err
    numeric = done.json["numeric"]
    assert (numeric["identical"], numeric["samples"], numeric["seed"]) == (True, 3, 7)
    assert numeric["outputs"][0]["shape"] == [3, 2]


def test_verify_numerically_without_weights(near_worker: None, tmp_path: Path) -> None:
    model = RELEASES / "tf_keras-2.21" / "residual.json"
    assert run("split", model, "--at", "c2", "--out", tmp_path / "parts").code == 0
    done = run("verify", tmp_path / "parts", "--numeric")
    assert done.code == 0, done.err
    assert "in tf_keras" in done.out
    assert "made-up weights" in done.out


def test_the_source_may_move(parts: Path) -> None:
    elsewhere = parts.parent / "elsewhere.bin"
    (parts.parent / "model.keras").rename(elsewhere)
    run("verify", parts).failed("source-missing")
    assert run("verify", parts, "--source", elsewhere).code == 0


def test_another_source_is_found_out(parts: Path) -> None:
    other = RELEASES / "keras-3.0.5" / "residual.keras"
    run("verify", parts, "--source", other).failed("verify-changed-file")


@pytest.mark.parametrize("name", ["part-0.keras", "part-1.keras"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.8])
def test_a_changed_part_is_found_out(name: str, place: float, parts: Path) -> None:
    data = bytearray((parts / name).read_bytes())
    data[int(len(data) * place)] ^= 1
    (parts / name).write_bytes(data)
    done = run("verify", parts)
    done.failed("verify-changed-file")
    assert name in done.err


def test_a_changed_source_is_found_out(parts: Path) -> None:
    with zipfile.ZipFile(parts.parent / "model.keras", "a") as file:
        file.writestr("assets/more", "")
    run("verify", parts).failed("verify-changed-file")


def test_parts_of_another_split_are_found_out(parts: Path) -> None:
    """Files and digests fit, but not to this cut."""
    other = parts.parent / "other"
    assert run("split", parts.parent / "model.keras", "--at", "c1", "--out", other).code == 0
    shutil.copy(other / "part-0.keras", parts / "part-0.keras")
    mine, theirs = (json.loads((folder / "manifest.json").read_text()) for folder in (parts, other))
    mine["parts"][0]["sha256"] = theirs["parts"][0]["sha256"]
    (parts / "manifest.json").write_text(json.dumps(mine))
    done = run("verify", parts)
    assert (done.code, done.out) == (1, "")
    assert "error [verify-" in done.err


@pytest.mark.parametrize(("name", "code"), [("part-0.keras", "file-missing"), ("manifest.json", "manifest-missing")])
def test_a_missing_file_is_found_out(name: str, code: str, parts: Path) -> None:
    (parts / name).unlink()
    done = run("verify", parts, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == code
    assert name in done.json["error"]["where"]


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"manifest_version": 2}'])
def test_a_manifest_that_is_none(text: str, parts: Path) -> None:
    (parts / "manifest.json").write_text(text)
    run("verify", parts).failed("manifest-invalid")


@pytest.mark.parametrize("text", ["", "not json"])
def test_a_manifest_that_is_no_json(text: str, parts: Path) -> None:
    (parts / "manifest.json").write_text(text)
    run("verify", parts).failed("json-invalid")


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    run("verify", tmp_path).failed("manifest-missing")


def test_a_manifest_that_leads_out_of_its_folder(parts: Path) -> None:
    manifest = json.loads((parts / "manifest.json").read_text())
    manifest["parts"][0]["file"] = "../model.keras"
    (parts / "manifest.json").write_text(json.dumps(manifest))
    run("verify", parts).failed("manifest-invalid")
