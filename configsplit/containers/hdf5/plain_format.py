"""The plain HDF5 that every Keras release writes, as records: what `plain_read` and `plain_write` share.

Superblock 0, object headers of version 1, groups as B-trees over symbol tables, contiguous datasets without filters. It
needs neither h5py nor numpy, whose import takes longer than the work.
"""

from __future__ import annotations

import re
import struct
from struct import Struct
from typing import NamedTuple

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
LEAF_K, INTERNAL_K = 4, 16
"""Half of what a symbol table node and a node of the B-tree hold; HDF5's defaults, which Keras leaves alone."""

SUPERBLOCK = Struct("<8s8BHHIQQQQ")
ENTRY = Struct("<QQIIQQ")
HEADER = Struct("<BxHII4x")
MESSAGE = Struct("<HHB3x")
TREE = Struct("<4sBBHQQ")
TREE_SIZE = TREE.size + 8 * (4 * INTERNAL_K + 1)
SNOD = Struct("<4sBxH")
SNOD_SIZE = SNOD.size + 2 * LEAF_K * ENTRY.size
HEAP = Struct("<4sB3xQQQ")
COLLECTION = Struct("<4sB3xQ")
OBJECT = Struct("<HH4xQ")
REFERENCE = Struct("<IQI")
"""A string of any length is kept as its length and its place in the global heap."""

PAIR = Struct("<QQ")
SIZES = Struct("<HHH")
TYPE = Struct("<B3BI")

NIL, DATASPACE, DATATYPE, OLD_FILL, FILL, LAYOUT, ATTRIBUTE, OLD_TIME, MORE, TABLE, TIME = (
    *(0x0, 0x1, 0x3, 0x4, 0x5, 0x8),
    *(0xC, 0xE, 0x10, 0x11, 0x12),
)
SHARED = 0x2
GROUP_ENTRY, LINK_ENTRY = 1, 2

FIXED, FLOAT, STRING, OPAQUE, VARIABLE = 0, 1, 3, 5, 9
_FLOATS = {  # size -> precision, exponent at, exponent bits, mantissa at, mantissa bits, bias, sign at
    2: (16, 10, 5, 0, 10, 15, 15),
    4: (32, 23, 8, 0, 23, 127, 31),
    8: (64, 52, 11, 0, 52, 1023, 63),
}
_FLOAT = Struct("<HHBBBBI")
TYPE_PREFIX = b"\x03\x00"
"""H5Tencode puts the number of the message and a version before a datatype."""
_RANKS = {rank: Struct(f"<{rank}Q") for rank in range(33)}


class Unplain(Exception):  # noqa: N818 - no fault: h5py takes over
    """Something that the plain reader or writer leaves to h5py: another kind of HDF5, or damage that h5py shall name."""


class Attribute(NamedTuple):
    """An attribute as it stands: ``data`` are its bytes, of strings of any length their places in the global heap."""

    name: str
    type: bytes
    shape: tuple[int, ...]
    data: bytes


class Kind(NamedTuple):
    """A datatype: its bytes, the size of one element, numpy's name for it."""

    raw: bytes
    size: int
    dtype: str
    variable: bool = False


