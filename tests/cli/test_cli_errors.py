"""What goes wrong, and how the command line says it: a clear message, exit code 1, and nothing left behind."""

from __future__ import annotations

import io
import pickle
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import RELEASES, RESIDUAL, names, process, run
from made_models import configured, edited

KERAS2 = RELEASES / "keras-2.3.1"


def split_fails(code: str, folder: Path, model: Path, *options: object) -> str:
    """The message of a split that must fail with this code, in both forms, and leave nothing."""
    before = names(folder)
    text = run("split", model, *options, "--out", folder / "out").failed(code).err
    as_json = run("split", model, *options, "--out", folder / "out", "--json")
    assert as_json.code == 1
    error = as_json.json["error"]
    assert error["code"] == code
    assert set(error) == {"code", "message", "where", "hint"}
    assert error["message"] in text
    assert names(folder) == before
    return text


def test_a_misspelt_layer_is_answered_with_the_nearest_names(tmp_path: Path) -> None:
    assert "did you mean 'activation'?" in split_fails("reference-unknown-layer", tmp_path, RESIDUAL, "--at", "activaton")


def test_a_misspelt_layer_in_a_nested_model(tmp_path: Path) -> None:
    model = RELEASES / "keras-3.15.1" / "nested2.keras"
    assert "'mid/inner/d0'" in split_fails("reference-unknown-layer", tmp_path, model, "--at", "mid/inner/d00")


def test_nothing_lies_before_an_input(tmp_path: Path) -> None:
    assert "is an input of the model" in split_fails("cut-at-input", tmp_path, RESIDUAL, "--at", "image")


def test_nothing_lies_behind_the_last_output(tmp_path: Path) -> None:
    assert "the last output of the model" in split_fails("cut-at-output", tmp_path, RESIDUAL, "--at", "out")


def test_a_call_that_does_not_exist(tmp_path: Path) -> None:
    split_fails("reference-unknown-call", tmp_path, KERAS2 / "siamese.h5", "--at", "shared@7")


def test_an_output_that_nothing_uses(tmp_path: Path) -> None:
    split_fails("reference-unknown-output", tmp_path, RESIDUAL, "--at", "c2:3")


def test_inside_of_what_has_no_inside(tmp_path: Path) -> None:
    split_fails("reference-not-nested", tmp_path, RESIDUAL, "--at", "c2/kernel")


def test_one_boundary_through_a_tensor_and_what_follows_from_it(tmp_path: Path) -> None:
    split_fails("cut-not-parallel", tmp_path, RESIDUAL, "--at", "c1,c2")


def test_the_same_cut_twice(tmp_path: Path) -> None:
    split_fails("cut-empty-part", tmp_path, RESIDUAL, "--at", "c2", "--at", "c2")


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ("c2", "shape-syntax"),
        ("c2=", "shape-syntax"),
        ("c2=a,b", "shape-syntax"),
        ("c2=None,8,8,4,", "shape-syntax"),
        ("c2=(None,8)", "shape-syntax"),
        ("=None,8", "reference-unknown-layer"),
        ("c3=None,8,8,4", "reference-unknown-layer"),
    ],
)
def test_shape_syntax(shape: str, code: str, tmp_path: Path) -> None:
    split_fails(code, tmp_path, KERAS2 / "residual.json", "--at", "c2", "--shape", shape)


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in split_fails("file-missing", tmp_path, tmp_path / "nowhere.keras", "--at", "c2")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_archive(share: float, tmp_path: Path) -> None:
    data = RESIDUAL.read_bytes()
    model = tmp_path / "cut short.keras"
    model.write_bytes(data[: int(len(data) * share)])
    split_fails("archive-damaged", tmp_path, model, "--at", "c2")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_hdf5_file(share: float, tmp_path: Path) -> None:
    data = (KERAS2 / "residual.h5").read_bytes()
    model = tmp_path / "short.h5"
    model.write_bytes(data[: int(len(data) * share)])
    split_fails("hdf5-damaged", tmp_path, model, "--at", "c2")


def test_truncated_json(tmp_path: Path) -> None:
    model = tmp_path / "short.json"
    model.write_text((KERAS2 / "residual.json").read_text()[:-40])
    split_fails("json-invalid", tmp_path, model, "--at", "c2")


