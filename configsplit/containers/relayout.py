"""Weights laid out anew: recipes carried out one dataset at a time, into a scratch file, so that memory stays bounded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeAlias

import numpy as np

from configsplit.catalog.recipes import Recipe
from configsplit.containers.arrays import Arrays
from configsplit.containers.hdf5.plain_format import Unplain
from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.window import Span, stream
from configsplit.containers.writing import Fresh, Move, Relaid
from configsplit.errors import WeightsError

Values: TypeAlias = "np.ndarray[Any, Any]"


class Relaying:
    """A scratch file for values that are not those of the source; use it in a ``with`` statement until all is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Relaying:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def item(self, file: Arrays, sources: Sequence[str], recipe: Recipe, dst: str) -> Move | Relaid | Fresh:
        """A new dataset: a byte range of the source for a copy, else computed now. Raises WeightsError if the values do not
        have the shapes that the recipe is for.
        """
        if not recipe.steps:
            return Move(file, sources[recipe.sources[0]], dst)
        values = relaid(file, sources, recipe)
        try:
            return Relaid(dst, file.type_key(sources[recipe.sources[0]]), values.shape, self._write(values))
        except Unplain:  # a type that only HDF5 itself can tell of
            return Fresh(dst, values)

    def _write(self, values: Values) -> Span:
        with system_faults(self.folder):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - `__exit__` closes it
            start = self._file.seek(0, os.SEEK_END)
            size = self._file.write(values.tobytes())
            self._file.flush()
        return Span(self._file.fileno(), start, size)


def relaid(file: Arrays, sources: Sequence[str], recipe: Recipe) -> Values:
    """What a recipe makes of weights."""
    taken = [sources[number] for number in recipe.sources]
    values: Any = [read(file, path) for path in taken]
    try:
        for step in recipe.steps:
            values = STEPS[step.name](values, step.argument)
    except (ValueError, IndexError) as error:
        raise WeightsError(
            f"the weights cannot be laid out for Keras 3: {error}",
            code="weights-shape",
            where=f"{file.where}:{taken[0]}",
            hint="the file is damaged, or was written by an unknown release",
        ) from None
    return np.ascontiguousarray(_one(values)).reshape(np.shape(_one(values)))


def read(file: Arrays, path: str) -> Values:
    """The values of an array; h5py is loaded only where they do not lie plain."""
    place, info = file.place(path), file.datasets[path]
    if place is None:
        return file.read(path)
    raw = b"".join(bytes(piece) for piece in stream([place]))
    return np.frombuffer(raw, np.dtype(info.dtype)).reshape(info.shape)


def _one(values: Any) -> Values:
    if isinstance(values, list):
        if len(values) != 1:
            raise ValueError(f"{len(values)} arrays are left instead of one")
        return np.asarray(values[0])
    return np.asarray(values)


def _cudnn_kernel(values: Any, gates: int) -> Values:
    """CuDNN reads each gate's kernel in Fortran's order."""
    pieces = np.split(_one(values), gates, axis=1)
    return np.hstack([piece.T.reshape(piece.shape, order="F") for piece in pieces])


def _cudnn_recurrent(values: Any, gates: int) -> Values:
    return np.hstack([piece.T for piece in np.split(_one(values), gates, axis=1)])


def _sum_halves(values: Any, _: None) -> Values:
    first, second = np.split(_one(values), 2)
    return np.asarray(first + second)


STEPS: Mapping[str, Callable[[Any, Any], Values]] = {
    "abs": lambda values, _: np.abs(_one(values)),
    "add": lambda values, number: (_one(values) + number).astype(_one(values).dtype),
    "concatenate": lambda values, axis: np.concatenate(values, axis),
    "cudnn_kernel": _cudnn_kernel,
    "cudnn_recurrent": _cudnn_recurrent,
    "divide": lambda values, _: np.asarray((1 / values[1]) * values[0]).astype(values[0].dtype),
    "flip_window": lambda values, _: np.flip(_one(values), tuple(range(_one(values).ndim - 2))),
    "local_kernel": lambda values, of: windows(_one(values), of),
    "negate": lambda values, _: -_one(values),
    "ones_like": lambda values, _: np.ones_like(_one(values)),
    "zeros_like": lambda values, _: np.zeros_like(_one(values)),
    "reshape": lambda values, shape: _one(values).reshape(shape),
    "squeeze": lambda values, axis: np.squeeze(_one(values), axis),
    "sum_halves": _sum_halves,
    "take": lambda values, index: _one(values)[index],
    "transpose": lambda values, axes: np.transpose(_one(values), axes),
}
"""The steps of recipes, by name. Each takes the values so far (the sources as a list, at first) and its argument."""


