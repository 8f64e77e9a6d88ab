"""What each of TensorFlow's functions becomes in Keras 3: a rule takes one call and gives the new tensors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, TypeAlias

from configsplit.conversion.operations.arguments import Dimensions, Operation, piece
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Use

Result: TypeAlias = "Use | Dimensions | tuple[Use, ...]"
Rule: TypeAlias = Callable[[Operation], Any]


# ----------------------------------------------------------------------------------------------------------- elementwise


def unary(kind: str, op: Operation) -> Use:
    return op.emit(kind, op.tensor("x"))


def angle(op: Operation) -> Use:
    return op.emit("numpy.Arctan2", op.tensor("y", "x"), op.tensor("x", "y"))


def squared_difference(op: Operation) -> Use:
    return op.emit("numpy.Square", op.emit("numpy.Subtract", op.tensor("x", "y"), op.tensor("y", "x")))


def same(op: Operation) -> Any:
    return op.tensor("x")


def gelu(op: Operation) -> Use:
    return op.emit("nn.Gelu", op.tensor("x"), approximate=bool(op.static("approximate", False)))


def leaky_relu(op: Operation) -> Use:
    return op.emit("nn.LeakyRelu", op.tensor("x"), negative_slope=op.static("alpha", 0.2))


def softmax(kind: str, op: Operation) -> Use:
    return op.emit(kind, op.tensor("x"), axis=op.static("axis", -1))


def hard_sigmoid(op: Operation) -> Use:
    """What ``K.hard_sigmoid`` computed before Keras 3."""
    slope = op.emit("numpy.Multiply", op.tensor("x"), 0.2)
    return op.emit("numpy.Clip", op.emit("numpy.Add", slope, 0.5), x_min=0.0, x_max=1.0)


def l2_normalize(op: Operation) -> Use:
    x, axis = op.tensor("x"), op.static("axis")
    total = op.emit("numpy.Sum", op.emit("numpy.Square", x), axis=axis, keepdims=True)
    scale = op.emit("math.Rsqrt", op.emit("numpy.Maximum", total, op.static("epsilon", 1e-12)))
    return op.emit("numpy.Multiply", x, scale)


def clip(op: Operation) -> Use:
    least, most = "clip_value_min", "clip_value_max"
    if type(op.given.get(least)) is Use or type(op.given.get(most)) is Use:
        return op.emit("numpy.Minimum", op.emit("numpy.Maximum", op.tensor("t"), op.tensor(least)), op.tensor(most))
    return op.emit("numpy.Clip", op.tensor("t"), x_min=op.static(least), x_max=op.static(most))


def cast(op: Operation) -> Use:
    return op.emit("core.Cast", op.tensor("x"), dtype=str(op.static("dtype")).removeprefix("<dtype: '").removesuffix("'>"))


def where(op: Operation) -> Use:
    if not op.has("x") or not op.has("y"):
        raise op.stop("gives as many places as are true, which no model of Keras 3 can record")
    return op.emit("numpy.Where", op.tensor("condition"), op.tensor("x", "y"), op.tensor("y", "x"))


def add_n(op: Operation) -> Use:
    values = op.given["inputs"]
    total, *rest = [op.new(value) for value in (values if type(values) is tuple else (values,))]
    for value in rest:
        total = op.emit("numpy.Add", total, value)
    return total  # type: ignore[no-any-return]


def like(kind: str, op: Operation) -> Use:
    return op.emit(kind, op.tensor("x"), dtype=op.static("dtype"))


# ------------------------------------------------------------------------------------------------------------ reductions


def reduce(kind: str, op: Operation) -> Use:
    axis = op.static("axis", op.static("reduction_indices"))
    keep = bool(op.static("keepdims", op.static("keep_dims", False)))
    return op.emit(kind, op.tensor("input_tensor"), axis=axis, keepdims=keep)


def position(kind: str, op: Operation) -> Use:
    """TensorFlow takes the first axis where none is named, and counts in int64."""
    axis = op.static("axis", op.static("dimension", 0))
    return op.emit("core.Cast", op.emit(kind, op.tensor("input"), axis=axis), dtype=str(op.static("output_type", "int64")))


# ---------------------------------------------------------------------------------------------------------------- arrays


def transpose(op: Operation) -> Use:
    if op.static("conjugate", False):
        raise op.stop("conjugates")
    return op.emit("numpy.Transpose", op.tensor("a"), axes=op.static("perm"))


def expand(op: Operation) -> Use:
    return op.emit("numpy.ExpandDims", op.tensor("input"), axis=op.static("axis", op.static("dim")))


def squeeze(op: Operation) -> Use:
    axis = op.static("axis", op.static("squeeze_dims"))
    return op.emit(
        "numpy.Squeeze", op.tensor("input"), axis=axis[0] if type(axis) is tuple and len(axis) == 1 else axis or None
    )


def tensors(op: Operation, name: str) -> tuple[Any, ...]:
    value = op.given[name]
    items = value if type(value) is tuple else (value,)
    like = next((op.building.spec(item.ref).dtype for item in items if type(item) is Use), None)
    return tuple(op.new(item, like) for item in items)


def split(op: Operation) -> tuple[Use, ...]:
    parts, axis = op.static("num_or_size_splits"), op.static("axis", 0)
    if type(parts) is not tuple:
        return op.outputs(op.emit("numpy.Split", op.tensor("value"), indices_or_sections=parts, axis=axis), parts)
    parts = _all_parts(op, parts, axis)
    places = tuple(accumulate(parts[:-1]))
    return op.outputs(op.emit("numpy.Split", op.tensor("value"), indices_or_sections=places, axis=axis), len(parts))


def _all_parts(op: Operation, parts: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The parts with the one that is left open."""
    size = (op.spec("value").shape or ())[axis : axis + 1 or None]
    if -1 in parts and not (size and size[0]):
        raise op.stop("leaves one size of an unknown one open")
    return tuple((size[0] or 0) - sum(parts) - 1 if part == -1 else part for part in parts)


