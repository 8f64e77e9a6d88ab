"""What the operating system and HDF5 complain of, said so that a user knows what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from configsplit.errors import StoreError

HDF5_FAULTS = (OSError, RuntimeError, ValueError, KeyError, TypeError)
"""h5py has no exception of its own: these five are what its low-level calls raise, by the kind of HDF5's error."""

_KNOWN: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("disk-full", "the disk is full", "free some space or choose another --out; nothing was left behind"),
    errno.EDQUOT: ("disk-full", "the disk quota is used up", "free some space or choose another --out"),
    errno.EFBIG: ("disk-full", "the file is larger than the file system or `ulimit -f` allows", "choose another --out"),
    errno.ENOMEM: ("no-memory", "there is not enough memory", "raise `ulimit -v`, or close other programs"),
    errno.EMFILE: ("no-descriptors", "no more files can be opened", "raise `ulimit -n`"),
    errno.ENFILE: ("no-descriptors", "no more files can be opened", "close other programs"),
    errno.EEXIST: ("output-exists", "something of that name is there already", "choose another --out"),
    errno.ENOTEMPTY: ("output-exists", "the folder is not empty", "choose another --out"),
    errno.EACCES: ("no-permission", "permission denied", "check the owner and mode of the file and of its folder"),
    errno.EPERM: ("no-permission", "operation not permitted", "check the owner and mode of the file and of its folder"),
    errno.EROFS: ("read-only", "the file system is read-only", "choose another --out"),
    errno.ENOENT: ("file-missing", "no such file or folder", "check the spelling of the path"),
    errno.ENOTDIR: ("file-missing", "a part of the path is not a folder", "check the spelling of the path"),
    errno.EISDIR: ("file-kind", "this is a folder", "name a file"),
    errno.ENAMETOOLONG: ("file-missing", "the name is too long", "choose a shorter name"),
}


def store_error(error: OSError, where: object) -> StoreError:
    """The StoreError that says what ``error`` means."""
    number = error.errno or _errno_in_text(str(error))
    code, message, hint = _KNOWN.get(number, ("io-failed", str(error), ""))
    if number == errno.ENOENT and str(where).startswith("{"):
        hint = "this is JSON, not a path: write it into a .json file and name that"
    elif number == errno.ENOENT and (near := _beside(str(where))):
        hint = f"did you mean {near!r}?"
    return StoreError(message, code=code, where=str(where), hint=hint)


def missing(path: Path) -> StoreError:
    """The StoreError for a file or folder that is not there."""
    return store_error(FileNotFoundError(errno.ENOENT, ""), path)


def _beside(path: str) -> str:
    """What is in the folder of a misspelt path under a name much like it; nothing where that cannot be said at once."""
    missed = Path(path)
    try:
        with os.scandir(missed.parent) as entries:
            beside = sorted(Path(entry.name) for entry in islice(entries, _LOOKED_AT))
    except (OSError, ValueError):
        return ""
    from difflib import get_close_matches

    stems = {each.stem: each for each in beside}
    near = get_close_matches(missed.stem, stems, n=1, cutoff=0.7)
    return str(missed.with_name(stems[near[0]].name)) if near and stems[near[0]].name != missed.name else ""


_LOOKED_AT = 1000


def _errno_in_text(text: str) -> int:
    """HDF5 wraps the system's error in prose: ``(unable to truncate a file, errno = 28, ...)``."""
    _, sign, rest = text.partition("errno = ")
    digits = rest.split(",", 1)[0]
    return int(digits) if sign and digits.isdigit() else 0


@contextmanager
def system_faults(where: object) -> Iterator[None]:
    """Turn OSError into StoreError."""
    try:
        yield
    except OSError as error:
        raise store_error(error, where) from error


@contextmanager
def hdf5_faults(where: object) -> Iterator[None]:
    """Turn what HDF5 reports while reading into StoreError."""
    try:
        yield
    except HDF5_FAULTS as error:
        raise damaged(error, where) from error


def damaged(error: Exception, where: object) -> StoreError:
    """The StoreError for what HDF5 reports while reading."""
    text = str(error)
    cut = "truncated" in text or "overflow" in text or "eof" in text.lower()
    return StoreError(
        f"the HDF5 file is {'truncated' if cut else 'damaged'}: {text}",
        code="hdf5-damaged",
        where=str(where),
        hint="copy or download the file again; a save that failed midway also leaves such a file",
    )


@contextmanager
def hdf5_write_faults(where: object) -> Iterator[None]:
    """Turn what HDF5 reports while writing into StoreError."""
    try:
        yield
    except HDF5_FAULTS as error:
        raise store_error(error if isinstance(error, OSError) else OSError(str(error)), where) from error
