"""HDF5 that leads elsewhere, or that nobody knows how to read, in every container: no verb follows it. The same file with the
weight as Keras writes it goes all the way."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import pack

import h5py
import numpy as np
import pytest
from archive_verbs import LINES, MODELS, SECRET, WRITES, code, in_container, line, place, watched
from click.testing import CliRunner
from h5py import h5d, h5f, h5p, h5s, h5t, h5z
from support.thinned import in_turn
from support.watching import touched

from configsplit.cli.main import cli
from configsplit.containers.hdf5.read_h5py import read_values
from configsplit.errors import StoreError

CONTAINERS = ("keras", "h5", "beside")
SOURCES = {"keras": "nested2.weights.h5", "h5": "nested2.h5", "beside": "nested2.weights.h5"}


@dataclass(frozen=True)
class Attack:
    """``put`` puts something in the place of a weight: given the file, the weight's name there, its values, and the folder
    outside. ``patch`` changes the finished bytes."""

    name: str
    code: str
    put: Callable[[h5py.File, str, np.ndarray, Path], object]
    patch: Callable[[bytes], bytes] = bytes


def _set(make: Callable[[str, np.ndarray, Path], object]) -> Callable[[h5py.File, str, np.ndarray, Path], object]:
    return lambda file, name, values, outside: file.__setitem__(name, make(name, values, outside))


def _elsewhere(file: h5py.File, values: np.ndarray) -> None:
    file["elsewhere"] = values


def soft(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    _elsewhere(file, values)
    file[name] = h5py.SoftLink("/elsewhere")


def soft_group(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    _elsewhere(file, values)
    file["g"] = h5py.SoftLink("/")
    file[name] = values


def alias(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    _elsewhere(file, values)
    file[name] = file["elsewhere"]


def circle(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file[name] = file["/"]


def other_user_link(raw: bytes) -> bytes:
    """A link of the class that links to other files have, and of one that some program would have registered."""
    (found,) = re.finditer(rb"\x01[\x08\x18]\x40", raw)
    return raw[: found.end() - 1] + b"\x7f" + raw[found.end() :]


def raw_storage(path: str) -> Callable[[h5py.File, str, np.ndarray, Path], object]:
    def put(file: h5py.File, name: str, values: np.ndarray, outside: Path) -> None:
        where = path.replace("OUTSIDE", str(outside))
        file.create_dataset(name, values.shape, values.dtype, external=[(where, 0, values.nbytes)])

    return put


def raw_storage_in_pieces(file: h5py.File, name: str, values: np.ndarray, outside: Path) -> None:
    half = values.nbytes // 2
    pieces = [(str(outside / "raw.bin"), 0, half), (str(outside / "raw.bin"), half, values.nbytes - half)]
    file.create_dataset(name, values.shape, values.dtype, external=pieces)


def virtual(path: str) -> Callable[[h5py.File, str, np.ndarray, Path], object]:
    def put(file: h5py.File, name: str, values: np.ndarray, outside: Path) -> None:
        _elsewhere(file, values)
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        source = "elsewhere" if path == "." else "secret"
        layout[...] = h5py.VirtualSource(path.replace("OUTSIDE", str(outside)), source, values.shape, values.dtype)
        file.create_virtual_dataset(name, layout)

    return put


def unmapped(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    """A virtual dataset that takes nothing from anywhere: all of it is the fill value."""
    file.create_virtual_dataset(name, h5py.VirtualLayout(values.shape, values.dtype), fillvalue=1234.3538)


def filtered(number: int) -> Callable[[h5py.File, str, np.ndarray, Path], object]:
    """Packed by a filter that a library would have to be loaded for."""

    def put(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk(values.shape)
        plan.set_filter(number, h5z.FLAG_OPTIONAL, ())
        links = h5p.create(h5p.LINK_CREATE)
        space, kind = h5s.create_simple(values.shape), h5t.py_create(values.dtype)
        made = h5d.create(file.id, name.encode(), kind, space, plan, links)
        made.write_direct_chunk((0,) * values.ndim, values.tobytes(), 0)

    return put


def scaled(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file.create_dataset(name, data=values, chunks=values.shape, scaleoffset=3)


def committed(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file["types"] = values.dtype
    file.create_dataset(name, data=values, dtype=file["types"])


def type_in_its_place(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file[name] = values.dtype


def region(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    _elsewhere(file, values)
    file.create_dataset(name, values.shape, h5py.regionref_dtype)[...] = file["elsewhere"].regionref[...]


def reference(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    _elsewhere(file, values)
    file.create_dataset(name, values.shape, h5py.ref_dtype)[...] = file["elsewhere"].ref


def reference_in_a_record(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file.create_dataset(name, values.shape, np.dtype([("a", "f4"), ("r", h5py.ref_dtype)]))


def empty(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file[name] = h5py.Empty(values.dtype)


def unstored(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    """Nothing is stored: HDF5 makes up the fill value."""
    file.create_dataset(name, values.shape, values.dtype, fillvalue=1234.3538)


EXTERNAL = _set(lambda name, values, outside: h5py.ExternalLink(str(outside / "secret.h5"), "secret"))

ATTACKS = (
    Attack("soft_link", "hdf5-link", soft),
    Attack("soft_link_to_nothing", "hdf5-link", _set(lambda *_: h5py.SoftLink("/nothing"))),
    Attack("soft_link_of_a_group", "hdf5-link", soft_group),
    Attack("link_to_another_file", "hdf5-link", EXTERNAL),
    Attack("link_to_a_device", "hdf5-link", _set(lambda *_: h5py.ExternalLink("/dev/zero", "x"))),
    Attack("link_to_itself", "hdf5-link", _set(lambda *_: h5py.ExternalLink("m.h5", "x"))),
    Attack("link_of_the_users_own_kind", "hdf5-link", _set(lambda *_: h5py.ExternalLink("x", "x")), other_user_link),
    Attack("two_names", "hdf5-alias", alias),
    Attack("circle", "hdf5-alias", circle),
    Attack("raw_storage_outside", "hdf5-external", raw_storage("OUTSIDE/raw.bin")),
    Attack("raw_storage_beside", "hdf5-external", raw_storage("probe.json")),
    Attack("raw_storage_in_pieces", "hdf5-external", raw_storage_in_pieces),
    Attack("raw_storage_of_a_device", "hdf5-external", raw_storage("/dev/zero")),
    Attack("virtual_outside", "hdf5-virtual", virtual("OUTSIDE/secret.h5")),
    Attack("virtual_within", "hdf5-virtual", virtual(".")),
    Attack("virtual_of_nothing", "hdf5-virtual", unmapped),
    Attack("filter_of_a_plug_in", "hdf5-filter", filtered(32015)),
    Attack("filter_of_nobody", "hdf5-filter", filtered(60000)),
    Attack("filter_that_loses", "hdf5-filter", scaled),
    Attack("committed_type", "hdf5-object", committed),
    Attack("type_in_its_place", "hdf5-object", type_in_its_place),
    Attack("references_to_regions", "hdf5-object", region),
    Attack("references", "hdf5-object", reference),
    Attack("references_in_records", "hdf5-object", reference_in_a_record),
    Attack("no_shape", "hdf5-object", empty),
    Attack("nothing_stored", "hdf5-declared-size", unstored),
)


def plain(file: h5py.File, name: str, values: np.ndarray, _: Path) -> None:
    file[name] = values


CONTROL = Attack("control", "", plain)
KNOWN = Attack("known_filter", "", lambda file, name, values, _: file.create_dataset(name, data=values, compression="gzip"))


def weights(attack: Attack, container: str, outside: Path) -> bytes:
    """The weights of a good model, of which one is what the attack makes of it."""
    buffer = io.BytesIO((MODELS / SOURCES[container]).read_bytes())
    with h5py.File(buffer, "r+") as file:
        found: list[str] = []
        file.visititems(lambda name, thing: found.append(name) if getattr(thing, "shape", ()) == (4, 4) else None)
        values, above = file[found[0]][...], file[found[0]].parent
        last = found[0].rpartition("/")[2]
        attributes = dict(file[found[0]].attrs)
        del above[last]
        attack.put(file, f"/{found[0]}", values, outside)
        assert not attributes
    return attack.patch(buffer.getvalue())


def outside(where: Path) -> Path:
    """What a hostile file would like to have."""
    folder, values = where / "outside", np.frombuffer(SECRET * 4, "f4")
    with h5py.File(folder / "secret.h5", "w") as file:
        file["secret"] = values.reshape(4, 4)
    (folder / "raw.bin").write_bytes(values.tobytes())
    return folder


EACH_SOMEWHERE = in_turn([(attack, container) for container in CONTAINERS] for attack in ATTACKS)
EACH_ELSEWHERE = in_turn([(attack, container) for container in reversed(CONTAINERS)] for attack in ATTACKS)


@pytest.mark.parametrize(("attack", "container"), EACH_SOMEWHERE, ids=lambda each: getattr(each, "name", each))
def test_no_verb_follows_it(attack: Attack, container: str, tmp_path: Path) -> None:
    where = place(tmp_path)
    model = in_container(where / "in", container, weights(attack, container, outside(where)))
    before = sorted(path.name for path in (where / "in").iterdir())
    for verb in LINES if container == "keras" else ("inspect", "layers", "split", "rename"):
        done = watched(where, *line(verb, model))
        if verb in WRITES:
            assert (verb, done.exit_code, code(done)) == (verb, 1, attack.code)
        elif verb not in ("verify", "join") and done.exit_code:
            assert (verb, code(done)) == (verb, attack.code)
    assert sorted(path.name for path in (where / "in").iterdir()) == before


@pytest.mark.parametrize(
    ("container", "control"),
    in_turn([(container, control) for control in (CONTROL, KNOWN)] for container in CONTAINERS),
    ids=lambda each: getattr(each, "name", each),
)
def test_without_the_hostile_bit_every_verb_goes_all_the_way(control: Attack, container: str, tmp_path: Path) -> None:
    where = place(tmp_path)
    model = in_container(where / "in", container, weights(control, container, outside(where)))
    for verb in LINES:
        done = watched(where, *line(verb, model))
        assert done.exit_code == 0, (verb, done.output)


@pytest.mark.parametrize(("attack", "container"), EACH_ELSEWHERE, ids=lambda each: getattr(each, "name", each))
def test_keras_gets_none_of_them(attack: Attack, container: str, tmp_path: Path) -> None:
    where = place(tmp_path)
    model = in_container(where / "in", container, weights(attack, container, outside(where)))
    done = watched(where, "profile", *model)
    assert (done.exit_code, code(done)) == (1, attack.code)


def test_keras_gets_what_is_good(near_worker: None, tmp_path: Path) -> None:
    """The same model with the weight as Keras writes it is run."""
    where = place(tmp_path)
    model = in_container(where / "in", "keras", weights(CONTROL, "keras", outside(where)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where / "in")
        assert CliRunner().invoke(cli, ["profile", *model]).exit_code == 0


FOLLOWED = ("link_to_another_file", "raw_storage_outside", "raw_storage_in_pieces", "virtual_outside")


@pytest.mark.parametrize("name", FOLLOWED)
def test_hdf5_itself_does_follow_them(name: str, tmp_path: Path) -> None:
    """The watch sees it, and the secret is what is read: what no verb does is there to be done."""
    where = place(tmp_path)
    attack = next(each for each in ATTACKS if each.name == name)
    raw = weights(attack, "h5", folder := outside(where))
    (path := where / "in" / "m.h5").write_bytes(raw)
    seen: list[bytes] = []
    with touched(folder) as names, h5py.File(path) as file:
        seen += [np.asarray(file[each][...]).tobytes() for each in _every(file)]
    assert names
    assert any(SECRET in each for each in seen)


def _every(file: h5py.File) -> list[str]:
    """Names of all datasets, links followed."""
    found, todo = [], ["/"]
    while todo:
        above = todo.pop()
        for name in file[above]:
            path = f"{above.rstrip('/')}/{name}"
            (todo if isinstance(file[path], h5py.Group) else found).append(path)
    return found


READ = """import h5py, sys
file = h5py.File(sys.argv[1])
names = []
file.visit(names.append)
for thing in map(file.get, names):
    if isinstance(thing, h5py.Dataset):
        thing[...]
