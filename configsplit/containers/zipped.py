"""A zip archive as Keras writes it, put together before a byte is moved: members stored, one after another.

``zipfile`` learns a checksum while it writes and then goes back to the header, so the digest of the file could only be taken
from the disk afterwards. Here checksums come first, and writing and hashing run side by side. The bytes are those of
``zipfile``: dated 1980-01-01, made on Unix, ZIP64 where a number needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

LIMIT = (1 << 31) - 1
"""Sizes above it are told in ZIP64 fields, as ``zipfile`` has it."""

_MODE = 0o600 << 16
"""Permissions that Keras gives to the members of an archive."""
_DATE = 1 << 5 | 1
_UNIX = 3
_UTF8 = 0x800
_PLAIN, _ZIP64 = 20, 45
MOST = 0xFFFF_FFFF

LOCAL = Struct("<4s2B4HL2L2H")
CENTRAL = Struct("<4s4B4HL2L5H2L")
END = Struct("<4s4H2LH")
END64 = Struct("<4sQ2H2L4Q")
LOCATOR = Struct("<4sLQL")


class Entry(NamedTuple):
    """A member: its name, its size in bytes, the CRC-32 of its bytes."""

    name: str
    size: int
    crc: int


def headers(entries: Sequence[Entry]) -> list[bytes]:
    """What stands before each member's bytes, and behind the last one's: one piece more than there are members."""
    before = [_local(entry) for entry in entries]
    places, at = [], 0
    for header, entry in zip(before, entries, strict=True):
        places.append(at)
        at += len(header) + entry.size
    directory = b"".join(_central(entry, place) for entry, place in zip(entries, places, strict=True))
    return [*before, directory + _end(len(entries), len(directory), at)]


def _local(entry: Entry) -> bytes:
    name, flags = _encoded(entry.name)
    large = _may_grow_large(entry)
    extra = _extra(entry.size, entry.size) if large else b""
    size = MOST if large else entry.size
    version = _ZIP64 if large else _PLAIN
    head = LOCAL.pack(b"PK\3\4", version, 0, flags, 0, 0, _DATE, entry.crc, size, size, len(name), len(extra))
    return head + name + extra


def _may_grow_large(entry: Entry) -> bool:
    """``zipfile`` writes the header before it knows what packing makes of the size."""
    return entry.size * 1.05 > LIMIT


def _central(entry: Entry, place: int) -> bytes:
    name, flags = _encoded(entry.name)
    wide = [entry.size, entry.size] if entry.size > LIMIT else []
    size = MOST if wide else entry.size
    wide += [place] if place > LIMIT else []
    extra = _extra(*wide) if wide else b""
    version = _ZIP64 if wide or _may_grow_large(entry) else _PLAIN
    head = CENTRAL.pack(
        *(b"PK\1\2", version, _UNIX, version, 0),
        *(flags, 0, 0, _DATE, entry.crc, size, size),
        *(len(name), len(extra), 0, 0, 0, _MODE, place if place <= LIMIT else MOST),
    )
    return head + name + extra


def _end(count: int, size: int, place: int) -> bytes:
    if count <= 0xFFFF and size <= LIMIT and place <= LIMIT:
        return END.pack(b"PK\5\6", 0, 0, count, count, size, place, 0)
    wide = END64.pack(b"PK\6\6", END64.size - 12, _ZIP64, _ZIP64, 0, 0, count, count, size, place)
    locator = LOCATOR.pack(b"PK\6\7", 0, place + size, 1)
    few = min(count, 0xFFFF)
    return wide + locator + END.pack(b"PK\5\6", 0, 0, few, few, min(size, MOST), min(place, MOST), 0)


def _extra(*numbers: int) -> bytes:
    return Struct(f"<HH{len(numbers)}Q").pack(1, 8 * len(numbers), *numbers)


def _encoded(name: str) -> tuple[bytes, int]:
    try:
        return name.encode("ascii"), 0
    except UnicodeEncodeError:
        return name.encode("utf-8"), _UTF8
