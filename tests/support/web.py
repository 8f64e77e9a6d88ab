"""A server of files on this machine, for tests of addresses."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


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