def repeat(op: Operation) -> Use:
    return op.emit("numpy.Repeat", op.tensor("input"), repeats=op.static("repeats"), axis=op.static("axis"))


def pad(op: Operation) -> Use:
    mode = str(op.static("mode", "CONSTANT")).lower()
    value = op.given.get("constant_values") if mode == "constant" else None
    width = tuple(tuple(pair) for pair in op.static("paddings"))
    made = op.emit("numpy.Pad", op.tensor("tensor"), pad_width=width, mode=mode)
    if value not in (None, 0):
        op.with_kwargs(made, constant_values=op.new(value))
    return made


def reverse(op: Operation) -> Use:
    axis = op.static("axis")
    return op.emit("numpy.Flip", op.tensor("tensor"), axis=axis[0] if type(axis) is tuple and len(axis) == 1 else axis)


# ----------------------------------------------------------------------------------------------------------------- indices


def getitem(op: Operation) -> Any:
    spec = op.given["slice_spec"]
    value = op.given["tensor"]
    items = spec if type(spec) is tuple else (spec,)
    if type(value) is Use and (known := op.building.symbols.get(value.ref)) is not None:
        return _dimension(op, known, items)
    keys = tuple(_key(op, item) for item in items)
    return op.emit("numpy.GetItem", op.tensor("tensor"), keys if len(keys) > 1 or type(spec) is tuple else keys[0])


def _dimension(op: Operation, known: Dimensions, items: tuple[Any, ...]) -> Dimensions:
    item = items[0]
    if len(items) == 1 and type(item) is int:
        return Dimensions((known.sizes[item],), scalar=True)
    if len(items) == 1 and isinstance(item, dict):
        return Dimensions(known.sizes[slice(*(item.get(end) for end in ("start", "stop", "step")))])
    raise op.stop("takes a shape apart in a way that has no rule")


def _key(op: Operation, item: Any) -> Any:
    if isinstance(item, dict) and {"start", "stop", "step"} <= item.keys():
        ends = [item[name] for name in ("start", "stop", "step")]
        return piece(*(_end(op, end) for end in ends))
    if isinstance(item, dict):
        if item.get("type") == "Ellipsis" or item.get("class_name") == "__ellipsis__":
            return FULL
        raise op.stop("has an index that no release is known to write")
    return op.new(item) if type(item) is Use else item


def _end(op: Operation, end: Any) -> Any:
    """Where a slice ends: a number, also one that comes from a shape."""
    if type(end) is not Use:
        return end
    known = op.building.symbols.get(end.ref)
    if known is None or not known.known:
        raise op.stop("cuts where a tensor says")
    return known.sizes[0]


FULL = FrozenDict({"class_name": "__ellipsis__", "config": FrozenDict()})
