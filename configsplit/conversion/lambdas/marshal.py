"""Python's marshal format, as far as the code of a function needs it, read as data: nothing of it is ever run.

The format is that of CPython's ``Python/marshal.c``. Of the objects that it can hold only those are read that a function's
code is made of; everything else ends in `Unread`. Size, depth and the number of objects are bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

MAX_BYTES = 1 << 18
"""The largest code that is looked at; straight code of one layer has some hundred bytes."""

MAX_DEPTH = 20
MAX_SIZE = 20_000
"""The most objects that one value may be made of, counted as often as they are referred to."""

_MAX_DIGITS = 5
"""Whole numbers are kept in digits of 15 bits; 75 bits hold every size and seed there is."""


class Unread(Exception):  # noqa: N818 - a refusal on its way out, never seen outside of this package
    """Code that cannot be read, and why."""


class Layout(NamedTuple):
    """How some releases of Python write a code object: numbers ``i`` and objects ``o``, by name and in order."""

    fields: tuple[str, ...]

    def names(self) -> Iterator[tuple[str, bool]]:
        """Each field and whether it is a bare number."""
        return ((name.removesuffix("#"), name.endswith("#")) for name in self.fields)


_OLD_REST = "stack# flags# code constants names locals free cells file name line# lines"
LAYOUTS = {
    "3.5": Layout(("arguments#", "keyword_only#", "count#", *_OLD_REST.split())),
    "3.8": Layout(("arguments#", "positional#", "keyword_only#", "count#", *_OLD_REST.split())),
    "3.11": Layout(
        (
            *["arguments#", "positional#", "keyword_only#", "stack#", "flags#"],
            *["code", "constants", "names", "locals", "kinds", "file", "name", "qualified", "line#", "lines", "exceptions"],
        )
    ),
}
"""By the first release that wrote it so."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code object: what stands in its fields, and the first release of Python that wrote them in this order."""

    layout: str
    fields: dict[str, Any]


@dataclass(slots=True)
class _Frame:
    """An object being read: what it will be, how many parts are missing, where it is referred to."""

    kind: str
    left: int
    place: int | None
    parts: list[Any] = field(default_factory=list)


_NOTHING: Any = object()
_PLAIN = {"N": None, "T": True, "F": False, ".": ...}
_SHORT = {")": "(", "z": "a", "Z": "a"}


