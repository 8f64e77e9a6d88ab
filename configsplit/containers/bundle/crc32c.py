"""CRC-32C, by which TensorFlow tells damage; Python's own `zlib.crc32` is of another polynomial.

A checksum is linear in the bytes: that of many pieces side by side is computed by numpy, a column of all of them at a time, and
pieces are put together by what so many zeros behind them would do.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_POLYNOMIAL = 0x82F63B78
_ALL = 0xFFFFFFFF
_MASK = 0xA282EAD8
_LANES = 1024
_WORTH = 1 << 15
"""Bytes from which numpy is faster than it takes to load."""


@cache
def _table() -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


def crc32c(data: memoryview | bytes, before: int = 0) -> int:
    """The checksum of bytes, or that of what had the checksum ``before`` and these."""
    width = len(data) // _LANES // 4 * 4 if len(data) >= _WORTH else 0
    value = before ^ _ALL
    if width:
        value = _applied(_zeros(width * _LANES), value) ^ _of_lanes(data[: width * _LANES], width)
    table = _table()
    for byte in data[width * _LANES :]:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ _ALL


def unmasked(stored: int) -> int:
    """A checksum as it was before it was masked for a file."""
    turned = stored - _MASK & _ALL
    return (turned >> 17 | turned << 15) & _ALL


def crc32c_of(pieces: Iterable[memoryview]) -> int:
    """The checksum of bytes that come piece by piece."""
    value = 0
    for piece in pieces:
        value = crc32c(piece, value)
    return value


def _of_lanes(data: memoryview | bytes, width: int) -> int:
    """The register after bytes that it met at 0: `_LANES` pieces of ``width`` bytes, of four at a time."""
    import numpy as np

    low, high = _words()
    columns = np.ascontiguousarray(np.frombuffer(data, "<u4").reshape(_LANES, width // 4).T)
    values = np.zeros(_LANES, np.uint32)
    for column in columns:
        values ^= column
        values = low.take(values & 0xFFFF) ^ high.take(values >> 16)
    while len(values) > 1:  # neighbours become one, of twice the width
        values = _moved(values[::2], _zeros(width)) ^ values[1::2]
        width *= 2
    return int(values[0])


@cache
def _words() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """What becomes of the lower and the upper half of the register after four zeros."""
    import numpy as np

    half = np.arange(1 << 16, dtype=np.uint32)
    return _moved(half, _zeros(4)), _moved(half << np.uint32(16), _zeros(4))


def _moved(values: np.ndarray[Any, Any], zeros: tuple[int, ...]) -> np.ndarray[Any, Any]:
    import numpy as np

    moved = np.zeros_like(values)
    for bit, entry in enumerate(zeros):
        moved ^= (values >> bit & 1) * np.uint32(entry)
    return moved


@cache
def _zeros(size: int) -> tuple[int, ...]:
    """What becomes of each bit of the register after so many zeros: a matrix over two numbers, by its columns."""
    columns = tuple(1 << bit for bit in range(32))
    for digit in f"{size:b}":
        columns = tuple(_applied(columns, value) for value in columns)
        if digit == "1":
            columns = tuple(_table()[value & 0xFF] ^ value >> 8 for value in columns)
    return columns


def _applied(matrix: tuple[int, ...], value: int) -> int:
    applied = 0
    for bit, entry in enumerate(matrix):
        if value >> bit & 1:
            applied ^= entry
    return applied
