"""Rules that Keras 3 and TensorFlow share for operations that arrange numbers anew: reshaping, joining, picking."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from configsplit.catalog.layers.merging import broadcast, joined
from configsplit.catalog.layers.reshaping import reshaped
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one, plain, promoted
from configsplit.catalog.rules import Outputs, axis_of, known, unknown
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec


def target_shape(value: Any) -> Shape:
    """A shape argument: sizes that are tensors are open. Raises ShapeError for a shape that is one whole tensor."""
    if isinstance(value, TensorSpec):
        if value.shape is None or len(value.shape) != 1:
            raise unknown("the target shape is computed")
        return (None,) * known(value.shape[0])
    several = (plain(size) for size in (value if isinstance(value, tuple) else (value,)))
    return tuple(size if type(size) is int else None for size in several)


def reshape(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return one(reshaped(tensor.shape, target_shape(given.get(1))), tensor.dtype)


def broadcast_to(given: Arguments) -> Outputs:
    return one(target_shape(given.get("shape")), given.operand(0).dtype)


def transpose(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    axes = given.get(1, None)
    order = range(len(tensor.shape))[::-1] if axes is None else [axis_of(axis, len(tensor.shape)) for axis in axes]
    return one(tuple(tensor.shape[axis] for axis in order), tensor.dtype)


def expand_dims(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    axis = given.get("axis")
    several = axis if isinstance(axis, tuple) else (axis,)
    rank = len(tensor.shape) + len(several)
    places, rest = {axis_of(int(item), rank) for item in several}, iter(tensor.shape)
    return one(tuple(1 if place in places else next(rest) for place in range(rank)), tensor.dtype)


def squeeze(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    axes = given.get("axis", None)
    rank = len(tensor.shape)
    if axes in ((), None):
        gone = {axis for axis, size in enumerate(tensor.shape) if size == 1}
    else:
        gone = {axis_of(int(axis), rank) for axis in (axes if isinstance(axes, tuple) else (axes,))}
    return one(tuple(size for axis, size in enumerate(tensor.shape) if axis not in gone), tensor.dtype)


def concat(given: Arguments) -> Outputs:
    tensors, axis = given.operands(0), given.number("axis", 0)
    shape = joined([item.shape for item in tensors], axis, fill=given.tensorflow)
    return one(shape, promoted(tensors, tensorflow=given.tensorflow))


def stack(given: Arguments) -> Outputs:
    tensors, axis = given.operands(0), given.number("axis", 0)
    common: Shape = reduce(broadcast, [item.shape for item in tensors])
    shape = list(common)
    shape.insert(axis_of(axis, len(shape) + 1), len(tensors))
    return one(tuple(shape), promoted(tensors, tensorflow=given.tensorflow))


def unstack(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    place = axis_of(given.number("axis", 0), len(tensor.shape))
    rest = (*tensor.shape[:place], *tensor.shape[place + 1 :])
    return (TensorSpec(rest, tensor.dtype),) * known(tensor.shape[place])


def tile(given: Arguments) -> Outputs:
    tensor, times = given.operand(0), given.get(1)
    times = times if isinstance(times, tuple) else (times,)
    rank = max(len(tensor.shape), len(times))
    shape = (1,) * (rank - len(tensor.shape)) + tensor.shape
    factors = (1,) * (rank - len(times)) + times
    pairs = zip(shape, factors, strict=True)
    sizes = (size * factor if type(size) is int and type(factor) is int else None for size, factor in pairs)
    return one(tuple(sizes), tensor.dtype)


def take(given: Arguments) -> Outputs:
    tensor, indices, axis = given.operand(0), given.operand("indices"), given.get("axis", None)
    if axis is None:
        return one(indices.shape, tensor.dtype)
    place = axis_of(int(axis), len(tensor.shape))
    return one((*tensor.shape[:place], *indices.shape, *tensor.shape[place + 1 :]), tensor.dtype)


def one_hot(given: Arguments) -> Outputs:
    shape, depth = list(given.operand(0).shape), given.number(1)
    shape.insert(axis_of(given.number("axis", -1), len(shape) + 1), depth)
    return one(tuple(shape), dtype_name(given.get("dtype", None)) or "float32")


def swap(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    first, second = (axis_of(given.number(f"axis{place}"), len(tensor.shape)) for place in (1, 2))
    shape = list(tensor.shape)
    shape[first], shape[second] = shape[second], shape[first]
    return one(tuple(shape), tensor.dtype)


# Indexing: ``x[:, 1:, ..., None, 0]`` as Keras 3 (GetItem), tf.keras (SlicingOpLambda) and TensorFlow graphs write it.


def get_item(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    key = given.get(1)
    return (TensorSpec(indexed(tensor.shape, _index_parts(key)), tensor.dtype),)


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
