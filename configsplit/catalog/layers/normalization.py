"""Normalization layers. (`Normalization`, which adapts to data, stands with the preprocessing layers.)"""

from __future__ import annotations

from math import inf

from configsplit.catalog.facts import CallFacts, WeightSpec
from configsplit.catalog.rules import (
    Weights,
    along_shape,
    axes_of,
    axis_in,
    declare,
    declared_dtype,
    first_shape,
    impossible,
    kept_dtype,
    known,
    one_output,
    variable_dtype,
    weight,
)
from configsplit.catalog.values import ANYTHING, AXIS, SOME_AXIS, WHOLE, Values, number, several, whole
from configsplit.graph.model import Shape


def _axes(call: CallFacts) -> tuple[int, ...]:
    return axes_of(call.config.get("axis", -1), len(first_shape(call)))


def _parameter_shape(call: CallFacts) -> Shape:
    """One axis gives a vector; several give the input's rank, with 1 where nothing is normalized."""
    shape, axes = first_shape(call), _axes(call)
    if len(axes) == 1:
        return (known(shape[axes[0]], "the normalized axis"),)
    return tuple(known(size) if axis in axes else 1 for axis, size in enumerate(shape))


def _statistics_dtype(call: CallFacts) -> str:
    """tf.keras keeps the parameters of BatchNormalization in float32 under any half precision."""
    dtype = variable_dtype(call)
    return "float32" if call.dialect != "keras3" and dtype in ("float16", "bfloat16") else dtype


def batch_weights(call: CallFacts) -> Weights:
    shape, dtype, config = _parameter_shape(call), _statistics_dtype(call), call.config
    learned = [name for name, key in (("gamma", "scale"), ("beta", "center")) if config.get(key, True)]
    moving = ["moving_mean", "moving_variance"]
    weights = [
        *(WeightSpec(name, shape, dtype) for name in learned),
        *(WeightSpec(name, shape, dtype, False) for name in moving),
    ]
    return (*weights, *_renorm_weights(call, shape, dtype))


def _renorm_weights(call: CallFacts, shape: Shape, dtype: str) -> Weights:
    if not call.config.get("renorm"):
        return ()
    names = (("moving_stddev", shape), ("renorm_mean", shape), ("renorm_stddev", shape))
    return tuple(WeightSpec(name, size, dtype, False) for name, size in names)


def layer_weights(call: CallFacts) -> Weights:
    """gamma and beta of LayerNormalization; without beta under ``rms_scaling`` (Keras 3.0 to 3.10)."""
    config = call.config
    gamma = bool(config.get("rms_scaling")) or config.get("scale", True)
    beta = config.get("center", True) and not config.get("rms_scaling")
    names = [name for name, there in (("gamma", gamma), ("beta", beta)) if there]
    return tuple(weight(call, name, *(first_shape(call)[axis] for axis in _axes(call))) for name in names)


def group_weights(call: CallFacts) -> Weights:
    channels, config = first_shape(call)[_axes(call)[0]], call.config
    learned = (("gamma", config.get("scale", True)), ("beta", config.get("center", True)))
    return tuple(weight(call, name, channels) for name, there in learned if there)


def rms_weights(call: CallFacts) -> Weights:
    shape = first_shape(call)
    return (weight(call, "scale", *(shape[axis] for axis in _axes(call))),)


def normalized_shape(call: CallFacts) -> Shape:
    """Raises ShapeError where there would be a weight for each sample, whose number is open, or no such axis."""
    shape, axis = first_shape(call), call.config.get("axis", -1)
    for each in axis if isinstance(axis, tuple) else (axis,):
        if axis_in(int(each), len(shape)) == 0 and shape[0] is None:
            raise impossible("what has weights along an axis cannot leave the number of samples open there")
    return shape


def grouped_shape(call: CallFacts) -> Shape:
    """Raises ShapeError where the groups cannot share the axis evenly."""
    shape, groups = normalized_shape(call), int(call.config.get("groups", 32))
    size = shape[_axes(call)[0]]
    if size is None or (groups != -1 and size % groups):
        raise impossible(f"{groups} groups do not divide an axis of {'open size' if size is None else size}")
    return shape


_ALONG = one_output(normalized_shape, declared_dtype)

_SAFE = {"epsilon": number(-inf)}
_UNSAFE = {"epsilon": ANYTHING}
_GROUPS = Values("a whole number of at least 1, or -1", lambda value: value == -1 or whole().takes(value))

LAYERS = (
    *declare(
        "BatchNormalization BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization",
        _ALONG,
        batch_weights,
        rank_bound=True,
        mask="passes",
        training=True,
        keras3={"uses_mask": ("mask",), "mask_in_training": True},
        values={"axis": SOME_AXIS, **_SAFE},
        values3={"axis": number(-inf), "momentum": number(-inf)},
    ),
    *declare(
        "LayerNormalization",
        _ALONG,
        layer_weights,
        mask="passes",
        values={"axis": SOME_AXIS, **_SAFE},
        values3={"axis": AXIS, **_UNSAFE},
    ),
    *declare(
        "GroupNormalization",
        one_output(grouped_shape, declared_dtype),
        group_weights,
        rank_bound=True,
        mask="passes",
        uses_mask=("mask",),
        values={"groups": _GROUPS, "axis": WHOLE, **_SAFE},
        values3=_UNSAFE,
        keras3={"uses_mask": ()},
    ),
    *declare("RMSNormalization", one_output(normalized_shape, kept_dtype), rms_weights, values={"axis": several(WHOLE)}),
    *declare("UnitNormalization", one_output(along_shape, declared_dtype), mask="passes", values={"axis": AXIS}),
)
