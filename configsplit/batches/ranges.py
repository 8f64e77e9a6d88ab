"""A file at an address of which only what is asked for is fetched: its architecture, and not its arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import TypeVar

from configsplit.batches import storage
from configsplit.containers.system.files import room_in
from configsplit.errors import StoreError

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