class _Reader:
    def __init__(self, data: bytes, layout: str) -> None:
        self.data, self.at, self.layout = data, 0, layout
        self.fields = list(LAYOUTS[layout].names())
        self.references: list[Any] = []
        self.sizes: dict[int, int] = {}

    def bytes(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise Unread("its code ends in the middle")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str = "<i") -> int:
        return int(struct.unpack(form, self.bytes(struct.calcsize(form)))[0])

    def object(self) -> Any:
        """One object with all that it holds, from an explicit stack."""
        stack: list[_Frame] = []
        while True:
            value = self._begin(stack)
            while value is not _NOTHING or not stack[-1].left:
                if value is _NOTHING:
                    value = self._end(stack.pop())
                if not stack:
                    return value
                self._put(stack[-1], value)
                value = _NOTHING

    def _begin(self, stack: list[_Frame]) -> Any:
        """The next object if it holds no others; else a frame on the stack."""
        byte = self.number("<B")
        kind, flagged = chr(byte & 0x7F), bool(byte & 0x80)
        if kind == "r":
            return self._reference()
        place = None
        if flagged:
            place = len(self.references)
            self.references.append(_NOTHING)
        if kind in "()c":
            if len(stack) >= MAX_DEPTH:
                raise Unread("its constants nest too deep")
            left = len(self.fields) if kind == "c" else self.number("<B" if kind == ")" else "<i")
            if not 0 <= left <= len(self.data) - self.at:
                raise Unread("its code says that it holds more than it is long")
            stack.append(_Frame(_SHORT.get(kind, kind), left, place))
            self._numbers(stack[-1])
            return _NOTHING
        value = self._leaf(kind)
        if place is not None:
            self.references[place] = value
        return value

    def _reference(self) -> Any:
        place = self.number()
        if not 0 <= place < len(self.references) or self.references[place] is _NOTHING:
            raise Unread("its code refers to what is not there")
        return self.references[place]

    def _put(self, frame: _Frame, value: Any) -> None:
        frame.parts.append(value)
        frame.left -= 1
        self._numbers(frame)

    def _numbers(self, frame: _Frame) -> None:
        """Bare numbers among the fields of a code object, up to the next object."""
        while frame.kind == "c" and frame.left and self.fields[-frame.left][1]:
            frame.parts.append(self.number())
            frame.left -= 1

    def _end(self, frame: _Frame) -> Any:
        value: Any = tuple(frame.parts)
        if frame.kind == "c":
            value = Code(self.layout, dict(zip((name for name, _ in self.fields), frame.parts, strict=True)))
        size = 1 + sum(self.sizes.get(id(part), 1) for part in frame.parts)
        if size > MAX_SIZE:
            raise Unread("its constants are too many")
        self.sizes[id(value)] = size
        if frame.place is not None:
            self.references[frame.place] = value
        return value

    def _leaf(self, kind: str) -> Any:
        if kind in _PLAIN:
            return _PLAIN[kind]
        if kind == "i":
            return self.number()
        if kind == "l":
            return self._long()
        if kind == "g":
            return _finite(struct.unpack("<d", self.bytes(8))[0])
        if kind == "s":
            return self.bytes(self.number())
        if kind in "zZaAut":
            raw = self.bytes(self.number("<B" if kind in "zZ" else "<i"))
            return raw.decode("utf-8" if kind in "ut" else "ascii")
        raise Unread(f"its constants hold an object of a kind that is not read ({kind!r})")

    def _long(self) -> int:
        count = self.number()
        if abs(count) > _MAX_DIGITS:
            raise Unread("its constants hold a number of more than 75 bits")
        value = sum(self.number("<H") << (15 * place) for place in range(abs(count)))
        return -value if count < 0 else value


def _finite(value: float) -> float:
    if not isfinite(value):
        raise Unread("its constants hold an infinite number")
    return value


def read_code(data: bytes) -> Code:
    """The code object in marshalled bytes, in the one layout in which all of them make sense."""
    if len(data) > MAX_BYTES:
        raise Unread(f"its code is {len(data)} bytes long")
    codes, why = [], "its code is not as Python 3.5 to 3.13 write it"
    for layout in LAYOUTS:
        try:
            codes.append(_checked(data, layout))
        except (UnicodeDecodeError, struct.error):
            continue
        except Unread as error:
            why = str(error) if layout == _likely(data) else why
    if len(codes) != 1:
        raise Unread("its code can be understood in two ways" if codes else why)
    return codes[0]


def _likely(data: bytes) -> str:
    """Which layout a damaged code was meant to have: the one whose sixth object is bytes."""
    starts = {
        name: 1 + 4 * next(at for at, (_, bare) in enumerate(layout.names()) if not bare) for name, layout in LAYOUTS.items()
    }
    return next((name for name, start in starts.items() if data[start : start + 1] in (b"s", b"\xf3")), "")


_NAMES = ("names", "locals", "free", "cells")


def _checked(data: bytes, layout: str) -> Code:
    reader = _Reader(data, layout)
    code = reader.object()
    if not isinstance(code, Code) or reader.at != len(data):
        raise Unread("its code is followed by something else")
    fields = code.fields
    if type(fields["code"]) is not bytes or any(type(fields.get(name, ())) is not tuple for name in ("constants", *_NAMES)):
        raise Unread("the fields of its code are not what they should be")
    if any(type(name) is not str for group in _NAMES for name in fields.get(group, ())):
        raise Unread("a name in its code is no text")
    if layout == "3.11" and (type(kinds := fields["kinds"]) is not bytes or len(kinds) != len(fields["locals"])):
        raise Unread("its code does not say what its names are")
    return code
