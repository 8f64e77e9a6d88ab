"""The index of a bundle: a table of keys and values in blocks, each with a checksum, in the format of LevelDB.

https://github.com/google/leveldb/blob/main/doc/table_format.md has the format. A key repeats the beginning of the one before it
by its length alone, so that what is read is bounded by keys, not by bytes of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from configsplit.containers.bundle.crc32c import crc32c, unmasked
from configsplit.containers.bundle.wire import Damaged, varint

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_TRAILER = 5
"""Bytes behind a block: how it is packed, and its checksum."""
MOST_BYTES = 64 << 20
"""Bytes of all keys and values together; a model of a million weights has fewer."""


def is_table(end: bytes) -> bool:
    """Whether a file that ends so is such a table."""
    return end.endswith(_MAGIC)


def entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys with their values, in the order of the keys."""
    if len(data) < _FOOTER or not is_table(bytes(data[-_FOOTER:])):
        raise Damaged
    _, _, at = _place(data[-_FOOTER:], 0)
    offset, size, _ = _place(data[-_FOOTER:], at)
    room, before, end = MOST_BYTES, b"", -1
    for _, value in _in_block(_block(data, offset, size)):
        offset, size, _ = _place(value, 0)
        if offset <= end:
            raise Damaged("the blocks of the index do not follow one another")
        end = offset
        for key, item in _in_block(_block(data, offset, size)):
            room -= len(key) + len(item)
            if room < 0 or (key <= before and end >= 0 and before):
                raise Damaged("the keys of the index are out of order" if room >= 0 else "the index has too many keys")
            before = key
            yield key, item


def _place(data: memoryview, at: int) -> tuple[int, int, int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return offset, size, at


def _block(data: memoryview, offset: int, size: int) -> memoryview:
    end = offset + size
    if end + _TRAILER > len(data) - _FOOTER:
        raise Damaged("a block reaches beyond the end of the index")
    if unmasked(int.from_bytes(data[end + 1 : end + _TRAILER], "little")) != crc32c(data[offset : end + 1]):
        raise Damaged("the checksum of a block does not match")
    if data[end] not in (0, 1):
        raise Damaged("a block is packed in a way that TensorFlow does not")
    return memoryview(unpack(data[offset:end])) if data[end] else data[offset:end]


def _in_block(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    restarts = int.from_bytes(block[-4:], "little")
    if len(block) < 4 or 4 * (restarts + 1) > len(block):
        raise Damaged
    block = block[: len(block) - 4 * (restarts + 1)]
    at, key = 0, b""
    while at < len(block):
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key) or fresh + size > len(block) - at:
            raise Damaged
        key = key[:shared] + bytes(block[at : at + fresh])
        at += fresh
        yield key, block[at : at + size]
        at += size


# Snappy, unpacked: what older releases of TensorFlow pack the blocks of an index with.
#
# https://github.com/google/snappy/blob/main/format_description.txt has the format.


_MOST_GAIN = 22
"""How many times larger unpacked bytes can be: three bytes copy 64 at most."""


def unpack(data: memoryview) -> bytes:
    """The bytes of one packed block."""
    size, at = varint(data, 0)
    if size > _MOST_GAIN * len(data):
        raise Damaged("a packed block says that it is larger than it can be")
    made = bytearray()
    while at < len(data):
        length, offset, at = _element(data, at)
        if not offset:
            made += data[at : at + length]
            at += length
        elif offset > len(made):
            raise Damaged
        elif length <= offset:
            start = len(made) - offset
            made += made[start : start + length]
        else:  # what is copied is being written while it is read: a pattern that goes on
            made += (bytes(made[-offset:]) * (length // offset + 1))[:length]
        if at > len(data) or len(made) > size:
            raise Damaged
    if len(made) != size:
        raise Damaged
    return bytes(made)


def _element(data: memoryview, at: int) -> tuple[int, int, int]:
    """How many bytes are next, how far back they stand (0: they follow here), and where what follows begins."""
    tag = data[at]
    kind, upper = tag & 3, tag >> 2
    extra = (max(0, upper - 59), 1, 2, 4)[kind]
    rest = data[at + 1 : at + 1 + extra]
    if len(rest) != extra:
        raise Damaged
    number = int.from_bytes(rest, "little")
    if kind == 0:
        return (number if extra else upper) + 1, 0, at + 1 + extra
    if kind == 1:
        number |= upper >> 3 << 8
    if not number:
        raise Damaged
    return (4 + (upper & 7) if kind == 1 else upper + 1), number, at + 1 + extra
