"""Archives that readers may read in two ways are refused by every verb; the same archive without the hostile bit goes all
the way."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from struct import unpack_from

import pytest
from archive_verbs import LINES, MODELS, code, line, place, watched
from support.thinned import thinned
from zip_attacks import ZIP_ATTACKS, Member, Zip, ZipAttack

with zipfile.ZipFile(MODELS / "nested2.keras") as _good:
    GOOD = tuple(Member(name.encode(), _good.read(name)) for name in ("metadata.json", "config.json", "model.weights.h5"))
EVIL = json.dumps(json.loads(GOOD[1].data) | {"class_name": "Evil"}).encode()


@pytest.mark.parametrize("attack", ZIP_ATTACKS, ids=lambda attack: attack.name)
def test_every_verb_refuses_it(attack: ZipAttack, tmp_path: Path) -> None:
    where = place(tmp_path)
    (where / "in" / "m.keras").write_bytes(attack.hostile(GOOD, EVIL).bytes())
    before = sorted(path.name for path in (where / "in").iterdir())
    for verb in LINES:
        if verb not in ("verify", "join"):
            done = watched(where, *line(verb, ["m.keras"]))
            assert (verb, done.exit_code, code(done)) == (verb, 1, attack.code)
    assert sorted(path.name for path in (where / "in").iterdir()) == before


CONTROLS = {attack.control(GOOD, EVIL).bytes(): attack for attack in ZIP_ATTACKS}


@pytest.mark.parametrize("attack", thinned(CONTROLS.values(), 4), ids=lambda attack: attack.name)
def test_without_the_hostile_bit_every_verb_goes_all_the_way(attack: ZipAttack, tmp_path: Path) -> None:
    """One of the attacks that have the same control."""
    where = place(tmp_path)
    (where / "in" / "m.keras").write_bytes(attack.control(GOOD, EVIL).bytes())
    for verb in LINES:
        done = watched(where, *line(verb, ["m.keras"]))
        assert done.exit_code == 0, (verb, done.output)


def from_the_front(raw: bytes, *, last: bool = False) -> dict[str, bytes]:
    """As programs read an archive that comes through a pipe: member after member; of a name the first counts, or the last."""
    found, at = {}, 0
    while raw[at : at + 4] == b"PK\3\4":
        flags, crc, packed = unpack_from("<H", raw, at + 6)[0], *unpack_from("<2L", raw, at + 14)
        name_size, extra_size = unpack_from("<2H", raw, at + 26)
        name, start = raw[at + 30 : at + 30 + name_size], at + 30 + name_size + extra_size
        if packed == 0xFFFF_FFFF:
            packed = unpack_from("<Q", raw, at + 30 + name_size + 12)[0]
        if flags & 8:
            end = raw.find(b"PK\7\x08", start)
            if end < 0:
                return {"damaged": name}
            crc, packed = unpack_from("<2L", raw, end + 4)
            following = end + 16
        else:
            end = following = start + packed
        if packed != end - start or crc != zlib.crc32(raw[start:end]):
            return {"damaged": name}
        if last or name.decode() not in found:
            found[name.decode()] = raw[start:end]
        at = following
    return found if raw[at : at + 4] == b"PK\1\2" else {"damaged": b"directory"}


def from_the_end(raw: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as file:
            return {info.filename: file.read(info) for info in file.infolist()}
    except (zipfile.BadZipFile, EOFError, OSError, ValueError):
        return {"damaged": b"somewhere"}


AT_THE_END = {
    "name_in_utf8_beside_it", "two_names_for_one_member", "two_directories_by_two_numbers", "wide_record_elsewhere",
    "wide_record_of_fewer", "fewer_members_in_the_end", "another_disk", "behind_the_end", "shorter_comment", "longer_comment",
    "upwards", "archive_in_the_comment", "two_directories",
}  # fmt: skip
"""In which readers of the directory differ among themselves, or which are hostile in another way."""


@pytest.mark.parametrize("attack", ZIP_ATTACKS, ids=lambda attack: attack.name)
def test_readers_do_differ_in_the_attacks_and_not_in_the_controls(attack: ZipAttack) -> None:
    hostile, control = attack.hostile(GOOD, EVIL).bytes(), attack.control(GOOD, EVIL).bytes()
    assert hostile != control
    assert from_the_front(control) == from_the_end(control)
    assert from_the_end(control)["config.json"] == GOOD[1].data
    fronts = [from_the_front(hostile), from_the_front(hostile, last=True)]
    assert attack.name in AT_THE_END or any(front != from_the_end(hostile) for front in fronts)


POLYGLOTS = {"hdf5_then_zip": "m.keras", "zip_with_hdf5_at_512": "m.h5"}


def polyglot(name: str) -> bytes:
    hdf5 = (MODELS / "nested2.h5").read_bytes()
    if name == "hdf5_then_zip":
        return hdf5 + (MODELS / "nested2.keras").read_bytes()
    first = Member(b"assets/a", b"\0" * (512 - 30 - 8 - 30 - 8))
    return Zip((first, Member(b"assets/b", hdf5), *GOOD)).bytes()


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_file_that_is_two_things_is_refused(name: str, tmp_path: Path) -> None:
    """Keras takes a file for what its name says: it would load another model than is seen here."""
    where, raw = place(tmp_path), polyglot(name)
    assert raw[512:520] == b"\x89HDF\r\n\x1a\n" or raw.startswith(b"\x89HDF")
    (where / "in" / POLYGLOTS[name]).write_bytes(raw)
    for verb in LINES:
        if verb not in ("verify", "join"):
            done = watched(where, *line(verb, [POLYGLOTS[name]]))
            assert (verb, done.exit_code, code(done)) == (verb, 1, "file-two-kinds")


@pytest.mark.parametrize("name", ["nested2.keras", "nested2.h5"])
def test_what_is_one_thing_is_read(name: str, tmp_path: Path) -> None:
    where, good = place(tmp_path), (MODELS / name).read_bytes()
    model = f"m{Path(name).suffix}"
    (where / "in" / model).write_bytes(good)
    assert watched(where, *line("split", [model])).exit_code == 0


def test_an_archive_may_hold_hdf5_where_a_user_block_would_end(tmp_path: Path) -> None:
    """By its name it is an archive to Keras as well."""
    where = place(tmp_path)
    (where / "in" / "m.keras").write_bytes(polyglot("zip_with_hdf5_at_512"))
    assert watched(where, *line("split", ["m.keras"])).exit_code == 0


def test_packed_weights_leave_nothing_behind(tmp_path: Path) -> None:
    """They are unpacked into a file without a name, by the verbs that read them."""
    where = place(tmp_path)
    with zipfile.ZipFile(where / "in" / "m.keras", "w", zipfile.ZIP_DEFLATED) as made:
        for member in GOOD:
            made.writestr(member.name.decode(), member.data)
    before = sorted(path.name for path in (where / "in").iterdir())
    for verb in ("inspect", "validate", "cuts", "layers"):
        assert watched(where, *line(verb, ["m.keras"])).exit_code == 0
    assert sorted(path.name for path in (where / "in").iterdir()) == before
    for verb in LINES:
        assert watched(where, *line(verb, ["m.keras"])).exit_code == 0
