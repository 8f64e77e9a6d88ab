"""What each of TensorFlow's functions becomes in Keras 3: a rule takes one call and gives the new tensors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, TypeAlias

from configsplit.ir.graph import Use
from configsplit.ir.values import FrozenDict
from configsplit.migration.op_arguments import Operation
from configsplit.migration.op_values import Dimensions, piece

Result: TypeAlias = "Use | Dimensions | tuple[Use, ...]"
Rule: TypeAlias = Callable[[Operation], Any]


# ----------------------------------------------------------------------------------------------------------- elementwise


def binary(kind: str, op: Operation) -> Use:
    return op.emit(kind, op.tensor("x", "y"), op.tensor("y", "x"))


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


def cumulative(kind: str, op: Operation) -> Use:
    if op.static("exclusive", False) or op.static("reverse", False):
        raise op.stop("is exclusive or runs backwards")
    return op.emit(kind, op.tensor("x"), axis=op.static("axis", 0))


# ---------------------------------------------------------------------------------------------------------------- shapes


def shape(op: Operation) -> Dimensions:
    shape = op.spec("input").shape
    if shape is None:
        raise op.stop("asks for a shape that is not known")
    return Dimensions(shape)


def reshape(op: Operation) -> Use:
    """One size that only the running model knows is what is left over, as -1 is."""
    sizes = op.sizes("shape")
    open_ones = [size for size in sizes if size is None or size == -1]
    if len(open_ones) > 1:
        raise op.stop("takes several sizes from the running model")
    return op.emit("numpy.Reshape", op.tensor("tensor"), newshape=tuple(-1 if size is None else size for size in sizes))


def _known_sizes(op: Operation, name: str) -> tuple[int, ...]:
    sizes = op.sizes(name)
    if None in sizes:
        raise op.stop(f"takes {name!r} from the running model")
    return tuple(size for size in sizes if size is not None)


def broadcast(op: Operation) -> Use:
    return op.emit("numpy.BroadcastTo", op.tensor("input"), shape=_known_sizes(op, "shape"))


def tile(op: Operation) -> Use:
    return op.emit("numpy.Tile", op.tensor("input"), repeats=_known_sizes(op, "multiples"))


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


def _tensors(op: Operation, name: str) -> tuple[Any, ...]:
    value = op.given[name]
    items = value if type(value) is tuple else (value,)
    like = next((op.building.spec(item.ref).dtype for item in items if type(item) is Use), None)
    return tuple(op.new(item, like) for item in items)


def concat(op: Operation) -> Use:
    return op.emit("numpy.Concatenate", _tensors(op, "values"), axis=op.static("axis"))


def stack(op: Operation) -> Any:
    items = op.given["values"]
    known = [op.building.symbols.get(item.ref) if type(item) is Use else None for item in items]
    if any(known) and all(each is not None or type(item) is int for each, item in zip(known, items, strict=True)):
        return Dimensions(tuple(item if each is None else each.sizes[0] for each, item in zip(known, items, strict=True)))
    return op.emit("numpy.Stack", _tensors(op, "values"), axis=op.static("axis", 0))


def unstack(op: Operation) -> tuple[Use, ...]:
    axis = op.static("axis", 0)
    size = (op.spec("value").shape or ())[axis]
    count = op.static("num", size)
    if count is None:
        raise op.stop("takes a tensor of unknown size apart")
    return op.outputs(op.emit("core.Unstack", op.tensor("value"), num=count, axis=axis), count)


def split(op: Operation) -> tuple[Use, ...]:
    parts, axis = op.static("num_or_size_splits"), op.static("axis", 0)
    if type(parts) is not tuple:
        return op.outputs(op.emit("numpy.Split", op.tensor("value"), indices_or_sections=parts, axis=axis), parts)
    if -1 in parts:
        raise op.stop("leaves one size open")
    places = tuple(accumulate(parts[:-1]))
    return op.outputs(op.emit("numpy.Split", op.tensor("value"), indices_or_sections=places, axis=axis), len(parts))


def repeat(op: Operation) -> Use:
    return op.emit("numpy.Repeat", op.tensor("input"), repeats=op.static("repeats"), axis=op.static("axis"))


def pad(op: Operation) -> Use:
    mode = str(op.static("mode", "CONSTANT")).lower()
    value = op.given.get("constant_values") if mode == "constant" else None
    kept = {} if value in (None, 0) else {"constant_values": op.new(value)}
    width = tuple(tuple(pair) for pair in op.static("paddings"))
    made = op.emit("numpy.Pad", op.tensor("tensor"), pad_width=width, mode=mode)
    node = op.building.layers[made.ref.layer].calls
    node[0] = node[0].__class__(node[0].args, node[0].kwargs | kept)
    return made


def gather(op: Operation) -> Use:
    if op.static("batch_dims", 0):
        raise op.stop("gathers batch by batch")
    return op.emit("numpy.Take", op.tensor("params"), op.tensor("indices"), axis=op.static("axis", 0))


def one_hot(op: Operation) -> Use:
    if op.static("on_value", 1) != 1 or op.static("off_value", 0) != 0:
        raise op.stop("writes other numbers than 0 and 1")
    dtype = str(op.static("dtype", "float32"))
    return op.emit("nn.OneHot", op.tensor("indices"), num_classes=op.static("depth"), axis=op.static("axis", -1), dtype=dtype)


def reverse(op: Operation) -> Use:
    axis = op.static("axis")
    return op.emit("numpy.Flip", op.tensor("tensor"), axis=axis[0] if type(axis) is tuple and len(axis) == 1 else axis)


# ------------------------------------------------------------------------------------------------------------- products


def matmul(op: Operation) -> Use:
    if any(op.static(name, False) for name in ("adjoint_a", "adjoint_b", "adj_x", "adj_y")):
        raise op.stop("conjugates")
    left, right = op.tensor("a", "b"), op.tensor("b", "a")
    if op.static("transpose_a", False):
        left = _turned(op, left)
    if op.static("transpose_b", False):
        right = _turned(op, right)
    return op.emit("numpy.Matmul", left, right)


def _turned(op: Operation, matrix: Any) -> Any:
    """The matrix with its last two axes swapped; that of a constant is written so."""
    if type(matrix) is Use:
        return op.emit("numpy.Swapaxes", matrix, axis1=-1, axis2=-2)
    rows = matrix["config"]["value"]
    if any(type(item) is tuple for row in rows for item in row):
        raise op.stop("transposes a constant of more than two axes")
    return matrix | {"config": matrix["config"] | {"value": tuple(zip(*rows, strict=True))}}


def bias(op: Operation) -> Use:
    if str(op.static("data_format", "N...C")).startswith("NC"):
        raise op.stop("adds along the first axis")
    return op.emit("numpy.Add", op.tensor("value"), op.tensor("bias", "value"))


def image(op: Operation) -> Use:
    method = op.static("method", "bilinear")
    if op.static("preserve_aspect_ratio", False):
        raise op.stop("keeps the aspect ratio")
    if method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        raise op.stop(f"interpolates by {method!r}")
    size = _known_sizes(op, "size")
    smooth = bool(op.static("antialias", False))
    return op.emit(
        "image.Resize", op.tensor("images"), size=size, interpolation=method, antialias=smooth, data_format="channels_last"
    )


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
        if any(type(end) is Use for end in ends):
            raise op.stop("cuts where a tensor says")
        return piece(*ends)
    if isinstance(item, dict):
        if item.get("type") == "Ellipsis" or item.get("class_name") == "__ellipsis__":
            return FULL
        raise op.stop("has an index that no release is known to write")
    return op.new(item) if type(item) is Use else item


FULL = FrozenDict({"class_name": "__ellipsis__", "config": FrozenDict()})
