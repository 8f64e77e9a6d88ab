"""Verbs on addresses: the same as on files; whole or not at all; records name where a file came from, and nobody goes there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import fsspec
import pytest
from command_line import RESIDUAL, run
from support.web import s3_store, serving

import configsplit
from configsplit.batches import storage
from configsplit.batches.fetching import let_go, without_secrets
from configsplit.errors import StoreError

CUT = "res"
ENOUGH = threading.Event()


class Server(SimpleHTTPRequestHandler):
    """Serves files, without ranges; the first word of a path says how it goes wrong."""

    asked: list[str] = []  # noqa: RUF012 - of all requests

    def log_message(self, *_: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        how, _, name = self.path.lstrip("/").partition("?")[0].partition("/")
        content = Path(self.directory, name).read_bytes() if how not in ("missing", "loop") else b""
        match how:
            case "file":
                self._head(200, content)
            case "missing":
                self.send_error(404)
            case "loop":
                self._head(302, Location=self.path)
            case "moved":
                self._head(302, Location=f"/file/{name}")
            case "ranges" if span := self.headers.get("Range"):
                first, last = (min(int(each), len(content) - 1) for each in span.removeprefix("bytes=").split("-"))
                told = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
                self._head(206, content[first : last + 1], **told)
            case "ranges":
                self._head(200, content, **{"Accept-Ranges": "bytes"})
            case _:
                self._go_wrong(how, content)

    def _go_wrong(self, how: str, content: bytes) -> None:
        match how:
            case "silent":
                self._head(200, b"", len(content))
                if self.command == "GET":
                    self.wfile.write(content[:100])
                    self.wfile.flush()
                    ENOUGH.wait(20)
            case "short":  # ends before it has sent what it promised
                self._head(200, content[:100], len(content))
            case "other":  # another length where it is asked than where it is fetched
                self._head(200, content, len(content) - (self.command == "HEAD"))
            case "less":
                self._head(200, content, len(content) + (self.command == "HEAD"))
            case "unknown" | "endless":
                self._head(200, b"", -1 if how == "unknown" or self.command == "GET" else len(content))
                while self.command == "GET" and not ENOUGH.wait(0.01):
                    self.wfile.write(bytes(1 << 16))
                    if how == "unknown":
                        break

    def _head(self, code: int, content: bytes = b"", size: int | None = None, **headers: str) -> None:
        self.send_response(code)
        length = len(content) if size is None else size
        if length >= 0:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that has ``residual.keras``."""
    ENOUGH.clear()
    Server.asked.clear()
    with serving(Server, tmp_path, monkeypatch) as address:
        shutil.copy(RESIDUAL, tmp_path / "served")
        yield address
        ENOUGH.set()


@pytest.mark.parametrize("how", ["file", "ranges", "moved"])
@pytest.mark.parametrize("verb", ["inspect", "layers", "cuts"])
def test_what_is_told_of_a_file_is_told_of_its_address(web: str, how: str, verb: str) -> None:
    there = run(verb, f"{web}/{how}/residual.keras", "--json")
    assert (there.code, there.out) == (0, run(verb, RESIDUAL, "--json").out), there


def test_verbs_on_a_store_of_objects(tmp_path: Path) -> None:
    """Its file system takes a range by other places than the one of fsspec's own."""
    with s3_store() as store:
        store.mkdir("zoo")
        store.put(str(RESIDUAL), "zoo/a b/residual.keras")
        address = "s3://zoo/a b/residual.keras"
        for verb in ("inspect", "layers", "cuts"):
            assert run(verb, address, "--json").out == run(verb, RESIDUAL, "--json").out
        assert run("split", address, "--at", CUT, "--out", tmp_path / "parts").code == 0
        assert run("verify", tmp_path / "parts", "--source", address).code == 0
        gone = run("inspect", "s3://zoo/none.keras").failed("remote-failed")
        assert "the store has no such file: zoo/none.keras" in gone.err


def test_parts_of_an_address(web: str, tmp_path: Path) -> None:
    address = f"{web.replace('://', '://me:word@')}/file/residual.keras?signature=secret"
    parts, local = tmp_path / "parts", tmp_path / "local"
    assert run("split", address, "--at", CUT, "--out", parts).code == 0
    assert run("split", RESIDUAL, "--at", CUT, "--out", local).code == 0
    files = sorted(path.name for path in local.iterdir() if path.name != "manifest.json")
    assert all((parts / name).read_bytes() == (local / name).read_bytes() for name in files)
    told, expected = (json.loads((folder / "manifest.json").read_text()) for folder in (parts, local))
    del expected["source"]["path"]
    expected["source"]["address"] = f"{web}/file/residual.keras"
    assert told == expected

    asked = len(Server.asked)
    gone = run("verify", parts).failed("source-missing")
    assert f"{web}/file/residual.keras" in gone.err
    with pytest.raises(StoreError, match="was fetched from"):
        configsplit.verify(parts)
    assert len(Server.asked) == asked, "an address in a record was followed"
    assert run("verify", parts, "--source", f"{web}/ranges/residual.keras").code == 0
    assert run("verify", parts, "--source", RESIDUAL).code == 0