def padded(size: int) -> int:
    return -(-size // 8) * 8


def kind_of(body: bytes) -> Kind:
    """The datatype that a message begins with."""
    try:
        head, low, middle, high, size = TYPE.unpack_from(body)
        if head >> 4 != 1 or not size or high:
            raise Unplain
        return _KINDS[head & 15](body, low, middle, size)
    except (struct.error, KeyError):
        raise Unplain from None


def _fixed(body: bytes, low: int, middle: int, size: int) -> Kind:
    if size not in (1, 2, 4, 8) or body[8:12] != bytes((0, 0, size * 8, 0)) or low & ~0x9 or middle:
        raise Unplain
    return Kind(body[:12], size, _name("int" if low & 8 else "uint", size, low))


def _float(body: bytes, low: int, middle: int, size: int) -> Kind:
    start, precision, *rest = _FLOAT.unpack_from(body, 8)
    if size not in _FLOATS or start or low & ~1 != 0x20 or (precision, *rest, middle) != _FLOATS[size]:
        raise Unplain
    return Kind(body[:20], size, _name("float", size, low))


def _name(kind: str, size: int, low: int) -> str:
    """As numpy says it: ``float32``, but ``>f4`` where the order of bytes is not the machine's."""
    return f">{kind[0]}{size}" if low & 1 and size > 1 else f"{kind}{size * 8}"


def _string(body: bytes, low: int, middle: int, size: int) -> Kind:
    if low & 15 > 1 or low >> 4 > 1 or middle:  # padded by spaces, or of an unknown alphabet
        raise Unplain
    return Kind(body[:8], size, f"|S{size}")


def _opaque(body: bytes, low: int, middle: int, size: int) -> Kind:
    if low or middle:  # a tag, by which h5py tells apart what numpy has and HDF5 has not
        raise Unplain
    return Kind(body[:8], size, f"|V{size}")


def _variable(body: bytes, low: int, middle: int, size: int) -> Kind:
    if low != 1 or middle > 1 or size != REFERENCE.size or body[8:20] != VARIABLE_BASE:
        raise Unplain
    return Kind(body[:20], size, "object", variable=True)


def type_key_of(dtype: str) -> bytes:
    """The datatype of numbers that numpy calls so, as HDF5 encodes it."""
    if opaque := re.fullmatch(r"\|V(\d{1,3})", dtype):
        return TYPE_PREFIX + TYPE.pack(0x10 | OPAQUE, 0, 0, 0, int(opaque[1]))
    match = re.fullmatch(r"(?:(u?int|float)(8|16|32|64)|>([iuf])([248]))", dtype)
    if match is None:
        raise Unplain
    kind, size = (match[1] or match[3])[0], int(match[2]) // 8 if match[2] else int(match[4])
    reverse = 0 if match[1] else 1
    if kind != "f":
        low = reverse | (8 if kind == "i" else 0)
        return TYPE_PREFIX + TYPE.pack(0x10 | FIXED, low, 0, 0, size) + bytes((0, 0, size * 8, 0))
    if size not in _FLOATS:
        raise Unplain
    precision, *rest, middle = _FLOATS[size]
    return TYPE_PREFIX + TYPE.pack(0x10 | FLOAT, 0x20 | reverse, middle, 0, size) + _FLOAT.pack(0, precision, *rest)


_KINDS = {FIXED: _fixed, FLOAT: _float, STRING: _string, OPAQUE: _opaque, VARIABLE: _variable}

VARIABLE_BASE = bytes.fromhex("100000000100000000000800")
FLOAT64 = bytes.fromhex("11203f000800000000004000340b0034ff030000")


def variable_text(*, ascii_only: bool) -> bytes:
    """The datatype of strings of any length."""
    return TYPE.pack(0x10 | VARIABLE, 1, 0 if ascii_only else 1, 0, REFERENCE.size) + VARIABLE_BASE


def fixed_text(size: int) -> bytes:
    """The datatype of strings of one length, filled up with zeros, in ASCII."""
    return TYPE.pack(0x10 | STRING, 1, 0, 0, size)


def shape_of(body: bytes) -> tuple[tuple[int, ...], int]:
    """The shape that a dataspace message tells, and the size of what was read."""
    try:
        version, rank, flags, kind = body[0], body[1], body[2], body[3]
        at = 8 if version == 1 else 4
        if version not in (1, 2) or flags & ~1 or (version == 2 and kind != (1 if rank else 0)):
            raise Unplain
        shape: tuple[int, ...] = _RANKS[rank].unpack_from(body, at)
    except (struct.error, IndexError, KeyError):
        raise Unplain from None
    return shape, at + 8 * rank * (2 if flags else 1)


def space_of(shape: tuple[int, ...]) -> bytes:
    """The dataspace message of a shape, as HDF5 writes it: with its maxima, which are the same."""
    head = bytes((1, len(shape), 1 if shape else 0, 0, 0, 0, 0, 0))
    return head + _RANKS[len(shape)].pack(*shape) * 2
