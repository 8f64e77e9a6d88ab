"""TensorFlow's functions for networks that look at no window: dropout, moments, normalization, ranking, positions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from configsplit.conversion.operations.arguments import Operation, array, piece
from configsplit.conversion.operations.basic import Rule
from configsplit.graph.model import Use

# --------------------------------------------------------------------------------------------------------------- dropout


TOLD_TO_TRAIN = "model(x) does that as before, but model.predict(x) of Keras 3 tells every layer that it does not train"
"""What a call with ``training=True`` has become: Keras 3 overrules it, Keras 2 did not."""


def dropout(op: Operation) -> Use:
    """A function called in a graph drops whether the model trains or not; a layer does that is told to train."""
    kept = op.static("keep_prob")
    rate = op.static("rate", 0.0 if kept is None else 1.0 - float(kept))
    shape = op.static("noise_shape")
    spec = op.spec("x")
    config = {"rate": float(rate), "noise_shape": shape, "seed": op.static("seed"), "dtype": spec.dtype or "float32"}
    name = op.building.layer("Dropout", "dropout", config)
    op.building.note(op.layer.name, f"is a Dropout now that is told to train: {TOLD_TO_TRAIN}")
    return op.building.call(name, op.tensor("x"), training=True)


# --------------------------------------------------------------------------------------------------------- normalization


def moments(op: Operation) -> tuple[Use, ...]:
    keep = bool(op.static("keepdims", op.static("keep_dims", False)))
    return op.outputs(op.emit("nn.Moments", op.tensor("x"), axes=op.static("axes"), keepdims=keep), 2)


def batch_normalization(op: Operation) -> Use:
    """``x * inv + (offset - mean * inv)`` with ``inv = scale / sqrt(variance + epsilon)``, in TensorFlow's own order."""
    spread = op.emit("numpy.Add", op.tensor("variance", "x"), op.static("variance_epsilon", 0.001))
    inverse: Any = op.emit("math.Rsqrt", spread)
    if op.has("scale"):
        inverse = op.emit("numpy.Multiply", inverse, op.tensor("scale", "x"))
    shift: Any = op.emit("numpy.Multiply", op.tensor("mean", "x"), inverse)
    shift = op.emit("numpy.Subtract", op.tensor("offset", "x"), shift) if op.has("offset") else op.emit("numpy.Negative", shift)
    return op.emit("numpy.Add", op.emit("numpy.Multiply", op.tensor("x"), inverse), shift)


def silu(op: Operation) -> Use:
    beta = op.static("beta", 1.0)
    if beta == 1:
        return op.emit("nn.Silu", op.tensor("x"))
    gate = op.emit("nn.Sigmoid", op.emit("numpy.Multiply", op.tensor("x"), beta))
    return op.emit("numpy.Multiply", op.tensor("x"), gate)


def concatenated_relu(op: Operation) -> Use:
    pair = op.tensor("x"), op.emit("numpy.Negative", op.tensor("x"))
    return op.emit("nn.Relu", op.emit("numpy.Concatenate", pair, axis=op.static("axis", -1)))


# --------------------------------------------------------------------------------------------------------------- ranking


def _descending(op: Operation) -> bool:
    return str(op.static("direction", "ASCENDING")).upper() == "DESCENDING"


def sort(op: Operation) -> Use:
    axis = op.static("axis", -1)
    found = op.emit("numpy.Sort", op.tensor("values"), axis=axis)
    return op.emit("numpy.Flip", found, axis=axis) if _descending(op) else found


def argsort(op: Operation) -> Use:
    """Of equal numbers the first comes first, in both directions."""
    values = op.tensor("values")
    if _descending(op):
        if str(op.spec("values").dtype or "float32").startswith("u"):
            raise op.stop("sorts numbers without a sign downwards")
        values = op.emit("numpy.Negative", values)
    return op.emit("numpy.Argsort", values, axis=op.static("axis", -1))


def top(op: Operation) -> tuple[Use, ...]:
    k, ordered = op.static("k", 1), bool(op.static("sorted", True))
    return op.outputs(op.emit("math.TopK", op.tensor("input"), k=k, sorted=ordered), 2)


