"""Whether a zip archive is the same to every reader: to those that begin at its front, and to those that begin at its end.

`zipfile` believes the directory at the end. Others go from member to member, or take an earlier directory, or one half of two
numbers that should be equal (32 and 64 bits). Where every byte has one owner and is described in one way, all agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct, unpack_from
from typing import NamedTuple
from zipfile import ZipInfo

from configsplit.containers.system.files import read_at
from configsplit.containers.system.window import Span

_ENCRYPTED, _DESCRIBED_BEHIND, _UTF8 = 0x1, 0x8, 0x800
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
_MOST_SHORT = 0xFFFF
LONGEST_COMMENT = 0xFFFF


class OddError(Exception):
    """Two readers may find different things; the text says where."""


def places(span: Span, infos: Sequence[ZipInfo], directory: int) -> dict[str, int]:
    """Where the bytes of each member begin, in an archive that is the same to every reader. ``directory`` is where the
    directory begins that `zipfile` has read.
    """
    starts, at = {}, 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.header_offset != at:
            gap = "something stands before the archive's first member" if not at else "bytes of no member stand before it"
            raise OddError(f"{info.filename!r}: {gap if info.header_offset > at else 'it overlaps the member before it'}")
        start = starts[info.filename] = _start(span, info)
        at = start + info.compress_size
        if info.flag_bits & _DESCRIBED_BEHIND:
            at += _described(span, info, at)
    if at != directory:
        raise OddError(f"the directory begins at {directory}, and the last member ends at {at}")
    _check_end(span, len(infos), directory, directory + sum(map(_listed, infos)))
    return starts


def _raw_name(info: ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _listed(info: ZipInfo) -> int:
    """The size of a member's entry in the directory."""
    return CENTRAL.size + len(_raw_name(info)) + len(info.extra) + len(info.comment)


def _start(span: Span, info: ZipInfo) -> int:
    """Where a member's bytes begin; its header must say of it what the directory does."""
    raw = read_at(span.fd, LOCAL.size, span.offset + info.header_offset)
    if len(raw) < LOCAL.size:
        raise OddError(f"{info.filename!r}: it has no header")
    magic, _, _, flags, packing, _, _, crc, packed, size, name_size, extra_size = LOCAL.unpack(raw)
    start = info.header_offset + LOCAL.size
    behind = read_at(span.fd, name_size + extra_size, span.offset + start)
    name, extra = behind[:name_size], behind[name_size:]
    same = magic == b"PK\3\4" and packing == info.compress_type and name == _raw_name(info)
    if not same or (flags ^ info.flag_bits) & (_ENCRYPTED | _DESCRIBED_BEHIND):
        raise OddError(f"{info.filename!r}: its header and the directory disagree")
    size, packed = _wide(extra, size, packed)
    told, right = (crc, packed, size), (info.CRC, info.compress_size, info.file_size)
    later = flags & _DESCRIBED_BEHIND
    if any(one != other and not (later and one == 0) for one, other in zip(told, right, strict=True)):
        raise OddError(f"{info.filename!r}: its header and the directory disagree about its size or checksum")
    for kind, value in (*_extras(extra), *_extras(info.extra)):
        if kind == _UNICODE_PATH and value[5:] != info.orig_filename.encode("utf-8"):
            raise OddError(f"{info.filename!r}: it has a second name")
    return start + len(behind)