"""

EACH = """import json, sys
from click.testing import CliRunner
from configsplit.cli.main import cli
print(json.dumps([CliRunner().invoke(cli, line).exit_code for line in json.loads(sys.argv[1])]))
"""
"""Every verb, one after the other, in one process that the environment was there for from the start."""


def test_no_library_is_loaded_for_a_filter(tmp_path: Path) -> None:
    """HDF5 loads what stands in HDF5_PLUGIN_PATH: not for us, whatever the environment says."""
    where = place(tmp_path)
    attack = next(each for each in ATTACKS if each.name == "filter_of_a_plug_in")
    (where / "in" / "m.h5").write_bytes(weights(attack, "h5", where / "outside"))
    library = next(Path(h5py.__file__).parent.glob("_errors*.so"))
    (where / "outside" / "libcanary.so").write_bytes(library.read_bytes())
    environment = {**os.environ, "HDF5_PLUGIN_PATH": str(where / "outside")}
    lines = json.dumps([line(verb, ["m.h5"]) for verb in LINES])
    for command, loads in ((["-c", READ, "m.h5"], True), (["-c", EACH, lines], False)):
        with touched(where / "outside") as names:
            done = subprocess.run(
                [sys.executable, *command], cwd=where / "in", env=environment, capture_output=True, text=True, check=False
            )
        assert ("libcanary.so" in names) is loads, command
    assert json.loads(done.stdout).count(1) >= len(WRITES)


def test_a_file_of_another_driver(tmp_path: Path) -> None:
    """One that says that it is the first of a family of files: HDF5 reads no other for us."""
    where = place(tmp_path)
    with (
        h5py.File(MODELS / "nested2.h5") as good,
        h5py.File(where / "in" / "m-%d.h5", "w", driver="family", memb_size=1 << 30) as made,
    ):
        for name, value in good.attrs.items():
            made.attrs[name] = value
        for name in good:
            good.copy(name, made)
    raw = (where / "in" / "m-0.h5").read_bytes()
    assert b"NCSAfami" in raw
    (where / "in" / "m.h5").write_bytes(raw)
    done = watched(where, *line("split", ["m.h5"]))
    assert (done.exit_code, code(done)) in ((1, "hdf5-damaged"), (0, ""))


def test_a_user_block_is_read_past(tmp_path: Path) -> None:
    """What stands before is another program's, and may be anything: it is HDF5 by what Keras reads."""
    where = place(tmp_path)
    raw = (MODELS / "nested2.h5").read_bytes()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as made, h5py.File(io.BytesIO(raw)) as good:
        for name, value in good.attrs.items():
            made.attrs[name] = value
        for name in good:
            good.copy(name, made)
    block = pack("<512s", b"#!/bin/sh\ntouch canary\n")
    (where / "in" / "m.h5").write_bytes(block + buffer.getvalue()[512:])
    assert h5f.is_hdf5(str(where / "in" / "m.h5").encode())
    assert watched(where, *line("split", ["m.h5"])).exit_code == 0


def test_an_array_that_says_to_store_more_than_the_file_has(tmp_path: Path) -> None:
    """The limits of who reads it grow with what is stored, and not with what a damaged file says of it."""
    path = tmp_path / "array.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("array", data=np.arange(5, dtype="float32"))
    data = path.read_bytes()
    layout = data.index((20).to_bytes(8, "little"), data.index(b"\x03\x01"))
    path.write_bytes(data[:layout] + (1 << 61).to_bytes(8, "little") + data[layout + 8 :])
    with h5py.File(path) as file, pytest.raises(StoreError) as caught:
        read_values(file["array"].id, str(path))
    assert caught.value.code == "hdf5-bounds"
