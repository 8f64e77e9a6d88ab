"""Zip archives that are not the same to every reader, each beside the same archive without the hostile bit."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from struct import pack
from typing import Any

MOST = 0xFFFF_FFFF


@dataclass(frozen=True)
class Member:
    """A stored member. ``local`` and ``central`` change what its header and the directory say of it: ``crc``, ``packed``,
    ``size``, ``at``, ``name``, ``extra``, ``flags``; ``behind`` stands behind its bytes."""

    name: bytes
    data: bytes
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    behind: bytes = b""

    @property
    def crc(self) -> int:
        return zlib.crc32(self.data)

    def _told(self, at: int, change: dict[str, Any]) -> dict[str, Any]:
        sizes = {"crc": self.crc, "packed": len(self.data), "size": len(self.data)}
        return {"name": self.name, "at": at, "extra": b"", "flags": 0, **sizes, **change}

    def header(self) -> bytes:
        told = self._told(0, self.local)
        sizes = pack("<3L2H", told["crc"], told["packed"], told["size"], len(told["name"]), len(told["extra"]))
        return b"PK\3\4" + pack("<5H", 20, told["flags"], 0, 0, 33) + sizes + told["name"] + told["extra"]

    def entry(self, at: int) -> bytes:
        told = self._told(at, self.central)
        sizes = pack("<3L3H", told["crc"], told["packed"], told["size"], len(told["name"]), len(told["extra"]), 0)
        tail = pack("<2H2L", 0, 0, 0, told["at"]) + told["name"] + told["extra"]
        return b"PK\1\2" + pack("<6H", 20, 20, told["flags"], 0, 0, 33) + sizes + tail


@dataclass(frozen=True)
class Zip:
    """An archive, put together; ``end`` changes the record at its end, ``wide`` adds that of 64 bits with these changes."""

    members: tuple[Member, ...]
    before: bytes = b""
    between: bytes = b""
    comment: bytes = b""
    behind: bytes = b""
    end: dict[str, int] = field(default_factory=dict)
    wide: dict[str, int] | None = None
    listed: tuple[int, ...] = ()

    def bytes(self) -> bytes:
        body, places = self.before, []
        for member in self.members:
            places.append(len(body))
            body += member.header() + member.data + member.behind
        listed = self.listed or tuple(range(len(self.members)))
        directory = b"".join(self.members[number].entry(places[number]) for number in listed)
        body += self.between
        told = {"disk": 0, "count": len(listed), "size": len(directory), "at": len(body), "comment": len(self.comment)}
        whole = body + directory
        if self.wide is not None:
            wide = {**told, "locator": len(whole), **self.wide}
            record = pack("<2H2L4Q", 45, 45, wide["disk"], 0, wide["count"], wide["count"], wide["size"], wide["at"])
            whole += b"PK\6\6" + pack("<Q", 44) + record + b"PK\6\7" + pack("<LQL", 0, wide["locator"], 1)
        end = {**told, **self.end}
        record = pack("<4H2LH", end["disk"], 0, end["count"], end["count"], end["size"], end["at"], end["comment"])
        return whole + b"PK\5\6" + record + self.comment + self.behind


def wide(*numbers: int) -> bytes:
    """An extra field with numbers of 64 bits."""
    return pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def other_name(name: bytes, shown: bytes) -> bytes:
    """An extra field with a name in UTF-8 that newer readers take in place of the other."""
    return pack("<HHBL", 0x7075, 5 + len(shown), 1, zlib.crc32(name)) + shown


def described(member: Member, crc: int, size: int) -> Member:
    """Written before its size was known: the header has none, what stands behind the bytes has it."""
    return replace(
        member,
        local={"flags": 8, "crc": 0, "packed": 0, "size": 0},
        central={"flags": 8},
        behind=b"PK\7\x08" + pack("<3L", crc, size, size),
    )


Maker = Callable[[tuple[Member, ...], bytes], Zip]


@dataclass(frozen=True)
class ZipAttack:
    """``hostile`` and ``control`` make an archive from the members of a good one, and the config of another model."""

    name: str
    hostile: Maker
    control: Maker
    code: str = "archive-damaged"


def _config(change: Callable[[Member, bytes], Member]) -> Maker:
    return lambda good, evil: Zip(tuple(change(each, evil) if each.name == b"config.json" else each for each in good))


def _plain(good: tuple[Member, ...], _: bytes) -> Zip:
    return Zip(good)


def _unlisted(good: tuple[Member, ...], evil: bytes, place: int) -> Zip:
    """Another config that the directory does not list."""
    members = [*good]
    members.insert(place, Member(b"config.json", evil))
    return Zip(tuple(members), listed=tuple(number for number in range(len(members)) if number != place))


def _inside(good: tuple[Member, ...], evil: bytes) -> Zip:
    """The listed config is a member that stands within the bytes of another."""
    inner = Member(b"config.json", evil)
    whole = inner.header() + evil
    asset = Member(b"assets/a", b"12345678" + whole)
    rest = tuple(each for each in good if each.name != b"config.json")
    place = len(asset.header()) + 8
    listed = Member(b"config.json", evil, central={"at": place})
    made = Zip((asset, *rest, listed), listed=(0, *range(1, len(rest) + 1), len(rest) + 1))
    raw = made.bytes()
    last = listed.header() + evil
    start = raw.index(last, len(asset.header()) + len(asset.data))
    cut = raw[:start] + raw[start + len(last) :]  # only the entry in the directory stays
    at = cut.rindex(b"PK\5\6")
    return _Raw(cut[: at + 16] + pack("<L", start) + cut[at + 20 :])


class _Raw(Zip):
    def __init__(self, raw: bytes) -> None:
        super().__init__(())
        object.__setattr__(self, "_raw", raw)

    def bytes(self) -> bytes:
        raw: bytes = object.__getattribute__(self, "_raw")
        return raw


def _twice(good: tuple[Member, ...], evil: bytes) -> Zip:
    """An archive with its directory and end, all of it in front of the directory of another."""
    first = Zip(tuple(replace(each, data=evil) if each.name == b"config.json" else each for each in good)).bytes()
    return Zip(good, between=first[first.index(b"PK\1\2") :])


def _first_is_in_a_comment(good: tuple[Member, ...], evil: bytes) -> Zip:
    """The comment is the end of another archive."""
    other = Zip((Member(b"config.json", evil),)).bytes()
    return Zip(good, comment=other)


def _two_numbers(good: tuple[Member, ...], evil: bytes) -> Zip:
    """The 32-bit record leads to one directory, the 64-bit one to another."""
    first = Zip(tuple(replace(each, data=evil) if each.name == b"config.json" else each for each in good)).bytes()
    return Zip(good, between=first[first.index(b"PK\1\2") : first.rindex(b"PK\5\6")], wide={})


def _all_wide(good: tuple[Member, ...], _: bytes) -> Zip:
    """Everything in 64 bits, and nothing false."""
    members, at = [], 0
    for each in good:
        size = len(each.data)
        local = {"packed": MOST, "size": MOST, "extra": wide(size, size)}
        central = {"packed": MOST, "size": MOST, "at": MOST, "extra": wide(size, size, at)}
        members.append(replace(each, local=local, central=central))
        at += len(members[-1].header()) + size
    return Zip(tuple(members), wide={}, end={"count": 0xFFFF, "size": MOST, "at": MOST})


def _wide_lie(good: tuple[Member, ...], _: bytes, **lie: int) -> Zip:
    made = _all_wide(good, b"")
    member = made.members[1]
    size = len(member.data)
    told = {"size": size, "packed": size, "at": len(made.members[0].header()) + len(made.members[0].data), **lie}
    central = {**member.central, "extra": wide(told["size"], told["packed"], told["at"])}
    return replace(made, members=(made.members[0], replace(member, central=central), *made.members[2:]))


ZIP_ATTACKS = (
    ZipAttack("wide_size_in_the_directory", lambda good, evil: _wide_lie(good, evil, size=9, packed=9), _all_wide),
    ZipAttack("wide_size_of_a_terabyte", lambda good, evil: _wide_lie(good, evil, size=1 << 40, packed=1 << 40), _all_wide),
    ZipAttack("wide_place_beyond_the_end", lambda good, evil: _wide_lie(good, evil, at=1 << 62), _all_wide),
    ZipAttack("wide_place_of_another_member", lambda good, evil: _wide_lie(good, evil, at=0), _all_wide),
    ZipAttack("wide_size_in_the_header", _config(lambda each, _: replace(each, local={
        "packed": MOST, "size": MOST, "extra": wide(9, 9)})), _all_wide),
    ZipAttack("size_in_the_header", _config(lambda each, _: replace(each, local={"packed": 9, "size": 9})), _plain),
    ZipAttack("checksum_in_the_header", _config(lambda each, _: replace(each, local={"crc": 9})), _plain),
    ZipAttack("no_size_in_the_header", _config(lambda each, _: replace(each, local={"packed": 0, "size": 0})), _plain),
    ZipAttack("size_behind_the_bytes", _config(lambda each, _: described(each, each.crc, 9)),
        _config(lambda each, _: described(each, each.crc, len(each.data)))),
    ZipAttack("checksum_behind_the_bytes", _config(lambda each, _: described(each, 9, len(each.data))),
        _config(lambda each, _: described(each, each.crc, len(each.data)))),
    ZipAttack("name_in_the_header", _config(lambda each, _: replace(each, local={"name": b"CONFIG.json"})), _plain),
    ZipAttack("name_in_utf8_beside_it", lambda good, evil: Zip((*good, Member(b"assets/a", evil, central={
        "extra": other_name(b"assets/a", b"config.json")}))),
        lambda good, evil: Zip((*good, Member(b"assets/a", evil, central={"extra": other_name(b"assets/a", b"assets/a")})))),
    ZipAttack("unlisted_member_between", lambda good, evil: _unlisted(good, evil, 1), _plain),
    ZipAttack("unlisted_member_before", lambda good, evil: _unlisted(good, evil, 0), _plain),
    ZipAttack("unlisted_member_at_the_end", lambda good, evil: _unlisted(good, evil, len(good)), _plain),
    ZipAttack("member_inside_another", _inside, lambda good, evil: Zip((Member(b"assets/a", evil), *good))),
    ZipAttack("two_names_for_one_member", lambda good, evil: Zip((*good, Member(b"assets/a", b"", central={
        "at": 0, "crc": good[0].crc, "packed": len(good[0].data), "size": len(good[0].data)}))), _plain),
    ZipAttack("two_directories", _twice, _plain),
    ZipAttack("archive_in_the_comment", _first_is_in_a_comment, lambda good, evil: Zip(good, comment=evil[:999])),
    ZipAttack("two_directories_by_two_numbers", _two_numbers, lambda good, _: Zip(good, wide={})),
    ZipAttack("wide_record_elsewhere", lambda good, _: Zip(good, wide={"locator": 0}), lambda good, _: Zip(good, wide={})),
    ZipAttack("wide_record_of_fewer", lambda good, _: Zip(good, wide={"count": 1}), lambda good, _: Zip(good, wide={})),
    ZipAttack("fewer_members_in_the_end", lambda good, _: Zip(good, end={"count": 1}), _plain),
    ZipAttack("another_disk", lambda good, _: Zip(good, end={"disk": 1}), _plain),
    ZipAttack("behind_the_end", lambda good, evil: Zip(good, behind=evil), _plain),
    ZipAttack("shorter_comment", lambda good, evil: Zip(good, comment=evil[:99], end={"comment": 9}),
        lambda good, evil: Zip(good, comment=evil[:99])),
    ZipAttack("longer_comment", lambda good, evil: Zip(good, comment=evil[:99], end={"comment": 199}),
        lambda good, evil: Zip(good, comment=evil[:99])),
    ZipAttack("before_the_start", lambda good, evil: Zip(good, before=b"PK\3\4" + evil), _plain),
    ZipAttack("upwards", lambda good, evil: Zip((*good, Member(b"../evil", evil))),
        lambda good, evil: Zip((*good, Member(b"assets/evil", evil))), "archive-unsafe-name"),
    ZipAttack("two_of_one_name", lambda good, evil: Zip((*good, Member(b"config.json", evil))),
        lambda good, evil: Zip((*good, Member(b"assets/config.json", evil))), "archive-duplicate-member"),
)  # fmt: skip
