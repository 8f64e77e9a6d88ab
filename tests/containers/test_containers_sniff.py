from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import pytest
from support.identity import CORPUS, HERE

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError, StoreError

KERAS3 = CORPUS / "keras-3.15.1"


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in members.items():
            target.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "kind", "layout"),
    [
        ("keras-3.15.1/residual.keras", "keras", "v3"),
        ("keras-3.15.1/residual_dir", "dir", "v3"),
        ("keras-3.15.1/residual.h5", "h5", "legacy"),
        ("tf-2.13/residual.keras", "keras", "tf213"),
        ("tf-2.12/residual.keras", "h5", "legacy"),
        ("keras-1.2.2/residual.h5", "h5", "legacy"),
    ],
)
def test_the_kind_comes_from_the_content(file: str, kind: str, layout: str) -> None:
    with open_source(CORPUS / file) as source:
        assert source.kind == kind
        assert source.weights is not None
        assert source.weights.layout.kind == layout
        assert json.loads(source.config_text)["class_name"] in ("Functional", "Model")
        assert source.metadata["keras_version"]


def test_the_name_does_not_matter(tmp_path: Path) -> None:
    disguised = tmp_path / "model.json"
    disguised.write_bytes((KERAS3 / "residual.keras").read_bytes())
    with open_source(disguised) as source:
        assert source.kind == "keras"


@pytest.mark.parametrize("weights", ["residual.weights.h5", "residual.keras", "residual.h5"])
def test_weights_beside_an_architecture(weights: str) -> None:
    with open_source(KERAS3 / "residual.json", KERAS3 / weights) as source:
        assert source.kind == "json"
        assert source.weights is not None
        assert len(source.weights.datasets) == 11


def test_an_architecture_alone_has_no_weights() -> None:
    with open_source(KERAS3 / "residual.json") as source:
        assert source.weights is None
        assert source.metadata == {}


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_bytes(b"\xef\xbb\xbf" + (KERAS3 / "residual.json").read_bytes())
    with open_source(file) as source:
        assert source.config_text.startswith("{")


FOREIGN = {
    "pickle": (pickle.dumps({"a": [1.0]}), "pickle"),
    "old pickle": (pickle.dumps({"a": 1}, protocol=0), "pickle"),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
    "html with a space": (b"\n  <HTML lang='en'>", "HTML"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "LFS"),
    "onnx": (b"\x08\x07\x12\x07pytorch\x1a\x051.9.0:\xaf\x01", "protocol buffer"),
    "npy": (b"\x93NUMPY\x01\x00v\x00", ".npy"),
    "bzip2": (b"BZh91AY&SYrest", "bzip2"),
    "tflite": (b"\x1c\x00\x00\x00TFL3", "Lite"),
    "safetensors": ((60).to_bytes(8, "little") + b'{"__metadata__":{}}', "safetensors"),
    "yaml": (b"!!python/object:keras.models.Model {}\n", "YAML"),
    "conflict": (b"<<<<<<< HEAD\n{}\n=======\n[]\n>>>>>>> branch\n", "conflict"),
    "utf-16": ('{"class_name": 1}'.encode("utf-16"), "UTF-16"),
    "zeros": (bytes(512), "zero bytes"),
    "text": (b"hello", "plain text"),
    "noise": (bytes(range(200, 256)) + bytes(8), "no format"),
}

STAND_INS = {"conflict", "html", "html with a space", "lfs", "zeros"}
"""What stands where a file should be that was not fetched."""


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_model_is_named(what: str, tmp_path: Path) -> None:
    data, named = FOREIGN[what]
    file = tmp_path / "model.h5"
    file.write_bytes(data)
    with pytest.raises(StoreError, match=named) as caught:
        open_source(file)
    assert caught.value.code == ("file-stand-in" if what in STAND_INS else "not-a-model")
    assert caught.value.hint
    assert str(file) in caught.value.where


