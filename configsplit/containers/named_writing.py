"""Files of arrays by name, ``.safetensors`` and ``.npz``, put together from byte ranges of another file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from configsplit.containers.archive import is_safe_name
from configsplit.containers.arrays import BFLOAT16
from configsplit.containers.safetensors import TYPES
from configsplit.containers.writing import Job, Member
from configsplit.errors import StoreError, WeightsError
from configsplit.graph.json import dumps

if TYPE_CHECKING:
    from configsplit.containers.arrays import ArrayInfo, Arrays
    from configsplit.containers.system.window import Piece

_NUMBERS = {dtype: name for name, (dtype, _) in TYPES.items()}


class NamedArray(NamedTuple):
    """An array of a file, and what it is called in the new one."""

    name: str
    file: Arrays
    path: str

    @property
    def info(self) -> ArrayInfo:
        return self.file.datasets[self.path]

    def pieces(self) -> Sequence[Piece]:
        place = self.file.place(self.path)
        return (place,) if place else (self.file.read(self.path).tobytes(),)


def prepare_safetensors(path: Path, arrays: Sequence[NamedArray]) -> Job:
    """A safetensors file."""
    head, end = {}, 0
    for array in arrays:
        if (kind := _NUMBERS.get(array.info.dtype)) is None:
            raise _strange(array, "safetensors")
        head[array.name] = {"dtype": kind, "shape": array.info.shape, "data_offsets": (end, end + array.info.nbytes)}
        end += array.info.nbytes
    text = dumps(head).encode("utf-8")
    text += b" " * (-len(text) % 8)
    members = [_member("head", len(text) + 8, lambda: (len(text).to_bytes(8, "little") + text,))]
    return Job(path=path, members=(*members, *map(_of_array, arrays)), zipped=False)


def prepare_npz(path: Path, arrays: Sequence[NamedArray]) -> Job:
    """An ``.npz`` file of numpy.

    Raises:
        WeightsError: an array is of a type that numpy does not have, or its name is none for a member.
        StoreError: there are none, of which nobody could say what the file is.
    """
    if not arrays:
        hint = "write .safetensors, which may have none"
        raise StoreError("an .npz without arrays is an empty archive", code="format-needs-weights", where=str(path), hint=hint)
    return Job(path=path, members=tuple(map(_npy, arrays)), zipped=True)


def _npy(array: NamedArray) -> Member:
    import numpy as np

    if array.info.dtype == BFLOAT16:
        raise _strange(array, "numpy")
    if not is_safe_name(array.name):
        raise WeightsError("the name leads out of the archive", code="weights-name", where=array.name)
    kind = {"descr": np.dtype(array.info.dtype).str, "fortran_order": False, "shape": tuple(array.info.shape)}
    np.lib.format.write_array_header_1_0(head := BytesIO(), kind)
    size = len(head.getvalue()) + array.info.nbytes
    return _member(f"{array.name}.npy", size, lambda: (head.getvalue(), *array.pieces()))


def _of_array(array: NamedArray) -> Member:
    return _member(array.name, array.info.nbytes, array.pieces)


def _member(name: str, size: int, pieces: Callable[[], Sequence[Piece]]) -> Member:
    return Member(name, size, pieces)


def _strange(array: NamedArray, where: str) -> WeightsError:
    return WeightsError(
        f"the weight {array.name!r} is of the type {array.info.dtype!r}, which {where} does not have",
        code="weights-type",
        where=array.file.where,
        hint="write .safetensors" if where == "numpy" else "write .weights.h5",
    )
