"""TensorFlow's functions that arrange numbers anew, pick some of them, rank them or add them up one by one."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import Any

from configsplit.catalog.operations import rearranging
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one
from configsplit.catalog.operations.arrays import repeated
from configsplit.catalog.operations.common import same
from configsplit.catalog.operations.indexing import top_places
from configsplit.catalog.rules import Outputs, axis_of
from configsplit.catalog.tensorflow.call import FULL, Dimensions, OperationCall, array, dtype_of, piece
from configsplit.catalog.tensorflow.declare import Function, function, node
from configsplit.graph.model import TensorSpec, Use

# ---------------------------------------------------------------------------------------------------------------- outputs


def _split_parts(given: Arguments) -> Outputs:
    """A number of equal parts, or their lengths, of which one may be left open."""
    tensor, parts = given.operand("value"), given.get("num_or_size_splits")
    place = axis_of(given.number("axis", 0), len(tensor.shape))
    size = tensor.shape[place]
    if isinstance(parts, tuple):
        rest = None if size is None else size - sum(part for part in parts if part != -1)
        lengths = [rest if part == -1 else part for part in parts]
    else:
        lengths = [None if size is None else size // int(parts)] * int(parts)
    return tuple(TensorSpec((*tensor.shape[:place], length, *tensor.shape[place + 1 :]), tensor.dtype) for length in lengths)


def _padded(given: Arguments) -> Outputs:
    tensor = given.operand("tensor")
    sizes = zip(tensor.shape, given.get("paddings"), strict=True)
    return one(tuple(None if size is None else size + int(pair[0]) + int(pair[1]) for size, pair in sizes), tensor.dtype)


def _gathered(given: Arguments) -> Outputs:
    """What stands at the positions along an axis; the first ``batch_dims`` axes are gone through side by side."""
    tensor, indices, batches = given.operand("params"), given.operand("indices"), given.number("batch_dims", 0)
    place = axis_of(given.number("axis", batches), len(tensor.shape))
    return one((*tensor.shape[:place], *indices.shape[batches:], *tensor.shape[place + 1 :]), tensor.dtype)


def _looked_up(given: Arguments) -> Outputs:
    table = given.operand("params")
    return one((*given.operand("ids").shape, *table.shape[1:]), table.dtype)


def _ordered(given: Arguments) -> Outputs:
    return one(given.operand("values").shape, "int32")


def _masked_steps(given: Arguments) -> Outputs:
    """As many steps as ``maxlen`` says; else as many as the longest of the batch has."""
    longest = given.get("maxlen", None)
    length = longest if type(longest) is int else None
    return one((*given.operand("lengths").shape, length), dtype_name(given.get("dtype", None)) or "bool")


# ------------------------------------------------------------------------------------------------------------ in Keras 3


def transpose(op: OperationCall) -> Use:
    if op.static("conjugate", False):
        raise op.stop("conjugates")
    return op.emit("numpy.Transpose", op.tensor("a"), axes=op.static("perm"))


def expand(op: OperationCall) -> Use:
    return op.emit("numpy.ExpandDims", op.tensor("input"), axis=op.static("axis"))


def squeeze(op: OperationCall) -> Use:
    axis = op.static("axis")
    several = axis if type(axis) is tuple else (axis,)
    return op.emit("numpy.Squeeze", op.tensor("input"), axis=several[0] if len(several) == 1 else several or None)


def split(op: OperationCall) -> tuple[Use, ...]:
    parts, axis = op.static("num_or_size_splits"), op.static("axis", 0)
    if type(parts) is not tuple:
        return op.outputs(op.emit("numpy.Split", op.tensor("value"), indices_or_sections=parts, axis=axis), parts)
    parts = _all_parts(op, parts, axis)
    places = tuple(accumulate(parts[:-1]))
    return op.outputs(op.emit("numpy.Split", op.tensor("value"), indices_or_sections=places, axis=axis), len(parts))


def _all_parts(op: OperationCall, parts: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The parts with the one that is left open."""
    size = (op.spec("value").shape or ())[axis : axis + 1 or None]
    if -1 in parts and not (size and size[0]):
        raise op.stop("leaves one size of an unknown one open")
    return tuple((size[0] or 0) - sum(parts) - 1 if part == -1 else part for part in parts)


def repeat(op: OperationCall) -> Use:
    return op.emit("numpy.Repeat", op.tensor("input"), repeats=op.static("repeats"), axis=op.static("axis"))


def pad(op: OperationCall) -> Use:
    mode = str(op.static("mode", "CONSTANT")).lower()
    value = op.value("constant_values") if mode == "constant" else None
    width = tuple(tuple(pair) for pair in op.static("paddings"))
    made = op.emit("numpy.Pad", op.tensor("tensor"), pad_width=width, mode=mode)
    if value not in (None, 0):
        op.building.with_kwargs(made, {"constant_values": op.new(value)})
    return made


