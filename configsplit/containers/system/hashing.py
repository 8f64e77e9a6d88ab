"""Digests and checksums of bytes as they pass, in bounded memory."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from threading import Event

from configsplit.containers.system.window import Span, stream


def sha256(spans: Iterable[Span], stop: Event | None = None) -> str:
    """The SHA-256 of the spans, in bounded memory. Raises StoreError as `stream` does."""
    return digest_of(stream(spans, stop))


def digest_of(pieces: Iterable[memoryview | bytes]) -> str:
    """The SHA-256 of bytes that come piece by piece."""
    digest = hashlib.sha256()
    for piece in pieces:
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
