"""A run of bytes of an open file, as a file: an HDF5 file that lies inside an archive is read where it lies."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from threading import Event
from typing import NamedTuple, TypeAlias

from configsplit.errors import StoreError

CHUNK = 8 << 20
"""Bytes that are moved at once: small enough to stay in the cache, so large that a thread seldom waits for Python's lock."""


class Span(NamedTuple):
    """``length`` bytes of the open file ``fd``, from ``offset`` on."""

    fd: int
    offset: int
    length: int


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
        got = os.preadv(self.span.fd, [memoryview(buffer)[:want]], self.span.offset + self._at)
        self._at += got
        return got


class Cancelled(BaseException):
    """Work in a thread was called off because another part of it failed; never seen outside `Workers`."""


def stream(pieces: Iterable[Piece], stop: Event | None = None) -> Iterator[memoryview | bytes]:
    """The bytes of the pieces, one after another, in pieces of `CHUNK`; a piece is valid until the next one is asked for.

    Raises:
        StoreError: a file ends before its span does.
    """
    several = [*pieces]
    whole = min(CHUNK, sum(each.length for each in several if not isinstance(each, bytes)))
    buffer = memoryview(bytearray(whole))
    filled = 0
    for each in several:
        if isinstance(each, bytes):
            if filled:
                yield buffer[:filled]
                filled = 0
            yield each
            continue
        fd, offset, length = each
        end = offset + length
        while offset < end:
            got = os.preadv(fd, [buffer[filled : filled + min(end - offset, whole - filled)]], offset)
            if got == 0:
                raise StoreError("the file became shorter while it was read", code="source-changed")
            offset, filled = offset + got, filled + got
            if filled == whole:
                yield buffer
                filled = 0
                if stop is not None and stop.is_set():
                    raise Cancelled
    if filled:
        yield buffer[:filled]


def sha256(spans: Iterable[Span], stop: Event | None = None) -> str:
    """The SHA-256 of the spans, in bounded memory. Raises StoreError as `stream` does."""
    digest = hashlib.sha256()
    for piece in stream(spans, stop):
        digest.update(piece)
    return digest.hexdigest()


def sha256_and_crc32(whole: Span, part: Span, stop: Event | None = None) -> tuple[str, int]:
    """The SHA-256 of a span and the CRC-32 of a part of it, in one pass. Raises StoreError as `stream` does."""
    before = Span(whole.fd, whole.offset, part.offset - whole.offset)
    after = Span(whole.fd, part.offset + part.length, whole.offset + whole.length - part.offset - part.length)
    digest, value = hashlib.sha256(), 0
    for span in (before, part, after):
        for piece in stream([span], stop):
            digest.update(piece)
            value = zlib.crc32(piece, value) if span is part else value
    return digest.hexdigest(), value


def crc32(spans: Iterable[Span], stop: Event | None = None) -> int:
    """The CRC-32 of the spans, in bounded memory. Raises StoreError as `stream` does."""
    value = 0
    for piece in stream(spans, stop):
        value = zlib.crc32(piece, value)
    return value


def first_difference(pairs: Iterable[tuple[Span, Span]], stop: Event | None = None) -> int | None:
    """The number of the first pair of spans that do not hold the same bytes; None if all do. In bounded memory.

    Raises:
        StoreError: a file ends before its span does.
    """
    several = [*pairs]
    whole = max(1, min(CHUNK, max((one.length for one, _ in several), default=1)))
    left, right = bytearray(whole), bytearray(whole)  # whole bytearrays are compared by memcmp, views byte by byte
    for number, (one, other) in enumerate(several):
        if one.length != other.length:
            return number
        for at in range(0, one.length, whole):
            size = min(whole, one.length - at)
            _fill(left, one, at, size)
            _fill(right, other, at, size)
            if (left != right) if size == whole else (left[:size] != right[:size]):
                return number
        if stop is not None and stop.is_set():
            raise Cancelled
    return None


def _fill(buffer: bytearray, span: Span, at: int, size: int) -> None:
    done, view = 0, memoryview(buffer)
    while done < size:
        got = os.preadv(span.fd, [view[done:size]], span.offset + at + done)
        if got == 0:
            raise StoreError("the file became shorter while it was read", code="source-changed")
        done += got
