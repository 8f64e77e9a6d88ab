"""Weights in an ``.npz`` file of numpy: arrays by name; objects, which would be pickles, are refused."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from configsplit.containers.archive import ARRAY, Archive
from configsplit.containers.arrays import Listed, ListedArrays
from configsplit.containers.by_name import by_name
from configsplit.containers.kinds import is_zip
from configsplit.containers.opening import Files, Opened
from configsplit.containers.system.window import Span
from configsplit.dialects import parse
from configsplit.errors import StoreError


def npz_weights(archive: Archive, config_text: str) -> ListedArrays:
    """The arrays as weights of an architecture.

    Raises:
        StoreError: one is damaged, or no array of numbers.
        WeightsError: one is called after no layer, or nobody can say which weight it is.
    """
    return by_name(parse(config_text).model, dict(listed(archive)), archive.where)


def listed(archive: Archive) -> Iterator[tuple[str, Listed]]:
    """The arrays in the order of the archive. Raises StoreError as `npz_weights` does."""
    for name in archive.members:
        where = f"{archive.where}: {name}"
        head = head_of(next(iter(archive.chunks(name)), b""), archive.members[name].file_size, where, "biufc")
        size, plain = head.dtype.itemsize * prod(head.shape), head.dtype.newbyteorder("=")
        as_it_lies = archive.is_stored(name) and not head.fortran and head.dtype.isnative
        place = archive.place(name) if as_it_lies else None
        data = Span(place.fd, place.offset + head.size, size) if place else partial(_read, archive, name, where)
        yield name.removesuffix(ARRAY), Listed(head.shape, plain.name, size, data)


def _read(archive: Archive, name: str, where: str) -> np.ndarray[Any, Any]:
    values = array_in(b"".join(archive.chunks(name)), where)
    return values.astype(values.dtype.newbyteorder("="), order="C")


# Arrays that a user hands over in an ``.npz`` file: no pickles, nothing larger than it says, and not without bounds.


MAX_BYTES = 1 << 30
"""Bytes of all arrays of a file together."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_KINDS = "biufcSU"


def read_arrays(path: Path) -> Mapping[str, np.ndarray[Any, Any]]:
    """The arrays of an ``.npz`` file by name, in its order."""
    with Files() as files:
        opened = Opened(path, files)
        if opened.is_folder or not is_zip(opened):
            hint = "write it with numpy.savez(FILE, input_name=array)"
            raise StoreError("this is not an .npz file", code="inputs-not-npz", where=str(path), hint=hint)
        archive = Archive(opened.span, str(path))
        total = sum(info.file_size for info in archive.members.values())
        if total > MAX_BYTES:
            message = f"the arrays have {total} bytes, more than the {MAX_BYTES} that are read"
            raise StoreError(message, code="inputs-too-large", where=str(path), hint="give fewer samples")
        members = ((name, b"".join(archive.chunks(name))) for name in archive.members)
        return {name.removesuffix(".npy"): array_in(data, f"{path}: {name}") for name, data in members}


class Head(NamedTuple):
    """What a ``.npy`` file says of its array; ``size`` is that of the head itself."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    size: int


def head_of(data: bytes, size: int, where: str, kinds: str = _KINDS) -> Head:
    """The head of a ``.npy`` file of ``size`` bytes that begins with ``data``."""
    stream = io.BytesIO(data)
    try:
        shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise StoreError(f"this is not an array: {error}", code="inputs-not-npz", where=where) from None
    if dtype.hasobject or dtype.kind not in kinds:
        message = f"the array holds {'Python objects' if dtype.hasobject else dtype}, which are not read: they may run code"
        hint = "save numbers, booleans or texts (dtype U or S)"
        raise StoreError(message, code="inputs-not-npz", where=where, hint=hint)
    if dtype.itemsize * math.prod(shape) != size - stream.tell() or min(shape, default=0) < 0:
        raise StoreError("the array is damaged: its size differs from its header", code="inputs-not-npz", where=where)
    return Head(shape, fortran, dtype, stream.tell())


def array_in(data: bytes, where: str) -> np.ndarray[Any, Any]:
    """The array in a ``.npy`` file. Raises StoreError as `head_of` does."""
    head = head_of(data, len(data), where)
    values = np.zeros(head.shape, head.dtype) if not head.dtype.itemsize else np.frombuffer(data, head.dtype, offset=head.size)
    return values.reshape(head.shape, order="F" if head.fortran else "C")
