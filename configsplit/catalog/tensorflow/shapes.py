"""Shapes: those that a graph computes with, and the operations that take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from operator import add, floordiv, mod, mul, sub
from typing import Any

from configsplit.catalog.operations import rearranging
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one, promoted
from configsplit.catalog.rules import Outputs
from configsplit.catalog.tensorflow.call import Dimensions, OperationCall, Samples, Size, dtype_of
from configsplit.catalog.tensorflow.declare import Converter, Function, Result, function, node
from configsplit.graph.model import Shape, Use

SAMPLES = Samples.NUMBER

# ---------------------------------------------------------------------------------------------------------------- outputs


def _sizes(given: Arguments) -> Outputs:
    return one((len(given.operand("input").shape),), dtype_name(given.get("out_type", None)) or "int32")


def _made(given: Arguments) -> Outputs:
    return one(rearranging.target_shape(given.get("shape")), dtype_name(given.get("dtype", None)) or "float32")


def _filled(given: Arguments) -> Outputs:
    return one(rearranging.target_shape(given.get("dims")), promoted([given.operand("value")], tensorflow=False))


# ------------------------------------------------------------------------------------------------------------ in Keras 3


def shape(op: OperationCall) -> Dimensions:
    known = op.spec("input").shape
    if known is None:
        raise op.stop("needs a shape that is unknown")
    value = op.value("input")
    if type(value) is Use and value.ref in op.building.samples and known and known[0] is None:
        return Dimensions((SAMPLES, *known[1:]))
    return Dimensions(known)


# ----------------------------------------------------------------------------------------------- computing with shapes

_COMPUTES: Mapping[str, Callable[[int, int], int]] = {
    "numpy.Add": add,
    "numpy.Subtract": sub,
    "numpy.Multiply": mul,
    "numpy.FloorDivide": floordiv,
    "numpy.Mod": mod,
    "numpy.Maximum": max,
    "numpy.Minimum": min,
}


def dimensions(op: OperationCall, value: Any) -> Dimensions | None:
    """What an argument is as a shape or size; None where it is a tensor."""
    if type(value) is not tuple:
        return _one(op, value)
    parts = [_one(op, item) for item in value]
    sizes = tuple(each.sizes[0] for each in parts if each is not None and each.scalar)
    return Dimensions(sizes) if len(sizes) == len(value) else None


def _one(op: OperationCall, value: Any) -> Dimensions | None:
    if type(value) is int:
        return Dimensions((value,), scalar=True)
    return op.building.symbols.get(value.ref) if type(value) is Use else None


def binary(kind: str, op: OperationCall) -> Result:
    """Arithmetic of tensors, or of sizes: a size that is open makes an open one."""
    given = op.value("x"), op.value("y")
    if not any(type(value) is Use and value.ref in op.building.symbols for value in given):
        pair = op.tensor("x", "y"), op.tensor("y", "x")
        return op.emit(kind, *(reversed(pair) if kind == "numpy.Add" and _is_column(op.shape("y")) else pair))
    one, other = (dimensions(op, value) for value in given)
    if one is None or other is None or kind not in _COMPUTES:
        raise op.stop("computes numbers from the shape of a tensor")
    length = max(len(one.sizes), len(other.sizes))
    sides = [each.sizes * (length if len(each.sizes) == 1 else 1) for each in (one, other)]
    sizes = tuple(_size(kind, left, right) for left, right in zip(*sides, strict=True))
    return Dimensions(sizes, one.scalar and other.scalar)


def _is_column(shape: Shape) -> bool:
    """Keras 3 on TensorFlow adds ``(3, 1)`` to ``(3, 3)`` as if it were ``(3,)``, where it comes second."""
    return len(shape) > 1 and shape[-1] == 1


def _size(kind: str, left: Size, right: Size) -> Size:
    if type(left) is int and type(right) is int:
        return _COMPUTES[kind](left, right)
    neutral = {"numpy.Add": 0, "numpy.Subtract": 0, "numpy.Multiply": 1, "numpy.FloorDivide": 1}
    return left if kind in neutral and right == neutral[kind] else None


def product(op: OperationCall, rule: Converter) -> Any:
    """``tf.reduce_prod(tf.shape(x)[1:])``; of a tensor, what the other rule says."""
    value = dimensions(op, op.value(0))
    if value is None:
        return rule(op)
    sizes = [size for size in value.sizes if type(size) is int]
    return Dimensions((prod(sizes) if value.known else None,), scalar=True)


def whole(op: OperationCall, rule: Converter) -> Any:
    """A cast, or an identity: a size stays one."""
    value = dimensions(op, op.value(0))
    return value if value is not None else rule(op)


def _tensors(op: OperationCall, name: str) -> tuple[Any, ...]:
    value = op.value(name)
    items = value if type(value) is tuple else (value,)
    like = next((op.building.spec(item.ref).dtype for item in items if type(item) is Use), None)
    return tuple(op.new(item, like) for item in items)


def concat(op: OperationCall) -> Result:
    """Tensors side by side; or pieces of shapes, which make a new shape."""
    items = op.value("values")
    parts = [dimensions(op, item) for item in items] if type(items) is tuple else []
    if parts and all(each is not None and not each.scalar for each in parts) and _has_symbol(op, items):
        return Dimensions(tuple(size for each in parts if each is not None for size in each.sizes))
    return op.emit("numpy.Concatenate", _tensors(op, "values"), axis=op.static("axis"))


def stack(op: OperationCall) -> Result:
    items = op.value("values")
    parts = [dimensions(op, item) for item in items]
    if all(each is not None and each.scalar for each in parts) and _has_symbol(op, items):
        return Dimensions(tuple(each.sizes[0] for each in parts if each is not None))
    return op.emit("numpy.Stack", _tensors(op, "values"), axis=op.static("axis", 0))


def _has_symbol(op: OperationCall, items: Any) -> bool:
    listed = [each for item in items for each in (item if type(item) is tuple else (item,))]
    return any(type(item) is Use and item.ref in op.building.symbols for item in listed)


def unstack(op: OperationCall) -> tuple[Any, ...]:
    if (known := dimensions(op, op.value("value"))) is not None:
        return tuple(Dimensions((size,), scalar=True) for size in known.sizes)
    axis = op.static("axis", 0)
    size = (op.spec("value").shape or ())[axis]
    count = op.static("num", size)
    if count is None:
        raise op.stop("splits a tensor of unknown size")
    return op.outputs(op.emit("core.Unstack", op.tensor("value"), num=count, axis=axis), count)


# ---------------------------------------------------------------------------------------------------------- taking shapes


def reshape(op: OperationCall) -> Use:
    """One size that only the running model knows is what is left over, as -1 is; besides, a layer keeps the samples."""
    sizes = op.sizes("shape")
    target = tuple(size if type(size) is int else -1 for size in sizes)
    if target.count(-1) <= 1:
        return op.emit("numpy.Reshape", op.tensor("tensor"), newshape=target)
    given = op.value("tensor")
    keeps = sizes[0] is SAMPLES and type(given) is Use and given.ref in op.building.samples
    if not keeps or target[1:].count(-1) != 1:
        raise op.stop("takes several sizes from the running model")
    config = {"target_shape": target[1:], "dtype": op.spec("tensor").dtype or "float32"}
    return op.building.call(op.building.layer("Reshape", "reshape", config), op.tensor("tensor"))


def _known(op: OperationCall, name: str) -> tuple[int, ...]:
    sizes = op.sizes(name)
    if not all(type(size) is int for size in sizes):
        raise op.stop(f"takes {name!r} from the running model")
    return tuple(int(size) for size in sizes if type(size) is int)


def broadcast(op: OperationCall) -> Use:
    sizes = op.sizes("shape")
    old = op.shape("input")
    if sizes[0] is SAMPLES and old[:1] == (1,) and len(old) == len(sizes):
        times = (1, *(1 if size == before else size for size, before in zip(sizes[1:], old[1:], strict=True)))
        return _tiled(op, _for_each_sample(op, "input"), times)
    return op.emit("numpy.BroadcastTo", op.tensor("input"), shape=_known(op, "shape"))


def tile(op: OperationCall) -> Use:
    times = op.sizes("multiples")
    if times[0] is SAMPLES:
        return _tiled(op, _for_each_sample(op, "input"), (1, *times[1:]))
    return op.emit("numpy.Tile", op.tensor("input"), repeats=_known(op, "multiples"))


def _tiled(op: OperationCall, value: Use, times: tuple[Size, ...]) -> Use:
    if not all(type(each) is int for each in times):
        raise op.stop("takes several sizes from the running model")
    return value if set(times) == {1} else op.emit("numpy.Tile", value, repeats=times)


def _for_each_sample(op: OperationCall, name: str) -> Use:
    """A tensor whose first axis is 1, once for each sample: zeros of that many samples are added."""
    dtype, shape = op.spec(name).dtype or "float32", op.shape(name)
    if shape[:1] != (1,) or not dtype.startswith(("float", "bfloat", "int")):
        raise op.stop("repeats more than one thing for each sample")
    return op.emit("numpy.Add", op.tensor(name), _zeros(op, len(shape), dtype))


def _zeros(op: OperationCall, rank: int, dtype: str) -> Use:
    """Zeros ``(samples, 1, 1...)``, of any tensor that has a row for each sample."""
    ref = next((ref for ref in op.building.samples if (op.building.spec(ref).shape or (0,))[0] is None), None)
    if ref is None:
        raise op.stop("needs the number of samples, and no tensor has it")
    old = op.building.spec(ref).shape or (None,)
    zeros = op.emit("numpy.ZerosLike", Use(op.building.tensors[ref]), dtype=dtype)
    while len(old) > 1:
        zeros = op.emit("numpy.Sum", zeros, axis=-1, keepdims=False)
        old = old[:-1]
    return op.emit("numpy.Reshape", zeros, newshape=(-1, *(1,) * (rank - 1))) if rank > 1 else zeros


def filled(value: float | None, op: OperationCall) -> Use:
    """``tf.zeros([tf.shape(x)[0], 4])``; with a known shape there is no operation in the file."""
    name = "dims" if value is None else "shape"
    sizes = op.sizes(name)
    written = op.static("value") if value is None else value
    dtype = dtype_of(op.static("dtype", "float32"))
    if sizes[0] is not SAMPLES or not isinstance(written, (int, float)) or dtype == "bool":
        raise op.stop("makes a tensor of a size that only the running model knows")
    zeros = _tiled(op, _zeros(op, len(sizes), dtype), (1, *sizes[1:]))
    return op.emit("numpy.Add", zeros, written) if written else zeros


FUNCTIONS: dict[str, Function] = {
    **function("shape", "input out_type", _sizes, shape, node("Shape", "input", out_type="out_type")),
    **function("reshape", "tensor shape", rearranging.reshape, reshape, "Reshape"),
    **function("broadcast_to", "input shape", rearranging.broadcast_to, broadcast, "BroadcastTo"),
    **function("tile", "input multiples", rearranging.tile, tile, "Tile"),
    **function(
        "concat", "values axis", rearranging.concat, concat, node("ConcatV2", "*values axis"), node("Concat", "axis *values")
    ),
    **function("stack", "values axis", rearranging.stack, stack, node("Pack", "*values", axis="axis"), gives_back="perhaps"),
    **function("unstack", "value num axis", rearranging.unstack, unstack, node("Unpack", "value", num="num", axis="axis")),
    **function("zeros", "shape dtype layout", _made, partial(filled, 0.0)),
    **function("ones", "shape dtype layout", _made, partial(filled, 1.0)),
    **function("fill", "dims value layout", _filled, partial(filled, None), node("Fill", "dims value")),
}
