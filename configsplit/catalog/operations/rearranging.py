"""Operations that arrange numbers anew: reshaping, joining, splitting, picking, and the products of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import pairwise
from typing import Any

from configsplit.catalog.layers.merging import broadcast, joined
from configsplit.catalog.layers.reshaping import reshaped
from configsplit.catalog.operations.arguments import Arguments, Operand, dtype_name, one, operand, promoted
from configsplit.catalog.rules import Outputs, axis_of, known, unknown
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec


def _target(value: Any) -> Shape:
    """A shape argument: sizes that are tensors are open. Raises ShapeError for a shape that is one whole tensor."""
    if isinstance(value, TensorSpec):
        if value.shape is None or len(value.shape) != 1:
            raise unknown("the target shape is computed")
        return (None,) * known(value.shape[0])
    several = value if isinstance(value, tuple) else (value,)
    return tuple(size if type(size) is int else None for size in several)


def reshape(given: Arguments) -> Outputs:
    found = given.operand(0, "x tensor input a")
    return one(reshaped(found.shape, _target(given.get(1, "newshape shape"))), found.dtype)


def broadcast_to(given: Arguments) -> Outputs:
    return one(_target(given.get(1, "shape")), given.operand(0).dtype)


def transpose(given: Arguments) -> Outputs:
    found = given.operand(0, "x a input")
    axes = given.get(1, "axes perm", None)
    order = range(len(found.shape))[::-1] if axes is None else [axis_of(axis, len(found.shape)) for axis in axes]
    return one(tuple(found.shape[axis] for axis in order), found.dtype)


def expand_dims(given: Arguments) -> Outputs:
    found = given.operand(0)
    axis = given.get(1, "axis dim")
    several = axis if isinstance(axis, tuple) else (axis,)
    rank = len(found.shape) + len(several)
    places, rest = {axis_of(int(item), rank) for item in several}, iter(found.shape)
    return one(tuple(1 if place in places else next(rest) for place in range(rank)), found.dtype)


def squeeze(given: Arguments) -> Outputs:
    found = given.operand(0)
    axes = _squeezed_axes(given)
    rank = len(found.shape)
    if axes is None:
        gone = {axis for axis, size in enumerate(found.shape) if size == 1}
    else:
        gone = {axis_of(int(axis), rank) for axis in (axes if isinstance(axes, tuple) else (axes,))}
    return one(tuple(size for axis, size in enumerate(found.shape) if axis not in gone), found.dtype)


def _squeezed_axes(given: Arguments) -> Any:
    axes = given.get(1, "axis squeeze_dims", None)
    if isinstance(axes, FrozenDict):  # an attribute of a graph node: {"i": ["1"]}
        axes = axes.get("i")
    return None if axes in ((), None) else axes


def concat(given: Arguments) -> Outputs:
    found, axis = _listed(given)
    return one(
        joined([item.shape for item in found], axis, fill=given.tensorflow), promoted(found, tensorflow=given.tensorflow)
    )


def _listed(given: Arguments) -> tuple[list[Operand], int]:
    """Tensors and axis: one list and an axis, or, in a graph node, every tensor by itself and the axis last."""
    first = given.get(0, "xs arrays values inputs x")
    if isinstance(first, tuple):
        return [operand(item) for item in first], int(given.get(1, "axis", 0))
    if "axis" in given.named:
        return [operand(item) for item in given.positional], int(given.named["axis"])
    return [operand(item) for item in given.positional[:-1]], int(given.positional[-1])


def stack(given: Arguments) -> Outputs:
    found, axis = _listed(given)
    common: Shape = reduce(broadcast, [item.shape for item in found])
    shape = list(common)
    shape.insert(axis_of(axis, len(shape) + 1), len(found))
    return one(tuple(shape), promoted(found, tensorflow=given.tensorflow))


def split(given: Arguments) -> Outputs:
    found = given.operand(0, "x value")
    parts = given.get(1, "indices_or_sections num_or_size_splits")
    return _parts(found, parts, int(given.get(2, "axis", 0)), given.tensorflow)


def graph_split(given: Arguments) -> Outputs:
    return _parts(given.operand(1), int(given.get(-1, "num_split")), int(given.get(0, "axis")), True)


def _parts(found: Operand, parts: Any, axis: int, tensorflow: bool) -> Outputs:
    """A number of equal parts; or lengths in TensorFlow, and places to cut in Keras 3."""
    place = axis_of(axis, len(found.shape))
    size = found.shape[place]
    if isinstance(parts, tuple) and tensorflow:
        lengths: list[int | None] = list(parts)
    elif isinstance(parts, tuple):
        edges = [0, *parts, size]
        lengths = [None if right is None else right - left for left, right in pairwise(edges)]
    else:
        lengths = [None if size is None else size // int(parts)] * int(parts)
    return tuple(TensorSpec((*found.shape[:place], length, *found.shape[place + 1 :]), found.dtype) for length in lengths)


def unstack(given: Arguments) -> Outputs:
    found = given.operand(0, "x value")
    place = axis_of(int(given.get(2, "axis", 0)), len(found.shape))
    rest = (*found.shape[:place], *found.shape[place + 1 :])
    return (TensorSpec(rest, found.dtype),) * known(found.shape[place])


def tile(given: Arguments) -> Outputs:
    found, times = given.operand(0), given.get(1, "repeats multiples")
    times = times if isinstance(times, tuple) else (times,)
    rank = max(len(found.shape), len(times))
    shape = (1,) * (rank - len(found.shape)) + found.shape
    factors = (1,) * (rank - len(times)) + times
    sizes = [None if size is None else size * int(factor) for size, factor in zip(shape, factors, strict=True)]
    return one(tuple(sizes), found.dtype)


def repeat(given: Arguments) -> Outputs:
    found, times, axis = given.operand(0), given.get(1, "repeats"), given.get(2, "axis", None)
    if axis is None or not isinstance(times, int):
        raise unknown("the number of repetitions is computed")
    place = axis_of(int(axis), len(found.shape))
    size = found.shape[place]
    return one((*found.shape[:place], None if size is None else size * times, *found.shape[place + 1 :]), found.dtype)


def pad(given: Arguments) -> Outputs:
    found, amounts = given.operand(0), given.get(1, "pad_width paddings")
    sizes = [
        None if size is None else size + int(before) + int(after)
        for size, (before, after) in zip(found.shape, amounts, strict=True)
    ]
    return one(tuple(sizes), found.dtype)


def matmul(given: Arguments) -> Outputs:
    pair = [given.operand(0, "x1 a x"), given.operand(1, "x2 b y")]
    left, right = (item.shape for item in pair)
    if given.get(-1, "transpose_a adjoint_a adj_x", False):
        left = (*left[:-2], left[-1], left[-2])
    if given.get(-1, "transpose_b adjoint_b adj_y", False):
        right = (*right[:-2], right[-1], right[-2])
    return one(matmul_shape(left, right), promoted(pair, tensorflow=given.tensorflow))


def matmul_shape(left: Shape, right: Shape) -> Shape:
    """As NumPy multiplies matrices: a vector is a row on the left, a column on the right."""
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    return (*broadcast(left[:-2], right[:-2]), *rows, *columns)


def einsum(given: Arguments) -> Outputs:
    """Raises ShapeError for an equation with an ellipsis."""
    equation = str(given.get(-1, "subscripts equation")).replace(" ", "")
    left, _, result = equation.partition("->")
    if "." in equation or not result:
        raise unknown("the einsum equation has a form that is not known")
    items = given.get(0, "inputs x operands")
    found = [operand(item) for item in (items if isinstance(items, tuple) else given.positional)]
    sizes: dict[str, int | None] = {}
    for term, item in zip(left.split(","), found, strict=True):
        sizes.update((letter, size) for letter, size in zip(term, item.shape, strict=True) if sizes.get(letter) is None)
    return one(tuple(sizes[letter] for letter in result), promoted(found, tensorflow=given.tensorflow))


def shape(given: Arguments) -> Outputs:
    dtype = dtype_name(given.get(-1, "out_type", "int32"))
    return one((len(given.operand(0).shape),), dtype)


def gather(given: Arguments) -> Outputs:
    found, indices = given.operand(0, "x params"), given.operand(1, "indices")
    axis = given.get(2, "axis", 0 if given.tensorflow else None)
    if axis is None:
        return one(indices.shape, found.dtype)
    place = axis_of(int(axis), len(found.shape))
    return one((*found.shape[:place], *indices.shape, *found.shape[place + 1 :]), found.dtype)


def one_hot(given: Arguments) -> Outputs:
    shape, depth = list(given.operand(0, "x indices").shape), int(given.get(1, "num_classes depth"))
    shape.insert(axis_of(int(given.get(2, "axis", -1)), len(shape) + 1), depth)
    return one(tuple(shape), dtype_name(given.get(-1, "dtype", None)) or "float32")


def resize(given: Arguments) -> Outputs:
    """An image of another size; TensorFlow returns float32 unless it takes the nearest pixel."""
    found, size = given.operand(0, "images"), given.get(1, "size")
    first = given.get(-1, "data_format", None) == "channels_first"
    start = len(found.shape) - (2 if first else 3)
    shape = (*found.shape[:start], *_target(size), *found.shape[start + 2 :])
    method = given.get(-1, "method", "bilinear")
    return one(shape, "float32" if given.tensorflow and method not in ("nearest", 1) else found.dtype)


def swap(given: Arguments) -> Outputs:
    found = given.operand(0)
    first, second = (axis_of(int(given.get(place, f"axis{place}")), len(found.shape)) for place in (1, 2))
    shape = list(found.shape)
    shape[first], shape[second] = shape[second], shape[first]
    return one(tuple(shape), found.dtype)


# Indexing: ``x[:, 1:, ..., None, 0]`` as Keras 3 (GetItem), tf.keras (SlicingOpLambda) and TensorFlow graphs write it.


def get_item(given: Arguments) -> Outputs:
    found = given.operand(0, "x tensor")
    key = given.get(1, "key slice_spec")
    return (TensorSpec(indexed(found.shape, _index_parts(key)), found.dtype),)


def _index_parts(key: Any) -> list[Any]:
    if isinstance(key, FrozenDict) and key.get("class_name") == "__tuple__":
        key = key["config"]["value"] if "config" in key else key["items"]
    return [_part(item) for item in (key if isinstance(key, tuple) else (key,))]


def _part(item: Any) -> Any:
    """A slice, an integer, Ellipsis, or None for a new axis."""
    if isinstance(item, FrozenDict):
        kind = item.get("class_name")
        if kind == "__ellipsis__":
            return ...
        bounds = item["config"] if kind == "__slice__" else item
        return slice(*(bounds.get(name) for name in ("start", "stop", "step")))
    if item == "..." or (isinstance(item, str) and item == "Ellipsis"):
        return ...
    if isinstance(item, TensorSpec) and item.shape == ():
        return 0  # an index that is computed drops its axis like any other
    if item is None or type(item) is int:
        return item
    raise unknown("an index that is itself a tensor has no rule")


def indexed(shape: Shape, parts: list[Any]) -> Shape:
    """The shape after indexing. Raises ShapeError where there are more indices than axes."""
    used = sum(1 for part in parts if part is not None and part is not ...)
    if used > len(shape):
        raise unknown("there are more indices than axes")
    if ... not in parts:
        parts = [*parts, ...]
    return tuple(_walk(iter(shape), parts, len(shape) - used))


def _walk(rest: Iterator[int | None], parts: list[Any], skipped: int) -> Iterator[int | None]:
    for part in parts:
        if part is None:
            yield 1
        elif part is ...:
            yield from (next(rest) for _ in range(skipped))
        elif isinstance(part, slice):
            yield _sliced(next(rest), part)
        else:
            next(rest)


def _sliced(size: int | None, part: slice) -> int | None:
    """Length of a slice; unknown where the axis is, but for a slice that takes everything or has fixed ends."""
    if size is not None and all(item is None or type(item) is int for item in (part.start, part.stop, part.step)):
        return len(range(*part.indices(size)))
    return None


def strided_slice(given: Arguments) -> Outputs:
    """TensorFlow's StridedSlice, whose masks say bit by bit which of its numbers count."""
    found = given.operand(0)
    begin, end, strides = (given.get(place, "begin end strides") for place in (1, 2, 3))
    masks = {name: int(given.get(-1, name, 0)) for name in _MASKS}
    parts = [_strided(place, begin, end, strides, masks) for place in range(len(begin))]
    return (TensorSpec(indexed(found.shape, parts), found.dtype),)


_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _strided(place: int, begin: Any, end: Any, strides: Any, masks: dict[str, int]) -> Any:
    bit = 1 << place
    if masks["ellipsis_mask"] & bit:
        return ...
    if masks["new_axis_mask"] & bit:
        return None
    if masks["shrink_axis_mask"] & bit:
        return begin[place]
    start = None if masks["begin_mask"] & bit else begin[place]
    stop = None if masks["end_mask"] & bit else end[place]
    return slice(start, stop, strides[place])
