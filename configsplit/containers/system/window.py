"""A run of bytes of an open file, as a file: an HDF5 file that lies inside an archive is read where it lies."""

from __future__ import annotations

import errno
import io
import mmap
import os
import sys
from collections.abc import Iterable, Iterator
from threading import Event
from typing import NamedTuple, TypeAlias

from configsplit.containers.system.files import read_into
from configsplit.errors import StoreError

CHUNK = 2 << 20
"""Bytes that are moved at once: small enough to stay in the cache, so large that a thread seldom waits for Python's lock."""


class Span(NamedTuple):
    """``length`` bytes of the open file ``fd``, from ``offset`` on."""

    fd: int
    offset: int
    length: int


_PAGE = 4096
_PASSING = 0x80 if sys.platform == "linux" else 0
"""RWF_DONTCACHE of Linux 6.14: do not keep in memory what was read. A file that was just written past the page cache is
looked at once, and to find room for it there takes longer than to read it."""

Piece: TypeAlias = Span | bytes
"""What a new file is made of, piece by piece: bytes of another file, or bytes at hand."""


class Window(io.RawIOBase):
    """A read-only, seekable file over a span; it shares the descriptor and moves no file position but its own."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = (0, self._at, self.span.length)[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        want = min(len(buffer), self.span.length - self._at)
        if want <= 0:
            return 0
        got = read_into(self.span.fd, memoryview(buffer)[:want], self.span.offset + self._at)
        self._at += got
        return got


class Cancelled(BaseException):
    """Work in a thread was called off because another part of it failed; never seen outside `Workers`."""


def stream(pieces: Iterable[Piece], stop: Event | None = None) -> Iterator[memoryview]:
    """The bytes of the pieces, one after another, in blocks of `CHUNK`, of which only the last is smaller. A block begins at a
    page of memory and is valid until the next one is asked for. Raises StoreError if a file ends before its span does.
    """
    block, filled = memoryview(mmap.mmap(-1, CHUNK)), 0  # a bytearray would be filled with zeros, all other threads waiting
    for piece in pieces:
        done, size = 0, len(piece) if isinstance(piece, bytes) else piece.length
        while done < size:
            got = _read(piece, done, block[filled : filled + size - done])
            done, filled = done + got, filled + got
            if filled == CHUNK:
                yield block
                filled = 0
                if stop is not None and stop.is_set():
                    raise Cancelled
    if filled:
        yield block[:filled]


def _read(piece: Piece, at: int, into: memoryview) -> int:
    """Bytes of a piece from ``at`` on; how many there were, at least one."""
    if isinstance(piece, bytes):
        into[:] = piece[at : at + len(into)]
        return len(into)
    if got := read_into(piece.fd, into, piece.offset + at):
        return got
    raise StoreError("the file became shorter while it was read", code="source-changed")


def first_difference(pairs: Iterable[tuple[Span, Span]], stop: Event | None = None) -> int | None:
    """The number of the first pair of spans that do not hold the same bytes; None if all do. In bounded memory.

    The first of each pair is of a file that is read only this once, the spans best in the order in which they lie in it.

    Raises:
        StoreError: a file ends before its span does.
    """
    several = [*pairs]
    passage = _Passage(max((one.offset + one.length for one, _ in several), default=0))
    block = memoryview(mmap.mmap(-1, CHUNK))
    for number, (one, other) in enumerate(several):
        if one.length != other.length:
            return number
        for at in range(0, one.length, CHUNK):
            piece = block[: min(CHUNK, one.length - at)]
            _fill(piece, Span(other.fd, other.offset + at, len(piece)))
            if not passage.holds(piece, one.fd, one.offset + at):
                return number
        if stop is not None and stop.is_set():
            raise Cancelled
    return None


def _fill(block: memoryview, span: Span) -> None:
    done = 0
    while done < span.length:
        done += _read(span, done, block[done:])


class _Passage:
    """Files that are read once, from left to right up to ``end``, in large pieces whatever is asked for."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._block = bytearray(min(CHUNK, end))
        self._fd, self._start, self._stop = -1, 0, 0
        self._flags = _PASSING

    def holds(self, wanted: memoryview, fd: int, at: int) -> bool:
        """Whether these bytes stand at that place."""
        while wanted:
            if fd != self._fd or not self._start <= at < self._stop:
                self._load(fd, at)
            size = min(len(wanted), self._stop - at)
            if not self._block.startswith(wanted[:size], at - self._start):  # memcmp; == of views goes byte by byte
                return False
            at, wanted = at + size, wanted[size:]
        return True

    def _load(self, fd: int, at: int) -> None:
        at -= at % _PAGE  # else the system lets go of the page at the seam, and reads it twice
        into = memoryview(self._block)[: self._end - at]
        try:
            got = read_into(fd, into, at, self._flags)
        except OSError as error:
            if not self._flags or error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            self._flags = 0
            got = read_into(fd, into, at)
        if not got:
            raise StoreError("the file became shorter while it was read", code="source-changed")
        self._fd, self._start, self._stop = fd, at, at + got
