"""Where the arrays of a model lie: groups, names, shapes, types, and the bytes of each. Every container speaks of them so.

A container that is not HDF5 has no more to do than to list its arrays (`Listed`), under the names that one of Keras's own
layouts gives them (`addresses`). All else follows from that: addresses, checks, copies, proofs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from configsplit.containers.addresses import Layout
from configsplit.containers.hdf5.plain_format import Attribute, Unplain, type_key_of
from configsplit.containers.system import window
from configsplit.containers.system.hashing import crc32
from configsplit.containers.system.window import Span, stream
from configsplit.errors import StoreError
from configsplit.graph.walking import everything

if TYPE_CHECKING:
    import numpy as np

BFLOAT16 = "|V2"
"""What numpy and HDF5 know of bfloat16: two bytes."""
STATE_GROUPS = ("optimizer", "metrics", "optimizer_weights")
"""Groups of training state at the root: known, left behind by every cut."""


class GroupInfo(Protocol):
    """A group: how many attributes it has that have to go along when it is copied."""

    @property
    def attributes(self) -> int: ...


class ArrayInfo(GroupInfo, Protocol):
    """An array: its shape, numpy's name for its type, its size in bytes."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def nbytes(self) -> int: ...


class Matched(NamedTuple):
    """An array of a file of weights, the weight that it was taken for, and by what: object graph, name, order."""

    stored: str
    weight: str
    by: str


class Arrays(Protocol):
    """The arrays of one model, in a tree of groups. What a container must tell stands first; all else is the same for all.

    Attributes:
        where: what error messages call it.
        size: bytes of the file, which nothing that it declares may exceed.
        groups, datasets: path -> information, without a leading ``/``; the root group is ``""``.
        by_name: whether they may be those of another model, of which layers with the same names take theirs.
        notes: what was taken for granted of them, for people.
        matched: of weights that were not written for this architecture's layers in Keras's own way, which was taken for which.
        renamed: whether groups are called otherwise in the file.
        in_order: whether Keras loads the layers of the legacy layout in the order of the file, not each by what names it.
    """

    by_name: bool = False
    notes: tuple[str, ...] = ()
    matched: tuple[Matched, ...] = ()
    renamed: bool = False
    in_order: bool = True
    where: str
    size: int
    groups: Mapping[str, GroupInfo]
    datasets: Mapping[str, ArrayInfo]

    @property
    def layout(self) -> Layout:
        """Which of Keras's layouts the names follow. Raises StoreError if it is none of them."""
        ...

    def place(self, path: str) -> Span | None:
        """The bytes of an array in a file that is open; None where they are packed or split, and have to be read."""
        ...

    def read(self, path: str) -> np.ndarray[Any, Any]:
        """The values of an array, all of them in memory. Raises StoreError if there is no such array, or it is damaged."""
        ...

    # ---------------------------------------------------------------- what may be left as it is

    def text(self, path: str, name: str) -> str | None:
        """A text that is kept beside a group, as Keras 3.6 and later do the ``name`` of a layer; None where there is none."""
        return None

    def weight_names(self, group: str) -> tuple[str, ...]:
        """The weights of a group in the legacy layout, in the order of ``layer.weights``; each is an array at ``group/name``.
        Raises StoreError if a weight that is listed is not there.
        """
        return tuple(path.removeprefix(f"{group}/") for path in self.datasets if path.startswith(f"{group}/"))

    @property
    def layer_names(self) -> Sequence[str]:
        """Names of the layers in the legacy layout, in the order in which Keras loads them; empty for the other layouts."""
        if self.layout.kind != "legacy":
            return ()
        return tuple(group.rpartition("/")[2] for group in self.children(self.layout.container))

    @property
    def fixed_strings(self) -> bool:
        """Whether texts have a fixed length, as h5py 2 wrote them and old Keras needs them."""
        return False

    def type_key(self, path: str) -> bytes:
        """The type of an array as HDF5 encodes it. Raises Unplain where only HDF5 itself can say."""
        return type_key_of(self.datasets[path].dtype)

    def plain_attributes(self, path: str) -> Mapping[str, Attribute]:
        """All attributes of a group or array, as plain HDF5 has them. Raises Unplain where it is another kind of HDF5."""
        return {}

    def attribute_strings(self, attribute: Attribute) -> list[bytes]:
        """The strings of an attribute. Raises Unplain where it holds something else."""
        raise Unplain

    def handle(self, path: str) -> Any:
        """HDF5's own object at a path; None where the container is not HDF5."""
        return None

    # ---------------------------------------------------------------- what follows for all

    @cached_property
    def _children(self) -> Mapping[str, Sequence[str]]:
        children: dict[str, list[str]] = {}
        for path in (*self.groups, *self.datasets):
            if path:
                children.setdefault(path.rpartition("/")[0], []).append(path)
        return children

    def children(self, group: str) -> Sequence[str]:
        """Paths of the groups and arrays directly in a group, groups first."""
        return self._children.get(group, ())

    def subtree(self, path: str) -> Iterator[str]:
        """The path and everything below it, parents first."""
        return everything([path], self.children)

    def datasets_below(self, path: str) -> list[str]:
        """All arrays of a subtree (or the array itself), outer ones first."""
        return [item for item in self.subtree(path) if item in self.datasets]

    def has_datasets(self, path: str) -> bool:
        """Whether any array lies below a group."""
        return any(item in self.datasets for item in self.subtree(path))

    def strays(self, addresses: Iterable[str]) -> list[str]:
        """Arrays that lie below none of the addresses and are no training state: weights that no layer claims."""
        known = {*addresses, *STATE_GROUPS, *self.unlisted, "model_weights/top_level_model_weights", "top_level_model_weights"}
        return [path for path in self.datasets if not known & set(prefixes(path))]

    @cached_property
    def unlisted(self) -> list[str]:
        """Arrays of a legacy file below no layer that it lists: Keras reads none of them, they are data of the user's."""
        if self.layout.kind != "legacy":
            return []
        container = self.layout.container
        listed = {f"{container}/{name}" if container else name for name in (*self.layer_names, "top_level_model_weights")}
        return [path for path in self.datasets if not {*listed, *STATE_GROUPS} & set(prefixes(path))]

    def vars_name(self, group: str) -> str | None:
        """The layer's name as Keras 3.6 and later leave it on the ``vars`` group; None in older files."""
        return self.text(f"{group}/vars" if group else "vars", "name")

    def check_there(self, path: str) -> None:
        """Raises StoreError where there is neither a group nor an array."""
        if path not in self.groups and path not in self.datasets:
            raise StoreError("there is no such group or dataset", code="weights-missing", where=f"{self.where}:{path}")

    def crc(self, path: str) -> int:
        """The CRC-32 of an array's values."""
        place = self.place(path)
        return crc32([place]) if place else zlib.crc32(self.read(path).tobytes())

    def first_difference(
        self, pairs: Sequence[tuple[str, str]], other: Arrays, stop: Event | None = None
    ) -> tuple[str, str] | None:
        """The first pair (an array here, one of the other container) that is not equal bit by bit; None if all are.

        Shape, type and every value are compared, in bounded memory where they lie plain in both files.
        """
        plain: list[tuple[str, str]] = []
        for mine, its in pairs:
            one, two = self.datasets[mine], other.datasets[its]
            if (one.shape, one.dtype) != (two.shape, two.dtype):
                return mine, its
            if self.place(mine) is not None and other.place(its) is not None:
                plain.append((mine, its))
            elif self.read(mine).tobytes() != other.read(its).tobytes():
                return mine, its
        spans = ((left, right) for mine, its in plain if (left := self.place(mine)) and (right := other.place(its)))
        number = window.first_difference(spans, stop)
        return None if number is None else plain[number]

    def same(self, path: str, other: Arrays, other_path: str) -> bool:
        """Whether two arrays are equal bit by bit: shape, type and every value."""
        return self.first_difference([(path, other_path)], other) is None


