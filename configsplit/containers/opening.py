"""Files that are open: each read through one descriptor, and held to be the same file until the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType

from configsplit.containers.fetched import bring, elsewhere
from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.files import open_regular, read_at
from configsplit.containers.system.window import Span, stream
from configsplit.errors import StoreError

HEAD = 4096
MAX_TEXT = 256 << 20
"""Bytes of an architecture; no Keras model comes near it."""


class Files:
    """Every file that one model is read from. ``scratch`` is a folder for unpacking what is packed.

    Members of an archive are files below its path, where the system has none.
    """

    def __init__(self, scratch: str | None = None) -> None:
        self.scratch = scratch
        self.stack = ExitStack()
        self._opened: list[tuple[Path, int, tuple[int, int, int]]] = []
        self._members: dict[Path, Callable[[], Span]] = {}
        self._folders: set[Path] = set()

    def add(self, members: Mapping[Path, Callable[[], Span]]) -> None:
        """From now on the members of an archive are files, each of which is opened by its function."""
        self._members |= members
        self._folders.update(above for path in members for above in path.parents)

    def is_file(self, path: Path) -> bool:
        bring(path)
        return path in self._members or path.is_file()

    def is_folder(self, path: Path) -> bool:
        return path in self._folders or path.is_dir()

    def size_of(self, path: Path) -> int:
        return self._members[path]().length if path in self._members else path.stat().st_size

    def below(self, folder: Path) -> list[Path]:
        """The members of an archive that lie below a folder in it."""
        return [path for path in self._members if folder in path.parents]

    def open(self, path: Path) -> Span:
        """A file as a whole. Raises StoreError if it cannot be read, or is no regular file."""
        if path in self._members:
            return self._members[path]()
        bring(path)
        if (span := elsewhere(path)) is not None:
            return span
        with system_faults(path):
            fd, status = open_regular(path)
            self.stack.callback(os.close, fd)
        self._opened.append((path, fd, _stamp(status)))
        return Span(fd, 0, status.st_size)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.close()

    def check_unchanged(self) -> None:
        """Raises StoreError where a file has another size or time of change than when it was opened, or its path leads to
        another."""
        changed = [path for path, fd, was in self._opened if _stamp(os.fstat(fd)) != was or not _leads_to(path, fd)]
        if changed:
            hint = "wait until the program that writes it is done"
            raise StoreError("the file changed while it was read", code="source-changed", where=str(changed[0]), hint=hint)


class Opened:
    """A path that a model or its weights are at: a file, or a folder. It is opened when it is first looked at.

    ``around`` is the archive that it lies in.
    """

    def __init__(self, path: Path, files: Files, around: Opened | None = None) -> None:
        self.path, self.files, self.around = path, files, around

    @cached_property
    def is_folder(self) -> bool:
        return self.files.is_folder(self.path)

    @cached_property
    def span(self) -> Span:
        return self.files.open(self.path)

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file, by which it is known; none of a folder."""
        return b"" if self.is_folder else self.at(0, HEAD)

    def at(self, place: int, size: int) -> bytes:
        """Bytes of the file from ``place`` on."""
        span = self.span
        with system_faults(self.path):
            return read_at(span.fd, max(0, min(size, span.length - place)), span.offset + place)

    def has(self, name: str) -> bool:
        """Whether a folder has a file of that name."""
        return self.is_folder and self.files.is_file(self.path / name)

    def lists(self, name: str) -> bool:
        """Whether a folder has anything of that name, be it what cannot be read: a link to nowhere, a folder, a pipe."""
        path = self.path / name
        return self.has(name) or self.files.is_folder(path) or path.exists() or path.is_symlink()

    def member(self, name: str) -> Span:
        """A file in a folder. Raises StoreError as `Files.open` does."""
        return self.files.open(self.path / name)

    def beside(self, name: str) -> Span:
        """A file in the same folder. Raises StoreError as `Files.open` does."""
        return self.files.open(self.path.with_name(name))

    def small(self, span: Span) -> bytes:
        """A file that holds an architecture, whole."""
        if span.length > MAX_TEXT:
            raise too_large(span.length, self.path)
        return b"".join(bytes(piece) for piece in stream([span]))


def too_large(size: int, path: Path) -> StoreError:
    """The error for an architecture that is none."""
    hint = "256 MiB is the limit; no Keras model comes near it"
    return StoreError(f"the architecture has {size} bytes", code="config-too-large", where=str(path), hint=hint)


def _leads_to(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except OSError:
        return False


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    """The time of change, unlike that of writing, cannot be set back."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
