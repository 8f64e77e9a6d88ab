"""Zoos and outputs at URLs: the memory file system, a real S3 server and a real web server on loopback."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zoos
from support.web import s3_store

import configsplit
from configsplit.batches.batch import batch
from configsplit.errors import StoreError

pytestmark = pytest.mark.first

KERAS3 = zoos.RELEASES / "keras-3.15.1"


def filled(zoo: Path) -> Path:
    """A few architectures, and files with weights."""
    zoos.architectures(zoo, 5)
    for name in ("residual.keras", "residual.h5", "shared_seq.keras"):
        shutil.copy(KERAS3 / name, zoo / name)
    (zoo / "broken.keras").write_bytes(b"PK\x03\x04 no archive")
    return zoo


def downloaded(system: Any, root: str, folder: Path) -> dict[str, bytes]:
    """The results at a URL, as `zoos.results` gives those of a folder."""
    found = {}
    for name in system.find(root):
        short = name.removeprefix(root).lstrip("/")
        if short not in ("run.jsonl", "report.html") and not short.startswith("run/"):
            found[short] = system.cat_file(name)
    return dict(sorted(found.items()))


def without_paths(results: dict[str, bytes]) -> dict[str, Any]:
    """Results with what a streamed source cannot have left out: its path in manifests, and therefore their digests."""
    plain: dict[str, Any] = {}
    for name, content in results.items():
        if name == "ledger.jsonl":
            lines = [json.loads(line) for line in content.splitlines()]
            for line in lines:
                line["outputs"] = [item for item in line.get("outputs", []) if not item["file"].endswith("manifest.json")]
            plain[name] = lines
        elif name.endswith("manifest.json"):
            manifest = json.loads(content)
            manifest["source"].pop("path", None)
            plain[name] = manifest
        else:
            plain[name] = content
    return plain


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_memory_in_and_out(tmp_path: Path, memory: Any) -> None:
    zoo = filled(tmp_path / "zoo")
    memory.put(f"{zoo}/", "/zoo", recursive=True)
    summary = batch(zoos.PARTS, zoo="memory://zoo", out="memory://out")
    assert summary.outcomes == {"done": 8, "failed": 1, "skipped": 0}
    batch(zoos.PARTS, zoo=zoo, out=tmp_path / "out", jobs=1)
    remote = downloaded(memory, "/out", tmp_path)
    assert without_paths(remote) == without_paths(zoos.results(tmp_path / "out"))
    assert not any(b"path" in content for name, content in remote.items() if name.endswith("manifest.json"))
    again = batch(zoos.PARTS, zoo="memory://zoo", out="memory://out", resume=True)
    assert again.kept == 9
    with pytest.raises(StoreError) as error:
        batch(zoos.PARTS, zoo="memory://zoo", out="memory://out")
    assert error.value.code == "output-exists"
    memory.rm("/out/models/residual.keras", recursive=True)
    memory.pipe_file("/zoo/000/model00001.json", zoos.architecture("new", 9).encode())
    memory.rm("/zoo/000/model00002.json")
    assert batch(zoos.PARTS, zoo="memory://zoo", out="memory://out", resume=True).kept == 6
    batch(zoos.PARTS, zoo="memory://zoo", out="memory://fresh")
    assert downloaded(memory, "/out", tmp_path) == downloaded(memory, "/fresh", tmp_path)


def test_parts_from_afar_are_proven_against_the_source(tmp_path: Path, memory: Any) -> None:
    memory.put(str(KERAS3 / "residual.keras"), "/zoo/residual.keras")
    batch(zoos.PARTS, zoo="memory://zoo", out=tmp_path / "out")
    parts = tmp_path / "out" / "models" / "residual.keras" / "split"
    assert configsplit.verify(parts, source=KERAS3 / "residual.keras").proof.weights == 11


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_store() as store:
        yield store


def test_s3_in_and_out_with_workers_and_a_kill(tmp_path: Path, s3: Any) -> None:
    zoo = filled(tmp_path / "zoo")
    s3.mkdir("zoos")
    s3.put(f"{zoo}/", "zoos/zoo", recursive=True)
    plan = zoos.recipe(tmp_path, zoos.PARTS)
    whole = zoos.run(plan, "--zoo", "s3://zoos/zoo", "--out", "s3://zoos/whole", "--jobs", 2)
    assert whole.returncode == 1, whole.stderr  # one model is broken
    process = zoos.start(plan, "--zoo", "s3://zoos/zoo", "--out", "s3://zoos/hit", "--jobs", 2)
    until = time.monotonic() + zoos.PATIENCE
    while not s3.exists("zoos/hit/run") and time.monotonic() < until:
        s3.invalidate_cache()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    again = zoos.run(plan, "--zoo", "s3://zoos/zoo", "--out", "s3://zoos/hit", "--jobs", 2, "--resume", "--json")
    assert again.returncode == 1, again.stderr
    assert json.loads(again.stdout)["kept"] >= 1
    s3.invalidate_cache()
    assert downloaded(s3, "zoos/hit", tmp_path) == downloaded(s3, "zoos/whole", tmp_path)
    batch(zoos.PARTS, zoo=zoo, out=tmp_path / "out", jobs=1)
    assert without_paths(downloaded(s3, "zoos/hit", tmp_path)) == without_paths(zoos.results(tmp_path / "out"))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    filled(tmp_path / "served")
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_a_web_server(tmp_path: Path, web: str) -> None:
    summary = batch(zoos.PARTS, zoo=f"{web}/", out=tmp_path / "out", jobs=1)
    assert summary.outcomes == {"done": 8, "failed": 1, "skipped": 0}
    batch(zoos.PARTS, zoo=tmp_path / "served", out=tmp_path / "local", jobs=1)
    assert without_paths(zoos.results(tmp_path / "out")) == without_paths(zoos.results(tmp_path / "local"))
    assert not any(web.encode() in content for content in zoos.results(tmp_path / "out").values())


def test_a_store_that_goes_away_fails_its_models_which_are_tried_again(
    tmp_path: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe_file("/zoo/a.json", zoos.architecture("a", 4).encode())
    fetch, asked = type(memory).get_file, []

    def get_file(self: Any, path: str, *arguments: Any, **options: Any) -> None:
        asked.append(path)
        if len(asked) == 1:
            raise ConnectionResetError("the line is dead")
        fetch(self, path, *arguments, **options)

    monkeypatch.setattr(type(memory), "get_file", get_file)
    assert batch(zoos.PARTS, zoo="memory://zoo", out=tmp_path / "out").outcomes["done"] == 1
    assert len(asked) == 2
    asked.clear()
    once = {**zoos.PARTS, "retry": {"times": 0}}
    batch(once, zoo="memory://zoo", out=tmp_path / "once")
    assert zoos.failures(tmp_path / "once") == {"a.json": "remote-failed"}
    assert batch(once, zoo="memory://zoo", out=tmp_path / "once", resume=True).outcomes["done"] == 1


def test_an_unknown_protocol(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        batch(zoos.PARTS, zoo="nonsense://zoo", out=tmp_path / "out")
    assert error.value.code == "remote-failed"