def _extras(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(raw):
        kind, size = unpack_from("<HH", raw, at)
        yield kind, raw[at + 4 : at + 4 + size]
        at += 4 + size


def _wide(extra: bytes, *numbers: int) -> tuple[int, ...]:
    """Numbers of 32 bits; those that say so stand in 64 bits, in the same order."""
    wide = next((value for kind, value in _extras(extra) if kind == _ZIP64), b"")
    read, at = [], 0
    for number in numbers:
        if number == MOST and at + 8 <= len(wide):
            number, at = unpack_from("<Q", wide, at)[0], at + 8
        read.append(number)
    return tuple(read)


def _described(span: Span, info: ZipInfo, at: int) -> int:
    """The size of what stands behind a member that was written before its size was known."""
    for form in (Struct("<LLL"), Struct("<LQQ")):
        if max(info.compress_size, info.file_size) > MOST and form.size == 12:
            continue
        right = form.pack(info.CRC, info.compress_size, info.file_size)
        for whole in (b"PK\7\x08" + right, right):
            if read_at(span.fd, len(whole), span.offset + at) == whole:
                return len(whole)
    raise OddError(f"{info.filename!r}: what follows it differs from what the directory says")


def _check_end(span: Span, count: int, directory: int, end: int) -> None:
    """What follows the directory: a record of its place, in 64 bits if need be, and a comment up to the end."""
    tail = read_at(span.fd, min(span.length - end, END64.size + LOCATOR.size + END.size + LONGEST_COMMENT), span.offset + end)
    place, size = end, end - directory
    if tail[:4] == b"PK\6\6" and len(tail) >= END64.size + LOCATOR.size:
        wide, locator = END64.unpack_from(tail), LOCATOR.unpack_from(tail, END64.size)
        if wide[1] != END64.size - 12 or wide[4:] != (0, 0, count, count, size, directory):
            raise OddError("the 64-bit end record does not match the directory")
        if locator[:3] != (b"PK\6\7", 0, end):
            raise OddError("the 64-bit end record is not where the archive says")
        tail, place = tail[END64.size + LOCATOR.size :], end + END64.size + LOCATOR.size
    if tail[:4] != b"PK\5\6" or len(tail) < END.size:
        raise OddError("something is between the directory and the record of its place")
    _, *disks, here, all_, said_size, said_place, comment = END.unpack_from(tail)
    few = place > end
    rights = ((here, count, _MOST_SHORT), (all_, count, _MOST_SHORT), (said_size, size, MOST), (said_place, directory, MOST))
    if any(disks) or not all(said == right or (few and said == most) for said, right, most in rights):
        raise OddError("the end record does not match the directory")
    if place + END.size + comment != span.length:
        raise OddError("something follows the archive's end")
    if ends_as_zip(tail[1:]):
        raise OddError("the comment holds the end of another archive")


def _found(text: bytes, sign: bytes) -> Iterator[int]:
    at = text.find(sign)
    while at >= 0:
        yield at
        at = text.find(sign, at + 1)


def ends_as_zip(tail: bytes) -> bool:
    """Whether a file that ends so is an archive to those who begin at its end."""
    return any(_ends_here(tail, at) for at in _found(tail, b"PK\5\6"))


def _ends_here(tail: bytes, at: int) -> bool:
    """Whether what begins there could be the record at an archive's end."""
    return at + END.size <= len(tail) and at + END.size + END.unpack_from(tail, at)[-1] == len(tail)


# The records of zip archives, as they are written.


LIMIT = (1 << 31) - 1
"""Sizes above it are told in ZIP64 fields, as ``zipfile`` has it."""

_MODE = 0o600 << 16
"""Permissions that Keras gives to the members of an archive."""
_DATE = 1 << 5 | 1
_UNIX = 3
_VERSION, _VERSION_WIDE = 20, 45
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
    version = _VERSION_WIDE if large else _VERSION
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
    version = _VERSION_WIDE if wide or _may_grow_large(entry) else _VERSION
    head = CENTRAL.pack(
        *(b"PK\1\2", version, _UNIX, version, 0),
        *(flags, 0, 0, _DATE, entry.crc, size, size),
        *(len(name), len(extra), 0, 0, 0, _MODE, place if place <= LIMIT else MOST),
    )
    return head + name + extra


def _end(count: int, size: int, place: int) -> bytes:
    if count <= 0xFFFF and size <= LIMIT and place <= LIMIT:
        return END.pack(b"PK\5\6", 0, 0, count, count, size, place, 0)
    wide = END64.pack(b"PK\6\6", END64.size - 12, _VERSION_WIDE, _VERSION_WIDE, 0, 0, count, count, size, place)
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