def roll(op: Operation) -> Use:
    return op.emit("numpy.Roll", op.tensor("input"), shift=op.static("shift"), axis=op.static("axis"))


# ------------------------------------------------------------------------------------------------------------- positions


def gather(op: Operation) -> Use:
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


def lookup(op: Operation) -> Use:
    if op.has("max_norm"):
        raise op.stop("bounds the length of what it finds")
    if type(op.given.get("params")) is not Use:
        raise op.stop("is given a table of numbers, which the file writes like a list of tables")
    return op.emit("numpy.Take", op.tensor("params"), op.tensor("ids"), axis=0)


def sequence_mask(op: Operation) -> Use:
    if not op.has("maxlen"):
        raise op.stop("is as long as the longest of the batch, which only the running model knows")
    steps = array(tuple(range(int(op.static("maxlen")))), op.spec("lengths").dtype or "int32")
    found = op.emit("numpy.Less", steps, op.emit("numpy.ExpandDims", op.tensor("lengths"), axis=-1))
    dtype = str(op.static("dtype", "bool")).removeprefix("<dtype: '").removesuffix("'>")
    return found if dtype == "bool" else op.emit("core.Cast", found, dtype=dtype)


def one_hot(op: Operation) -> Use:
    dtype = str(op.static("dtype", "float32")).removeprefix("<dtype: '").removesuffix("'>")
    config = {"num_classes": op.static("depth"), "axis": op.static("axis", -1), "dtype": dtype}
    found = op.emit("nn.OneHot", op.tensor("indices"), **config)
    on, off = op.static("on_value", 1), op.static("off_value", 0)
    return found if (on, off) == (1, 0) else op.emit("numpy.Where", op.emit("core.Cast", found, dtype="bool"), on, off)


def cumulative(kind: str, start: int, op: Operation) -> Use:
    """Backwards, the tensor is turned round before and after; without the number itself, all move on by one place."""
    axis, back = op.static("axis", 0), bool(op.static("reverse", False))
    value = op.tensor("x")
    value = op.emit("numpy.Flip", value, axis=axis) if back else value
    found = op.emit(kind, value, axis=axis)
    if op.static("exclusive", False):
        found = _moved_on(op, found, int(axis), start)
    return op.emit("numpy.Flip", found, axis=axis) if back else found


def _moved_on(op: Operation, value: Use, axis: int, start: int) -> Use:
    rank = op.rank("x")
    place = axis % rank
    width = tuple((1, 0) if at == place else (0, 0) for at in range(rank))
    padded = op.emit("numpy.Pad", value, pad_width=width, mode="constant")
    if start:
        op.with_kwargs(padded, constant_values=float(start))
    every = piece(None, None, None)
    keys = tuple(piece(None, -1, None) if at == place else every for at in range(rank))
    return op.emit("numpy.GetItem", padded, keys)


ROWS: Mapping[str, tuple[str, Rule]] = {
    "dropout": ("x rate keep_prob noise_shape seed", dropout),
    "moments": ("x axes shift keepdims keep_dims", moments),
    "batch_normalization": ("x mean variance offset scale variance_epsilon", batch_normalization),
    "silu swish": ("x beta", silu),
    "crelu": ("x axis", concatenated_relu),
    "sort": ("values axis direction", sort),
    "argsort": ("values axis direction stable", argsort),
    "top_k": ("input k sorted", top),
    "roll": ("input shift axis", roll),
    "gather": ("params indices validate_indices axis batch_dims", gather),
    "embedding_lookup": ("params ids max_norm partition_strategy validate_indices", lookup),
    "sequence_mask": ("lengths maxlen dtype", sequence_mask),
    "one_hot": ("indices depth on_value off_value axis dtype", one_hot),
    "cumsum": ("x axis exclusive reverse", partial(cumulative, "numpy.Cumsum", 0)),
    "cumprod": ("x axis exclusive reverse", partial(cumulative, "numpy.Cumprod", 1)),
}
