"""Snappy, unpacked: what older releases of TensorFlow pack the blocks of an index with.

https://github.com/google/snappy/blob/main/format_description.txt has the format.
"""

from __future__ import annotations

from configsplit.containers.bundle.wire import Damaged, varint

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