# Kernels of locally connected layers that keep more, or less, than one window for each place, as windows.


Place: TypeAlias = tuple[int, ...]
Numbers: TypeAlias = Callable[[Place, Place], Values]


def windows(kernel: Values, of: Mapping[str, Any]) -> Values:
    """One window for each place: ``(*lengths, *kernel_size, channels, filters)``, or with the channels before the window.

    ``implementation`` 2 keeps a number for every pair of an input and an output, of which it uses those in the window; 3 keeps
    the used ones alone, in the order of output and input. What lies outside of the input is 0.

    Raises:
        ValueError: the kernel has another size than its layer.
    """
    first, lengths, spatial = of["data_format"] == "channels_first", of["lengths"], of["spatial"]
    made = np.zeros((*lengths, *of["kernel_size"], of["channels"], of["filters"]), kernel.dtype)
    numbers = _dense(kernel, of) if of["implementation"] == 2 else _ordered(kernel, of)
    for place in product(*map(range, lengths)):
        starts = [_start(of, axis, at) for axis, at in enumerate(place)]
        for step in product(*map(range, of["kernel_size"])):
            taken = tuple(start + more for start, more in zip(starts, step, strict=True))
            if all(0 <= at < size for at, size in zip(taken, spatial, strict=True)):
                made[place + step] = numbers(place, taken)
    return np.moveaxis(made, -2, len(lengths)) if first else made


def _start(of: Mapping[str, Any], axis: int, at: int) -> int:
    before = of["kernel_size"][axis] // 2 if of["padding"] == "same" else 0
    return int(at * of["strides"][axis] - before)


def _dense(kernel: Values, of: Mapping[str, Any]) -> Numbers:
    """The numbers ``(channels, filters)`` of each pair of places, from an array with an axis for everything."""
    rank, shape = len(of["lengths"]), (of["channels"], *of["spatial"], of["filters"], *of["lengths"])
    if of["data_format"] != "channels_first":  # (*spatial, channels, *lengths, filters)
        kernel = np.moveaxis(np.moveaxis(kernel, rank, 0), -1, rank + 1)
    if kernel.shape != shape:
        raise ValueError(f"the kernel is {kernel.shape}, its layer has {shape}")
    every: tuple[Any, ...] = (slice(None),)
    return lambda place, taken: np.asarray(kernel[every + taken + every + place])


def _ordered(kernel: Values, of: Mapping[str, Any]) -> Numbers:
    """The same from a list in the order of flat output and input."""
    first, lengths, spatial = of["data_format"] == "channels_first", of["lengths"], of["spatial"]
    channels, filters = of["channels"], of["filters"]
    pairs = [(place, taken) for place in product(*map(range, lengths)) for taken in _window(of, place)]
    if kernel.shape != (len(pairs) * channels * filters,):
        raise ValueError(f"the kernel is {kernel.shape}, its windows hold {len(pairs) * channels * filters} numbers")
    outputs = np.array([np.ravel_multi_index(place, lengths) for place, _ in pairs])
    inputs = np.array([np.ravel_multi_index(taken, spatial) for _, taken in pairs])
    filter_numbers, channel_numbers = np.arange(filters), np.arange(channels)
    places, sources = int(np.prod(lengths)), int(np.prod(spatial))
    if first:
        rows = filter_numbers * places + outputs[:, None]
        columns = channel_numbers * sources + inputs[:, None]
    else:
        rows = outputs[:, None] * filters + filter_numbers
        columns = inputs[:, None] * channels + channel_numbers
    keys = rows[:, None, :] * (sources * channels) + columns[:, :, None]
    made = np.empty(keys.size, kernel.dtype)
    made[np.argsort(keys, axis=None)] = kernel
    numbers = dict(zip(pairs, made.reshape(keys.shape), strict=True))
    return lambda place, taken: numbers[place, taken]


def _window(of: Mapping[str, Any], place: Place) -> list[Place]:
    """The places of the input that one place of the output sees."""
    axes = []
    for axis, at in enumerate(place):
        start = _start(of, axis, at)
        axes.append(range(max(0, start), min(of["spatial"][axis], start + of["kernel_size"][axis])))
    return list(product(*axes))
