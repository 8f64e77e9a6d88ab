"""Weights in a safetensors file: a head in JSON with names, shapes, types and places, and behind it the bytes.

https://github.com/huggingface/safetensors has the format: little-endian, in C order, without holes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from configsplit.containers.arrays import BFLOAT16, Arrays, Listed
from configsplit.containers.container import WeightsAlone
from configsplit.containers.opening import Opened
from configsplit.containers.system.window import Span
from configsplit.dialects import parse
from configsplit.errors import DocumentError, StoreError
from configsplit.graph.json import FrozenDict, loads

MOST_HEAD = 32 << 20
_LENGTH = 8
_LARGEST = 1 << 48
TYPES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": (BFLOAT16, 2),
    "BOOL": ("bool", 1),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U64": ("uint64", 8),
    "U32": ("uint32", 4),
    "U16": ("uint16", 2),
    "U8": ("uint8", 1),
}
"""The format's name of a type -> numpy's, and its size in bytes."""


class Safetensors(WeightsAlone):
    kind = "safetensors"
    called = "a safetensors file"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return opened.head[_LENGTH : _LENGTH + 1] == b"{" and _head_size(opened) <= opened.span.length

    def named_weights(self, architecture: Callable[[], str]) -> Arrays:
        from configsplit.containers.by_name import by_name

        where, model = str(self.opened.path), parse(architecture()).model
        named = dict(self._arrays())
        dotted = not any("/" in name for name in named)
        return by_name(model, {name.replace(".", "/") if dotted else name: each for name, each in named.items()}, where)

    def arrays(self) -> Mapping[str, Listed] | None:
        """Programs sort them by type and name when they write them: only numbers in their names tell an order."""
        from configsplit.containers.by_order import is_numbered

        named = dict(self._arrays())
        return named if is_numbered(named) else None

    def _head(self) -> Mapping[str, Any]:
        span, size = self.opened.span, _head_size(self.opened) - _LENGTH
        if size > MOST_HEAD:
            raise self._refusal(f"the head has {size} bytes, more than the {MOST_HEAD} that are read")
        text = self.opened.small(Span(span.fd, span.offset + _LENGTH, size))
        try:
            head = loads(text.decode("utf-8"))
        except UnicodeDecodeError:
            raise self._refusal("the head is no text") from None
        except DocumentError as error:
            raise error.within(str(self.opened.path)) from None
        return head if isinstance(head, FrozenDict) else FrozenDict()

    def _arrays(self) -> Iterator[tuple[str, Listed]]:
        entries = {name: entry for name, entry in self._head().items() if name != "__metadata__"}
        begin, end = _head_size(self.opened), 0
        places = {name: self._place(name, entry) for name, entry in entries.items()}
        for name, (first, last) in sorted(places.items(), key=lambda item: item[1]):
            if first != end or begin + last > self.opened.span.length:
                raise self._refusal(f"{name!r} lies beyond the end of the file, or where another array does, or behind a hole")
            end = last
            shape, dtype, size = self._kind(name, entries[name])
            if size != last - first:
                raise self._refusal(f"{name!r} has {last - first} bytes, but {size} by its shape")
            yield name, Listed(shape, dtype, size, Span(self.opened.span.fd, self.opened.span.offset + begin + first, size))
        if begin + end != self.opened.span.length:
            raise self._refusal("there are bytes behind the arrays, or some are missing")

    def _place(self, name: str, entry: object) -> tuple[int, int]:
        offsets = entry.get("data_offsets") if isinstance(entry, FrozenDict) else None
        if not isinstance(offsets, tuple) or len(offsets) != 2 or not all(type(each) is int for each in offsets):
            raise self._refusal(f"{name!r} has no place")
        if not 0 <= offsets[0] <= offsets[1]:
            raise self._refusal(f"{name!r} ends before it begins")
        return offsets[0], offsets[1]

    def _kind(self, name: str, entry: FrozenDict) -> tuple[tuple[int, ...], str, int]:
        shape, dtype = entry.get("shape"), TYPES.get(str(entry.get("dtype")))
        if dtype is None:
            raise self._refusal(f"{name!r} is of the type {entry.get('dtype')!r}, which numpy does not have")
        sizes = shape if isinstance(shape, tuple) and len(shape) <= 32 else (None,)
        if not all(type(size) is int and 0 <= size < _LARGEST for size in sizes):
            raise self._refusal(f"{name!r} has no shape")
        return sizes, dtype[0], prod(sizes) * dtype[1]

    def _refusal(self, what: str) -> StoreError:
        hint = "copy or download the file again"
        return StoreError(what, code="safetensors-damaged", where=str(self.opened.path), hint=hint)


def _head_size(opened: Opened) -> int:
    """Bytes of the head, with those of its length."""
    return _LENGTH + int.from_bytes(opened.head[:_LENGTH], "little")
