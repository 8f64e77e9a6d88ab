"""The index of an HDF5 file: every group and dataset, where its bytes lie, and refusal of what no Keras file holds.

Low-level h5py throughout: its convenient objects cost ten times as much per weight.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from h5py import h5, h5a, h5d, h5f, h5fd, h5g, h5i, h5l, h5o, h5p, h5s, h5t, h5z

from configsplit.containers.hdf5.index import MAX_DEPTH, DatasetInfo, GroupInfo, Index, check_overlaps, refusal
from configsplit.containers.system.confined import confined, is_want_of_memory
from configsplit.containers.system.errors import HDF5_FAULTS, hdf5_faults
from configsplit.containers.system.window import Span, Window
from configsplit.errors import StoreError

MAX_INFLATION = 200
SMALL = 64 << 20
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF}
_CLASSES = {h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.OPAQUE, h5t.ENUM, h5t.COMPOUND, h5t.ARRAY, h5t.VLEN, h5t.BITFIELD}


def open_file(window: Window, where: str) -> Any:
    """The file id of an HDF5 file read through a window."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5fd.fileobj_driver, window)
    with hdf5_faults(where):
        return h5f.open(b"window", h5f.ACC_RDONLY, access)


def read_index(file: Any, length: int, where: str) -> Index:
    """Everything in the file, links checked before they are followed."""
    with hdf5_faults(where):
        index = _Walk(length, where).run(h5g.open(file, b"/"))
    check_overlaps(index, where)
    return index


def rehearse(span: Span, where: str) -> None:
    """Everything that is ever asked of HDF5 but values of datasets: the index, and all attributes of everything in it.

    An attribute that h5py cannot read is no matter here: it may be one that nobody asks for.
    """
    file = open_file(Window(span), where)
    index = read_index(file, span.length, where)
    everything: list[GroupInfo | DatasetInfo] = [*index.groups.values(), *index.datasets.values()]
    for info in everything:
        if info.attributes:
            thing = h5o.open(file, info.raw)
            for name in attribute_names(thing):
                _try_attribute(thing, name, span.length)


def _try_attribute(thing: Any, name: bytes, limit: int) -> None:
    try:
        read_attribute(thing, name, limit)
    except StoreError:
        return
    except HDF5_FAULTS as error:
        if is_want_of_memory(error):
            raise MemoryError from None


def read_values(dataset: Any, where: str) -> np.ndarray[Any, Any]:
    """The values of a dataset, whose declared size was checked; a process with limits fetches them."""
    nbytes = math.prod(dataset.shape) * dataset.dtype.itemsize
    value = np.empty(dataset.shape, dataset.dtype)
    if not value.dtype.hasobject:
        value = np.frombuffer(mmap.mmap(-1, max(nbytes, 1)), np.uint8)[:nbytes].view(value.dtype).reshape(value.shape)
    stored, whole = dataset.get_storage_size(), h5i.get_file_id(dataset).get_filesize()
    if stored > whole:
        raise refusal("hdf5-bounds", f"an array claims to store {stored} bytes, but the file has {whole}", where)
    confined(lambda: dataset.read(h5s.ALL, h5s.ALL, value), where, nbytes + stored)
    if value.dtype.hasobject:  # strings of any length do not come over
        dataset.read(h5s.ALL, h5s.ALL, value)
    return value


