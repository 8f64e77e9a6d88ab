"""Operations of ``keras.ops`` that move, join and cut arrays, and take their diagonals."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from configsplit.catalog.operations.arguments import Arguments, Operand, one, promoted
from configsplit.catalog.operations.common import Operation, Rule, declared
from configsplit.catalog.operations.rearranging import (
    broadcast_to,
    concat,
    expand_dims,
    get_item,
    reshape,
    squeeze,
    stack,
    swap,
    tile,
    transpose,
    unstack,
)
from configsplit.catalog.rules import Outputs, axes_of, axis_of, elements, known, product, unknown
from configsplit.graph.model import Shape, TensorSpec


def changed(shape: Shape, axis: int, size: int | None) -> Shape:
    """The shape with another size along a non-negative axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def ravelled(shape: Shape) -> Shape:
    """The shape of all elements in a row."""
    return (product(shape),)


def like(shape: Shape, tensor: Operand) -> Outputs:
    """One output of the operand's dtype."""
    return one(shape, tensor.dtype)


# ----------------------------------------------------------------------------------------------------------------- moving


def _ravel(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return like(ravelled(tensor.shape), tensor)


def _moveaxis(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    rank = len(tensor.shape)
    sources, targets = (axes_of(given.get(name), rank) for name in ("source", "destination"))
    order = [axis for axis in range(rank) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return like(tuple(tensor.shape[axis] for axis in order), tensor)


def _rot90(given: Arguments) -> Outputs:
    tensor = given.operand("array")
    first, second = axes_of(given.get("axes", (0, 1)), len(tensor.shape))
    shape = list(tensor.shape)
    if given.number("k", 1) % 2:
        shape[first], shape[second] = shape[second], shape[first]
    return like(tuple(shape), tensor)


def repeated(given: Arguments) -> Outputs:
    """So many times each, or a number for each place along the axis."""
    tensor, times, axis = given.operand(0), given.get("repeats"), given.get("axis", None)
    shape, place = (ravelled(tensor.shape), 0) if axis is None else (tensor.shape, axis_of(int(axis), len(tensor.shape)))
    several = times if isinstance(times, tuple) else (times,)
    size = shape[place]
    length = None if size is None else (size * int(several[0]) if len(several) == 1 else sum(several))
    return like(changed(shape, place, length), tensor)


def _pad(given: Arguments) -> Outputs:
    tensor, width = given.operand(0), given.get("pad_width")
    pairs = width if isinstance(width, tuple) else ((width, width),)
    if not isinstance(pairs[0], tuple):
        pairs = (pairs,)
    if len(pairs) == 1:
        pairs = pairs * len(tensor.shape)
    sizes = zip(tensor.shape, pairs, strict=True)
    return like(tuple(None if size is None else size + sum(map(int, pair)) for size, pair in sizes), tensor)


_TERM = re.compile(r"\(([^)]*)\)|(\S+)")


def _rearrange(given: Arguments) -> Outputs:
    """``b h (w s) c -> b (h w) (s c)``. Raises ShapeError where a size in brackets cannot be told."""
    tensor, pattern = given.operand("tensor"), str(given.get("pattern"))
    before, after = (_terms(side) for side in pattern.split("->"))
    sizes = {name: int(size) for name, size in given.given.items() if type(size) is int}
    lengths: dict[str, int | None] = {}
    for term, size in zip(before, tensor.shape, strict=True):
        lengths.update(_term_sizes(term, size, sizes))
    return like(tuple(product(lengths[name] for name in term) for term in after), tensor)


def _terms(side: str) -> list[list[str]]:
    return [(group or single).split() for group, single in _TERM.findall(side)]


def _term_sizes(term: list[str], size: int | None, sizes: dict[str, int]) -> dict[str, int | None]:
    told = {name: sizes[name] for name in term if name in sizes}
    rest = [name for name in term if name not in sizes]
    if len(rest) > 1:
        raise unknown("the pattern leaves more than one size open")
    filled: dict[str, int | None] = dict(told)
    if rest:
        filled[rest[0]] = None if size is None else size // elements(told.values())
    return filled


# ------------------------------------------------------------------------------------------------------ joining and cutting


def tensors_of(given: Arguments) -> list[Operand]:
    """The operands, given as one list or one by one."""
    return given.operands(0)


def _stacked(axis: int) -> Rule:
    """hstack, vstack and dstack join along their axis; vectors along the only one they have, but for dstack."""

    def rule(given: Arguments) -> Outputs:
        tensors = tensors_of(given)
        shapes = [_deep(item.shape) if axis == 2 else item.shape for item in tensors]
        place = min(axis, len(shapes[0]) - 1)
        lengths = [shape[place] for shape in shapes]
        total = None if None in lengths else sum(known(length) for length in lengths)
        return one(changed(shapes[0], place, total), promoted(tensors, tensorflow=False))

    return rule


def _deep(shape: Shape) -> Shape:
    if len(shape) > 2:
        return shape
    return (1, *shape, 1) if len(shape) == 1 else (*shape, 1)


def _append(given: Arguments) -> Outputs:
    pair, axis = [given.operand("x1"), given.operand("x2")], given.get("axis", None)
    dtype = promoted(pair, tensorflow=False)
    shapes = [ravelled(item.shape) if axis is None else item.shape for item in pair]
    place = 0 if axis is None else axis_of(int(axis), len(shapes[0]))
    lengths = [shape[place] for shape in shapes]
    return one(changed(shapes[0], place, None if None in lengths else sum(known(size) for size in lengths)), dtype)


def _split_along(axis: int | None) -> Rule:
    """Sections of nearly equal size, or places to cut."""

    def rule(given: Arguments) -> Outputs:
        tensor, parts = given.operand(0), given.get("indices_or_sections")
        chosen = given.get("axis", 0) if axis is None else axis
        place = axis_of(int(chosen), len(tensor.shape))
        lengths = _sections(tensor.shape[place], parts)
        return tuple(TensorSpec(changed(tensor.shape, place, length), tensor.dtype) for length in lengths)

    return rule


def _sections(size: int | None, parts: Any) -> list[int | None]:
    if isinstance(parts, tuple):
        edges = [0, *parts, size]
        return [None if right is None else max(right - left, 0) for left, right in pairwise(edges)]
    if size is None:
        return [None] * int(parts)
    each, more = divmod(size, int(parts))
    return [each + (number < more) for number in range(int(parts))]


# --------------------------------------------------------------------------------------------------------------- diagonals


def _diagonal_length(rows: int | None, columns: int | None, offset: int) -> int | None:
    if rows is None or columns is None:
        return None
    return max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)


def _diag(given: Arguments) -> Outputs:
    tensor, offset = given.operand(0), given.number("k", 0)
    if len(tensor.shape) == 1:
        size = None if tensor.shape[0] is None else tensor.shape[0] + abs(offset)
        return like((size, size), tensor)
    rows, columns = tensor.shape
    return like((_diagonal_length(rows, columns, offset),), tensor)


def _diagflat(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    size = product(tensor.shape)
    size = None if size is None else size + abs(given.number("k", 0))
    return like((size, size), tensor)


def _plane(given: Arguments) -> tuple[Operand, Shape, int | None]:
    """The operand, its shape without the two axes of a plane, and the length of the plane's diagonal."""
    tensor = given.operand(0)
    axes = tuple(axis_of(given.number(name, place), len(tensor.shape)) for place, name in enumerate(("axis1", "axis2")))
    rest = tuple(size for axis, size in enumerate(tensor.shape) if axis not in axes)
    return tensor, rest, _diagonal_length(tensor.shape[axes[0]], tensor.shape[axes[1]], given.number("offset", 0))


def _diagonal(given: Arguments) -> Outputs:
    tensor, rest, length = _plane(given)
    return like((*rest, length), tensor)


def _trace(given: Arguments) -> Outputs:
    tensor, rest, _ = _plane(given)
    return one(rest, "int32" if tensor.dtype in ("bool", "int8", "int16", "uint8", "uint16") else tensor.dtype)


OPERATIONS: dict[str, Operation] = {
    **declared("ravel", "x", _ravel),
    **declared("moveaxis", "x source destination", _moveaxis, gives_back="perhaps"),
    **declared("rot90", "array k axes", _rot90, gives_back="perhaps"),
    **declared("repeat", "x repeats axis", repeated),
    **declared("pad", "x constant_values pad_width mode", _pad),
    **declared("rearrange", "tensor pattern", _rearrange, gives_back="perhaps"),
    **declared("hstack", "xs", _stacked(1)),
    **declared("vstack", "xs", _stacked(0)),
    **declared("dstack", "xs", _stacked(2)),
    **declared("append", "x1 x2 axis", _append),
    **declared("split array_split", "x indices_or_sections axis", _split_along(None)),
    **declared("hsplit", "x indices_or_sections", _split_along(1)),
    **declared("vsplit", "x indices_or_sections", _split_along(0)),
    **declared("dsplit", "x indices_or_sections", _split_along(2)),
    **declared("diag", "x k", _diag),
    **declared("diagflat", "x k", _diagflat),
    **declared("diagonal", "x offset axis1 axis2", _diagonal),
    **declared("trace", "x offset axis1 axis2", _trace),
    **declared("reshape", "x newshape", reshape, gives_back="perhaps"),
    **declared("broadcast_to", "x shape", broadcast_to, gives_back="perhaps"),
    **declared("transpose", "x axes", transpose, gives_back="perhaps"),
    **declared("expand_dims", "x axis", expand_dims, gives_back="perhaps"),
    **declared("squeeze", "x axis", squeeze, gives_back="perhaps"),
    **declared("concatenate", "xs axis", concat, gives_back="perhaps"),
    **declared("stack", "x axis", stack, gives_back="perhaps"),
    **declared("unstack", "x num axis", unstack),
    **declared("tile", "x repeats", tile),
    **declared("swapaxes", "x axis1 axis2", swap, gives_back="perhaps"),
    **declared("get_item", "x key", get_item, gives_back="perhaps"),
}
