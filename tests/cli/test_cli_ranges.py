"""Verbs that read no weights fetch what they read of a file at an address and little more; or say what the server did wrong."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
from command_line import RELEASES, RESIDUAL, run
from support.tfjs_files import as_tfjs
from support.web import serving

H5 = RELEASES / "tf-2.4" / "residual.h5"
CUT = "res"
LARGE = 8 << 20


class Server(SimpleHTTPRequestHandler):
    """Serves files in ranges, counting bytes; the first word of a path says how it goes wrong from the second range on."""

    sent: list[int] = []  # noqa: RUF012 - of all requests

    def log_message(self, *_: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        how, _, name = self.path.lstrip("/").partition("?")[0].partition("/")
        place = Path(self.directory, name)
        if not place.is_file() or how == "missing":
            self.send_error(404)
            return
        content = place.read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        later = len(self.sent) > 0
        if found is None or how == "whole" or (how == "gives-up" and later):
            self._answer(200, content, {})
            return
        first, last = int(found[1]), min(int(found[2]), len(content) - 1)
        size = len(content) + (how == "grows" and later)
        told = {"Content-Range": f"bytes {first + (how == 'other' and later)}-{last}/{size}"}
        told |= {"ETag": f'"{len(self.sent) if how == "etag" else 0}"'}
        if how == "packed":
            told["Content-Encoding"] = "gzip"
        piece = content[first : last + 1]
        self._answer(206, piece[:100] if how == "short" and later else piece, told, len(piece))

    def _answer(self, code: int, content: bytes, told: dict[str, str], size: int | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content) if size is None else size), **told}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.sent.append(len(content))
            self.wfile.write(content)
            self.close_connection = True


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.sent.clear()
    with serving(Server, tmp_path, monkeypatch) as address:
        yield address


@pytest.fixture(params=["keras", "h5"])
def large(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model in a file of 8 MiB more than it needs."""
    kind = request.param
    path = tmp_path / "served" / f"large.{kind}"
    path.parent.mkdir(exist_ok=True)
    if kind == "h5":
        return _grown(path, chunks=None)
    with zipfile.ZipFile(path, "w") as archive:
        with zipfile.ZipFile(RESIDUAL) as small:
            for name in small.namelist():
                archive.writestr(name, small.read(name))
        archive.writestr("assets/large.txt", bytes(LARGE))
    return path


def _grown(path: Path, chunks: tuple[int] | None) -> Path:
    shutil.copy(H5, path)
    with h5py.File(path, "a") as file:
        file.create_dataset("optimizer_weights/slot", data=np.zeros(LARGE, np.uint8), chunks=chunks)
    return path


@pytest.mark.parametrize("verb", ["inspect", "layers", "cuts", "validate"])
def test_little_is_fetched(web: str, large: Path, verb: str) -> None:
    there = run(verb, f"{web}/ranges/{large.name}", "--json")
    here = run(verb, large, "--json")
    assert there.code == here.code == 0, there
    assert re.sub(r'"[^"]*/large\.', '"large.', there.out) == re.sub(r'"[^"]*/large\.', '"large.', here.out)
    assert sum(Server.sent) < LARGE / 8, Server.sent


def test_all_is_fetched_once_where_there_are_no_ranges(web: str, large: Path) -> None:
    for how in ("whole", "packed"):
        Server.sent.clear()
        assert run("layers", f"{web}/{how}/{large.name}", "--json").out == run("layers", large, "--json").out
        assert Server.sent[-1] == large.stat().st_size
        assert len([size for size in Server.sent if size > 1 << 17]) <= 2, "one answer that was not wanted, and the file"


def test_what_hdf5_itself_has_to_read_is_fetched_in_large_ranges(web: str, tmp_path: Path) -> None:
    model = _grown(tmp_path / "served" / "large.h5", chunks=(1000,))
    assert run("layers", f"{web}/ranges/large.h5", "--json").out == run("layers", model, "--json").out
    assert model.stat().st_size <= sum(Server.sent) < model.stat().st_size + LARGE / 8
    assert len(Server.sent) < 20


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("missing", "remote-failed"),
        ("etag", "source-changed"),
        ("grows", "remote-size"),
        ("other", "remote-size"),
        ("short", "remote-failed"),
        ("gives-up", "remote-size"),
    ],
)
def test_a_server_that_goes_wrong(web: str, tmp_path: Path, how: str, code: str) -> None:
    content = RESIDUAL.read_bytes()
    with zipfile.ZipFile(tmp_path / "served" / "model.zip", "w") as archive:
        archive.writestr("large.txt", bytes(LARGE))
        archive.writestr("model.keras", content)
    run("inspect", f"{web}/{how}/model.zip").failed(code)


def test_parts_without_weights(web: str, large: Path, tmp_path: Path) -> None:
    address = f"{web}/ranges/{large.name}"
    parts, local = tmp_path / "parts", tmp_path / "local"
    done = run("split", address, "--no-weights", "--at", CUT, "--out", parts)
    assert done.code == 0, done
    assert sum(Server.sent) < LARGE / 8, Server.sent
    assert run("split", large, "--no-weights", "--at", CUT, "--out", local).code == 0
    for name in ("part-0.json", "part-1.json"):
        assert (parts / name).read_bytes() == (local / name).read_bytes()
    told, expected = (json.loads((folder / "manifest.json").read_text())["source"] for folder in (parts, local))
    assert told["sha256_of"] == "architecture"
    assert "sha256_of" not in expected
    assert told["sha256"] != expected["sha256"]

    assert run("verify", parts, "--source", large).code == 0
    assert run("verify", parts, "--source", address).code == 0
    run("verify", parts, "--source", H5 if "h5" not in large.name else RESIDUAL).failed("verify-changed-file")


def test_shards_beside_a_model_of_tensorflow_js(web: str, tmp_path: Path) -> None:
    model = as_tfjs(H5, tmp_path / "served" / "web", shard=1000)
    address = f"{web}/ranges/web/model.json"
    assert run("inspect", address, "--json").out == run("inspect", model, "--json").out
    assert run("split", address, "--at", CUT, "--out", tmp_path / "parts").code == 0
    assert run("split", model, "--at", CUT, "--out", tmp_path / "local").code == 0
    for name in ("part-0.h5", "part-1.h5"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    min(model.parent.glob("*.bin")).unlink()
    run("split", address, "--at", CUT, "--out", tmp_path / "less").failed("file-missing")


def test_a_folder_in_a_store_that_lists_its_files(web: str, tmp_path: Path) -> None:
    folder, store = tmp_path / "model", fsspec.filesystem("memory")
    with zipfile.ZipFile(RESIDUAL) as archive:
        archive.extractall(folder)
    for file in folder.rglob("*"):
        store.pipe_file(f"/zoo/model/{file.relative_to(folder).as_posix()}", file.read_bytes())
    assert run("inspect", "memory://zoo/model", "--json").out == run("inspect", folder, "--json").out
    assert run("split", "memory://zoo/model", "--at", CUT, "--out", tmp_path / "parts").code == 0
    assert run("verify", tmp_path / "parts", "--source", folder).code == 0


def test_a_file_of_a_store_that_is_replaced(web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/zoo/large.bin", bytes(LARGE))
    kept = type(store).cat_file

    def replaces(system: Any, path: str, *more: Any, **options: Any) -> bytes:
        found: bytes = kept(system, path, *more, **options)
        system.pipe_file(path, bytes(LARGE))
        return found

    monkeypatch.setattr(type(store), "cat_file", replaces)
    run("inspect", "memory://zoo/large.bin").failed("source-changed")
