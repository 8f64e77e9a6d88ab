"""A Dask cluster on loopback: a scheduler and workers in processes of their own, one of them killed, one that comes later."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zoos

from configsplit.batches.batch import batch
from configsplit.errors import StoreError

pytestmark = pytest.mark.first


def dask(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dask", *(str(item) for item in arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def worker(address: str, *more: object) -> subprocess.Popen[bytes]:
    return dask("worker", address, "--nthreads", 1, "--no-dashboard", "--no-nanny", *more)


def ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    told = tmp_path / "scheduler.json"
    process = dask("scheduler", "--port", 0, "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", told)
    until = time.monotonic() + zoos.PATIENCE
    while not (told.exists() and told.read_text().strip()) and time.monotonic() < until:
        time.sleep(0.05)
    yield json.loads(told.read_text())["address"]
    ended(process)


def test_a_worker_is_lost_and_one_comes_and_the_bytes_are_those_of_a_local_run(tmp_path: Path, scheduler: str) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 150), tmp_path / "cluster"
    (zoo / "broken.json").write_text("{")
    workers = [worker(scheduler), worker(scheduler, "--nanny")]
    killed = False

    def watch(event: object) -> None:
        nonlocal killed
        if not killed and (out / "run.jsonl").exists() and len(zoos.records(out)) > 30:
            killed = True
            ended(workers[0])
            workers.append(worker(scheduler))

    try:
        summary = batch(zoos.PARTS, zoo=zoo, out=out, cluster=scheduler, watch=watch)
    finally:
        for process in workers:
            ended(process)
    assert killed
    assert summary.outcomes == {"done": 150, "failed": 1, "skipped": 0}
    batch(zoos.PARTS, zoo=zoo, out=tmp_path / "local", jobs=2)
    assert zoos.results(out) == zoos.results(tmp_path / "local")
    assert len({record["run"]["worker"] for record in zoos.records(out)}) >= 2
    assert not list(out.glob(".*"))


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configsplit.batches.engines.PATIENCE", 2)
    zoo = zoos.architectures(tmp_path / "zoo", 1)
    with pytest.raises(StoreError) as error:
        batch(zoos.PARTS, zoo=zoo, out=tmp_path / "out", cluster="tcp://127.0.0.1:9")
    assert error.value.code == "cluster-unreachable"


class Foreign(socketserver.BaseRequestHandler):
    """A server of something else, which says so at once."""

    def handle(self) -> None:
        self.request.sendall(
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis is a server of pages, not a scheduler."
        )


@pytest.fixture
def foreign() -> Iterator[str]:
    with socketserver.TCPServer(("127.0.0.1", 0), Foreign) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_answers_is_no_scheduler(tmp_path: Path, foreign: str) -> None:
    zoo = zoos.architectures(tmp_path / "zoo", 1)
    with pytest.raises(StoreError, match="no scheduler answers") as error:
        batch(zoos.PARTS, zoo=zoo, out=tmp_path / "out", cluster=foreign)
    assert error.value.code == "cluster-unreachable"
    assert not (tmp_path / "out").exists()


PROGRAM = """
import gc, json, sys, threading
import distributed
import configsplit
from configsplit.batches import engines

engines.PATIENCE = 2
recipe, zoo, out, cluster = sys.argv[1:]
try:
    configsplit.batch(json.loads(recipe), zoo=zoo, out=out, cluster=cluster)
except configsplit.ConfigSplitError as error:
    print(error.code)
print([each.status for each in gc.get_objects() if isinstance(each, distributed.Client) and each.status != "closed"])
print(*(each.name for each in threading.enumerate() if not each.daemon))
"""


@pytest.mark.parametrize("what", ["nothing", "something else"])
def test_a_program_that_reached_no_scheduler_ends_at_once(what: str, tmp_path: Path, foreign: str) -> None:
    """Nothing of Dask is left that Python would wait for: its client is closed, and says nothing when the program ends."""
    address = foreign if what == "something else" else "tcp://127.0.0.1:9"
    words = [json.dumps(zoos.PARTS), zoos.architectures(tmp_path / "zoo", 1), tmp_path / "out", address]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, words)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["cluster-unreachable", "[]", "MainThread"]
    assert done.stderr == ""
