"""The bytes of a plain HDF5 file (see `plain_format`): where each structure goes, and what stands in it.

The order is: superblock, strings of the global heap, then each object with its own structures, then all data. So every
string's place is known when its attribute is written, and every object's when its data's is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from configsplit.containers.hdf5 import plain_format as form
from configsplit.containers.hdf5.plain_format import Unplain, padded
from configsplit.containers.system.window import Piece, Span

_LARGEST = 65528
_COLLECTION = 1 << 16
_SMALLEST_COLLECTION = 1 << 12
_FILL = bytes((2, 2, 2, 1, 0, 0, 0, 0))
"""Version 2: space when data comes, a fill value if one was set, and none was. As h5py's defaults are."""


class Text:
    """The value of an attribute of strings of any length, which go into the global heap."""

    __slots__ = ("kind", "shape", "strings")

    def __init__(self, kind: bytes, shape: tuple[int, ...], strings: Sequence[bytes]) -> None:
        self.kind, self.shape, self.strings = kind, shape, strings


class Group:
    """A group of the new file: its attributes (messages, or strings for the heap), and where its structures go."""

    __slots__ = ("address", "attributes", "heap", "members", "messages", "tree")

    def __init__(self) -> None:
        self.attributes: dict[str, bytes | Text] = {}
        self.members: dict[bytes, Group | Dataset] = {}
        self.messages: list[bytes] = []
        self.address = self.tree = self.heap = 0


class Dataset:
    """A dataset of the new file. ``fixed`` are the messages that do not depend on its place."""

    __slots__ = ("address", "attributes", "data", "fixed", "messages", "offset")

    def __init__(self, fixed: bytes, data: Span | None) -> None:
        self.attributes: dict[str, bytes | Text] = {}
        self.messages: list[bytes] = []
        self.fixed, self.data = fixed, data
        self.address, self.offset = 0, form.UNDEFINED


_DATASET_MESSAGES = 4
_TABLE_SIZE = form.MESSAGE.size + form.PAIR.size
_LAYOUT_SIZE = form.MESSAGE.size + padded(2 + form.PAIR.size)


def fixed_messages(kind: bytes, shape: tuple[int, ...]) -> bytes:
    """The messages of a dataset up to its layout."""
    space = message(form.DATASPACE, form.space_of(shape))
    return space + message(form.DATATYPE, kind, constant=True) + message(form.FILL, _FILL, constant=True)


def lay_out(root: Group, datasets: Sequence[Dataset]) -> list[Piece]:
    """The finished file: its bytes, and between them the spans of the sources that hold the weights, in their order."""
    try:
        return _laid_out(root, datasets)
    except struct.error:
        raise Unplain from None


def _laid_out(root: Group, datasets: Sequence[Dataset]) -> list[Piece]:
    things = [*_in_order(root)]
    heap = _Heap(form.SUPERBLOCK.size + form.ENTRY.size)
    for thing in things:
        thing.messages = _attribute_messages(thing, heap)
    end = heap.finish()
    for thing in things:
        end = _place(thing, end)
    pieces, end = _data(datasets, end)
    meta = [_superblock(root, end), *heap.collections]
    for thing in things:
        meta += _group(thing) if isinstance(thing, Group) else _dataset(thing)
    return [b"".join(meta), *pieces]


def _in_order(root: Group) -> Iterator[Group | Dataset]:
    """Everything in the file, each group before what is in it, names in the order of HDF5."""
    todo: list[Group | Dataset] = [root]
    while todo:
        thing = todo.pop()
        yield thing
        if isinstance(thing, Group):
            thing.members = dict(sorted(thing.members.items()))
            todo.extend(reversed(thing.members.values()))


def _data(datasets: Sequence[Dataset], end: int) -> tuple[list[Piece], int]:
    """Give every dataset its place, in the order in which they came."""
    pieces: list[Piece] = []
    for dataset in datasets:
        if dataset.data is None:
            continue
        if end % 8:
            pieces.append(bytes(padded(end) - end))
            end = padded(end)
        dataset.offset = end
        pieces.append(dataset.data)
        end += dataset.data.length
    return pieces, end


def attribute_message(name: str, kind: bytes, shape: tuple[int, ...], data: bytes) -> bytes:
    """The message of an attribute, of version 1, as HDF5 writes it into old files."""
    raw, space = name.encode("utf-8") + b"\0", form.space_of(shape)
    head = b"\1\0" + form.SIZES.pack(len(raw), len(kind), len(space))
    return message(form.ATTRIBUTE, head + _pad(raw) + _pad(kind) + _pad(space) + data)


class _Heap:
    """The global heap, in collections: strings of any length, each referred to by its collection and its number there."""

    def __init__(self, start: int) -> None:
        self.collections: list[bytes] = []
        self._start = start
        self._objects: list[bytes] = []
        self._size = form.COLLECTION.size

    def put(self, text: bytes) -> bytes:
        """The reference to a string."""
        if not text:
            return form.REFERENCE.pack(0, 0, 0)
        size = form.OBJECT.size + padded(len(text))
        if self._objects and self._size + size > _COLLECTION:
            self._close()
        number = len(self._objects) + 1
        self._objects.append(form.OBJECT.pack(number, 0, len(text)) + _pad(text))
        self._size += size
        return form.REFERENCE.pack(len(text), self._start, number)

    def _close(self) -> None:
        if not self._objects:
            return
        whole = max(_SMALLEST_COLLECTION, self._size + form.OBJECT.size)
        free = form.OBJECT.pack(0, 0, whole - self._size).ljust(whole - self._size, b"\0")
        self.collections += [form.COLLECTION.pack(b"GCOL", 1, whole), *self._objects, free]
        self._start += whole
        self._objects, self._size = [], form.COLLECTION.size

    def finish(self) -> int:
        """Where the heap ends."""
        self._close()
        return self._start


