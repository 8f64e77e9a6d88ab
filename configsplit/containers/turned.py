"""The arrays of a file under the names that the other layout of Keras gives them: the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from configsplit.containers.addresses import Layout
from configsplit.containers.arrays import BFLOAT16, ArrayInfo, Arrays, groups_above
from configsplit.containers.hdf5.plain_format import Attribute, variable_text

if TYPE_CHECKING:
    import numpy as np

    from configsplit.containers.system.window import Span

_MARK = Attribute("dtype", variable_text(ascii_only=False), (), b"")


class _Info(NamedTuple):
    """An array: see `ArrayInfo`."""

    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    attributes: int


class Turned(Arrays):
    """Arrays of a file under other names: ``names`` has the file's own for each, in order."""

    in_order = False

    def __init__(self, base: Arrays, layout: Layout, names: Mapping[str, str]) -> None:
        self.where, self.size, self.base, self._layout, self._names = base.where, base.size, base, layout, names
        self.datasets: Mapping[str, ArrayInfo] = {path: _marked(base.datasets[own], layout) for path, own in names.items()}
        self.groups = groups_above(names)

    @property
    def layout(self) -> Layout:
        return self._layout

    def place(self, path: str) -> Span | None:
        return self.base.place(self._names[path])

    def read(self, path: str) -> np.ndarray[Any, Any]:
        self.check_there(path)
        return self.base.read(self._names[path])

    def type_key(self, path: str) -> bytes:
        return self.base.type_key(self._names[path])

    def plain_attributes(self, path: str) -> Mapping[str, Attribute]:
        return {"dtype": _MARK} if path in self.datasets and self.datasets[path].attributes else {}

    def attribute_strings(self, attribute: Attribute) -> list[bytes]:
        return [b"bfloat16"]


def _marked(info: ArrayInfo, layout: Layout) -> ArrayInfo:
    """In an archive a dataset of bfloat16 says so."""
    marks = int(layout.kind != "legacy" and info.dtype == BFLOAT16)
    return _Info(info.shape, info.dtype, info.nbytes, marks)
