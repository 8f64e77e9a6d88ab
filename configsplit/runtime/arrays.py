"""Tensors on disk as .npz: every dtype Keras computes with, bit for bit, and no pickle.

npz itself holds neither bfloat16 (numpy has no such dtype) nor strings of any length (numpy's drop trailing zero bytes):
the first is stored as uint16, the second as bytes with lengths, and the entry ``kinds`` says which is which.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
RAW: dict[str, type[np.generic]] = {
    "bfloat16": np.uint16,
    "float8_e4m3fn": np.uint8,
    "float8_e5m2": np.uint8,
    "int4": np.int8,
    "uint4": np.uint8,
}


class Stored(NamedTuple):
    """One tensor as numpy can hold it; ``dtype`` is the tensor's own dtype ("bfloat16", "string", "float32", ...)."""

    dtype: str
    values: Array


def encode(array: Array) -> Stored:
    """A numpy array that a framework gave, object and ml_dtypes arrays included. Strings stay an object array of bytes."""
    name = array.dtype.name
    if array.dtype.kind in "OSU":
        return Stored("string", _as_bytes(array))
    if (raw := RAW.get(name)) is not None:
        same_width = array.dtype.itemsize == np.dtype(raw).itemsize
        return Stored(name, np.ascontiguousarray(array).view(raw).reshape(array.shape) if same_width else array.astype(raw))
    return Stored(name, array)


def decode(item: Stored) -> Array:
    """The array as a framework other than TensorFlow takes it; needs ml_dtypes, which they all bring along."""
    if item.dtype not in RAW:
        return item.values
    wanted = np.dtype(getattr(importlib.import_module("ml_dtypes"), item.dtype))
    return item.values.view(wanted) if wanted.itemsize == item.values.itemsize else item.values.astype(wanted)


def as_bfloat16(values: Array) -> Stored:
    """Numbers as bfloat16, whose bits are the upper half of a float32."""
    return Stored("bfloat16", (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16))


def _as_bytes(array: Array) -> Array:
    return strings([item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()], array.shape)


def strings(items: Sequence[bytes], shape: tuple[int, ...]) -> Array:
    """A string tensor's values: an object array, because numpy's own strings drop trailing zero bytes."""
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made.reshape(shape)


def save(path: Path, tensors: Sequence[Stored]) -> None:
    """Write tensors in order."""
    entries: dict[str, Any] = {}
    for i, (dtype, values) in enumerate(tensors):
        if dtype == "string":
            items = values.ravel().tolist()
            entries[f"{i}.bytes"] = np.frombuffer(b"".join(items), np.uint8)
            entries[f"{i}.lengths"] = np.array([len(item) for item in items], np.int64).reshape(values.shape)
        else:
            entries[str(i)] = values
    entries["kinds"] = np.frombuffer(json.dumps([item.dtype for item in tensors]).encode(), np.uint8)
    np.savez(path, **entries)


def load(path: Path) -> list[Stored]:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        kinds: list[str] = json.loads(file["kinds"].tobytes())
        return [Stored(kind, _strings(file, i) if kind == "string" else file[str(i)]) for i, kind in enumerate(kinds)]


def _strings(file: Any, i: int) -> Array:
    lengths = file[f"{i}.lengths"]
    ends = np.cumsum(lengths.ravel())
    raw = file[f"{i}.bytes"].tobytes()
    spans = zip(ends.tolist(), lengths.ravel().tolist(), strict=True)
    return strings([raw[end - length : end] for end, length in spans], lengths.shape)


def same_bits(left: Stored, right: Stored) -> bool:
    """Equal in dtype, shape and every bit, so that NaN equals the same NaN and 0.0 differs from -0.0."""
    if left.dtype != right.dtype or left.values.shape != right.values.shape:
        return False
    if left.dtype == "string":
        return bool(np.array_equal(left.values, right.values))
    return left.values.tobytes() == right.values.tobytes()


def greatest_difference(left: Stored, right: Stored) -> float | None:
    """The largest absolute difference; None where shapes differ, numbers are not, or only one side is not a number."""
    if left.values.shape != right.values.shape or "string" in (left.dtype, right.dtype):
        return None
    a, b = _as_float(left), _as_float(right)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return None
    with np.errstate(invalid="ignore"):  # inf - inf, which is left out just below
        apart = np.abs(a - b)
    apart = np.where((a == b) | np.isnan(a), 0.0, apart)
    return float(apart.max(initial=0.0))


def greatest_value(item: Stored) -> float:
    """The largest finite absolute value; 0 where there is none, as of texts."""
    if item.dtype == "string":
        return 0.0
    values = np.abs(_as_float(item))
    return float(values[np.isfinite(values)].max(initial=0.0))


def _as_float(item: Stored) -> Array:
    if item.dtype == "bfloat16":
        return (item.values.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return item.values.astype(np.complex128 if item.values.dtype.kind == "c" else np.float64)
