"""A file of weights, opened: its layout, its groups and datasets, and the bytes of each."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any

from configsplit.containers.addresses import LEGACY, LEGACY_WEIGHTS, TF213, V3, Layout
from configsplit.containers.hdf5.index import DatasetInfo, GroupInfo, Index, check_overlaps
from configsplit.containers.hdf5.plain_format import Attribute, Unplain, kind_of
from configsplit.containers.hdf5.read_plain import PlainFile
from configsplit.containers.system import window
from configsplit.containers.system.confined import confined
from configsplit.containers.system.errors import hdf5_faults
from configsplit.containers.system.window import Span, Window, crc32, stream
from configsplit.errors import StoreError

if TYPE_CHECKING:
    import numpy as np

STATE_GROUPS = ("optimizer", "metrics", "optimizer_weights")
"""Groups of training state at the root: known, left behind by every cut."""


class WeightFile:
    """An HDF5 file of weights, or the span of an archive that holds one. It is closed by who opened it.

    Attributes:
        span: where the file's bytes lie.
        where: what error messages call it.
        groups, datasets: path -> information, without a leading ``/``; the root group is ``""``.
    """

    def __init__(self, span: Span, where: str) -> None:
        self.span = span
        self.where = where
        self._opened: list[Any] = []
        try:
            index = _normalised(self._read_index(), where)
        except StoreError:
            self.close()
            raise
        self.groups = index.groups
        self.datasets = index.datasets
        self._children: dict[str, list[str]] = {}
        for path in (*self.groups, *self.datasets):
            if path:
                self._children.setdefault(path.rpartition("/")[0], []).append(path)

    def _read_index(self) -> Index:
        self._plain: PlainFile | None = None
        try:
            self._plain = PlainFile(self.span)
        except Unplain:
            from configsplit.containers.hdf5 import read_h5py

            return read_h5py.read_index(self._file, self.span.length, self.where)
        check_overlaps(self._plain.index, self.where)
        return self._plain.index

    @property
    def _file(self) -> Any:
        """The file as h5py has it, which is loaded only for what is not plain; HDF5 has shown before that it can read it."""
        if not self._opened:
            from configsplit.containers.hdf5 import read_h5py

            confined(lambda: read_h5py.rehearse(self.span, self.where), self.where, self.span.length)
            self._opened.append(read_h5py.open_file(Window(self.span), self.where))
        return self._opened[0]

    def close(self) -> None:
        for file in self._opened:
            if file.valid:
                file.close()

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @cached_property
    def layout(self) -> Layout:
        """Which layout the file has, by its structure.

        Raises:
            StoreError: it has none that Keras writes.
        """
        if self.has_names("", "layer_names"):
            return LEGACY_WEIGHTS
        if "model_weights" in self.groups and self.has_names("model_weights", "layer_names"):
            return LEGACY
        if TF213.container in self.groups:
            return TF213
        if V3.container in self.groups or any(path.rpartition("/")[2] == "vars" for path in self.groups):
            return V3
        raise StoreError(
            "the HDF5 file holds no Keras weights",
            code="weights-layout",
            where=self.where,
            hint=f"its groups are {sorted(self.children(''))[:8]}; a save that failed midway also leaves such a file",
        )

    def children(self, group: str) -> list[str]:
        """Paths of the groups and datasets directly in a group, groups first."""
        return self._children.get(group, [])

    def datasets_below(self, path: str) -> list[str]:
        """All datasets of a subtree (or the dataset itself), outer ones first."""
        return [item for item in self.subtree(path) if item in self.datasets]

    def subtree(self, path: str) -> Iterator[str]:
        """The path and everything below it, parents first."""
        todo = [path]
        while todo:
            item = todo.pop()
            yield item
            todo.extend(reversed(self.children(item)))

    def has_datasets(self, path: str) -> bool:
        """Whether any dataset lies below a group."""
        return any(item in self.datasets for item in self.subtree(path))

    def strays(self, addresses: Iterable[str]) -> list[str]:
        """Datasets that lie below none of the addresses and are no training state: weights that no layer claims."""
        known = {*addresses, *STATE_GROUPS, "model_weights/top_level_model_weights", "top_level_model_weights"}
        return [path for path in self.datasets if not known & set(_prefixes(path))]

    def attributes(self, path: str) -> dict[str, Any]:
        """All attributes of a group or dataset, as numpy values.

        Raises:
            StoreError: the file is damaged.
        """
        from configsplit.containers.hdf5 import read_h5py

        with hdf5_faults(f"{self.where}:{path}"):
            thing = self.handle(path)
            names = read_h5py.attribute_names(thing)
            return {name.decode(): read_h5py.read_attribute(thing, name, self.span.length) for name in names}

    def plain_attributes(self, path: str) -> dict[str, Attribute]:
        """All attributes of a group or dataset, as they stand; see `attribute_strings`.

        Raises:
            Unplain: the file, or one of them, is not plain.
        """
        if self._plain is None:
            raise Unplain
        return self._plain.attributes(self.info(path).raw)

    def attribute_strings(self, attribute: Attribute) -> list[bytes]:
        """The strings of a plain attribute. Raises Unplain where it holds something else."""
        if self._plain is None:
            raise Unplain
        return self._plain.strings(attribute)

    def _texts(self, path: str) -> dict[str, list[str]]:
        """The texts of all attributes of a group; what is no string is spelled out."""
        try:
            found = {name: self.attribute_strings(attribute) for name, attribute in self.plain_attributes(path).items()}
        except Unplain:
            from configsplit.containers.hdf5 import read_h5py

            return {name: read_h5py.strings(value) for name, value in self.attributes(path).items()}
        return {name: [text.decode("utf-8", "surrogateescape") for text in texts] for name, texts in found.items()}

    def text(self, path: str, name: str) -> str | None:
        """A string attribute, None where there is none. Raises StoreError where the file is damaged."""
        if not (path in self.groups and self.groups[path].attributes):
            return None
        try:
            found = self.plain_attributes(path)
            return self._plain_text(found[name]) if name in found else None
        except Unplain:
            texts = self._texts(path)
        return "".join(texts[name]) if name in texts else None

    def _plain_text(self, attribute: Attribute) -> str:
        return b"".join(self.attribute_strings(attribute)).decode("utf-8", "surrogateescape")

    def has_names(self, group: str, name: str) -> bool:
        """Whether a group has the attribute ``name``, whole or in chunks."""
        if not self.groups[group].attributes:
            return False
        try:
            names = set(self.plain_attributes(group))
        except Unplain:
            names = set(self._texts(group))
        return name in names or f"{name}0" in names

    def names(self, group: str, name: str) -> tuple[str, ...]:
        """A list of strings in an attribute; Keras splits one above 64,512 bytes into ``name0``, ``name1``, ...

        Raises:
            StoreError: the attribute is missing.
        """
        values = self._texts(group)
        if name in values:
            return tuple(values[name])
        chunks = [values[key] for key in (f"{name}{number}" for number in range(len(values))) if key in values]
        if not chunks:
            raise StoreError(
                f"the attribute {name} is missing",
                code="weights-missing",
                where=f"{self.where}:{group}",
                hint="a save that failed midway leaves such a file",
            )
        return tuple(text for chunk in chunks for text in chunk)

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers in a legacy file, in the order in which they were saved; empty for the other layouts."""
        return self.names(self.layout.container, "layer_names") if self.layout.kind == "legacy" else ()

    def weight_names(self, group: str) -> tuple[str, ...]:
        """The weights of a legacy group, in the order of ``layer.weights``; each is a dataset at ``group/name``.

        Raises:
            StoreError: a weight that is listed is not there.
        """
        names = self.names(group, "weight_names")
        missing = [name for name in names if f"{group}/{name}" not in self.datasets]
        if missing:
            message = f"the weights {missing[:5]} are listed but not stored"
            raise StoreError(message, code="weights-missing", where=f"{self.where}:{group}")
        return names

    @cached_property
    def fixed_strings(self) -> bool:
        """Whether a legacy file has strings of fixed length, as h5py 2 wrote them and old Keras needs them."""
        container = self.layout.container
        try:
            plain = self.plain_attributes(container).get("layer_names")
            return plain is not None and kind_of(plain.type).dtype.startswith("|S")
        except Unplain:
            names = self.attributes(container).get("layer_names")
        return names is not None and names.dtype.kind == "S"

    def vars_name(self, group: str) -> str | None:
        """The layer's name as Keras 3.6 and later leave it on the ``vars`` group; None in older files."""
        return self.text(f"{group}/vars" if group else "vars", "name")

    def read(self, path: str) -> np.ndarray[Any, Any]:
        """The values of a dataset, all of them in memory.

        Raises:
            StoreError: there is no such dataset, or it is damaged.
        """
        from configsplit.containers.hdf5 import read_h5py

        place = f"{self.where}:{path}"
        with hdf5_faults(place):
            return read_h5py.read_values(self.handle(path), place)

    def place(self, path: str) -> Span | None:
        """The span of a dataset's bytes in the file that is open; None where they are packed or split."""
        info = self.datasets[path]
        return None if info.offset is None else Span(self.span.fd, self.span.offset + info.offset, info.nbytes)

    def iter_bytes(self, path: str) -> Iterator[memoryview | bytes]:
        """The bytes of a dataset, in bounded memory where they lie plain."""
        place = self.place(path)
        return stream([place]) if place else iter([self.read(path).tobytes()])

    def crc(self, path: str) -> int:
        """The CRC-32 of a dataset's values."""
        place = self.place(path)
        return crc32([place]) if place else zlib.crc32(self.read(path).tobytes())

    def first_difference(
        self, pairs: Sequence[tuple[str, str]], other: WeightFile, stop: Event | None = None
    ) -> tuple[str, str] | None:
        """The first pair (a dataset here, one of the other file) that is not equal bit by bit; None if all are.

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

    def same(self, path: str, other: WeightFile, other_path: str) -> bool:
        """Whether two datasets are equal bit by bit: shape, type and every value."""
        return self.first_difference([(path, other_path)], other) is None

    def info(self, path: str) -> GroupInfo | DatasetInfo:
        """What is known of a group or dataset.

        Raises:
            StoreError: there is none.
        """
        info = self.groups.get(path) or self.datasets.get(path)
        if info is None:
            raise StoreError("there is no such group or dataset", code="weights-missing", where=f"{self.where}:{path}")
        return info

    def handle(self, path: str) -> Any:
        """The h5py object at a path.

        Raises:
            StoreError: there is none.
        """
        from h5py import h5g, h5o

        info = self.info(path)
        return h5o.open(self._file, info.raw) if path else h5g.open(self._file, b"/")


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _normalised(index: Index, where: str) -> Index:
    """Archives written on Windows (TF 2.14, 2.15) have backslashes in group names: ``layers\\conv1d/vars/0``."""
    if not any("\\" in path.split("/", 1)[0] for path in index.groups) or "layers" in index.groups:
        return index
    groups: dict[str, GroupInfo] = {}
    for path, info in index.groups.items():
        plain = path.replace("\\", "/")
        if plain in groups and groups[plain].raw != b"":
            raise StoreError(f"two groups are both {plain!r}", code="hdf5-alias", where=where)
        for parent in reversed([*_prefixes(plain)][1:]):
            groups.setdefault(parent, GroupInfo(b"", 0))
        groups[plain] = info
    return Index(groups, {path.replace("\\", "/"): info for path, info in index.datasets.items()})
