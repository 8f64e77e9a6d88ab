"""Kernels of locally connected layers that keep more, or less, than one window for each place, as windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, TypeAlias

import numpy as np

Values: TypeAlias = "np.ndarray[Any, Any]"
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
    found = dict(zip(pairs, made.reshape(keys.shape), strict=True))
    return lambda place, taken: found[place, taken]


def _window(of: Mapping[str, Any], place: Place) -> list[Place]:
    """The places of the input that one place of the output sees."""
    axes = []
    for axis, at in enumerate(place):
        start = _start(of, axis, at)
        axes.append(range(max(0, start), min(of["spatial"][axis], start + of["kernel_size"][axis])))
    return list(product(*axes))
