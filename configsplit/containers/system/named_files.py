"""Files that somebody else's record names: opened only as what they must be, never followed, never waited for, and held to be
the same file until the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.files import open_regular
from configsplit.errors import StoreError


class Stamp(NamedTuple):
    """Which file a path leads to, and in which state. The time of change cannot be set back by whoever writes to it."""

    device: int
    inode: int
    size: int
    written: int
    changed: int


def stamp(path: Path, *, follow: bool = True) -> Stamp:
    """The state of a file or folder. Raises StoreError if it is neither, or without ``follow`` a link."""
    with system_faults(path):
        status = path.stat(follow_symlinks=follow)
    return _stamp_of(status, path)


def _stamp_of(status: os.stat_result, path: Path) -> Stamp:
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        raise StoreError(
            f"this is {what}, which a record must not name",
            code="file-kind",
            where=str(path),
            hint="copy the file itself there",
        )
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_plain(path: Path, most: int) -> bytes:
    """A small regular file as a whole; a link is not followed, a pipe not waited for."""
    with system_faults(path):
        fd, _ = open_regular(path, follow=False)
        with os.fdopen(fd, "rb") as file:
            text = file.read(most + 1)
    if len(text) > most:
        raise StoreError(f"the file has more than {most} bytes", code="file-kind", where=str(path))
    return text
