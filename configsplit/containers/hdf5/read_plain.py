"""A reader of plain HDF5 (see `plain_format`). It refuses nothing: what it does not know for certain is left to h5py.

Every structure is read once, by size, from blocks of the file: no address is followed twice, and all that is read together
stays in proportion to the file, whatever a hostile file says.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from configsplit.containers.hdf5 import plain_format as form
from configsplit.containers.hdf5.index import MAX_DEPTH, DatasetInfo, GroupInfo, Index
from configsplit.containers.hdf5.plain_format import Attribute, Kind, Unplain
from configsplit.containers.system.files import read_at
from configsplit.containers.system.window import Span

_BLOCK = 1 << 14
_BLOCKS = 128
_HEADER_LIMIT = 1 << 20
_MAX_TEXT = 512 << 20
_IGNORED = {form.NIL, form.OLD_FILL, form.FILL, form.OLD_TIME, form.TIME}
_DAMAGE = (struct.error, IndexError, ValueError, OSError)


class PlainFile:
    """A plain HDF5 file: its index, and its attributes.

    Raises:
        Unplain: it is another kind of HDF5, or damaged.
    """

    def __init__(self, span: Span) -> None:
        self._bytes = _Bytes(span)
        self._seen: set[int] = set()
        self._kinds: dict[bytes, Kind] = {}
        self._shapes: dict[bytes, tuple[int, ...]] = {}
        self._attributes: dict[bytes, list[bytes]] = {}
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}
        try:
            self.index = self._walk(self._root())
        except _DAMAGE:
            raise Unplain from None

    # ------------------------------------------------------------ the index

    def _root(self) -> int:
        raw = self._bytes.read(0, form.SUPERBLOCK.size + form.ENTRY.size)
        head = form.SUPERBLOCK.unpack_from(raw)
        versions, (leaf, internal, flags, base, free, end, driver) = head[:9], head[9:]
        # four versions of 0 with a reserved byte among them, and addresses and lengths of 8 bytes
        if versions != (form.SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0) or (leaf, internal) != (form.LEAF_K, form.INTERNAL_K):
            raise Unplain
        if flags or base or (free, driver) != (form.UNDEFINED, form.UNDEFINED) or end > self._bytes.span.length:
            raise Unplain
        root: int = form.ENTRY.unpack_from(raw, form.SUPERBLOCK.size)[1]
        return root

    def _walk(self, root: int) -> Index:
        index = Index()
        todo: list[tuple[str, bytes, int, list[tuple[int, bytes]]]] = [("", b"/", root, self._messages(root))]
        while todo:
            path, raw, address, messages = todo.pop()
            if path.count("/") > MAX_DEPTH:
                raise Unplain
            index.groups[path] = GroupInfo(raw, self._keep_attributes(raw, messages))
            below: list[tuple[str, bytes, int, list[tuple[int, bytes]]]] = []
            prefix, raw_prefix = (f"{path}/" if path else ""), (b"/" if raw == b"/" else raw + b"/")
            for name, address in self._members(messages):
                place, real, inside = prefix + _text(name), raw_prefix + name, self._messages(address)
                if any(kind == form.TABLE for kind, _ in inside):
                    below.append((place, real, address, inside))
                else:
                    index.datasets[place] = self._dataset(real, inside)
            todo.extend(reversed(below))
        return index

    def _messages(self, address: int) -> list[tuple[int, bytes]]:
        """The messages of an object header; those that say nothing of use here are left out."""
        self._enter(address)
        version, total, links, size = form.HEADER.unpack(self._bytes.read(address, form.HEADER.size))
        if version != 1 or links != 1:
            raise Unplain
        messages: list[tuple[int, bytes]] = []
        todo, number = [(address + form.HEADER.size, size)], 0
        while todo:
            start, size = todo.pop(0)
            block, at = self._bytes.read(start, size), 0
            while at < size:
                kind, length, flags = form.MESSAGE.unpack_from(block, at)
                at += form.MESSAGE.size + length
                if at > size or flags & form.SHARED:
                    raise Unplain
                number += 1
                if kind == form.MORE:
                    todo.append(form.PAIR.unpack_from(block, at - length))
                    self._enter(todo[-1][0])
                elif kind not in _IGNORED:
                    messages.append((kind, block[at - length : at]))
        if number != total:
            raise Unplain
        return messages

    def _enter(self, address: int) -> None:
        if address in self._seen:
            raise Unplain
        self._seen.add(address)

    def _members(self, messages: list[tuple[int, bytes]]) -> list[tuple[bytes, int]]:
        """Name and address of everything in a group, in order of names."""
        tables = [(kind, body) for kind, body in messages if kind != form.ATTRIBUTE]
        if len(tables) != 1 or tables[0][0] != form.TABLE:
            raise Unplain
        tree, heap = form.PAIR.unpack_from(tables[0][1])
        names = self._names(heap)
        members: list[tuple[bytes, int]] = []
        for leaf in self._leaves(tree):
            for name_at, address, kind, *_ in self._entries(leaf):
                end = names.index(0, name_at)
                name = names[name_at:end]
                if kind == form.LINK_ENTRY or not name or name == b"." or b"/" in name or (members and name <= members[-1][0]):
                    raise Unplain
                members.append((name, address))
        return members

    def _names(self, heap: int) -> bytes:
        self._enter(heap)
        magic, version, size, _, start = form.HEAP.unpack(self._bytes.read(heap, form.HEAP.size))
        if (magic, version) != (b"HEAP", 0):
            raise Unplain
        return self._bytes.read(start, size, _MAX_TEXT)

    def _leaves(self, root: int) -> Iterator[int]:
        """Addresses of the symbol table nodes below a B-tree, from left to right."""
        todo: list[tuple[int, int | None]] = [(root, None)]
        while todo:
            address, wanted = todo.pop()
            self._enter(address)
            raw = self._bytes.read(address, form.TREE_SIZE)
            magic, kind, level, used, _, _ = form.TREE.unpack_from(raw)
            if (magic, kind) != (b"TREE", 0) or used > 2 * form.INTERNAL_K or wanted not in (None, level):
                raise Unplain
            children = [form.PAIR.unpack_from(raw, form.TREE.size + 16 * number)[1] for number in range(used)]
            if level:
                todo.extend((child, level - 1) for child in reversed(children))
            else:
                yield from children

    def _entries(self, address: int) -> Iterator[tuple[int, ...]]:
        self._enter(address)
        raw = self._bytes.read(address, form.SNOD_SIZE)
        magic, version, used = form.SNOD.unpack_from(raw)
        if (magic, version) != (b"SNOD", 1) or used > 2 * form.LEAF_K:
            raise Unplain
        return form.ENTRY.iter_unpack(raw[form.SNOD.size : form.SNOD.size + used * form.ENTRY.size])

    def _dataset(self, raw: bytes, messages: list[tuple[int, bytes]]) -> DatasetInfo:
        own = {kind: body for kind, body in messages if kind != form.ATTRIBUTE}
        attributes = self._keep_attributes(raw, messages)
        if own.keys() != {form.DATASPACE, form.DATATYPE, form.LAYOUT} or len(own) != len(messages) - attributes:
            raise Unplain
        kind, shape = self._kind(own[form.DATATYPE]), self._shape(own[form.DATASPACE])
        layout, nbytes = own[form.LAYOUT], kind.size * math.prod(shape)
        offset, stored = form.PAIR.unpack_from(layout, 2)
        if layout[:2] != b"\x03\x01" or stored != nbytes or kind.variable:  # 3: the version, 1: contiguous
            raise Unplain
        if offset == form.UNDEFINED and not nbytes:
            return DatasetInfo(raw, shape, kind.dtype, 0, None, form.TYPE_PREFIX + kind.raw, attributes)
        if offset + nbytes > self._bytes.span.length:
            raise Unplain
        return DatasetInfo(raw, shape, kind.dtype, nbytes, offset, form.TYPE_PREFIX + kind.raw, attributes)

    def _kind(self, body: bytes) -> Kind:
        if body not in self._kinds:
            self._kinds[body] = form.kind_of(body)
        return self._kinds[body]

    def _shape(self, body: bytes) -> tuple[int, ...]:
        if body not in self._shapes:
            self._shapes[body] = form.shape_of(body)[0]
        return self._shapes[body]

    def _keep_attributes(self, raw: bytes, messages: list[tuple[int, bytes]]) -> int:
        bodies = [body for kind, body in messages if kind == form.ATTRIBUTE]
        if bodies:
            self._attributes[raw] = bodies
        return len(bodies)

    # ------------------------------------------------------------ attributes

    def attributes(self, raw: bytes) -> dict[str, Attribute]:
        """The attributes of the group or dataset of that real name, by name."""
        try:
            attributes = [self._attribute(body) for body in self._attributes.get(raw, ())]
        except _DAMAGE:
            raise Unplain from None
        named = {attribute.name: attribute for attribute in attributes}
        if len(named) != len(attributes):
            raise Unplain
        return named

    def _attribute(self, body: bytes) -> Attribute:
        version = body[0]
        sizes = form.SIZES.unpack_from(body, 2)
        at, whole = (9 if version == 3 else 8), form.padded if version == 1 else int
        if version not in (1, 2, 3) or (version > 1 and body[1]):
            raise Unplain
        pieces: list[bytes] = []
        for size in sizes:
            pieces.append(body[at : at + size])
            at += whole(size)
        name, kind, (shape, _) = pieces[0], form.kind_of(pieces[1]), form.shape_of(pieces[2])
        data = body[at : at + kind.size * math.prod(shape)]
        if not name.endswith(b"\0") or b"\0" in name[:-1] or len(data) != kind.size * math.prod(shape):
            raise Unplain
        return Attribute(_text(name[:-1]), kind.raw, shape, data)

    def strings(self, attribute: Attribute) -> list[bytes]:
        """The strings of an attribute; none of an empty list of anything."""
        kind, data = form.kind_of(attribute.type), attribute.data
        if not data:
            return []
        if kind.variable:
            try:
                return [self._from_heap(*place) for place in form.REFERENCE.iter_unpack(data)]
            except _DAMAGE:
                raise Unplain from None
        if kind.dtype[:2] != "|S":
            raise Unplain
        pieces = [data[at : at + kind.size] for at in range(0, len(data), kind.size)]
        return [piece.rstrip(b"\0") if kind.raw[1] & 15 else piece.partition(b"\0")[0] for piece in pieces]

    def _from_heap(self, length: int, address: int, number: int) -> bytes:
        if not address:
            return b""
        if address not in self._collections:
            self._collections[address] = self._collection(address)
        at, room = self._collections[address].get(number, (0, 0))
        if not at or length > room:
            raise Unplain
        return self._bytes.read(at, length, _MAX_TEXT).partition(b"\0")[0]

    def _collection(self, address: int) -> dict[int, tuple[int, int]]:
        """Where each object of a collection of the global heap begins, and its size."""
        magic, version, size = form.COLLECTION.unpack(self._bytes.read(address, form.COLLECTION.size))
        at, end = address + form.COLLECTION.size, address + size
        if (magic, version) != (b"GCOL", 1) or end > self._bytes.span.length:
            raise Unplain
        objects: dict[int, tuple[int, int]] = {}
        while at + form.OBJECT.size <= end:
            number, _, room = form.OBJECT.unpack(self._bytes.read(at, form.OBJECT.size))
            at += form.OBJECT.size
            if not number:  # the free space, which is the last
                break
            if number in objects or at + room > end:
                raise Unplain
            objects[number] = at, room
            at += form.padded(room)
        return objects


class _Bytes:
    """The bytes of a span, by blocks, since structures that belong together stand together."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self._blocks: dict[int, bytes] = {}
        self._left = 4 * span.length + (1 << 20)

    def read(self, at: int, size: int, limit: int = _HEADER_LIMIT) -> bytes:
        self._left -= size + 16
        if size > limit or at + size > self.span.length or self._left < 0:
            raise Unplain
        number, start = divmod(at, _BLOCK)
        if start + size <= _BLOCK:
            return self._block(number)[start : start + size]
        data = read_at(self.span.fd, size, self.span.offset + at)
        if len(data) != size:
            raise Unplain
        return data

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= _BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            at = number * _BLOCK
            size = min(_BLOCK, self.span.length - at)
            block = self._blocks[number] = read_at(self.span.fd, size, self.span.offset + at)
            if len(block) != size:
                raise Unplain
        return block


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise Unplain from None
