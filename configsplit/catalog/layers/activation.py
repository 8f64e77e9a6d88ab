"""Activations, and layers that change numbers while training alone: dropout and noise."""

from __future__ import annotations

from math import inf
from typing import Any

from configsplit.catalog.facts import CallFacts, always
from configsplit.catalog.rules import (
    Weights,
    along_shape,
    declare,
    declared_dtype,
    first_shape,
    kept_dtype,
    one_output,
    weight,
)
from configsplit.catalog.values import (
    ANYTHING,
    DATA_FORMAT,
    SEED,
    WHOLE,
    Values,
    number,
    or_none,
    several,
    whole,
)


def prelu_weights(call: CallFacts) -> Weights:
    """One slope for each place of a sample, shared along ``shared_axes`` (counted with the batch)."""
    shared = call.config.get("shared_axes") or ()
    shape = first_shape(call)
    return (weight(call, "alpha", *(1 if axis in shared else shape[axis] for axis in range(1, len(shape)))),)


def _is_slope(value: Any) -> bool:
    """Keras 2 makes a number of text and of a list of one."""
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


_SLOPE = Values("a number", _is_slope)


_AXES = {"axis": or_none(several(WHOLE, 1))}


_SAME = one_output(first_shape, declared_dtype)


ACTIVATION = (
    *declare(
        "Activation",
        one_output(first_shape, kept_dtype),
        mask="passes",
        same_tensor=lambda call: call.config.get("activation") == "linear",
        of_ragged="ragged",
    ),
    *declare(
        "ReLU",
        one_output(first_shape, kept_dtype),
        mask="passes",
        of_ragged="ragged",
        values={"max_value": number(0, none=True), "negative_slope": number(0), "threshold": number(0)},
    ),
    *declare(
        "LeakyReLU",
        _SAME,
        mask="passes",
        of_ragged="ragged",
        values={"alpha": _SLOPE},
        values3=dict.fromkeys(("negative_slope", "alpha"), number(0)),
    ),
    *declare("ELU", _SAME, mask="passes", of_ragged="ragged", values={"alpha": _SLOPE}, values3={"alpha": ANYTHING}),
    *declare("ThresholdedReLU", _SAME, mask="passes", values={"theta": number(0)}),
    *declare("Softmax", one_output(along_shape, declared_dtype), mask="passes", uses_mask=("mask",), values=_AXES),
    *declare("PReLU", _SAME, prelu_weights, mask="passes", values={"shared_axes": or_none(several(WHOLE))}),
)


_NOISE: dict[str, Any] = {"mask": "passes", "training": True, "same_tensor": always, "numbers": "kept"}


_SHARE = number(0, 1)


def _is_noise(value: Any) -> bool:
    return value is None or (isinstance(value, tuple) and all(each is None or whole().takes(each) for each in value))


_SEEDED = {"rate": _SHARE, "seed": SEED}


_RATE3 = {**_SEEDED, "noise_shape": Values("a list of sizes, or null", _is_noise)}


_RATE = {"rate": number(0, 1, none=True)}


DROPOUT = (
    *declare("Dropout", one_output(first_shape, kept_dtype), of_ragged="ragged", values=_RATE, values3=_RATE3, **_NOISE),
    *declare(
        "SpatialDropout1D SpatialDropout2D SpatialDropout3D",
        one_output(first_shape, kept_dtype),
        values={**_RATE, "data_format": DATA_FORMAT},
        values3=_RATE3,
        **_NOISE,
    ),
    *declare(
        "AlphaDropout GaussianDropout",
        one_output(first_shape, kept_dtype),
        values={"rate": number(-inf)},
        values3=_SEEDED,
        **_NOISE,
    ),
    *declare("GaussianNoise", one_output(first_shape, kept_dtype), values3={"stddev": _SHARE, "seed": SEED}, **_NOISE),
)


LAYERS = (*ACTIVATION, *DROPOUT)
