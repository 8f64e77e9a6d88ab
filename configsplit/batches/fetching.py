"""Files at addresses, brought here for the time of one command: whole or not at all, or as they are read.

A server may be slow, but not silent; it must say how large the file is, and be right.
"""

from __future__ import annotations

import atexit
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from threading import Lock, Thread
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from configsplit.batches import storage
from configsplit.batches.storage import wrong_size
from configsplit.containers.archive import is_safe_name
from configsplit.containers.fetched import came_from, lies_elsewhere
from configsplit.containers.system.files import room_in
from configsplit.errors import StoreError
from configsplit.telling import doing

_NAME = re.compile(r"\w[\w.%+=@-]{0,199}")


_MOST_FILES = 1000
"""In a folder; models of TensorFlow have five."""


@contextmanager
def fetched(addresses: Iterable[str], *, ranges: bool = False) -> Iterator[dict[str, Path]]:
    """Fetch files and folders into a temporary folder, which is gone behind the ``with`` block.

    What a model names beside itself (the shards of its weights) is fetched when it is asked for. With ``ranges``, so is each
    byte of a file, where the store has less than whole files (`lies_elsewhere`).

    Returns:
        Where each of them lies, for a ``with`` statement.

    Raises:
        RuntimeUnavailableError: fsspec, or what it needs for this protocol, is not installed.
        StoreError: a file cannot be fetched, comes to no end, or is not as large as the server says.
    """
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="configsplit-", ignore_cleanup_errors=True)
        above = Path(stack.enter_context(folder)).resolve()
        several = enumerate(dict.fromkeys(addresses))
        yield {address: _Fetched(stack, ranges).model(address, above / str(number)) for number, address in several}


_KEPT: dict[str, Path] = {}
_HELD = ExitStack()


def kept(address: str) -> Path:
    """A file or folder at an address, fetched whole and once: what Python is given reads its weights when it is saved, and so
    needs them as long as the process lasts. Raises RuntimeUnavailableError or StoreError as `fetched` does.
    """
    if address not in _KEPT:
        if not _KEPT:
            atexit.register(let_go)
        _KEPT[address] = _HELD.enter_context(fetched([address]))[address]
    return _KEPT[address]


def let_go() -> None:
    """Delete what was fetched to be kept, as the end of the process does."""
    _KEPT.clear()
    _HELD.close()


