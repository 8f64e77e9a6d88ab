"""A watch over a block of code: any foreign file opened for writing, connection, program or import of a file's choosing."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

_active: list[_Watch] = []
_PROGRAMS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn")
_NETWORK = ("socket.connect", "socket.bind", "socket.sendto", "urllib.Request")
_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.symlink", "os.link")
_CODE = ("marshal.loads", "pickle.find_class")


class _Watch:
    def __init__(self, allowed: Path, secret: Path) -> None:
        self.allowed, self.secret, self.seen = str(allowed), str(secret), list[str]()

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in _PROGRAMS or name in _NETWORK or (name in _CODE and not _while_importing()):
            self.seen.append(f"{name} {arguments[:2]!r}")
        elif name == "open" and not (self._may(arguments[0]) if self._writes(arguments) else self._may_read(arguments[0])):
            self.seen.append(f"open {arguments[0]!r}")
        elif name in _CHANGES and not self._may(arguments[0]) and arguments[-1] in (-1, None):
            # with a descriptor of a folder a name says nothing: a folder that may not be written to is not opened
            self.seen.append(f"{name} {arguments[0]!r}")

    @staticmethod
    def _writes(arguments: tuple[Any, ...]) -> bool:
        _, mode, flags = (*arguments, None, None, None)[:3]
        if isinstance(mode, str):
            return any(letter in mode for letter in "wax+")
        return bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def _may(self, path: Any) -> bool:
        if isinstance(path, int):  # a descriptor that was opened before
            return True
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib would raise events of its own
        return place.startswith(self.allowed) or place == os.devnull or place.endswith(".pyc") or ".pyc." in place

    def _may_read(self, path: Any) -> bool:
        return isinstance(path, int) or not os.path.abspath(os.fsdecode(path)).startswith(self.secret)  # noqa: PTH100


def _while_importing() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    for watch in _active:
        watch.event(name, arguments)


sys.addaudithook(_hook)


@contextlib.contextmanager
def watching(allowed: Path, secret: Path) -> Iterator[list[str]]:
    """What happens in the block beyond writing below ``allowed``, and anything at all below ``secret``.

    An audit hook cannot be taken away, only put to sleep.
    """
    watch = _Watch(allowed, secret)
    _active.append(watch)
    try:
        yield watch.seen
    finally:
        _active.remove(watch)


_LIBC = ctypes.CDLL(None, use_errno=True)
_ANY_USE = 0x1 | 0x2 | 0x20 | 0x100 | 0x200  # IN_ACCESS, IN_MODIFY, IN_OPEN, IN_CREATE, IN_DELETE
_EVENT = Struct("iIII")


@contextlib.contextmanager
def touched(folder: Path) -> Iterator[set[str]]:
    """Names of files in a folder that anything touches, libraries in C and other processes included (Linux alone)."""
    names = set[str]()
    if not hasattr(_LIBC, "inotify_init1"):
        yield names
        return
    fd = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert fd >= 0
    assert _LIBC.inotify_add_watch(fd, os.fsencode(folder), _ANY_USE) >= 0
    try:
        yield names
        with contextlib.suppress(BlockingIOError):
            while raw := os.read(fd, 1 << 16):
                names.update(_names(raw))
    finally:
        os.close(fd)


def _names(raw: bytes) -> Iterator[str]:
    at = 0
    while at < len(raw):
        *_, size = _EVENT.unpack_from(raw, at)
        yield os.fsdecode(raw[at + _EVENT.size : at + _EVENT.size + size].rstrip(b"\0"))
        at += _EVENT.size + size