def reverse(op: OperationCall) -> Use:
    axis = op.static("axis")
    return op.emit("numpy.Flip", op.tensor("tensor"), axis=axis[0] if type(axis) is tuple and len(axis) == 1 else axis)


def getitem(op: OperationCall) -> Any:
    if "slice_spec" not in op.given:
        raise op.stop("takes computed positions")
    spec = op.value("slice_spec")
    value = op.value("tensor")
    items = spec if type(spec) is tuple else (spec,)
    if type(value) is Use and (known := op.building.symbols.get(value.ref)) is not None:
        return _dimension(op, known, items)
    keys = tuple(_key(op, item) for item in items)
    return op.emit("numpy.GetItem", op.tensor("tensor"), keys if len(keys) > 1 or type(spec) is tuple else keys[0])


def _dimension(op: OperationCall, known: Dimensions, items: tuple[Any, ...]) -> Dimensions:
    item = items[0]
    if len(items) == 1 and type(item) is int:
        return Dimensions((known.sizes[item],), scalar=True)
    if len(items) == 1 and isinstance(item, dict):
        return Dimensions(known.sizes[slice(*(item.get(end) for end in ("start", "stop", "step")))])
    raise op.stop("splits a shape in a way that has no rule")


def _key(op: OperationCall, item: Any) -> Any:
    if isinstance(item, dict) and {"start", "stop", "step"} <= item.keys():
        ends = [item[name] for name in ("start", "stop", "step")]
        return piece(*(_end(op, end) for end in ends))
    if isinstance(item, dict):
        if item.get("type") == "Ellipsis" or item.get("class_name") == "__ellipsis__":
            return FULL
        raise op.stop("has an index that no release is known to write")
    return op.new(item) if type(item) is Use else item


def _end(op: OperationCall, end: Any) -> Any:
    """Where a slice ends: a number, also one that comes from a shape."""
    if type(end) is not Use:
        return end
    known = op.building.symbols.get(end.ref)
    if known is None or not known.known:
        raise op.stop("cuts at positions from a tensor")
    return known.sizes[0]


def _descending(op: OperationCall) -> bool:
    return str(op.static("direction", "ASCENDING")).upper() == "DESCENDING"


def sort(op: OperationCall) -> Use:
    axis = op.static("axis", -1)
    ordered = op.emit("numpy.Sort", op.tensor("values"), axis=axis)
    return op.emit("numpy.Flip", ordered, axis=axis) if _descending(op) else ordered


def argsort(op: OperationCall) -> Use:
    """Of equal numbers the first comes first, in both directions."""
    values = op.tensor("values")
    if _descending(op):
        if str(op.spec("values").dtype or "float32").startswith("u"):
            raise op.stop("sorts unsigned numbers in descending order")
        values = op.emit("numpy.Negative", values)
    return op.emit("numpy.Argsort", values, axis=op.static("axis", -1))


def top(op: OperationCall) -> tuple[Use, ...]:
    if dtype_of(op.static("index_type", "int32")) != "int32":
        raise op.stop("counts positions in another dtype than int32")
    k, ordered = op.static("k", 1), bool(op.static("sorted", True))
    return op.outputs(op.emit("math.TopK", op.tensor("input"), k=k, sorted=ordered), 2)


def roll(op: OperationCall) -> Use:
    return op.emit("numpy.Roll", op.tensor("input"), shift=op.static("shift"), axis=op.static("axis"))


def gather(op: OperationCall) -> Use:
    """Batch by batch, each sample by its own positions: the places stand along the axis as often as the rest is wide."""
    batches, axis = int(op.static("batch_dims", 0)), op.static("axis")
    if not batches:
        return op.emit("numpy.Take", op.tensor("params"), op.tensor("indices"), axis=0 if axis is None else axis)
    rank, places = op.rank("params"), op.rank("indices")
    place = batches if axis is None else int(axis) % rank
    if place != batches or places != batches + 1:
        raise op.stop(f"gathers along axis {place} by positions of {places} axes, {batches} of them shared")
    indices = op.tensor("indices")
    for _ in range(rank - places):
        indices = op.emit("numpy.ExpandDims", indices, axis=-1)
    return op.emit("numpy.TakeAlongAxis", op.tensor("params"), indices, axis=place)


def sequence_mask(op: OperationCall) -> Use:
    if not op.has("maxlen"):
        raise op.stop("is as long as the longest sample of the batch, which only the running model knows")
    steps = array(tuple(range(int(op.static("maxlen")))), op.spec("lengths").dtype or "int32")
    mask = op.emit("numpy.Less", steps, op.emit("numpy.ExpandDims", op.tensor("lengths"), axis=-1))
    dtype = dtype_of(op.static("dtype", "bool"))
    return mask if dtype == "bool" else op.emit("core.Cast", mask, dtype=dtype)


