"""Arrays in slices, as partitioned variables of TensorFlow 1 are saved: an entry for the whole, and one for each slice.

The key of a slice is made of the name of the array and of where it lies in it (``EncodeTensorNameSlice`` in
``tensorflow/core/util/saved_tensor_slice_util.cc``), in an encoding in which keys are sorted as what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import TypeAlias

from configsplit.containers.bundle.wire import Damaged, Value, fields, messages

Extent: TypeAlias = tuple[int, int]
"""Where a slice begins along an axis, and how far it goes; (0, -1) is all of it."""
_MOST = 2_000
"""Slices of one array; TensorFlow makes as many as there are servers."""


def extents(data: memoryview) -> tuple[Extent, ...]:
    """Where a slice lies, of a TensorSliceProto. Raises Damaged as `fields` does."""
    pairs = []
    for each in messages(data, 1):
        told: dict[int, Value] = dict(fields(each))
        start, length = told.get(1, 0), told.get(2, -1)
        if not isinstance(start, int) or not isinstance(length, int):
            raise Damaged("a slice has no place")
        pairs.append((start, length))
    return tuple(pairs)


def slice_key(name: str, at: Sequence[Extent]) -> bytes:
    """The key under which a slice of an array stands in the index."""
    escaped = name.encode().replace(b"\xff", b"\xff\0").replace(b"\0", b"\0\xff")
    numbers = b"".join(_signed(number) for extent in at for number in extent)
    return b"\0" + escaped + b"\0\1" + _unsigned(len(at)) + numbers


def _unsigned(number: int) -> bytes:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(raw)]) + raw


def _signed(number: int) -> bytes:
    """The number with as many ones before it as it has bytes, of which each holds seven bits."""
    bits = (~number if number < 0 else number).bit_length()
    size = 1 + bits // 7
    head = ((1 << size) - 1) << (8 * size - size)
    return (number & (1 << 8 * size) - 1 ^ head).to_bytes(size, "big")


def boxes(shape: Sequence[int], slices: Sequence[Sequence[Extent]]) -> list[tuple[slice, ...]]:
    """Where each slice lies in the whole."""
    if not 0 < len(slices) <= _MOST or any(len(each) != len(shape) for each in slices):
        raise Damaged("an array has no slices, too many, or of another number of axes")
    pieces = [
        tuple(slice(start, size if length == -1 else start + length) for (start, length), size in zip(each, shape, strict=True))
        for each in slices
    ]
    inside = all(0 <= axis.start <= axis.stop <= size for box in pieces for axis, size in zip(box, shape, strict=True))
    if not inside or sum(prod(axis.stop - axis.start for axis in box) for box in pieces) != prod(shape):
        raise Damaged("slices lie beyond the array that they are of, or are not all of it")
    for one, other in combinations(pieces, 2):
        if all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in zip(one, other, strict=True)):
            raise Damaged("two slices of an array overlap")
    return pieces
