"""HDF5 without h5py: the plain reader sees what h5py sees, the plain writer writes what h5py would, or both give up."""

from __future__ import annotations

import importlib
import io
import os
import random
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.identity import CORPUS, files, identity, name, open_arguments
from support.thinned import examples, thinned

from configsplit.containers import writing
from configsplit.containers.hdf5 import read_h5py, write_h5py
from configsplit.containers.hdf5.plain_format import Unplain
from configsplit.containers.hdf5.read_plain import PlainFile
from configsplit.containers.source import open_source
from configsplit.containers.system.window import Span, Window
from configsplit.containers.weights import WeightFile
from configsplit.containers.writing import Empty, Move, prepare_weights
from configsplit.errors import StoreError

EVERYTHING = sorted(path for path in CORPUS.parent.rglob("*") if path.suffix in (".h5", ".keras", ".hdf5") and path.is_file())
KERAS3 = CORPUS / "keras-3.15.1"


def weights_of(path: Path) -> bytes | None:
    """The HDF5 file that a file of the corpus is, or holds."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read("model.weights.h5") if "model.weights.h5" in archive.namelist() else None


@contextmanager
def span_of(data: bytes, folder: Path) -> Iterator[Span]:
    place = folder / "span.h5"
    place.write_bytes(b"before" + data)
    fd = os.open(place, os.O_RDONLY)
    try:
        yield Span(fd, 6, len(data))
    finally:
        os.close(fd)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("path", thinned(EVERYTHING, 120), ids=name)
def test_the_plain_reader_sees_what_h5py_sees(path: Path, tmp_path: Path) -> None:
    data = weights_of(path)
    if data is None:
        return
    with span_of(data, tmp_path) as span:
        plain, file = PlainFile(span), read_h5py.open_file(Window(span), "")
        theirs = read_h5py.read_index(file, span.length, "")
        assert list(plain.index.groups.items()) == list(theirs.groups.items())
        assert list(plain.index.datasets.items()) == list(theirs.datasets.items())
        for info in (*theirs.groups.values(), *theirs.datasets.values()):
            thing = read_h5py.h5o.open(file, info.raw)
            wanted = {
                each.decode(): read_h5py.read_attribute(thing, each, span.length) for each in read_h5py.attribute_names(thing)
            }
            found = plain.attributes(info.raw)
            assert sorted(found) == list(wanted)
            for key, value in wanted.items():
                assert [text.decode() for text in plain.strings(found[key])] == read_h5py.strings(value)


def chunked(file: h5py.File) -> None:
    file.create_dataset("a", data=np.zeros(8), chunks=(4,))


def packed(file: h5py.File) -> None:
    file.create_dataset("a", data=np.zeros(800), compression="gzip")


def compact(file: h5py.File) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((2,)), plan)


def committed(file: h5py.File) -> None:
    file["type"] = np.dtype("f4")
    file.create_dataset("a", data=np.zeros(2, "f4"), dtype=file["type"])


def soft(file: h5py.File) -> None:
    file["a"] = np.zeros(2)
    file["b"] = h5py.SoftLink("/a")


def outside(file: h5py.File) -> None:
    file["b"] = h5py.ExternalLink("other.h5", "/a")


def hard(file: h5py.File) -> None:
    file["a"] = np.zeros(2)
    file["b"] = file["a"]


def cyclic(file: h5py.File) -> None:
    file.create_group("a/b")
    file["a/b/c"] = file["a"]


def null(file: h5py.File) -> None:
    file["a"] = h5py.Empty("f4")


def boolean(file: h5py.File) -> None:
    file["a"] = np.zeros(2, bool)


def strings(file: h5py.File) -> None:
    file["a"] = ["text", "of any length"]


def compound(file: h5py.File) -> None:
    file["a"] = np.zeros(2, [("x", "f4"), ("y", "i4")])


def tracked(file: h5py.File) -> None:
    file.create_group("a", track_order=True)


@pytest.mark.parametrize(
    "build", [chunked, packed, compact, committed, soft, outside, hard, cyclic, null, boolean, strings, compound, tracked]
)
def test_what_keras_does_not_write_is_left_to_h5py(build: Any, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        build(file)
    with span_of(buffer.getvalue(), tmp_path) as span, pytest.raises(Unplain):
        PlainFile(span)


def test_newer_files_are_left_to_h5py(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        file["layers/dense/vars/0"] = np.zeros(2)
    with span_of(buffer.getvalue(), tmp_path) as span:
        with pytest.raises(Unplain):
            PlainFile(span)
        assert WeightFile(span, "").datasets["layers/dense/vars/0"].nbytes == 16


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "i2", "i4", "i8", "u1", "u4", ">u8", "V2", "S5"])
def test_types_are_called_as_numpy_calls_them(dtype: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["a"] = np.zeros((2, 3), dtype)
        file["none"] = np.zeros((0, 3), dtype)
        file["one"] = np.zeros((), dtype)
    with span_of(buffer.getvalue(), tmp_path) as span:
        assert PlainFile(span).index == read_h5py.read_index(read_h5py.open_file(Window(span), ""), span.length, "")


# ---------------------------------------------------------------- damage


SMALL = [KERAS3 / "residual.keras", CORPUS / "keras-2.3.1" / "residual.h5"]


def try_to_read(span: Span) -> None:
    """Read all there is; what is accepted lies within the file."""
    try:
        plain = PlainFile(span)
        for info in (*plain.index.groups.values(), *plain.index.datasets.values()):
            for attribute in plain.attributes(info.raw).values():
                plain.strings(attribute)
    except Unplain:
        return
    for dataset in plain.index.datasets.values():
        assert dataset.offset is None or dataset.offset + dataset.nbytes <= span.length


@pytest.mark.parametrize("path", SMALL, ids=name)
def test_a_truncated_file_is_refused_as_before(path: Path, tmp_path: Path) -> None:
    data = weights_of(path)
    assert data is not None
    for length in range(0, len(data), 512):
        with span_of(data[:length], tmp_path) as span:
            with pytest.raises(Unplain):
                PlainFile(span)
            with pytest.raises(StoreError):
                WeightFile(span, "")


@pytest.mark.parametrize("path", SMALL, ids=name)
@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_neither_crash_nor_hang(path: Path, seed: int, tmp_path: Path) -> None:
    data, dice = weights_of(path), random.Random(seed)
    assert data is not None
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 2, 8, 64))):
            damaged[dice.randrange(len(data))] = dice.choice((0, 1, 8, 0x7F, 0xFF, dice.randrange(256)))
        with span_of(bytes(damaged), tmp_path) as span:
            try_to_read(span)


@pytest.mark.parametrize("magic", [b"TREE", b"SNOD", b"HEAP", b"GCOL"])
@pytest.mark.parametrize("number", [0, 0xFF, 0x7F])
def test_every_field_of_a_structure_may_lie(magic: bytes, number: int, tmp_path: Path) -> None:
    data = weights_of(KERAS3 / "residual.keras")
    assert data is not None
    start = data.index(magic)
    for at in range(start, start + 64):
        with span_of(data[:at] + bytes([number]) + data[at + 1 :], tmp_path) as span:
            try_to_read(span)


def test_work_stays_in_proportion_to_the_file(tmp_path: Path) -> None:
    """A string that a thousand references lead to is not read a thousand times without end."""
    data = weights_of(KERAS3 / "residual.keras")
    assert data is not None
    with span_of(data, tmp_path) as span:
        plain = PlainFile(span)
        with pytest.raises(Unplain):
            [*iter(lambda: plain._bytes.read(0, 1 << 12), b"")]


# ---------------------------------------------------------------- writing


def contents(path: Path) -> dict[str, Any]:
    """All that h5py finds in a file: kinds, shapes, types, bytes, attributes with their types."""
    data = weights_of(path)
    assert data is not None
    found: dict[str, Any] = {}
    with h5py.File(io.BytesIO(data), "r") as file:

        def visit(place: str, thing: Any) -> None:
            attributes = {key: attribute(thing, key) for key in thing.attrs}
            body = None if isinstance(thing, h5py.Group) else (thing.shape, thing.dtype, thing[()].tobytes())
            found[place] = body, attributes, list(thing) if isinstance(thing, h5py.Group) else None

        visit("", file)
        file.visititems(visit)
    return found


def attribute(thing: Any, key: str) -> Any:
    kind = thing.attrs.get_id(key).get_type()
    value = thing.attrs[key]
    return kind.encode(), thing.attrs.get_id(key).shape, value.tolist() if isinstance(value, np.ndarray) else value


def never(*_: Any) -> Any:
    raise Unplain


def refuse(*_: Any) -> Any:
    raise AssertionError("h5py was asked")


def both(job: Any, folder: Path, *, may_give_up: bool = False) -> tuple[Path, Path]:
    """A file as the plain writer makes it, twice with the same bytes, and as h5py makes it."""
    places = [folder / "plain", folder / "again", folder / "h5py"]
    with pytest.MonkeyPatch.context() as patch:
        if not may_give_up:
            patch.setattr(write_h5py, "Skeleton", refuse)
        for place in places[:2]:
            place.unlink(missing_ok=True)
            job(place).run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "PlainSkeleton", never)
        places[2].unlink(missing_ok=True)
        job(places[2]).run()
    assert places[0].read_bytes() == places[1].read_bytes()
    return places[0], places[2]


@pytest.mark.parametrize("path", thinned(files(), 24), ids=name)
def test_the_plain_writer_writes_what_h5py_would(path: Path, tmp_path: Path) -> None:
    with open_source(*open_arguments(path)) as source:
        if source.weights is None:
            return
        plain, theirs = both(lambda place: identity(source, place), tmp_path)
        assert contents(plain) == contents(theirs)


NAMES = st.text(st.characters(exclude_characters="/\\:\0", exclude_categories=("Cs",)), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES | st.sampled_from("abcdefgh"), min_size=1, max_size=4).map("/".join)
TYPES = st.sampled_from(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "V2", "S3"])
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)
VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=300),
    st.integers(-9, 9),
    st.lists(st.floats(allow_nan=False), max_size=4),
    st.lists(st.text("xyz", max_size=5), min_size=1, max_size=4),
)


@examples(60)
@given(
    datasets=st.dictionaries(PATHS, st.tuples(TYPES, SHAPES), min_size=1, max_size=60),
    groups=st.lists(PATHS, max_size=20),
    attributes=st.dictionaries(st.text("abcé", min_size=1, max_size=9), VALUES, max_size=4),
)
def test_random_trees(
    datasets: dict[str, tuple[str, tuple[int, ...]]], groups: list[str], attributes: dict[str, Any], tmp_path: Path
) -> None:
    place = tmp_path / "source.h5"
    with h5py.File(place, "w") as file:
        for path, (dtype, shape) in datasets.items():
            if not any(path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in file):
                made = file.require_group(path).create_dataset("0", data=np.ones(shape, "u1").astype(dtype))
                made.attrs["dtype"] = "bfloat16"
        for path in groups:
            steps = path.split("/")
            above = ("/".join(steps[:count]) for count in range(1, len(steps)))
            if path not in file and not any(isinstance(file.get(each), h5py.Dataset) for each in above):
                file.require_group(path)
        for key, value in attributes.items():
            next(iter(file.values())).attrs[key] = value
    fd = os.open(place, os.O_RDONLY)
    try:
        source = WeightFile(Span(fd, 0, place.stat().st_size), "")
        moves = [Move(source, item, item) for item in source.children("")]
        # HDF5 itself keeps names beyond ASCII in groups of the newer kind, which are h5py's to read
        odd = not all(path.isascii() for path in (*datasets, *groups))
        plain, theirs = both(lambda out: prepare_weights(out, items=moves), tmp_path, may_give_up=odd)
        assert contents(plain) == contents(theirs)
    finally:
        os.close(fd)


@examples(60)
@given(names=st.dictionaries(PATHS, NAMES, min_size=1, max_size=80))
def test_names_of_any_alphabet(names: dict[str, str], tmp_path: Path) -> None:
    items = [Empty(path, name) for path, name in names.items()]
    plain, theirs = both(lambda out: prepare_weights(out, items=items), tmp_path)
    assert contents(plain) == contents(theirs)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 256, 257, 8_193])
def test_groups_of_any_size(count: int, tmp_path: Path) -> None:
    """8 names to a node, 32 nodes to a node above: 257 need a second level, 8,193 a third."""
    items = [Empty(f"layer_{number}", f"a name of {number}") for number in range(count)]
    prepare_weights(tmp_path / "m.h5", items=items).run()
    with h5py.File(tmp_path / "m.h5") as file:
        assert list(file) == sorted(item.dst for item in items)
        for item in items:
            assert file[item.dst]["vars"].attrs["name"] == item.name
    with (tmp_path / "m.h5").open("rb") as raw:
        span = Span(raw.fileno(), 0, (tmp_path / "m.h5").stat().st_size)
        assert PlainFile(span).index == read_h5py.read_index(read_h5py.open_file(Window(span), ""), span.length, "")


@pytest.mark.parametrize(("framework", "release"), [("keras", "keras-3.15.1"), ("tf_keras", "tf_keras-2.21")])
def test_frameworks_load_what_the_plain_writer_wrote(framework: str, release: str, tmp_path: Path) -> None:
    from configsplit.models.document import load
    from configsplit.verbs.split import split

    folder = next(iter(sorted(CORPUS.glob(f"{release}*"))), None) or KERAS3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_h5py, "Skeleton", refuse)
        split(load(folder / "residual.keras"), "c2").save(tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("*.keras"))
    assert len(parts) == 2
    keras = importlib.import_module(framework)
    for path in parts:
        found = contents(path).values()
        stored = [body[2] for body, *_ in found if body is not None]
        assert stored
        assert sorted(stored) == sorted(np.asarray(weight).tobytes() for weight in keras.models.load_model(path).get_weights())