def one_hot(op: OperationCall) -> Use:
    dtype = dtype_of(op.static("dtype", "float32"))
    config = {"num_classes": op.static("depth"), "axis": op.static("axis", -1), "dtype": dtype}
    hot = op.emit("nn.OneHot", op.tensor("indices"), **config)
    on, off = op.static("on_value", 1), op.static("off_value", 0)
    return hot if (on, off) == (1, 0) else op.emit("numpy.Where", op.emit("core.Cast", hot, dtype="bool"), on, off)


def cumulative(kind: str, start: int, op: OperationCall) -> Use:
    """Backwards, the tensor is turned round before and after; without the number itself, all move on by one place."""
    axis, back = op.static("axis", 0), bool(op.static("reverse", False))
    value = op.tensor("x")
    value = op.emit("numpy.Flip", value, axis=axis) if back else value
    running = op.emit(kind, value, axis=axis)
    if op.static("exclusive", False):
        running = _moved_on(op, running, int(axis), start)
    return op.emit("numpy.Flip", running, axis=axis) if back else running


def _moved_on(op: OperationCall, value: Use, axis: int, start: int) -> Use:
    rank = op.rank("x")
    place = axis % rank
    width = tuple((1, 0) if at == place else (0, 0) for at in range(rank))
    padded = op.emit("numpy.Pad", value, pad_width=width, mode="constant")
    if start:
        op.building.with_kwargs(padded, {"constant_values": float(start)})
    every = piece(None, None, None)
    keys = tuple(piece(None, -1, None) if at == place else every for at in range(rank))
    return op.emit("numpy.GetItem", padded, keys)


def lookup(op: OperationCall) -> Use:
    if op.has("max_norm"):
        raise op.stop("limits the length of its result")
    if type(op.value("params")) is not Use:
        raise op.stop("takes a table of numbers, which the file writes like a list of tables")
    return op.emit("numpy.Take", op.tensor("params"), op.tensor("ids"), axis=0)


# ---------------------------------------------------------------------------------------------------------- declarations

_CUMULATIVE = "x axis exclusive reverse"

FUNCTIONS: dict[str, Function] = {
    **function("transpose", "a perm conjugate", rearranging.transpose, transpose, node("Transpose", "a perm")),
    **function("expand_dims", "input axis|dim", rearranging.expand_dims, expand, "ExpandDims"),
    **function(
        "squeeze", "input axis|squeeze_dims", rearranging.squeeze, squeeze, node("Squeeze", "input", squeeze_dims="axis")
    ),
    **function(
        "split",
        "value num_or_size_splits axis num",
        _split_parts,
        split,
        node("Split", "axis value", num_split="num_or_size_splits"),
        node("SplitV", "value num_or_size_splits axis"),
    ),
    **function("repeat", "input repeats axis", repeated, repeat),
    **function(
        "pad",
        "tensor paddings mode constant_values",
        _padded,
        pad,
        node("Pad", "tensor paddings"),
        node("PadV2", "tensor paddings constant_values"),
        node("MirrorPad", "tensor paddings", mode="mode"),
    ),
    **function("reverse", "tensor axis", same, reverse, "ReverseV2"),
    **function("getitem", "tensor slice_spec", rearranging.get_item, getitem, node("StridedSlice", "tensor begin end strides")),
    **function("sort", "values axis direction", same, sort),
    **function("argsort", "values axis direction stable", _ordered, argsort),
    **function("top_k", "input k sorted index_type", top_places, top, node("TopKV2", "input k", sorted="sorted")),
    **function("roll", "input shift axis", same, roll, "Roll"),
    **function(
        "gather",
        "params indices validate_indices axis batch_dims",
        _gathered,
        gather,
        node("GatherV2", "params indices axis", batch_dims="batch_dims"),
        node("Gather", "params indices"),
    ),
    **function("embedding_lookup", "params ids max_norm partition_strategy validate_indices", _looked_up, lookup),
    **function("sequence_mask", "lengths maxlen dtype", _masked_steps, sequence_mask),
    **function(
        "one_hot",
        "indices depth on_value off_value axis dtype",
        rearranging.one_hot,
        one_hot,
        node("OneHot", "indices depth on_value off_value", axis="axis"),
    ),
    **function(
        "cumsum",
        _CUMULATIVE,
        same,
        partial(cumulative, "numpy.Cumsum", 0),
        node("Cumsum", "x axis", exclusive="exclusive", reverse="reverse"),
    ),
    **function(
        "cumprod",
        _CUMULATIVE,
        same,
        partial(cumulative, "numpy.Cumprod", 1),
        node("Cumprod", "x axis", exclusive="exclusive", reverse="reverse"),
    ),
}
