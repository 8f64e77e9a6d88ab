"""Layers that move, repeat, pad or crop what they get."""

from __future__ import annotations

from functools import partial
from typing import Any

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.rules import (
    declare,
    first_shape,
    impossible,
    kept_dtype,
    on_jax,
    one_output,
    product,
    sizes,
    split_channels,
    unknown,
    with_channels,
)
from configsplit.catalog.values import ANYTHING, DATA_FORMAT, NOT_NONE, Values, axis_sizes, edges, one_of, permutation, whole
from configsplit.graph.model import Shape


def flatten_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    return (shape[0], 1 if len(shape) == 1 else product(shape[1:]))


def reshaped(source: Shape, target: Shape) -> Shape:
    """A target with at most one -1, filled where the source is known. Raises ShapeError where the sizes do not fit."""
    if -1 not in target:
        return target
    total, rest = product(source), product(size for size in target if size != -1)
    if total is None or rest is None:
        return tuple(None if size == -1 else size for size in target)
    if rest == 0 or total % rest:
        raise unknown(f"{total} elements cannot be reshaped to {target}")
    return tuple(total // rest if size == -1 else size for size in target)


def reshape_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    target = tuple(call.config["target_shape"])
    total, wanted = product(shape[1:]), product(target)
    if total is not None and wanted is not None and (total % wanted if wanted and -1 in target else total != wanted):
        raise impossible(f"{total} elements cannot be reshaped to {target}")
    return (shape[0], *reshaped(shape[1:], target))


def permute_shape(call: CallFacts) -> Shape:
    shape, dims = first_shape(call), call.config["dims"]
    if len(shape) != len(dims) + 1:
        raise impossible(f"a tensor of {len(shape)} axes has not the {len(dims) + 1} that are put in another order")
    return (shape[0], *(shape[axis] for axis in dims))


def repeat_shape(call: CallFacts) -> Shape:
    batch, features = first_shape(call)
    return (batch, int(call.config["n"]), features)


def upsampled_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    spatial, channels = split_channels(call, shape)
    factors = sizes(call.config["size"], len(spatial))
    lengths = [None if size is None else size * factor for size, factor in zip(spatial, factors, strict=True)]
    return with_channels(call, shape[0], lengths, channels)


def _pairs(value: Any, rank: int) -> list[tuple[int, int]]:
    """Amounts before and after each axis: one number for all, a number for each axis, or a pair for each.

    With one axis, two numbers are a pair.
    """
    if rank == 1 and isinstance(value, tuple) and len(value) == 2:
        value = (value,)
    several = value if isinstance(value, tuple) else (value,) * rank
    pairs = [item if isinstance(item, tuple) else (item, item) for item in several]
    if len(pairs) != rank:
        raise unknown(f"{len(pairs)} amounts are given for {rank} axes")
    return [(int(before), int(after)) for before, after in pairs]


def padded_shape(call: CallFacts) -> Shape:
    return _changed(call, "padding", 1)


def cropped_shape(call: CallFacts) -> Shape:
    return _changed(call, "cropping", -1)


def _changed(call: CallFacts, key: str, sign: int) -> Shape:
    shape = first_shape(call)
    spatial, channels = split_channels(call, shape)
    amounts = [sign * (before + after) for before, after in _pairs(call.config[key], len(spatial))]
    lengths = [None if size is None else size + amount for size, amount in zip(spatial, amounts, strict=True)]
    if any(size is not None and size <= 0 for size in lengths):
        raise impossible("nothing would be left after cropping")
    return with_channels(call, shape[0], lengths, channels)


def _stays(call: CallFacts) -> bool | None:
    """`jax.numpy.transpose` that moves no axis gives back the very tensor."""
    dims = call.config["dims"]
    return None if tuple(dims) == tuple(range(1, len(dims) + 1)) else False


def masked_dtype(call: CallFacts) -> str | None:
    """Keras 3 multiplies what it masks, which makes numbers of booleans."""
    return "int32" if call.dialect == "keras3" and call.first.dtype == "bool" else kept_dtype(call)


ORDER = Values("the numbers from 1 on, each once", permutation)


FORM = Values("a list of sizes, of which one may be -1", lambda value: isinstance(value, tuple) and value.count(-1) < 2)


_KERAS3_WAYS = "nearest bilinear bicubic lanczos3 lanczos5"
_WAYS = f"{_KERAS3_WAYS} area gaussian mitchellcubic"


def _grown_values(rank: int) -> dict[str, Values]:
    return {"size": axis_sizes(rank, cut=rank == 2), "data_format": DATA_FORMAT, "interpolation": one_of(_WAYS)}


def _grown_values3(rank: int) -> dict[str, Values]:
    return {"size": axis_sizes(rank), "interpolation": one_of(_KERAS3_WAYS, case=False)}


def _edge_values(key: str, rank: int) -> dict[str, Values]:
    return {key: axis_sizes(2, 0) if rank == 1 else edges(rank), "data_format": DATA_FORMAT}


LAYERS = (
    *declare(
        "Flatten",
        one_output(flatten_shape, kept_dtype),
        numbers="kept",
        values={"data_format": DATA_FORMAT},
        keras3=on_jax(flatten_shape),
    ),
    *declare(
        "Reshape",
        one_output(reshape_shape, kept_dtype),
        numbers="kept",
        values={"target_shape": FORM},
        keras3=on_jax(reshape_shape),
    ),
    *declare(
        "Permute",
        one_output(permute_shape, kept_dtype),
        numbers="moved",
        values={"dims": ORDER},
        keras3={"same_tensor": _stays},
    ),
    *declare(
        "RepeatVector",
        one_output(repeat_shape, kept_dtype),
        numbers="moved",
        ranks=(2, 2),
        values={"n": whole(0)},
        values3={"n": whole(truth=False)},
    ),
    *declare(
        "UpSampling1D",
        one_output(upsampled_shape, kept_dtype),
        numbers="moved",
        values={"size": whole(cut=True)},
        values3={"size": whole()},
    ),
    *declare(
        "UpSampling2D UpSampling3D",
        one_output(upsampled_shape, kept_dtype),
        numbers="moved",
        values=_grown_values,
        values3=_grown_values3,
    ),
    *declare(
        "ZeroPadding1D ZeroPadding2D ZeroPadding3D",
        one_output(padded_shape, kept_dtype),
        numbers="moved",
        values=partial(_edge_values, "padding"),
    ),
    *declare(
        "Cropping1D Cropping2D Cropping3D",
        one_output(cropped_shape, kept_dtype),
        numbers="moved",
        values=partial(_edge_values, "cropping"),
        keras3=on_jax(cropped_shape),
    ),
    *declare(
        "Masking",
        one_output(first_shape, masked_dtype),
        mask="makes",
        mask_made="differs",
        numbers="kept",
        values={"mask_value": NOT_NONE},
        values3={"mask_value": ANYTHING},
    ),
)
