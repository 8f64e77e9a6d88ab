"""Where a sample is padded: in the batch every way in which padding can lie, so that no mask is on or off throughout.

The first samples are padded in part, so that even one sample meets a mask that is on in one place and off in another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from configsplit.runtime.arrays import Array

Kind: TypeAlias = Literal["right", "left and middle", "whole", "none", "left", "middle"]

KINDS: tuple[Kind, ...] = ("right", "left and middle", "whole", "none", "left", "middle")
"""In the order in which samples get them."""


def kinds(count: int, shift: int = 0) -> list[Kind]:
    """How each of ``count`` samples is padded. With different shifts two inputs differ in almost every sample."""
    turns = [KINDS[number % len(KINDS)] for number in range(count)]
    turn = shift % count if count else 0
    return turns[count - turn :] + turns[: count - turn]


def padding(rng: np.random.Generator, shape: Sequence[int], shift: int = 0) -> Array:
    """True where a step is padding, for steps of the shape ``(samples, ...)``; the last axis is the one that sentences have.

    Where there are several axes (documents of sentences), each sentence of a document is padded in its own way.
    """
    samples, *steps = shape
    made = np.zeros(tuple(shape), bool)
    for number, kind in enumerate(kinds(samples, shift)):
        if kind == "whole":
            made[number] = True
        elif kind != "none":
            made[number] = _sample(rng, kind, steps, number)
    return made


def _sample(rng: np.random.Generator, kind: Kind, steps: Sequence[int], number: int) -> Array:
    if not steps:  # one step in all: padded or not
        return np.array(kind in ("right", "left"))
    rows = math.prod(steps[:-1])
    ways = [kind] if rows == 1 else kinds(rows, number)
    return np.array([_row(rng, way, steps[-1]) for way in ways], bool).reshape(tuple(steps))


def _row(rng: np.random.Generator, kind: Kind, length: int) -> Array:
    row = np.zeros(length, bool)
    size = int(rng.integers(1, max(2, length // 2)))
    if kind == "whole" or (length == 1 and kind in ("right", "left")):
        row[:] = True
    elif kind == "right" and length > 1:
        row[-size:] = True
    elif kind in ("left", "left and middle") and length > 1:
        row[: size if kind == "left" else 1] = True
    if kind in ("middle", "left and middle") and length > 3:
        row[length // 2] = True
    return row


def across(rng: np.random.Generator, shape: Sequence[int], shift: int = 0) -> Array:
    """True where a number is padding, in whole slices: along another axis from sample to sample.

    For tensors whose axes are moved, or whose features are divided, before anything looks for padding.
    """
    samples, *axes = shape
    made = np.zeros(tuple(shape), bool)
    lines = [padding(rng, (samples, size), shift) for size in axes]
    for number in range(samples):
        axis = number % len(axes)
        made[number] = lines[axis][number].reshape([-1 if place == axis else 1 for place in range(len(axes))])
    return made