def _pad(raw: bytes) -> bytes:
    return raw.ljust(padded(len(raw)), b"\0")


def message(kind: int, body: bytes, *, constant: bool = False) -> bytes:
    """A message of an object header."""
    body = _pad(body)
    if len(body) > _LARGEST:
        raise Unplain
    return form.MESSAGE.pack(kind, len(body), int(constant)) + body


def _attribute_messages(thing: Group | Dataset, heap: _Heap) -> list[bytes]:
    """The messages of a thing's attributes; their strings go into the heap."""
    if not thing.attributes:
        return []
    return [
        value
        if isinstance(value, bytes)
        else attribute_message(name, value.kind, value.shape, b"".join(map(heap.put, value.strings)))
        for name, value in sorted(thing.attributes.items())
    ]


def _place(thing: Group | Dataset, at: int) -> int:
    """Give a thing's structures their addresses, from ``at`` on; where they end."""
    thing.address = at
    at += form.HEADER.size + sum(map(len, thing.messages))
    if isinstance(thing, Dataset):
        return at + len(thing.fixed) + _LAYOUT_SIZE
    leaves, nodes = _node_counts(len(thing.members))
    thing.heap = at + _TABLE_SIZE
    at = thing.heap + form.HEAP.size + 8 + sum(padded(len(name) + 1) for name in thing.members)
    at += leaves * form.SNOD_SIZE + nodes * form.TREE_SIZE
    thing.tree = at - form.TREE_SIZE  # the root is the last node
    return at


def _node_counts(members: int) -> tuple[int, int]:
    """How many symbol table nodes a group has, and nodes of its B-tree; an empty group has an empty root."""
    leaves = -(-members // (2 * form.LEAF_K))
    total = level = max(1, -(-leaves // (2 * form.INTERNAL_K)))
    while level > 1:
        level = -(-level // (2 * form.INTERNAL_K))
        total += level
    return leaves, total


def _group(group: Group) -> Iterator[bytes]:
    table = message(form.TABLE, form.PAIR.pack(group.tree, group.heap))
    yield _header(1 + len(group.messages), table, group.messages)
    yield from _table(group)


def _dataset(dataset: Dataset) -> Iterator[bytes]:
    size = dataset.data.length if dataset.data else 0
    layout = message(form.LAYOUT, b"\x03\x01" + form.PAIR.pack(dataset.offset, size))  # 3: the version, 1: contiguous
    yield _header(_DATASET_MESSAGES + len(dataset.messages), dataset.fixed + layout, dataset.messages)


def _header(count: int, own: bytes, attributes: Sequence[bytes]) -> bytes:
    body = own + b"".join(attributes)
    return form.HEADER.pack(1, count, 1, len(body)) + body


def _superblock(root: Group, end: int) -> bytes:
    head = form.SUPERBLOCK.pack(
        form.SIGNATURE, *(0, 0, 0, 0, 0, 8, 8, 0), form.LEAF_K, form.INTERNAL_K, 0, 0, form.UNDEFINED, end, form.UNDEFINED
    )
    return head + _entry(0, root)


def _entry(name_at: int, thing: Group | Dataset) -> bytes:
    if isinstance(thing, Group):
        return form.ENTRY.pack(name_at, thing.address, form.GROUP_ENTRY, 0, thing.tree, thing.heap)
    return form.ENTRY.pack(name_at, thing.address, 0, 0, 0, 0)


def _table(group: Group) -> Iterator[bytes]:
    """The names of a group's members, their symbol table nodes, and the B-tree above them."""
    names, places = [bytes(8)], []
    at = 8
    for name in group.members:
        names.append(name.ljust(padded(len(name) + 1), b"\0"))
        places.append(at)
        at += len(names[-1])
    start = group.heap + form.HEAP.size
    yield form.HEAP.pack(b"HEAP", 0, at, 1, start)  # 1: nothing in it is free
    yield from names
    entries = [_entry(place, member) for place, member in zip(places, group.members.values(), strict=True)]
    width = 2 * form.LEAF_K
    for number in range(0, len(entries), width):
        some = entries[number : number + width]
        yield (form.SNOD.pack(b"SNOD", 1, len(some)) + b"".join(some)).ljust(form.SNOD_SIZE, b"\0")
    leaves = -(-len(entries) // width)
    children = [start + at + number * form.SNOD_SIZE for number in range(leaves)]
    keys = [0, *(places[min(len(places), (number + 1) * width) - 1] for number in range(leaves))]
    yield from _tree(children, keys, start + at + leaves * form.SNOD_SIZE)


def _tree(children: list[int], keys: list[int], at: int) -> Iterator[bytes]:
    """The nodes of a B-tree, level by level; between any two children stands the largest name in the left one."""
    level, width = 0, 2 * form.INTERNAL_K
    while True:
        firsts = range(0, len(children), width) or range(1)
        nodes = [at + number * form.TREE_SIZE for number in range(len(firsts))]
        around = [form.UNDEFINED, *nodes, form.UNDEFINED]
        for number, first in enumerate(firsts):
            some = children[first : first + width]
            pairs = b"".join(form.PAIR.pack(*pair) for pair in zip(keys[first:], some, strict=False))
            last = keys[first + len(some)].to_bytes(8, "little")
            head = form.TREE.pack(b"TREE", 0, level, len(some), around[number], around[number + 2])
            yield (head + pairs + last).ljust(form.TREE_SIZE, b"\0")
        if len(nodes) == 1:
            return
        keys = [keys[first] for first in firsts] + keys[-1:]
        children, at, level = nodes, at + len(nodes) * form.TREE_SIZE, level + 1