class _Walk:
    """One walk over a file, on a stack of its own: HDF5's recursive visit overflows the C stack of a hostile file."""

    def __init__(self, length: int, where: str) -> None:
        self.length = length
        self.where = where
        self.index = Index()
        self.seen: set[int] = set()
        self.dtypes: dict[bytes, str] = {}

    def run(self, root: Any) -> Index:
        todo: list[tuple[str, bytes, Any]] = [("", b"/", root)]
        while todo:
            path, raw, group = todo.pop()
            if path.count("/") > MAX_DEPTH:
                raise refusal("hdf5-too-deep", f"groups nest deeper than {MAX_DEPTH}", self.where)
            self.index.groups[path] = GroupInfo(raw, h5a.get_num_attrs(group))
            todo.extend(reversed([*self.members(path, raw, group)]))
        return self.index

    def members(self, path: str, raw: bytes, group: Any) -> Iterator[tuple[str, bytes, Any]]:
        """The groups in a group; its datasets go into the index."""
        links: list[tuple[bytes, int, int]] = []
        group.links.iterate(lambda name, info: links.append((name, info.type, info.u)), info=True, idx_type=h5.INDEX_NAME)
        for name, kind, address in links:
            place = f"{path}/{_text(name, self.where)}" if path else _text(name, self.where)
            self.check_link(place, kind, address)
            below = raw + name if raw == b"/" else raw + b"/" + name
            thing = h5o.open(group, name)
            if isinstance(thing, h5d.DatasetID):
                self.index.datasets[place] = self.dataset(place, below, thing)
            elif isinstance(thing, h5g.GroupID):
                yield place, below, thing
            else:
                raise refusal("hdf5-object", "this is neither a group nor a dataset", f"{self.where}:{place}")

    def check_link(self, place: str, kind: int, address: int) -> None:
        where = f"{self.where}:{place}"
        if kind != h5l.TYPE_HARD:
            what = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link to another file"}.get(kind, "a foreign link")
            raise refusal("hdf5-link", f"this is {what}, which is never followed", where)
        if address in self.seen:
            raise refusal("hdf5-alias", "two names lead to one object", where)
        self.seen.add(address)

    def dataset(self, place: str, raw: bytes, thing: Any) -> DatasetInfo:
        where = f"{self.where}:{place}"
        kind = thing.get_type()
        key = kind.encode()
        if key not in self.dtypes:
            self.dtypes[key] = _dtype(kind, where)
        shape = thing.shape
        if shape is None:
            raise refusal("hdf5-object", "the dataset has no shape", where)
        nbytes = math.prod(shape) * kind.get_size()
        offset = self.storage(thing, nbytes, where)
        plain = offset if not (kind.detect_class(h5t.VLEN) or _variable_string(kind)) else None
        return DatasetInfo(raw, tuple(map(int, shape)), self.dtypes[key], nbytes, plain, key, h5a.get_num_attrs(thing))

    def storage(self, thing: Any, nbytes: int, where: str) -> int | None:
        """The offset of a contiguous dataset; every declared size is held against what is stored."""
        plan = thing.get_create_plist()
        layout = plan.get_layout()
        if layout == h5d.VIRTUAL:
            raise refusal("hdf5-virtual", "a virtual dataset takes its values from other files", where)
        if plan.get_external_count():
            raise refusal("hdf5-external", "the values lie in another file (external storage)", where)
        stored = thing.get_storage_size()
        if layout != h5d.CONTIGUOUS:
            _check_filters(plan, nbytes, stored, self.length, where)
            return None
        offset = thing.get_offset()
        if nbytes and offset is None:
            raise refusal("hdf5-declared-size", f"{nbytes} bytes are declared, none are stored", where)
        if offset is not None and (nbytes > stored or offset + nbytes > self.length):
            raise refusal("hdf5-bounds", f"{nbytes} bytes from {offset} on reach beyond the file's {self.length}", where)
        return None if offset is None else int(offset)


def _check_filters(plan: Any, nbytes: int, stored: int, length: int, where: str) -> None:
    count = plan.get_nfilters()
    codes = {plan.get_filter(number)[0] for number in range(count)}
    if codes - _FILTERS:
        raise refusal("hdf5-filter", f"an unknown filter ({min(codes - _FILTERS)}) packs the values", where)
    allowed = stored * MAX_INFLATION if count else stored
    if stored > length or nbytes > max(allowed, SMALL if count else 0):
        raise refusal("hdf5-declared-size", f"{nbytes} bytes are declared, {stored} are stored", where)


def _dtype(kind: Any, where: str) -> str:
    if kind.get_class() not in _CLASSES or kind.detect_class(h5t.REFERENCE):
        raise refusal("hdf5-object", "the values are references or times, which no weight is", where)
    return str(kind.dtype)


def _variable_string(kind: Any) -> bool:
    return isinstance(kind, h5t.TypeStringID) and bool(kind.is_variable_str())


def _text(name: bytes, where: str) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise refusal("hdf5-name", f"the name {name!r} is not UTF-8", where) from None


def read_attribute(thing: Any, name: bytes, limit: int) -> Any:
    """The value of an attribute as numpy has it (an object array for strings of any length); None for an empty one."""
    attribute = h5a.open(thing, name)
    if attribute.shape is not None and math.prod(attribute.shape) * attribute.get_type().get_size() > limit:
        raise refusal("hdf5-declared-size", f"the attribute {name!r} declares more than the file has", "")
    if attribute.shape is None:
        return None
    value = np.empty(attribute.shape, attribute.dtype)
    attribute.read(value)
    return value


def strings(value: Any) -> list[str]:
    """The texts of a string attribute, whatever kind of string it is."""
    flat = [] if value is None else np.asarray(value).reshape(-1).tolist()
    return [item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item) for item in flat]


def attribute_names(thing: Any) -> list[bytes]:
    """Names of all attributes of an object, in alphabetical order."""
    names: list[bytes] = []
    h5a.iterate(thing, names.append, index_type=h5.INDEX_NAME)
    return names