def test_python_takes_an_address_as_it_takes_a_file(near_worker: None, web: str, tmp_path: Path) -> None:
    address = f"{web}/file/residual.keras"
    assert configsplit.inspect(address).layers == configsplit.inspect(RESIDUAL).layers
    document = configsplit.load(address)
    assert document.model == configsplit.load(RESIDUAL).model
    saved = configsplit.split(document, at=CUT).save(tmp_path / "parts")
    assert saved.manifest.source.address == address
    assert configsplit.verify(tmp_path / "parts", source=address).proof == configsplit.verify(saved, source=RESIDUAL).proof
    assert configsplit.compare(address, other=RESIDUAL).identical
    assert configsplit.plot(address, RESIDUAL).whole.facts[0] == "no layer differs"
    assert len([asked for asked in Server.asked if asked.startswith("GET")]) <= 2
    with pytest.raises(StoreError) as caught:
        configsplit.cuts(f"{web}/missing/residual.keras")
    assert caught.value.code == "remote-failed"
    let_go()


def test_weights_and_donors_at_addresses(web: str, tmp_path: Path) -> None:
    served, parts = tmp_path / "served", tmp_path / "parts"
    with zipfile.ZipFile(RESIDUAL) as archive:
        archive.extract("config.json", served)
        archive.extract("model.weights.h5", served)
    given = ("--weights", f"{web}/file/model.weights.h5")
    assert run("split", f"{web}/file/config.json", *given, "--at", CUT, "--out", parts).code == 0
    source = json.loads((parts / "manifest.json").read_text())["source"]
    told = {name: value for name, value in source.items() if name.endswith(("path", "address"))}
    assert told == {"address": f"{web}/file/config.json", "weights_address": f"{web}/file/model.weights.h5"}
    run("verify", parts, "--source", f"{web}/file/config.json").failed("source-missing")
    shutil.copy(served / "model.weights.h5", tmp_path)
    assert run("verify", parts, "--source", f"{web}/file/config.json").code == 0

    out, mine = tmp_path / "out.keras", tmp_path / "mine.keras"
    assert run("extract", RESIDUAL, "--from", "c2", "--to", "bn2", "--out", served / "donor.keras").code == 0
    for donor, result in ((f"{web}/file/donor.keras", out), (served / "donor.keras", mine)):
        done = run("replace", RESIDUAL, "--from", "c2", "--to", "bn2", "--model", donor, "--out", result)
        assert done.code == 0, done
    assert out.read_bytes() == mine.read_bytes()


def test_a_file_that_was_changed_has_a_record_with_the_address(web: str, tmp_path: Path) -> None:
    out = tmp_path / "renamed.keras"
    done = run("rename", f"{web}/file/residual.keras", f"{CUT}=joined", "--out", out)
    assert done.code == 0, done
    record = (tmp_path / "renamed.keras.provenance.json").read_text()
    assert json.loads(record)["sources"][0]["address"] == f"{web}/file/residual.keras"
    assert str(tmp_path / "scratch") not in record
    run("verify", out).failed("source-missing")
    assert run("verify", out, "--source", f"{web}/file/residual.keras").code == 0


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("missing", "remote-failed"),
        ("loop", "remote-failed"),
        ("silent", "remote-stalled"),
        ("short", "remote-failed"),
        ("other", "remote-size"),
        ("less", "remote-size"),
        ("unknown", "remote-size"),
        ("endless", "remote-size"),
    ],
)
def test_a_server_that_goes_wrong(web: str, tmp_path: Path, how: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "silent":
        monkeypatch.setattr(storage, "PATIENCE", 2.0)
    run("split", f"{web}/{how}/residual.keras", "--at", CUT, "--out", tmp_path / "parts").failed(code)
    assert not (tmp_path / "parts").exists()


def test_nobody_answers(web: str) -> None:
    run("inspect", "http://127.0.0.1:9/residual.keras").failed("remote-failed")
    run("inspect", "nonsense://somewhere/residual.keras").failed("remote-failed")


def test_there_is_no_room(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configsplit.batches.fetching.room_in", lambda _: 100)
    run("split", f"{web}/file/residual.keras", "--at", CUT, "--out", "parts").failed("disk-full")
    assert not any(each.startswith("GET") for each in Server.asked)


def test_a_call_into_a_store_that_never_comes_back_is_left(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PATIENCE", 1.0)
    monkeypatch.setattr(storage, "size_of", lambda _: ENOUGH.wait(20))
    run("inspect", f"{web}/file/residual.keras").failed("remote-stalled")


def test_any_store_that_fsspec_knows(web: str) -> None:
    fsspec.filesystem("memory").pipe_file("/zoo/residual.keras", RESIDUAL.read_bytes())
    assert run("inspect", "memory://zoo/residual.keras", "--json").out == run("inspect", RESIDUAL, "--json").out
    run("inspect", "memory://zoo/none.keras").failed("remote-failed")


@pytest.mark.parametrize(("hidden", "address"), [("fsspec", "s3://zoo/a.keras"), ("aiohttp", "https://127.0.0.1:9/a.keras")])
def test_without_the_extra(hidden: str, address: str) -> None:
    code = f"import sys; sys.modules[{hidden!r}] = None; from configsplit.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", address], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, "error [extra-missing]" in done.stderr) == (1, True), done.stderr
    assert "pip install 'configsplit[remote]'" in done.stderr


def test_addresses_without_their_secrets() -> None:
    assert without_secrets("https://me:word@host/a@b.h5?key=1#x") == "https://host/a@b.h5"
    assert without_secrets("s3://key:word@bucket/a.h5") == "s3://bucket/a.h5"
    assert without_secrets("hf://org/model@main/a.keras") == "hf://org/model@main/a.keras"
    assert without_secrets("zip://a.h5::https://me@host/a.zip?key=1") == "zip://a.h5::https://host/a.zip"
