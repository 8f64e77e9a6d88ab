"""What an operation is declared as, and the rules for outputs that operations of Keras 3 and of TensorFlow share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Literal, NamedTuple, TypeAlias

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one, promoted
from configsplit.catalog.rules import Outputs, axis_of
from configsplit.graph.model import Shape

Rule: TypeAlias = Callable[[Arguments], Outputs]
Macs: TypeAlias = Callable[[Arguments], int]

GivesBack: TypeAlias = Literal["no", "perhaps", "surely"]
"""Whether a call that changes neither shape nor dtype gives back the very tensor that it takes, and a mask with it; "perhaps":
on some backend, or for some arguments."""


class Operation(NamedTuple):
    """The declaration of one operation of Keras 3; every declared one is harmless.

    Attributes:
        parameters: what it is called with and then what it is made with, by name and in order (see `arguments.parameters`).
        outputs: the rule for the shapes and dtypes of what it gives.
        macs: the rule for its multiply-accumulates, if it has any.
        gives_back: whether it may give back the very tensor that it takes.
    """

    parameters: str
    outputs: Rule
    macs: Macs | None = None
    gives_back: GivesBack = "no"


def declared(
    names: str, parameters: str, outputs: Rule, macs: Macs | None = None, gives_back: GivesBack = "no"
) -> dict[str, Operation]:
    """One declaration for each of several operations, by the names of their functions."""
    return dict.fromkeys(names.split(), Operation(parameters, outputs, macs, gives_back))


def same(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return one(tensor.shape, tensor.dtype)


def where(given: Arguments) -> Outputs:
    chosen = [given.operand(1), given.operand(2)]
    shapes = [given.operand(0).shape, *(item.shape for item in chosen)]
    return one(reduce(broadcast, shapes), promoted(chosen, tensorflow=given.tensorflow))


def cast(given: Arguments) -> Outputs:
    return one(given.operand(0).shape, dtype_name(given.get("dtype")))


def reduced(given: Arguments, which: str = "axis") -> Shape:
    """The shape without the axes that are reduced, or with 1 in their place."""
    shape = given.operand(0).shape
    axes, keep = given.axes(len(shape), which), bool(given.get("keepdims", False))
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes)


def position(given: Arguments) -> Outputs:
    """argmax and argmin: without an axis, TensorFlow takes the first one and Keras 3 the whole tensor."""
    shape = given.operand(0).shape
    axis = given.get("axis", None)
    if axis is None and not given.tensorflow:
        return one((1,) * len(shape) if given.get("keepdims", False) else (), "int32")
    place = axis_of(int(axis or 0), len(shape))
    dtype = dtype_name(given.get("output_type", None)) or "int64" if given.tensorflow else "int32"
    kept: Shape = (1,) if not given.tensorflow and given.get("keepdims", False) else ()
    return one((*shape[:place], *kept, *shape[place + 1 :]), dtype)
