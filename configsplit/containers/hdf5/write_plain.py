"""A new plain HDF5 file (see `plain_format`) without its data: all that is not weights is laid out in memory.

It takes the same orders as `Skeleton` does and gives the same groups, attributes and datasets, without h5py. What it cannot
do for certain, or what is wrong in its orders, is `Unplain`: then `Skeleton` does it, or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from configsplit.containers.archive import is_safe_name
from configsplit.containers.hdf5 import plain_format as form
from configsplit.containers.hdf5.plain_format import Unplain
from configsplit.containers.hdf5.plain_layout import Dataset, Group, Text, attribute_message, fixed_messages, lay_out
from configsplit.containers.system.window import Piece, Span

if TYPE_CHECKING:
    from configsplit.containers.arrays import Arrays

HEADER_LIMIT = 64512
"""Largest attribute that Keras writes in one piece (HDF5's own limit is 64 KiB of object header)."""


class PlainSkeleton:
    """One new HDF5 file. The same orders give the same bytes."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {"": Group()}
        self._datasets: list[Dataset] = []
        self._messages: dict[tuple[bytes, tuple[int, ...]], bytes] = {}

    def group(self, path: str) -> Group:
        """The group at a path, made with its parents where it is not there yet."""
        if path in self._groups:
            return self._groups[path]
        if not is_safe_name(path):
            raise Unplain
        inner, place = self._groups[""], ""
        for name in path.split("/"):
            place = f"{place}/{name}" if place else name
            if place not in self._groups:
                self._groups[place] = Group()
                _put(inner, name, self._groups[place])
            inner = self._groups[place]
        return inner

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
        if name is not None and own in self._groups and "name" in self._groups[own].attributes:
            self.set_name(own, name)

    def copy_attributes(self, source: Arrays, src: str, dst: str) -> None:
        """Make a group with the attributes of another, types included."""
        group = self.group(dst)
        if source.groups[src].attributes:
            _copy_attributes(source, src, group)

    def copy_dataset(self, source: Arrays, src: str, dst: str) -> None:
        """Make a dataset whose bytes are to come from another file."""
        info = source.datasets.get(src)
        place = None if info is None else source.place(src)
        if info is None or (place is None and info.nbytes) or not is_safe_name(dst):
            raise Unplain
        made = self.place_dataset(source.type_key(src), info.shape, place if info.nbytes else None, dst)
        if info.attributes:
            _copy_attributes(source, src, made)

    def place_dataset(self, type_key: bytes, shape: tuple[int, ...], place: Span | None, dst: str) -> Dataset:
        """Make a dataset whose bytes are to come from a place in any file."""
        if not is_safe_name(dst):
            raise Unplain
        key = type_key, shape
        if key not in self._messages:
            self._messages[key] = fixed_messages(form.kind_of(type_key[2:]).raw, shape)
        made = Dataset(self._messages[key], place)
        above, _, name = dst.rpartition("/")
        _put(self.group(above), name, made)
        self._datasets.append(made)
        return made

    def write(self, dst: str, values: Any) -> None:
        """Values at hand are numpy's, so h5py is no further load."""
        raise Unplain

    def set_text(self, group: str, name: str, text: str) -> None:
        """Write one string, as Keras does for bytes: variable-length, ASCII."""
        _add(self.group(group), name, Text(form.variable_text(ascii_only=True), (), [text.encode("utf-8")]))

    def set_name(self, group: str, name: str) -> None:
        """Write the ``name`` attribute of a ``vars`` group (Keras 3.6 and later): variable-length, UTF-8."""
        thing = self.group(group)
        thing.attributes.pop("name", None)
        _add(thing, "name", Text(form.variable_text(ascii_only=False), (), [name.encode("utf-8")]))

    def set_names(self, group: str, attribute: str, names: Sequence[str], *, fixed: bool) -> None:
        """Write a list of strings as Keras does: in chunks ``attribute0``, ``attribute1``, ... where it is too large."""
        thing = self.group(group)
        raw = [name.encode("utf-8") for name in names]
        if not raw:
            _add(thing, attribute, attribute_message(attribute, form.FLOAT64, (0,), b""))
            return
        size = max(1, *map(len, raw))
        most = size * len(raw) if fixed else max(size, form.REFERENCE.size) * len(raw)
        if most > HEADER_LIMIT:
            for number, chunk in enumerate(_chunks(raw, size)):
                _add(thing, f"{attribute}{number}", _fixed(f"{attribute}{number}", chunk, size))
        elif fixed:
            _add(thing, attribute, _fixed(attribute, raw, size))
        else:
            _add(thing, attribute, Text(form.variable_text(ascii_only=True), (len(raw),), raw))

    def finish(self) -> list[Piece]:
        """The finished file: its bytes, and between them the spans of the sources that hold the weights. Raises Unplain if it
        is larger in some way than plain HDF5 can be.
        """
        return lay_out(self._groups[""], self._datasets)


def _put(group: Group, name: str, thing: Group | Dataset) -> None:
    key = name.encode("utf-8")
    if key in group.members:  # two weights go to the same place: Skeleton finds the words
        raise Unplain
    group.members[key] = thing


def _add(thing: Group | Dataset, name: str, attribute: bytes | Text) -> None:
    if name in thing.attributes:
        raise Unplain
    thing.attributes[name] = attribute


def _copy_attributes(source: Arrays, src: str, thing: Group | Dataset) -> None:
    for name, attribute in sorted(source.plain_attributes(src).items()):
        if form.kind_of(attribute.type).variable:
            _add(thing, name, Text(attribute.type, attribute.shape, source.attribute_strings(attribute)))
        else:
            _add(thing, name, attribute_message(name, attribute.type, attribute.shape, attribute.data))


def _fixed(name: str, strings: Sequence[bytes], size: int) -> bytes:
    return attribute_message(
        name, form.fixed_text(size), (len(strings),), b"".join(text.ljust(size, b"\0") for text in strings)
    )


def _chunks(names: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    """The fewest near-equal chunks that fit, found as Keras finds them so that the bytes are Keras's."""
    if size > HEADER_LIMIT:
        raise Unplain
    count = -(-size * len(names) // HEADER_LIMIT)
    while -(-len(names) // count) * size > HEADER_LIMIT:
        count += 1
    least, more = divmod(len(names), count)
    done = 0
    for number in range(count):
        following = done + least + (number < more)
        yield names[done:following]
        done = following
