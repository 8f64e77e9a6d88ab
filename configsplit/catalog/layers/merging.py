"""Layers that merge several tensors into one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.operations.arguments import promote
from configsplit.catalog.rules import Outputs, axis_in, axis_of, compute_dtype, declare, impossible, is_float, known, shape_of
from configsplit.catalog.values import WHOLE, Values
from configsplit.graph.model import Shape, TensorSpec


def broadcast(first: Shape, second: Shape) -> Shape:
    """The common shape of two operands, aligned at the last axis. Raises ShapeError where they do not fit."""
    rank = max(len(first), len(second))
    pairs = zip((1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True)
    return tuple(_common(*pair) for pair in pairs)


def _common(first: int | None, second: int | None) -> int | None:
    if first == 1 or first == second:
        return second
    if second == 1:
        return first
    if first is not None and second is not None:
        raise impossible(f"the sizes {first} and {second} do not go together")
    return second if first is None else first


def _merge_output(call: CallFacts, shape: Shape) -> Outputs:
    """Integers stay what they are, but for the division of an average; Keras 3, which declares them as floats, promotes."""
    if call.dialect == "keras3" and isinstance(call.args[0] if call.args else None, TensorSpec):
        raise impossible("it takes its tensors in a list")
    dtypes = [spec.dtype for spec in call.inputs] if call.dialect == "keras3" else [call.first.dtype]
    if any(dtype is None or is_float(dtype) for dtype in dtypes):
        return (TensorSpec(shape, compute_dtype(call)),)
    dtype = promote(filter(None, dtypes))
    if call.class_name == "Average" and dtype in _DIVIDED:
        dtype = _DIVIDED[dtype]
    return (TensorSpec(shape, dtype),)


_DIVIDED = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64"), "float64"),
    **dict.fromkeys(("int8", "int16", "uint8", "uint16"), "float32"),
}
"""What TensorFlow divides integers in."""


def elementwise(call: CallFacts) -> Outputs:
    """Inputs of lower rank are expanded after the batch. Keras 3 leaves a size open as soon as one input does."""
    shapes = _same_rank([shape_of(spec) for spec in call.inputs])
    batches = {shape[0] for shape in shapes} - {None}
    if len(batches) > 1:
        raise impossible("the inputs have different batch sizes")
    tail = reduce(broadcast, (shape[1:] for shape in shapes))
    if call.dialect == "keras3":
        columns = zip(tail, *(shape[1:] for shape in shapes), strict=True)
        tail = tuple(None if None in sizes else size for size, *sizes in columns)
    return _merge_output(call, (batches.pop() if batches else None, *tail))


def _same_rank(shapes: Iterable[Shape]) -> list[Shape]:
    padded = list(shapes)
    rank = max(map(len, padded))
    return [(*shape[:1], *((1,) * (rank - len(shape))), *shape[1:]) for shape in padded]


def joined(shapes: list[Shape], axis: int, *, fill: bool) -> Shape:
    """Shapes concatenated along an axis; with ``fill``, sizes that the first one leaves open come from the others."""
    place = axis_of(axis, len(shapes[0]))
    lengths = [shape[place] for shape in shapes]
    result = list(shapes[0])
    if fill:
        result = [next((size for size in sizes if size is not None), None) for sizes in zip(*shapes, strict=True)]
    result[place] = None if None in lengths else sum(known(length) for length in lengths)
    return tuple(result)


def concatenate(call: CallFacts) -> Outputs:
    shapes = [shape_of(spec) for spec in call.inputs]
    if len({len(shape) for shape in shapes}) != 1:
        raise impossible("the inputs have different ranks")
    axis = axis_in(int(call.config.get("axis", -1)), len(shapes[0]))
    for place, lengths in enumerate(zip(*shapes, strict=True)):
        if place != axis and len({*lengths} - {None}) > 1:
            raise impossible(f"the inputs differ along axis {place}, and are joined along axis {axis}")
    return _merge_output(call, joined(shapes, axis, fill=call.dialect != "keras3"))


def dot(call: CallFacts) -> Outputs:
    left, right = (shape_of(spec) for spec in call.inputs)
    axes = call.config["axes"]
    first, second = axes if isinstance(axes, tuple) else (axes, axes)
    drop_left, drop_right = axis_in(int(first), len(left)), axis_in(int(second), len(right))
    if 0 in (drop_left, drop_right):
        raise impossible("a product is summed over axes of a sample, not over the samples")
    if len({left[drop_left], right[drop_right]} - {None}) > 1:
        raise impossible(f"axis {drop_left} has {left[drop_left]} elements, axis {drop_right} has {right[drop_right]}")
    rest_left = [size for axis, size in enumerate(left) if axis != drop_left]
    rest_right = [size for axis, size in enumerate(right) if axis not in (0, drop_right)]
    shape = (*rest_left, *rest_right)
    return _merge_output(call, shape if len(shape) > 1 else (*shape, 1))


def dot_macs(call: CallFacts) -> int:
    """One multiplication for each element of the output and each element of the contracted axis."""
    left = shape_of(call.first)
    axes = call.config["axes"]
    axis = axes[0] if isinstance(axes, tuple) else axes
    total = known(left[axis_of(int(axis), len(left))])
    for size in shape_of(dot(call)[0])[1:]:
        total *= known(size)
    return total


def _is_axes(value: Any) -> bool:
    several = value if isinstance(value, tuple) else (value, value)
    return len(several) == 2 and all(isinstance(each, int) for each in several)


LAYERS = (
    *declare("Add Subtract Average", elementwise, mask="passes", merge="numbers"),
    *declare("Multiply Maximum Minimum", elementwise, mask="passes", merge="numbers", keras3={"reads_masks": True}),
    *declare("Concatenate", concatenate, mask="passes", merge="joined", numbers="moved", values={"axis": WHOLE}),
    *declare("Dot", dot, macs=dot_macs, values={"axes": Values("a whole number, or two of them", _is_axes)}),
)