def prefixes(path: str) -> Iterator[str]:
    """The path and every group above it but the root, innermost first."""
    while path:
        yield path
        path = path.rpartition("/")[0]


# Containers that list their arrays.


class ListedGroup(NamedTuple):
    """A group that has a name only because arrays lie in it."""

    attributes: int = 0


def groups_above(paths: Iterable[str]) -> dict[str, ListedGroup]:
    """The groups that arrays lie in, outer ones first, and the root."""
    return {above: ListedGroup() for path in paths for above in [*prefixes(path)][:0:-1]} | {"": ListedGroup()}


class Listed(NamedTuple):
    """An array as a container lists it: ``data`` is where its bytes lie, in C order, or what reads it."""

    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    data: Span | Callable[[], np.ndarray[Any, Any]]
    attributes: int = 0


class ListedArrays(Arrays):
    """The arrays that a container lists, by their names in a layout of Keras: ``layers/dense/vars/0``.

    Raises:
        StoreError: an array has no room for its values, or stands where a group does.
    """

    in_order = False

    def __init__(self, where: str, layout: Layout, listed: Mapping[str, Listed]) -> None:
        self.where, self.size = where, 0
        self._layout, self._listed = layout, listed
        self.datasets = listed
        self.groups = groups_above(listed)
        for path, array in listed.items():
            room = array.data.length if isinstance(array.data, Span) else array.nbytes
            if path in self.groups or room != array.nbytes:
                raise StoreError("this is not an array of a model", code="weights-layout", where=f"{where}:{path}")

    @property
    def layout(self) -> Layout:
        return self._layout

    def place(self, path: str) -> Span | None:
        data = self._listed[path].data
        return data if isinstance(data, Span) else None

    def read(self, path: str) -> np.ndarray[Any, Any]:
        self.check_there(path)
        array = self._listed[path]
        if not isinstance(array.data, Span):
            return array.data()
        import numpy as np  # values are asked for where they are computed with, and by nobody who copies them

        raw = b"".join(bytes(piece) for piece in stream([array.data]))
        return np.frombuffer(raw, np.dtype(array.dtype)).reshape(array.shape)
