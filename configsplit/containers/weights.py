"""Arrays in HDF5: an index, texts in attributes, and values that lie plain or that HDF5 itself has to read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from configsplit.containers.addresses import LEGACY, LEGACY_WEIGHTS, TF213, V3, Layout
from configsplit.containers.arrays import Arrays, prefixes
from configsplit.containers.hdf5.index import DatasetInfo, GroupInfo, Index, check_overlaps
from configsplit.containers.hdf5.plain_format import Attribute, Unplain, kind_of
from configsplit.containers.hdf5.read_plain import PlainFile
from configsplit.containers.system.errors import hdf5_faults
from configsplit.containers.system.files import brought
from configsplit.containers.system.window import Span, Window
from configsplit.errors import StoreError

if TYPE_CHECKING:
    import numpy as np


class WeightFile(Arrays):
    """An HDF5 file of weights, or the span of an archive that holds one. It is closed by who opened it.

    Attributes:
        span: where the file's bytes lie.
        where: what error messages call it.
        groups, datasets: path -> information, without a leading ``/``; the root group is ``""``.
    """

    def __init__(self, span: Span, where: str) -> None:
        self.span, self.size = span, span.length
        self.where = where
        self._opened: list[Any] = []
        try:
            read = self._read_index()
            index = _normalised(read, where)
        except StoreError:
            self.close()
            raise
        self.renamed = index is not read
        self.groups: Mapping[str, GroupInfo] = index.groups
        self.datasets: Mapping[str, DatasetInfo] = index.datasets

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
        from configsplit.containers.system.confined import confined

        if not self._opened:
            from configsplit.containers.hdf5 import read_h5py

            here = self.span._replace(fd=brought(self.span.fd))  # a forked process has no connection
            confined(lambda: read_h5py.rehearse(here, self.where), self.where, here.length)
            self._opened.append(read_h5py.open_file(Window(here), self.where))
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
        """Which layout the file has, by its structure."""
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

    def attributes(self, path: str) -> dict[str, Any]:
        """All attributes of a group or dataset, as numpy values. Raises StoreError if the file is damaged."""
        from configsplit.containers.hdf5 import read_h5py

        with hdf5_faults(f"{self.where}:{path}"):
            thing = self.handle(path)
            names = read_h5py.attribute_names(thing)
            return {name.decode(): read_h5py.read_attribute(thing, name, self.span.length) for name in names}

    def plain_attributes(self, path: str) -> dict[str, Attribute]:
        """All attributes of a group or dataset, as they stand; see `attribute_strings`."""
        if self._plain is None:
            raise Unplain
        return self._plain.attributes(self._info(path).raw)

    def attribute_strings(self, attribute: Attribute) -> list[bytes]:
        """The strings of a plain attribute. Raises Unplain where it holds something else."""
        if self._plain is None:
            raise Unplain
        return self._plain.strings(attribute)

    def _texts(self, path: str) -> dict[str, list[str]]:
        """The texts of all attributes of a group; what is no string is spelled out."""
        try:
            raw = {name: self.attribute_strings(attribute) for name, attribute in self.plain_attributes(path).items()}
        except Unplain:
            from configsplit.containers.hdf5 import read_h5py

            return {name: read_h5py.strings(value) for name, value in self.attributes(path).items()}
        return {name: [text.decode("utf-8", "surrogateescape") for text in texts] for name, texts in raw.items()}

    def text(self, path: str, name: str) -> str | None:
        """As `Arrays.text`. Raises StoreError where the file is damaged."""
        if not (path in self.groups and self.groups[path].attributes):
            return None
        try:
            attributes = self.plain_attributes(path)
            return self._plain_text(attributes[name]) if name in attributes else None
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
        """A list of strings in an attribute; Keras splits one above 64,512 bytes into ``name0``, ``name1``, ..."""
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
        """The weights of a legacy group, in the order of ``layer.weights``; each is a dataset at ``group/name``."""
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

    def read(self, path: str) -> np.ndarray[Any, Any]:
        from configsplit.containers.hdf5 import read_h5py

        place = f"{self.where}:{path}"
        with hdf5_faults(place):
            return read_h5py.read_values(self.handle(path), place)

    def place(self, path: str) -> Span | None:
        info = self.datasets[path]
        return None if info.offset is None else Span(self.span.fd, self.span.offset + info.offset, info.nbytes)

    def type_key(self, path: str) -> bytes:
        return self.datasets[path].type_key

    def _info(self, path: str) -> GroupInfo | DatasetInfo:
        self.check_there(path)
        return self.groups[path] if path in self.groups else self.datasets[path]

    def handle(self, path: str) -> Any:
        """The h5py object at a path. Raises StoreError if there is none."""
        from h5py import h5g, h5o

        info = self._info(path)
        return h5o.open(self._file, info.raw) if path else h5g.open(self._file, b"/")


def _normalised(index: Index, where: str) -> Index:
    """Archives written on Windows (TF 2.14, 2.15) have backslashes in group names: ``layers\\conv1d/vars/0``."""
    if not any("\\" in path.split("/", 1)[0] for path in index.groups) or "layers" in index.groups:
        return index
    groups: dict[str, GroupInfo] = {}
    for path, info in index.groups.items():
        plain = path.replace("\\", "/")
        if plain in groups and groups[plain].raw != b"":
            raise StoreError(f"two groups are both {plain!r}", code="hdf5-alias", where=where)
        for parent in reversed([*prefixes(plain)][1:]):
            groups.setdefault(parent, GroupInfo(b"", 0))
        groups[plain] = info
    return Index(groups, {path.replace("\\", "/"): info for path, info in index.datasets.items()})