@pytest.mark.parametrize("text", ["[1, 2]", '{"hello": 1}', "3"])
def test_json_that_is_no_model_is_named_with_its_file_alone(text: str, tmp_path: Path) -> None:
    (file := tmp_path / "model.json").write_text(text)
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.load(file)
    assert str(caught.value).startswith(f"{file}: {caught.value.message}")


def test_conflict_markers_inside_json(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_bytes(b'{"class_name":\n<<<<<<< HEAD\n"Model"\n=======\n"Functional"\n>>>>>>> main\n}')
    with pytest.raises(StoreError, match="conflict"):
        open_source(file)


ARCHIVES = {
    "pytorch": (zipped(archive__data__pkl=b"", **{"archive/data.pkl": b"\x80\x02"}), "PyTorch"),
    "npz": (zipped(**{"a.npy": b"\x93NUMPY"}), "NumPy"),
    "other": (zipped(**{"model.keras": b"PK"}), "its members are"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_that_is_no_keras_file_is_named(what: str, tmp_path: Path) -> None:
    data, named = ARCHIVES[what]
    (tmp_path / "model.keras").write_bytes(data)
    with pytest.raises(StoreError) as caught:
        open_source(tmp_path / "model.keras")
    assert named in caught.value.hint


def test_empty_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "empty.h5").touch()
    with pytest.raises(StoreError) as caught:
        open_source(tmp_path / "empty.h5")
    assert caught.value.code == "file-empty"
    with pytest.raises(StoreError) as caught:
        open_source(tmp_path / "none.h5")
    assert caught.value.code == "file-missing"
    with pytest.raises(StoreError) as caught:
        open_source("/dev/null")
    assert caught.value.code == "file-kind"


def test_a_saved_model_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(StoreError, match="SavedModel"):
        open_source(tmp_path)


@pytest.mark.parametrize("file", ["residual.keras", "residual.h5"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(file: str, part: float, tmp_path: Path) -> None:
    data = (KERAS3 / file).read_bytes()
    (tmp_path / file).write_bytes(data[: int(len(data) * part)])
    with pytest.raises(StoreError) as caught:
        _ = open_source(tmp_path / file).weights
    assert caught.value.code in ("archive-damaged", "hdf5-damaged")
    assert "truncated" in str(caught.value)


def test_weights_alone_are_told_from_a_model() -> None:
    with pytest.raises(StoreError, match="only weights") as caught:
        open_source(KERAS3 / "residual.weights.h5")
    assert "--weights" in caught.value.hint


def test_hdf5_that_is_not_of_keras(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["table"] = [1.0, 2.0]
    with pytest.raises(StoreError, match="neither"):
        open_source(tmp_path / "data.h5")
    with pytest.raises(StoreError) as caught:
        _ = open_source(KERAS3 / "residual.json", tmp_path / "data.h5").weights
    assert caught.value.code == "weights-layout"


def test_a_user_block_before_hdf5(tmp_path: Path) -> None:
    with h5py.File(KERAS3 / "residual.weights.h5") as old, h5py.File(tmp_path / "w.h5", "w", userblock_size=1024) as new:
        for name in old:
            old.copy(name, new)
    with open_source(KERAS3 / "residual.json", tmp_path / "w.h5") as source, open_source(KERAS3 / "residual.keras") as plain:
        assert source.weights is not None
        assert plain.weights is not None
        assert all(source.weights.same(path, plain.weights, path) for path in plain.weights.datasets)


def test_npz_weights_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as target:
        for name in ("metadata.json", "config.json", "model.weights.npz"):
            target.writestr(name, "{}")
    with open_source(tmp_path / "m.keras") as source, pytest.raises(StoreError, match="npz"):
        _ = source.weights


def test_json_never_loads_h5py() -> None:
    code = (
        "import sys, configsplit.containers.source as s\n"
        f"s.open_source({str(KERAS3 / 'residual.json')!r}).weights\n"
        f"s.open_source({str(KERAS3 / 'residual.keras')!r}).config_text\n"
        "sys.exit(any(name in sys.modules for name in ('h5py', 'numpy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE.parent.parent)
