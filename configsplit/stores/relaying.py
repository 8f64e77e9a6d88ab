"""Weights laid out anew: recipes carried out one dataset at a time, into a scratch file, so that memory stays bounded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

from configsplit.errors import WeightsError
from configsplit.ir.recipes import Recipe
from configsplit.stores.assembly import Move, Relaid
from configsplit.stores.faults import system_faults
from configsplit.stores.local_kernels import windows
from configsplit.stores.weightfile import WeightFile
from configsplit.stores.window import Span, stream

Values: TypeAlias = "np.ndarray[Any, Any]"


class Relaying:
    """A scratch file for values that are not those of the source; use it in a ``with`` statement until all is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fd = -1
        self._end = 0

    def __enter__(self) -> Relaying:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def item(self, file: WeightFile, sources: Sequence[str], recipe: Recipe, dst: str) -> Move | Relaid:
        """A new dataset: a byte range of the source for a copy, else computed now.

        Raises:
            WeightsError: the values do not have the shapes that the recipe is for.
        """
        taken = [sources[number] for number in recipe.sources]
        if not recipe.steps:
            return Move(file, taken[0], dst)
        found: Any = [read(file, path) for path in taken]
        try:
            for step in recipe.steps:
                found = STEPS[step.name](found, step.argument)
        except (ValueError, IndexError) as error:
            raise WeightsError(
                f"the weights cannot be laid out for Keras 3: {error}",
                code="weights-shape",
                where=f"{file.where}:{taken[0]}",
                hint="the file is damaged, or was written by a release that nobody has measured",
            ) from None
        values = np.ascontiguousarray(_one(found)).reshape(np.shape(_one(found)))
        return Relaid(dst, file.datasets[taken[0]].type_key, values.shape, self._write(values))

    def _write(self, values: Values) -> Span:
        with system_faults(self.folder):
            if self._fd < 0:
                self._fd, name = tempfile.mkstemp(prefix=".configsplit-", dir=self.folder)
                Path(name).unlink()
            data = memoryview(values.tobytes())
            start = done = self._end
            while data.nbytes > done - start:
                done += os.pwrite(self._fd, data[done - start :], done)
            self._end = done
        return Span(self._fd, start, done - start)


def read(file: WeightFile, path: str) -> Values:
    """The values of a dataset; h5py is loaded only where they do not lie plain."""
    place, info = file.place(path), file.datasets[path]
    if place is None:
        return file.read(path)
    raw = b"".join(bytes(piece) for piece in stream([place]))
    return np.frombuffer(raw, np.dtype(info.dtype)).reshape(info.shape)


def _one(found: Any) -> Values:
    if isinstance(found, list):
        if len(found) != 1:
            raise ValueError(f"{len(found)} arrays are left where one is wanted")
        return np.asarray(found[0])
    return np.asarray(found)


def _cudnn_kernel(found: Any, gates: int) -> Values:
    """CuDNN reads each gate's kernel in Fortran's order."""
    pieces = np.split(_one(found), gates, axis=1)
    return np.hstack([piece.T.reshape(piece.shape, order="F") for piece in pieces])


def _cudnn_recurrent(found: Any, gates: int) -> Values:
    return np.hstack([piece.T for piece in np.split(_one(found), gates, axis=1)])


def _sum_halves(found: Any, _: None) -> Values:
    first, second = np.split(_one(found), 2)
    return np.asarray(first + second)


STEPS: Mapping[str, Callable[[Any, Any], Values]] = {
    "abs": lambda found, _: np.abs(_one(found)),
    "add": lambda found, number: (_one(found) + number).astype(_one(found).dtype),
    "concatenate": lambda found, axis: np.concatenate(found, axis),
    "cudnn_kernel": _cudnn_kernel,
    "cudnn_recurrent": _cudnn_recurrent,
    "divide": lambda found, _: np.asarray((1 / found[1]) * found[0]).astype(found[0].dtype),
    "flip_window": lambda found, _: np.flip(_one(found), tuple(range(_one(found).ndim - 2))),
    "local_kernel": lambda found, of: windows(_one(found), of),
    "negate": lambda found, _: -_one(found),
    "ones_like": lambda found, _: np.ones_like(_one(found)),
    "zeros_like": lambda found, _: np.zeros_like(_one(found)),
    "reshape": lambda found, shape: _one(found).reshape(shape),
    "squeeze": lambda found, axis: np.squeeze(_one(found), axis),
    "sum_halves": _sum_halves,
    "take": lambda found, index: _one(found)[index],
    "transpose": lambda found, axes: np.transpose(_one(found), axes),
}
"""The steps of recipes, by name. Each takes the values so far (the sources as a list, at first) and its argument."""
