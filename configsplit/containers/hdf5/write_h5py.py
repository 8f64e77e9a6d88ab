"""A new HDF5 file without its data: groups, attributes and headers are written by HDF5, weights are left as holes.

HDF5 reserves the space of every dataset but writes nothing there, so the skeleton is a sparse file of a few hundred KiB.
The finished file is its bytes with the holes filled from the sources, in one sequential pass and in bounded memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5i, h5o, h5p, h5s, h5t, string_dtype

from configsplit.containers.archive import is_safe_name
from configsplit.containers.arrays import Arrays
from configsplit.containers.hdf5.plain_format import Unplain
from configsplit.containers.hdf5.read_h5py import attribute_names, read_attribute
from configsplit.containers.system.errors import hdf5_write_faults
from configsplit.containers.system.files import open_regular
from configsplit.containers.system.window import Span
from configsplit.errors import WeightsError

HEADER_LIMIT = 64512
"""Largest attribute that Keras writes in one piece (HDF5's own limit is 64 KiB of object header)."""

_VLEN_SIZE = 16


class Skeleton:
    """One new HDF5 file. Nothing in it depends on the clock, so the same weights give the same bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._groups: dict[str, Any] = {}
        self._holes: dict[int, Span] = {}
        self._datasets: set[str] = set()
        self._types: dict[bytes, Any] = {}
        self._spaces: dict[tuple[int, ...], Any] = {}
        self._link, self._group_plan, self._plan = _plans()
        self._file = self._create()
        self._groups[""] = h5g.open(self._file, b"/")

    def _create(self) -> Any:
        create, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
        access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)  # superblock 0, which every Keras reads
        access.set_fclose_degree(h5f.CLOSE_STRONG)
        with hdf5_write_faults(self.path):
            return h5f.create(os.fsencode(self.path), h5f.ACC_EXCL, create, access)

    def __enter__(self) -> Skeleton:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()

    def group(self, path: str) -> Any:
        """The group at a path, made with its parents where it is not there yet."""
        if path not in self._groups and not is_safe_name(path):
            raise WeightsError("the name cannot be a group of a weights file", code="weights-name", where=path)
        pieces = path.split("/") if path else []
        for depth in range(1, len(pieces) + 1):
            place = "/".join(pieces[:depth])
            if place not in self._groups:
                above = self._groups["/".join(pieces[: depth - 1])]
                self._groups[place] = h5g.create(above, pieces[depth - 1].encode(), self._link, self._group_plan)
        return self._groups[path]

    def copy_tree(self, source: Arrays, src: str, dst: str, name: str | None) -> None:
        """Copy a subtree; ``name`` becomes the layer's name on its ``vars`` group, where there is one."""
        source.check_there(src)
        for item in source.subtree(src):
            place = (dst + item[len(src) :]).strip("/")
            if item in source.datasets:
                self.copy_dataset(source, item, place)
            else:
                self.copy_attributes(source, item, place)
        own = f"{dst}/vars".lstrip("/") if f"{src}/vars".lstrip("/") in source.groups else dst
        if name is not None and own in self._groups and h5a.exists(self.group(own), b"name"):
            self.set_name(own, name)

    def copy_attributes(self, source: Arrays, src: str, dst: str) -> None:
        """Make a group with the attributes of another, types included."""
        group = self.group(dst)
        if source.groups[src].attributes:
            _copy_attributes(source.handle(src), group, source.size)

    def copy_dataset(self, source: Arrays, src: str, dst: str) -> None:
        """Make a dataset whose bytes are to come from another file."""
        source.check_there(src)
        if (info := source.datasets.get(src)) is None:
            raise WeightsError("this is a group, not a weight", code="weights-missing", where=f"{source.where}:{src}")
        place = source.place(src)
        if place is None and info.nbytes:
            self._copy_values(source, src, dst)
            return
        group, name = self._parent(dst)
        made = self._hole(group, name, _type_key(source, src), info.shape, place if info.nbytes else None)
        if info.attributes:
            _copy_attributes(source.handle(src), made, source.size)

    def _copy_values(self, source: Arrays, src: str, dst: str) -> None:
        """What HDF5 has packed it copies as it is, filters kept."""
        values = source.read(src)  # in a process with limits, else HDF5 might never come back from the copy
        if (dataset := source.handle(src)) is None:
            self.write(dst, values)
            return
        group, name = self._parent(dst)
        above, _, leaf = h5i.get_name(dataset).rpartition(b"/")
        h5o.copy(h5o.open(source.handle(""), above or b"/"), leaf, group, name)

    def place_dataset(self, type_key: bytes, shape: tuple[int, ...], place: Span | None, dst: str) -> None:
        """Make a dataset whose bytes are to come from a place in any file. Raises WeightsError where its name is taken."""
        group, name = self._parent(dst)
        self._hole(group, name, type_key, shape, place)

    def _hole(self, group: Any, name: bytes, type_key: bytes, shape: tuple[int, ...], place: Span | None) -> Any:
        made = h5d.create(group, name, self._type(type_key), self._space(shape), self._plan)
        if place is not None:
            self._holes[made.get_offset()] = place
        return made

    def write(self, dst: str, values: np.ndarray[Any, Any]) -> None:
        """Write a dataset whose values are at hand. Raises WeightsError where the place is taken."""
        group, name = self._parent(dst)
        data = np.ascontiguousarray(values).reshape(values.shape)  # ascontiguousarray makes (1,) of ()
        made = h5d.create(group, name, h5t.py_create(data.dtype, logical=True), self._space(data.shape), self._plan)
        made.write(h5s.ALL, h5s.ALL, data)

    def _parent(self, dst: str) -> tuple[Any, bytes]:
        if dst in self._datasets or dst in self._groups:
            raise WeightsError("two weights go to the same place", code="weights-collision", where=dst)
        if not is_safe_name(dst):
            raise WeightsError("the name cannot be a dataset of a weights file", code="weights-name", where=dst)
        self._datasets.add(dst)
        above, _, leaf = dst.rpartition("/")
        return self.group(above), leaf.encode()

    def _type(self, key: bytes) -> Any:
        if key not in self._types:
            self._types[key] = h5t.decode(key)
        return self._types[key]

    def _space(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._spaces:
            self._spaces[shape] = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
        return self._spaces[shape]

    def set_text(self, group: str, name: str, text: str) -> None:
        """Write one string, as Keras does for bytes: variable-length, ASCII."""
        _write(self.group(group), name, np.array(text.encode("utf-8"), dtype=string_dtype("ascii")))

    def set_name(self, group: str, name: str) -> None:
        """Write the ``name`` attribute of a ``vars`` group (Keras 3.6 and later): variable-length, UTF-8."""
        thing = self.group(group)
        if h5a.exists(thing, b"name"):
            h5a.delete(thing, b"name")
        _write(thing, "name", np.array(name, dtype=string_dtype("utf-8")))

    def set_names(self, group: str, attribute: str, names: Sequence[str], *, fixed: bool) -> None:
        """Write a list of strings as Keras does: in chunks ``attribute0``, ``attribute1``, ... where it is too large."""
        thing = self.group(group)
        raw = [name.encode("utf-8") for name in names]
        if not raw:
            _write(thing, attribute, np.zeros(0))  # numpy's idea of an empty list, in every release
            return
        packed = np.array(raw)
        most = packed.nbytes if fixed else max(packed.nbytes, _VLEN_SIZE * len(raw))
        if most <= HEADER_LIMIT:
            _write(thing, attribute, packed if fixed else np.array(raw, dtype=string_dtype("ascii")))
            return
        for number, chunk in enumerate(_chunks(packed)):
            _write(thing, f"{attribute}{number}", chunk)

    def finish(self) -> tuple[int, list[Span]]:
        """Close the file; the descriptor of the skeleton (its name is gone already) and the spans of the finished file. Raises
        StoreError if the skeleton could not be written.
        """
        with hdf5_write_faults(self.path):
            self._groups.clear()
            self._file.close()
            fd, status = open_regular(self.path)
        self.discard()
        return fd, _fill(fd, status.st_size, self._holes)

    def discard(self) -> None:
        """Close the file and remove its name."""
        self._groups.clear()
        try:
            if self._file.valid:
                self._file.close()
        finally:
            self.path.unlink(missing_ok=True)


def _type_key(source: Arrays, path: str) -> bytes:
    try:
        return source.type_key(path)
    except Unplain:
        return bytes(h5t.py_create(np.dtype(source.datasets[path].dtype), logical=True).encode())


def _plans() -> tuple[Any, Any, Any]:
    link, group, dataset = h5p.create(h5p.LINK_CREATE), h5p.create(h5p.GROUP_CREATE), h5p.create(h5p.DATASET_CREATE)
    link.set_char_encoding(h5t.CSET_UTF8)
    group.set_obj_track_times(False)
    dataset.set_obj_track_times(False)
    dataset.set_layout(h5d.CONTIGUOUS)
    dataset.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    dataset.set_fill_time(h5d.FILL_TIME_NEVER)
    return link, group, dataset


def _fill(fd: int, size: int, holes: dict[int, Span]) -> list[Span]:
    """The spans of the finished file: the skeleton's own bytes, and in its holes those of the sources."""
    spans: list[Span] = []
    done = 0
    for offset, source in sorted(holes.items()):
        if offset > done:
            spans.append(Span(fd, done, offset - done))
        spans.append(source)
        done = offset + source.length
    return [*spans, Span(fd, done, size - done)] if size > done else spans


def _copy_attributes(source: Any, target: Any, limit: int) -> None:
    for name in attribute_names(source):
        attribute = h5a.open(source, name)
        kind = attribute.get_type().copy()
        if kind.detect_class(h5t.REFERENCE):
            raise WeightsError(f"the attribute {name!r} refers to objects of its own file", code="hdf5-object")
        if h5a.exists(target, name):
            where = h5i.get_name(target).decode("utf-8", "replace")
            raise WeightsError("two sources go to the same place", code="weights-collision", where=where)
        value = read_attribute(source, name, limit)
        made = h5a.create(target, name, kind, attribute.get_space())
        if value is not None:
            made.write(value)


def _write(thing: Any, name: str, value: np.ndarray[Any, Any]) -> None:
    space = h5s.create_simple(value.shape) if value.shape else h5s.create(h5s.SCALAR)
    h5a.create(thing, name.encode("utf-8"), h5t.py_create(value.dtype, logical=True), space).write(value)


def _chunks(names: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """The fewest near-equal chunks that fit, found as Keras finds them so that the bytes are Keras's."""
    if names.itemsize > HEADER_LIMIT:
        raise WeightsError(f"a name of {names.itemsize} bytes does not fit into HDF5", code="weights-name")
    count = -(-names.nbytes // HEADER_LIMIT)
    while any(chunk.nbytes > HEADER_LIMIT for chunk in np.array_split(names, count)):
        count += 1
    return np.array_split(names, count)
