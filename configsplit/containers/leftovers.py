"""Hidden folders beside outputs: whose they are, and what is done with those of a run that was killed.

A running process holds a lock on each of its hidden folders, which vanishes with the process, however that ends. Whoever writes
beside such a folder of the same user on the same machine and gets its lock knows that it is nobody's any more. A swap that was
under way then is brought to its end: all was written and checked by that time. Everything else is removed.

Such a folder may also have come with somebody's files, out of an archive or a repository. A note counts only in the folder that
it was written in, by that folder's number on the disk, and nothing is moved through a link.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from configsplit.containers.system.files import Folder, machine, opened_folder, settle
from configsplit.containers.system.named_files import read_plain
from configsplit.errors import StoreError

NEW, OLD, GONE = "new", "old", "gone"
"""What is written; what it replaces, until all is in place; what it has replaced, and may go."""

_PLAN = "swap.json"
_LONGEST_PLAN = 1 << 24
_PATIENCE = 30.0
"""Seconds to wait for others who put outputs into the same folder: they need milliseconds for it."""

Move = tuple[Path, Path]


def _prefix() -> str:
    """Locks may not reach other machines that see the same disk: these have hidden folders of another name."""
    return f".configsplit-{hashlib.sha256(machine().encode()).hexdigest()[:8]}-"


class Hidden:
    """A new hidden folder in ``parent``, locked for as long as this process lives and has not closed it."""

    def __init__(self, parent: Path) -> None:
        self.path, self._folder = _made(parent)
        try:
            for name in (NEW, OLD):
                (self.path / name).mkdir()
        except BaseException:
            self.close(committed=False)
            raise

    def swap(self, moves: Sequence[Move]) -> None:
        """Note what `finish` has to do if this process does not come to it; a single move is done or not done, unnoted."""
        if len(moves) < 2:
            return
        parent = self.path.parent
        steps = [[str(a.relative_to(parent)), str(b.relative_to(parent)), _identity(a, self.path)] for a, b in moves]
        with (self.path / _PLAN).open("w", encoding="utf-8") as file:
            json.dump({"folder": self.path.lstat().st_ino, "steps": steps}, file)
            file.flush()
            settle(file.fileno())

    def close(self, *, committed: bool) -> None:
        """Remove it, but never an old output that could not be put back."""
        if committed:
            _mark_done(self.path)
        _discard(self.path)
        self._folder.close()
        if self.path.is_dir():  # where no more files could be opened, there is one more now
            _discard(self.path)


def _made(parent: Path) -> tuple[Path, Folder]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_prefix(), dir=parent))
        try:
            folder = Folder(path)
        except FileNotFoundError:  # as below, a moment earlier
            continue
        except BaseException:
            path.rmdir()
            raise
        folder.lock(wait=True)  # where there are no locks nobody else gets one either
        if path.is_dir():
            return path, folder
        folder.close()  # somebody took it for a leftover in the moment before it was locked


@contextmanager
def alone(folder: Path, patience: float = _PATIENCE) -> Iterator[None]:
    """One process at a time puts outputs into a folder."""
    with opened_folder(folder) as held:
        deadline = time.monotonic() + patience
        while held.lock() is False:
            if time.monotonic() > deadline:
                raise StoreError(
                    "another process holds the folder",
                    code="output-busy",
                    where=str(folder),
                    hint="it was stopped while it put outputs in place, or locked the folder for another reason",
                )
            time.sleep(0.005)
        yield


def sweep(parent: Path) -> None:
    """Deal with what killed runs have left in a folder. What cannot be dealt with stays, and is no error of this run."""
    with suppress(OSError, StoreError):
        left = sorted(item for item in parent.iterdir() if item.name.startswith(_prefix()))
        if left:
            with alone(parent, patience=0.5):
                for path in left:
                    _take(path)


def _take(path: Path) -> None:
    with suppress(OSError), opened_folder(path, follow=False) as held:
        if held.is_mine() and held.lock() and finish(path):
            _discard(path)


def finish(hidden: Path) -> bool:
    """Bring a swap that was under way to its end. Whether the folder may go: not if something stands in the way, as a file that
    somebody has put there since.
    """
    if (hidden / GONE).exists():
        return True
    steps = _steps(hidden)
    done = 0
    while done < len(steps) and _is_done(hidden, *steps[done][:2]):
        done += 1
    if not done:  # nothing is visible yet: as if that run had never been
        return True
    for source, target, identity in steps[done:]:
        if os.path.lexists(target) or _identity(source, hidden) != identity or _through_link(hidden, source, target):
            return False
        source.rename(target)
    _mark_done(hidden)
    return True


def _mark_done(hidden: Path) -> None:
    """All is in place: what it replaced may go."""
    try:
        (hidden / OLD).rename(hidden / GONE)
    except OSError:
        shutil.rmtree(hidden / OLD, ignore_errors=True)


def _is_done(hidden: Path, source: Path, target: Path) -> bool:
    """No name in the hidden folder is used twice: that its end of a move is there, or is gone, tells."""
    return not os.path.lexists(source) if hidden in source.parents else os.path.lexists(target)


def _steps(hidden: Path) -> list[tuple[Path, Path, list[int] | None]]:
    """The noted moves; none where the note is missing, torn, of another folder, or leads elsewhere."""
    try:
        note = json.loads(read_plain(hidden / _PLAN, _LONGEST_PLAN))
        if note["folder"] != hidden.lstat().st_ino:
            return []
        return [(_place(hidden, source), _place(hidden, target), identity) for source, target, identity in note["steps"]]
    except (StoreError, OSError, ValueError, TypeError, LookupError, RecursionError):
        return []


def _place(hidden: Path, name: Any) -> Path:
    """A place beside the hidden folder or within it."""
    steps = name.split("/") if isinstance(name, str) else []
    if not steps or {*steps} & {"", ".", ".."} or (len(steps) > 1 and steps[0] != hidden.name):
        raise ValueError(f"{name!r} is not a place for an output")
    return hidden.parent.joinpath(*steps)


def _through_link(hidden: Path, *places: Path) -> bool:
    """Whether a folder between the hidden one and a place in it is a link."""
    between = {folder for place in places for folder in place.parents if hidden in folder.parents}
    return any(folder.is_symlink() for folder in between)


def _identity(path: Path, hidden: Path) -> list[int] | None:
    """What tells that an output is still the one that was to be replaced; what is in the hidden folder needs no such proof."""
    if hidden in path.parents:
        return None
    status = path.lstat()
    return [status.st_ino, status.st_mtime_ns]


def _discard(hidden: Path) -> None:
    """The note goes first: without it nobody reads a meaning into what is left, should this be cut off too."""
    with suppress(OSError):
        (hidden / _PLAN).unlink()
    for name in (NEW, GONE):
        shutil.rmtree(hidden / name, ignore_errors=True)
    for folder in (hidden / OLD, hidden):
        with suppress(OSError):  # an old output that could not be put back
            folder.rmdir()
