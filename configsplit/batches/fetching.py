"""Files at addresses, brought here for the time of one command: whole, or not at all.

A server may be slow, but not silent; it must say how large the file is, and be right.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from threading import Thread
from urllib.parse import urlsplit

from configsplit.batches import storage
from configsplit.containers.fetched import came_from
from configsplit.containers.system.files import room_in
from configsplit.errors import StoreError
from configsplit.telling import doing

_NAME = re.compile(r"\w[\w.%+=@-]{0,199}")


@contextmanager
def fetched(addresses: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Fetch files into a temporary folder, which is gone behind the ``with`` block.

    Returns:
        Where each of them lies, for a ``with`` statement.

    Raises:
        RuntimeUnavailableError: fsspec, or what it needs for this protocol, is not installed.
        StoreError: a file cannot be fetched, comes to no end, or is not as large as the server says.
    """
    with tempfile.TemporaryDirectory(prefix="configsplit-", ignore_cleanup_errors=True) as folder:
        several = enumerate(dict.fromkeys(addresses))
        places = {address: _fetch(address, Path(folder).resolve() / str(number)) for number, address in several}
        with came_from({path: without_secrets(address) for address, path in places.items()}):
            yield places


def without_secrets(address: str) -> str:
    """An address as records and logs have it: no password, and of the web no user and no query, which may be a signature."""
    return "::".join(map(_link_without_secrets, address.split("::")))


def _link_without_secrets(link: str) -> str:
    if re.match("https?://", link, re.IGNORECASE):
        parts = urlsplit(link)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return re.sub("://[^/]*:[^/]*@", "://", link)


class _Fetch(Thread):
    """One file on its way here. A daemon: a call into a store that never answers cannot be ended, but left."""

    def __init__(self, address: str, target: Path) -> None:
        super().__init__(daemon=True)
        self.address, self.target = address, target
        self.size: int | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.size = storage.size_of(self.address)
            if self.size is None:
                raise _wrong_size("the server does not say how large the file is", self.address)
            room = room_in(self.target.parent)
            if room is not None and room < self.size:
                hint = "free some space, or set TMPDIR to a folder that has room"
                message = f"the file has {self.size} bytes, the temporary folder has room for {room}"
                raise StoreError(message, code="disk-full", where=self.address, hint=hint)
            storage.fetch(self.address, self.target)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
            self.error = error

    def arrived(self) -> int:
        """Bytes that are here."""
        return self.target.stat().st_size if self.target.exists() else 0


def _fetch(address: str, folder: Path) -> Path:
    doing(f"fetching {without_secrets(address)}")
    name = PurePosixPath(without_secrets(address).partition("::")[0]).name
    folder.mkdir()
    task = _Fetch(address, folder / (name if _NAME.fullmatch(name) else "model"))
    task.start()
    before, since = (0, 0), time.monotonic()
    while task.is_alive():
        task.join(0.02)
        now = (task.size or 0, task.arrived())
        if task.size is not None and now[1] > task.size:
            raise _wrong_size(f"the server sends more than the {task.size} bytes that it says the file has", address)
        if now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > storage.PATIENCE:
            raise storage.stalled(address)
    if task.error is not None:
        raise task.error
    if task.arrived() != task.size:
        raise _wrong_size(f"{task.arrived()} bytes came, the server says that the file has {task.size}", address)
    return task.target


def _wrong_size(message: str, address: str) -> StoreError:
    return StoreError(message, code="remote-size", where=address, hint="download the file yourself, and name it")
