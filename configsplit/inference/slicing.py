"""Indexing: ``x[:, 1:, ..., None, 0]`` as Keras 3 (GetItem), tf.keras (SlicingOpLambda) and TensorFlow graphs write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from configsplit.inference.operands import Arguments
from configsplit.inference.rules import Outputs, unknown
from configsplit.ir.graph import Shape, TensorSpec
from configsplit.ir.values import FrozenDict


def get_item(given: Arguments) -> Outputs:
    found = given.operand(0, "x tensor")
    key = given.get(1, "key slice_spec")
    return (TensorSpec(indexed(found.shape, _parts(key)), found.dtype),)


def _parts(key: Any) -> list[Any]:
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
