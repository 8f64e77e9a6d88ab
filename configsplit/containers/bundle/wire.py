"""Protocol buffers, read without their schema: numbers of fields with their values, never beyond the end of the message.

https://protobuf.dev/programming-guides/encoding has the format. A message within a message is bytes to who reads the outer one:
nobody descends deeper here than a schema says, however deep a file is nested.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.files import read_at
from configsplit.containers.system.window import Span
from configsplit.errors import StoreError

Value: TypeAlias = int | memoryview
"""A number; or the bytes of a text, a message or a packed list."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_FIELDS = 1_000_000
_LONGEST_HEAD = 20
"""Bytes of the two numbers before the bytes of a field."""


class Damaged(Exception):  # noqa: N818 - no error that anybody sees
    """The bytes are not what they should be; `damaged` says so to the user."""


def damaged(where: str, what: str = "the file ends too early, or is no such file") -> StoreError:
    """The error for a file of TensorFlow that is no sound one."""
    return StoreError(what, code="bundle-damaged", where=where, hint="copy or download the folder again")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of up to 64 bits, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Damaged
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise Damaged
            return value, at
    raise Damaged


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """The fields of a message, in its order."""
    at = 0
    for _ in range(_MOST_FIELDS):
        if at >= len(data):
            return
        key, at = varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = varint(data, at)
            yield key >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = varint(data, at)
        if size is None or size > len(data) - at:
            raise Damaged
        piece, at = data[at : at + size], at + size
        yield key >> 3, piece if kind == _BYTES else int.from_bytes(piece, "little")
    raise Damaged("a message has more fields than any model needs")


def messages(data: memoryview, number: int) -> Iterator[memoryview]:
    """The messages or texts in one field, in their order. Raises Damaged as `fields` does."""
    return (value for field, value in fields(data) if field == number and isinstance(value, memoryview))


def number_in(data: memoryview, number: int) -> int:
    """The number in one field, the last if it is there twice; 0 where it is not. Raises Damaged as `fields` does."""
    values = [value for field, value in fields(data) if field == number and isinstance(value, int)]
    return values[-1] if values else 0


def text_in(data: memoryview, number: int) -> str:
    """The text in one field, the last if it is there twice; "" where it is not. Raises Damaged as `fields` does."""
    texts = [*messages(data, number)]
    try:
        return str(texts[-1], "utf-8") if texts else ""
    except UnicodeDecodeError:
        raise Damaged from None


def spans(span: Span, number: int, where: str) -> Iterator[Span]:
    """Where the messages of one field lie in a file that is too large to be read; all others are passed over.

    Raises:
        Damaged: as `fields` does.
        StoreError: the file cannot be read.
    """
    at, end = span.offset, span.offset + span.length
    while at < end:
        with system_faults(where):
            head = memoryview(read_at(span.fd, min(_LONGEST_HEAD, end - at), at))
        key, used = varint(head, 0)
        size, used = _size(key & 7, head, used)
        if size > end - at - used:
            raise Damaged
        if key >> 3 == number and key & 7 == _BYTES:
            yield Span(span.fd, at + used, size)
        at += used + size


def _size(kind: int, head: memoryview, used: int) -> tuple[int, int]:
    """Bytes of a field, and how many before them belong to its head."""
    if kind == _BYTES:
        return varint(head, used)
    if kind == _VARINT:
        return 0, varint(head, used)[1]
    if kind in (_FIXED32, _FIXED64):
        return (4 if kind == _FIXED32 else 8), used
    raise Damaged
