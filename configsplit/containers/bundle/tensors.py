"""A tensor bundle: the arrays of a checkpoint of TensorFlow, in an index (``model.index``) and shards beside it
(``model.data-00000-of-00001``).

``tensorflow/core/protobuf/tensor_bundle.proto`` has the messages of the index. The names of the shards follow from the name of
the bundle: nothing in the file says what is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import accumulate, combinations, pairwise
from math import prod
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from configsplit.containers.arrays import BFLOAT16, Listed
from configsplit.containers.bundle.crc32c import crc32c, crc32c_of, unmasked
from configsplit.containers.bundle.table import MOST_BYTES, entries
from configsplit.containers.bundle.wire import Damaged, Value, damaged, fields, messages, number_in, varint
from configsplit.containers.opening import Files
from configsplit.containers.system.window import Span, stream
from configsplit.errors import StoreError

if TYPE_CHECKING:
    import numpy as np


_NAMES = (
    *(
        "",
        "float32",
        "float64",
        "int32",
        "uint8",
        "int16",
        "int8",
        "",
        "complex64",
        "int64",
        "bool",
        "",
        "",
        "",
        BFLOAT16,
        "",
        "",
    ),
    *("uint16", "complex128", "float16", "", "", "uint32", "uint64"),
)
_TYPES = {number: name for number, name in enumerate(_NAMES) if name}
"""The types of ``tensorflow/core/framework/types.proto`` that numpy has."""
_SIZES = {"bool": 1, BFLOAT16: 2, "complex64": 8, "complex128": 16}
_MOST_SHARDS = 10_000
_LARGEST = 1 << 48


class Entry(NamedTuple):
    """An array: its shape, numpy's name for its type ("" where it has none), where it lies, its checksum, and the places of the
    slices that it lies in, if so, which have entries of their own."""

    shape: tuple[int, ...]
    dtype: str
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[tuple[Extent, ...], ...] = ()


class Bundle:
    """The arrays of one checkpoint, by key.

    Attributes:
        where: what error messages call it.
        entries: key -> array, in the order of the index.

    Raises:
        StoreError: the index is damaged or hostile.
    """

    def __init__(self, prefix: Path, files: Files) -> None:
        self.prefix, self.where, self._files = prefix, str(prefix), files
        self._spans: dict[int, Span] = {}
        self.index = files.open(prefix.with_name(f"{prefix.name}.index"))
        if self.index.length > MOST_BYTES:
            raise damaged(self.where, f"the index has {self.index.length} bytes, which no model needs")
        data = memoryview(b"".join(bytes(piece) for piece in stream([self.index])))
        try:
            self.entries = dict(self._read(data))
        except Damaged as error:
            raise damaged(f"{self.where}.index", *error.args) from None
        self._check_overlaps()

    def _read(self, data: memoryview) -> Iterator[tuple[str, Entry]]:
        self._shards = 0
        self._pieces: dict[bytes, Entry] = {}
        for key, value in entries(data):
            if not key:
                self._shards = number_in(value, 1)
                if not 0 < self._shards <= _MOST_SHARDS or number_in(value, 2):
                    raise Damaged("the index speaks of no shards, too many, or of a machine with another order of bytes")
            elif key[0]:
                yield _text(key), _entry(value)
            else:
                self._pieces[key] = _entry(value)
        if not self._shards:
            raise Damaged("the index has no head")

    def _check_overlaps(self) -> None:
        every = (*self._pieces.values(), *(each for each in self.entries.values() if not each.slices))
        places = sorted((each.shard, each.offset, each.size) for each in every if each.size)
        for (shard, offset, size), (other, begin, _) in pairwise(places):
            if shard == other and offset + size > begin:
                raise damaged(f"{self.where}.index", "two arrays lie at one place")

    def place(self, key: str) -> Span:
        """Where an array lies. Raises StoreError if its shard is missing, or ends before it does."""
        return self._place(key, self.entries[key])

    def _place(self, key: str, entry: Entry) -> Span:
        if entry.shard >= self._shards:
            raise damaged(f"{self.where}.index", f"{key!r} lies in a shard that there is not")
        whole = self.shard(entry.shard)
        if entry.offset + entry.size > whole.length:
            raise damaged(f"{self.where}.index", f"the shard ends before {key!r} does")
        return Span(whole.fd, whole.offset + entry.offset, entry.size)

    def shard(self, number: int) -> Span:
        """A shard as a whole, opened once. Raises StoreError where it is missing."""
        if number not in self._spans:
            name = f"{self.prefix.name}.data-{number:05}-of-{self._shards:05}"
            try:
                self._spans[number] = self._files.open(self.prefix.with_name(name))
            except StoreError as error:
                if error.code != "file-missing":
                    raise
                hint = "put it beside the index; `configsplit layers` needs no weights"
                message = "the checkpoint is not complete: this shard is missing"
                raise StoreError(message, code=error.code, where=error.where, hint=hint) from None
        return self._spans[number]

    @cached_property
    def names(self) -> Sequence[str]:
        """The names of all its files, sorted."""
        shards = {each.shard for each in (*self.entries.values(), *self._pieces.values()) if each.size}
        return sorted([f"{self.prefix.name}.index", *(f"{self.prefix.name}.data-{n:05}-of-{self._shards:05}" for n in shards)])

    def listed(self, key: str) -> Listed:
        """An array as a container lists it. Raises StoreError if it is of a type that is not read, or is damaged."""
        entry = self.entries[key]
        size = prod(entry.shape) * item_size(entry.dtype)
        if not entry.dtype:
            raise damaged(self.where, f"the array {key!r} is of a type that numpy does not have, which is not read")
        if entry.slices:
            self._sliced(key)
            return Listed(entry.shape, entry.dtype, size, partial(self._joined, key))
        if size != entry.size:
            raise damaged(f"{self.where}.index", f"{key!r} has {entry.size} bytes, but {size} by its shape")
        return Listed(entry.shape, entry.dtype, size, self.place(key))

    def _sliced(self, key: str) -> list[tuple[tuple[slice, ...], Entry]]:
        """The slices of an array: where each lies in it, and its entry."""
        entry = self.entries[key]
        try:
            places = boxes(entry.shape, entry.slices)
            pieces = [self._pieces[slice_key(key, each)] for each in entry.slices]
        except Damaged as error:
            raise damaged(f"{self.where}.index", *error.args) from None
        except (KeyError, OverflowError):
            raise damaged(f"{self.where}.index", f"a slice of {key!r} is missing") from None
        for box, piece in zip(places, pieces, strict=True):
            shape = tuple(axis.stop - axis.start for axis in box)
            if (piece.dtype, piece.shape, piece.size) != (entry.dtype, shape, prod(shape) * item_size(entry.dtype)):
                raise damaged(f"{self.where}.index", f"a slice of {key!r} is not what its place says")
            self._place(key, piece)  # before there is memory for the whole
        return list(zip(places, pieces, strict=True))

    def _joined(self, key: str) -> np.ndarray[Any, Any]:
        import numpy as np  # values are asked for where they are computed with

        entry = self.entries[key]
        made = np.empty(entry.shape, np.dtype(entry.dtype))
        for box, piece in self._sliced(key):
            raw = b"".join(bytes(each) for each in stream([self._place(key, piece)]))
            made[box] = np.frombuffer(raw, made.dtype).reshape(piece.shape)
        return made

    def check(self, stop: Event | None = None) -> None:
        """Hold every array against its checksum. Raises StoreError if one is damaged."""
        whole = [(key, entry) for key, entry in self.entries.items() if not entry.slices]
        sliced = [(key, piece) for key, entry in self.entries.items() if entry.slices for _, piece in self._sliced(key)]
        for key, entry in (*whole, *sliced):
            if entry.dtype and crc32c_of(stream([self._place(key, entry)], stop)) != unmasked(entry.crc):
                raise damaged(f"{self.where}: {key}", "the array is damaged: its checksum does not match")

    def text(self, key: str) -> memoryview:
        """The bytes of a single text, as the graph of objects is kept. Raises StoreError if it is none, or damaged."""
        if self.entries[key].shape:
            raise damaged(self.where, f"{key!r} is no text")
        return self.texts(key)[0]

    def texts(self, key: str) -> list[memoryview]:
        """The bytes of each text of an array of them: their lengths come first, then a checksum of these, then all texts."""
        entry = self.entries[key]
        if entry.dtype or entry.slices or max(entry.size, prod(entry.shape)) > MOST_BYTES:
            raise damaged(self.where, f"{key!r} is no text")
        data = memoryview(b"".join(bytes(piece) for piece in stream([self.place(key)])))
        sizes, at = [], 0
        try:
            for _ in range(prod(entry.shape)):
                size, at = varint(data, at)
                sizes.append(size)
        except Damaged:
            sizes = [-1]
        head, body = data[at : at + 4], data[at + 4 :]
        lengths = b"".join(size.to_bytes(4 if size < 1 << 32 else 8, "little") for size in sizes if size >= 0)
        if sum(sizes) != len(body) or crc32c(body, crc32c(head, crc32c(lengths))) != unmasked(entry.crc):
            raise damaged(self.where, f"{key!r} is no text, or its checksum does not match")
        return [body[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def item_size(dtype: str) -> int:
    """Bytes of one number of a type that numpy has."""
    return _SIZES.get(dtype) or int("".join(filter(str.isdigit, dtype)) or 0) // 8


def _text(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise Damaged("a key of the index is not text") from None


def _entry(data: memoryview) -> Entry:
    values: dict[int, Value] = dict(fields(data))
    numbers = [value if isinstance(value := values.get(number, 0), int) else -1 for number in (1, 3, 4, 5, 6)]
    shape = values.get(2, memoryview(b""))
    if not isinstance(shape, memoryview) or min(numbers) < 0 or max(numbers) >= _LARGEST:
        raise Damaged("an entry of the index is not an array")
    dtype, shard, offset, size, crc = numbers
    slices = tuple(extents(each) for each in messages(data, 7))
    return Entry(_shape(shape), _TYPES.get(dtype, ""), shard, offset, size, crc, slices)


def _shape(data: memoryview) -> tuple[int, ...]:
    sizes = tuple(number_in(dimension, 1) for dimension in messages(data, 2))
    if number_in(data, 3) or len(sizes) > 32 or any(size >= _LARGEST for size in sizes) or prod(sizes) >= _LARGEST:
        raise Damaged("an entry of the index has no shape")
    return sizes


# Arrays in slices, as partitioned variables of TensorFlow 1 are saved: an entry for the whole, and one for each slice.
#
# The key of a slice is made of the name of the array and of where it lies in it (``EncodeTensorNameSlice`` in
# ``tensorflow/core/util/saved_tensor_slice_util.cc``), in an encoding in which keys are sorted as what they mean.


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