class _Fetched(NamedTuple):
    """What is fetched for one ``with`` block, each file whole or (``ranges``) as it is read."""

    stack: ExitStack
    ranges: bool

    def model(self, address: str, folder: Path) -> Path:
        """The file or folder at an address, in a folder of its own."""
        folder.mkdir()
        name = PurePosixPath(without_secrets(address).partition("::")[0]).name
        path = folder / (name if _NAME.fullmatch(name) else "model")
        if patiently(lambda: storage.is_folder(address), address):
            self._folder(address, path)
            self.stack.enter_context(came_from(path, without_secrets(address)))
            return path

        def beside(name: str) -> None:
            there = _beside(address, name)
            if patiently(lambda: storage.is_there(there), there):
                self._file(there, path.with_name(name))

        self._file(address, path)
        self.stack.enter_context(came_from(path, without_secrets(address), beside))
        return path

    def _folder(self, address: str, path: Path) -> None:
        files = patiently(lambda: storage.names_below(address), address)
        if len(files) > _MOST_FILES or not all(map(is_safe_name, files)):
            what = f"the folder has {len(files)} files, or names that lead out of it"
            raise StoreError(what, code="remote-size", where=address, hint="name the folder of the model itself")
        if not self.ranges:
            check_room(sum(files.values()), path.parent, address)
        for name in files:
            self._file(f"{address.rstrip('/')}/{name}", path / name)

    def _file(self, address: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        doing(f"fetching {without_secrets(address)}")
        if self.ranges and (file := ranged(address, path)) is not None:
            self.stack.callback(file.close)
            self.stack.enter_context(lies_elsewhere(path, file))
        else:
            _fetch(address, path)


def _beside(address: str, name: str) -> str:
    """The address of a file in the same folder."""
    first, chained, rest = address.partition("::")
    if storage.is_web(first):
        first, name = first.partition("?")[0].partition("#")[0], quote(name)
    return f"{first.rpartition('/')[0]}/{name}{chained}{rest}"


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
                raise wrong_size("the server does not say how large the file is", self.address)
            check_room(self.size, self.target.parent, self.address)
            storage.fetch(self.address, self.target)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
            self.error = error

    def arrived(self) -> int:
        """Bytes that are here."""
        return self.target.stat().st_size if self.target.exists() else 0


def _fetch(address: str, target: Path) -> None:
    task = _Fetch(address, target)
    task.start()
    before, since = (0, 0), time.monotonic()
    while task.is_alive():
        task.join(0.02)
        now = (task.size or 0, task.arrived())
        if task.size is not None and now[1] > task.size:
            raise wrong_size(f"the server sends more than the {task.size} bytes that it says the file has", address)
        if now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > storage.PATIENCE:
            raise storage.stalled(address)
    if task.error is not None:
        raise task.error
    if task.arrived() != task.size:
        raise wrong_size(f"{task.arrived()} bytes came, the server says that the file has {task.size}", address)


# A file at an address of which only what is asked for is fetched: its architecture, and not its arrays.


BLOCK = 64 << 10
"""Bytes that are fetched at once, of what lies here and there."""
MOST = 8 << 20
"""The same of what is read from one end to the other."""

T = TypeVar("T")


class RangedFile:
    """A file at an address, kept at ``path`` with holes where nobody has looked. Threads may share it.

    Raises:
        StoreError: what comes is not what the store says, or of another state of the file than what came before.
    """

    def __init__(self, address: str, path: Path, first: storage.Part) -> None:
        self.address, self.path = address, path
        self.size, self._mark = first.size, first.mark
        self._held: set[int] = set()
        self._next, self._ahead = 0, 1
        self._lock = Lock()
        self._file = path.open("w+b", buffering=0)
        self._file.truncate(self.size)
        self._keep(0, first)

    def close(self) -> None:
        self._file.close()

    def read(self, size: int, place: int) -> bytes:
        """``size`` bytes from ``place`` on, fewer at its end."""
        end = min(place + size, self.size)
        with self._lock:
            for block in range(place // BLOCK, -(-end // BLOCK)):
                if block not in self._held:
                    self._fetch(block, -(-end // BLOCK))
            self._file.seek(place)
            return self._file.read(max(0, end - place))

    def whole(self) -> int:
        """All of it, as an open file."""
        check_room(self.size, self.path.parent, self.address)
        for place in range(0, self.size, MOST):
            self.read(MOST, place)
        return self._file.fileno()

    def _fetch(self, block: int, last: int) -> None:
        """Blocks that are not here, from one on: those up to the ``last`` that is asked for, and more where it goes on so."""
        self._ahead = min(2 * self._ahead, MOST // BLOCK) if block == self._next else 1
        end = block
        while end < min(max(last, block + self._ahead), block + MOST // BLOCK) and end not in self._held:
            end += 1
        part = patiently(lambda: storage.part(self.address, block * BLOCK, (end - block) * BLOCK), self.address)
        if part is None:
            raise storage.wrong_size("the server no longer sends ranges of the file", self.address)
        if (part.size, part.mark) != (self.size, self._mark):
            raise storage.changed(self.address)
        self._keep(block, part)

    def _keep(self, block: int, part: storage.Part) -> None:
        self._file.seek(block * BLOCK)
        self._file.write(part.content)
        self._next = block + -(-len(part.content) // BLOCK)
        self._held.update(range(block, self._next))


def ranged(address: str, path: Path) -> RangedFile | None:
    """The file at an address; None where the store has it whole or not at all. Raises StoreError where it is not there."""
    first = patiently(lambda: storage.part(address, 0, BLOCK), address)
    return None if first is None else RangedFile(address, path, first)


def patiently(call: Callable[[], T], address: str) -> T:
    """What a call into a store gives. One that never answers cannot be ended, but left."""
    given: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            given.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    task = Thread(target=run, daemon=True)
    task.start()
    task.join(storage.PATIENCE)
    if failed:
        raise failed[0]
    if not given:
        raise storage.stalled(address)
    return given[0]


def check_room(size: int, folder: Path, address: str) -> None:
    """Raises StoreError where a folder has no room for so many bytes."""
    room = room_in(folder)
    if room is not None and room < size:
        hint = "free some space, or set TMPDIR to a folder that has room"
        message = f"the file has {size} bytes, the temporary folder has room for {room}"
        raise StoreError(message, code="disk-full", where=address, hint=hint)
