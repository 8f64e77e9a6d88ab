"""Shapes that a graph computes with: ``tf.shape(x)[0]`` is no tensor in Keras 3, where reshaping knows what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from configsplit.ir.values import FrozenDict


class Samples(Enum):
    """The one size that a model does not know and that its layers all agree on."""

    NUMBER = "how many samples the model is given"


Size: TypeAlias = "int | Samples | None"
"""A size; None where only the running model knows it."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions of a tensor (or one of them, if ``scalar``)."""

    sizes: tuple[Size, ...]
    scalar: bool = False

    @property
    def known(self) -> bool:
        return all(type(size) is int for size in self.sizes)


def array(value: object, dtype: str | None) -> FrozenDict:
    """A constant array, as Keras 3 writes numpy's. The file lost its dtype, which its numbers tell if nothing else does."""
    return FrozenDict({"class_name": "__numpy__", "config": FrozenDict({"value": value, "dtype": dtype or _dtype(value)})})


def _dtype(value: object) -> str:
    while type(value) is tuple and value:
        value = value[0]
    return {bool: "bool", int: "int32"}.get(type(value), "float32")


def piece(start: object, stop: object, step: object) -> FrozenDict:
    """A slice, as Keras 3 writes it."""
    return FrozenDict({"class_name": "__slice__", "config": FrozenDict({"start": start, "stop": stop, "step": step})})
