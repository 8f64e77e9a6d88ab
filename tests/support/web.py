"""Servers of files on this machine, for tests of addresses."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from moto.server import ThreadedMotoServer


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that goes away is what some tests are about."""


@contextmanager
def serving(handler: type[SimpleHTTPRequestHandler], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of ``folder/served``; nothing may be left in ``folder/scratch``, the temporary folder."""
    scratch = folder / "scratch"
    for each in (folder / "served", scratch):
        each.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with _Quiet(("127.0.0.1", 0), partial(handler, directory=str(folder / "served"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
    assert [*scratch.iterdir()] == []


@contextmanager
def s3_store() -> Iterator[Any]:
    """The file system of an S3 server in this process; everything that it needs is in the environment, as it is for users."""
    given = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = {name: os.environ.get(name) for name in (*given, "AWS_ENDPOINT_URL")}
    os.environ.update({**given, "AWS_ENDPOINT_URL": f"http://{host}:{port}"})
    store = fsspec.filesystem("s3")
    yield store
    server.stop()
    store.clear_instance_cache()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