def test_damaged_weights_are_found_by_their_checksum(tmp_path: Path) -> None:
    data = bytearray(RESIDUAL.read_bytes())
    with zipfile.ZipFile(RESIDUAL) as archive:
        info = archive.getinfo("model.weights.h5")
    data[info.header_offset + 30 + len(info.filename) + info.file_size - 9] ^= 1
    model = tmp_path / "rotten.keras"
    model.write_bytes(data)
    split_fails("archive-damaged", tmp_path, model, "--at", "c2")


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.zeros(3))
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return buffer.getvalue()


FOREIGN = {
    "nothing": (b"", "file-empty"),
    "pickle": (pickle.dumps({"a": 1}), "not-a-model"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(64), "not-a-model"),
    "web page": (b"<!DOCTYPE html><html><body>404</body></html>", "file-stand-in"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "file-stand-in"),
    "arrays": (_npz(), "not-a-model"),
    "archive": (_zip(), "not-a-model"),
    "other json": (b'{"hello": "world"}', "document-not-a-model"),
    "a number": (b"42", "not-a-model"),
}


@pytest.mark.parametrize("kind", sorted(FOREIGN))
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".json"])
def test_a_foreign_file_is_named_for_what_it_is(kind: str, suffix: str, tmp_path: Path) -> None:
    data, code = FOREIGN[kind]
    model = tmp_path / f"model{suffix}"
    model.write_bytes(data)
    split_fails(code, tmp_path, model, "--at", "c2")
    inspected = run("inspect", model, "--json")
    assert (inspected.code, inspected.json["error"]["code"]) == (1, code)


def test_weights_of_another_model(tmp_path: Path) -> None:
    options = ("--weights", KERAS2 / "nested2.weights_only.h5", "--at", "c2")
    split_fails("weights-unclaimed", tmp_path, KERAS2 / "residual.json", *options)


def test_weights_of_another_shape(tmp_path: Path) -> None:
    model = edited(RESIDUAL, tmp_path / "wider.keras", configured("c2", filters=9))
    message = split_fails("weights-shape", tmp_path, model, "--at", "c1")
    assert "'c2'" in message
    assert "(3,3,4,9)" in message


def test_a_plug_in_that_is_not_there(tmp_path: Path) -> None:
    split_fails("plugin-missing", tmp_path, RESIDUAL, "--at", "c2", "--custom-objects", tmp_path / "none.py")


def test_a_plug_in_that_fails(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text("1 / 0")
    split_fails("plugin-import", tmp_path, RESIDUAL, "--at", "c2", "--custom-objects", plugin)


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    run("split", RESIDUAL, "--at", "c2", "--out", out, "--force").failed("output-exists")
    assert out.read_text() == "mine"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """`ulimit -f` stands in for the disk: the limit is reached in the middle of the parts."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = process("split", RESIDUAL, "--at", "c2", "--out", "out", cwd=tmp_path, before=limit)
    done.failed("disk-full")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["split"],
        ["split", "model.keras"],
        ["split", "model.keras", "--out", "o"],
        ["split", "model.keras", "--at", "a"],
        ["split", "model.keras", "--at", "a", "--out", "o", "--boundary", "widest"],
        ["split", "model.keras", "--at", "a", "--out", "o", "--to", "onnx"],
        ["split", "model.keras", "--at", "a", "--out", "o", "--verify", "maybe"],
        ["split", "model.keras", "--at", "a", "--out", "o", "--frobnicate"],
        ["verify"],
        ["verify", "o", "--samples", "0"],
        ["verify", "o", "--samples", "many"],
        ["verify", "o", "--seed", "x"],
        ["inspect"],
        ["inspect", "a", "b"],
        ["plugins", "x"],
        ["frobnicate"],
        ["--frobnicate"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: configsplit" in done.err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["split", "--help"], ["verify", "-h"], ["inspect", "-h"], ["plugins", "-h"]]
)
def test_help(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: configsplit")


def test_version() -> None:
    assert run("--version").out.split()[-1] == "0.1.0"
