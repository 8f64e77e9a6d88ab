"""Files and folders by descriptor: read at a place, held open, locked. What a system lacks is done in another way.

Nothing here is needed to be right, only to be fast or safe against other programs: `os.pread` spares a lock, ``O_NONBLOCK``
keeps a pipe from holding us up, `fcntl.flock` keeps two runs apart. Each is looked for once, when this file is loaded.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol

from configsplit.errors import StoreError

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_HAS_PREAD, _HAS_PREADV = hasattr(os, "pread"), hasattr(os, "preadv")
_NOT_OPEN = -1
_POSITION = Lock()
"""Held while a descriptor's own position is moved, where that is the only way to read at a place."""


def open_regular(path: Path, *, follow: bool = True) -> tuple[int, os.stat_result]:
    """Open a regular file for reading, and tell its state; a pipe is not waited for, nor a link followed without ``follow``."""
    if not _AT_ONCE or not (follow or _NO_LINK):  # then it must be known before
        before = path.stat(follow_symlinks=follow)
        if stat.S_ISLNK(before.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        _check_regular(before, path)
    fd = os.open(path, _READ | _AT_ONCE | (0 if follow else _NO_LINK))
    try:
        status = os.fstat(fd)
        _check_regular(status, path)
    except BaseException:
        os.close(fd)
        raise
    return fd, status


def _check_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("this is not a regular file", code="file-kind", where=str(path), hint="name a model file")


# Files that lie elsewhere have numbers which the system takes for none: who reads past `read_at` fails, and sees no holes.


class Elsewhere(Protocol):
    """A file of which this machine has only what was asked for."""

    size: int

    def read(self, size: int, place: int) -> bytes:
        """``size`` bytes from ``place`` on, fewer at its end. Raises StoreError where they cannot be had."""
        ...

    def whole(self) -> int:
        """All of it, as an open file. Raises StoreError where it cannot be had."""
        ...


_ELSEWHERE: dict[int, Elsewhere] = {}


def number_of(file: Elsewhere) -> int:
    """A descriptor for a file that lies elsewhere, until `forget`."""
    number = min(_ELSEWHERE, default=_NOT_OPEN) - 1
    _ELSEWHERE[number] = file
    return number


def forget(number: int) -> None:
    """Nothing more is read by that number."""
    del _ELSEWHERE[number]


def brought(fd: int) -> int:
    """A descriptor that others than `read_at` may read from, too: of a file that lies elsewhere, once all of it is here."""
    return _elsewhere(fd).whole() if fd < _NOT_OPEN else fd


def _elsewhere(number: int) -> Elsewhere:
    if number not in _ELSEWHERE:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return _ELSEWHERE[number]


def read_at(fd: int, size: int, place: int) -> bytes:
    """``size`` bytes of a file from ``place`` on, fewer at its end. Its position may move."""
    if fd < _NOT_OPEN:
        return _elsewhere(fd).read(size, place)
    if _HAS_PREAD:
        return os.pread(fd, size, place)
    with _POSITION:
        os.lseek(fd, place, os.SEEK_SET)
        return os.read(fd, size)


def read_into(fd: int, into: memoryview, place: int, flags: int = 0) -> int:
    """Bytes of a file from ``place`` on, into memory; how many there were. ``flags`` are hints to `os.preadv`."""
    if _HAS_PREADV and fd >= 0:
        return os.preadv(fd, [into], place, flags) if flags else os.preadv(fd, [into], place)
    data = read_at(fd, len(into), place)
    into[: len(data)] = data
    return len(data)


def room_in(folder: Path) -> int | None:
    """Bytes that may still be written there; None where the system does not tell."""
    if hasattr(os, "statvfs"):
        room = os.statvfs(folder)
        return room.f_bavail * room.f_frsize
    return shutil.disk_usage(folder).free if hasattr(shutil, "disk_usage") else None


# When what was written has to survive a power cut: at once, or where many small files are written, later and all together.

_LASTS_AT_ONCE = [True]


def settle(fd: int) -> None:
    """Make a file or folder last, unless somebody has promised to do it later."""
    if _LASTS_AT_ONCE[0]:
        os.fsync(fd)


def settle_later() -> None:
    """From now on this process leaves it to another to call ``os.sync``: a disk takes milliseconds for every file."""
    _LASTS_AT_ONCE[0] = False


# Folders, which not every system lets anybody open.


class Folder:
    """A folder held open, to be locked or made to last; where that cannot be done, neither is."""

    def __init__(self, path: Path, *, follow: bool = True) -> None:
        how = _READ | _FOLDER | (0 if follow else _NO_LINK)
        self._fd = os.open(path, how) if _FOLDER else _NOT_OPEN

    def close(self) -> None:
        """Let go of it, and of its lock."""
        if self._fd != _NOT_OPEN:
            os.close(self._fd)
            self._fd = _NOT_OPEN

    def settle(self) -> None:
        """Make the names in it last, as `settle` does."""
        if self._fd != _NOT_OPEN:
            settle(self._fd)

    def is_mine(self) -> bool:
        """Whether it belongs to the user who runs this; False where nobody can tell."""
        return self._fd != _NOT_OPEN and hasattr(os, "geteuid") and os.fstat(self._fd).st_uid == os.geteuid()

    def lock(self, *, wait: bool = False) -> bool | None:
        """Take its lock, which ends with the process: False while another has it, None where there are no locks."""
        try:
            import fcntl
        except ImportError:
            return None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except (OSError, ValueError):  # a file system without locks; a folder that could not be opened
            return None
        return True


@contextmanager
def opened_folder(path: Path, *, follow: bool = True) -> Iterator[Folder]:
    """A `Folder`, closed at the end."""
    folder = Folder(path, follow=follow)
    try:
        yield folder
    finally:
        folder.close()


def machine() -> str:
    """The name of this machine; empty where the system does not tell."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
