"""New files, written past the page cache where the file system lets us.

What is written is not read again soon, so to keep it in memory would only push out what is. It also spares the memory's
allocation and a copy, which for a large model cost more than the rest of a cut, and what is written is on the disk at once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from configsplit.containers.system.files import settle
from configsplit.errors import StoreError

WORTH = 4 << 20
"""Bytes below which a file goes through the page cache: it is written in no time and probably read at once."""
_PAGE = 4096
_DIRECT = getattr(os, "O_DIRECT", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def write_new(path: Path, size: int, blocks: Iterable[memoryview]) -> None:
    """Write a file that does not exist, of exactly ``size`` bytes; when this returns, they last.

    ``blocks`` begin at pages of memory and all but the last are whole pages, as `window.stream` gives them.

    Raises:
        OSError: the disk is full or refuses, or the file exists.
        StoreError: the blocks are fewer or more bytes than ``size``.
    """
    fd = _open(path, direct=size >= WORTH)
    try:
        done = 0
        for block in blocks:
            _write(fd, block)
            done += len(block)
        if done != size:
            raise StoreError("the source has another size than it declares", code="source-changed", where=str(path))
        settle(fd)
    finally:
        os.close(fd)


def _open(path: Path, *, direct: bool) -> int:
    try:
        return os.open(path, _NEW | (_DIRECT if direct else 0), 0o666)
    except OSError as error:
        if error.errno != errno.EINVAL or not direct:
            raise
        path.unlink(missing_ok=True)  # some kernels make the file before they refuse
        return os.open(path, _NEW, 0o666)


def _write(fd: int, block: memoryview) -> None:
    if len(block) % _PAGE:
        _through_cache(fd)
    rest = block
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except OSError as error:
            if error.errno != errno.EINVAL or not _through_cache(fd):
                raise


def _through_cache(fd: int) -> bool:
    """Write through the page cache from now on; whether that is a change."""
    if not _DIRECT:
        return False
    try:
        import fcntl
    except ImportError:  # nobody can change how a file is written then
        return False
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags & ~_DIRECT)
    return bool(flags & _DIRECT)
