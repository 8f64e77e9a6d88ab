"""What Keras 3 takes as the values of initializers and regularizers, where it refuses others when it makes them."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from configsplit.catalog.values import Values, number, one_of

_PENALTY = number(0, inf, none=True)
_SEEDED = {"seed": Values("a whole number, or null", lambda value: not isinstance(value, (str, float)))}
_SCALED = {
    "scale": number(0, above=True),
    "mode": one_of("fan_in fan_out fan_avg", case=False),
    "distribution": one_of("normal uniform truncated_normal untruncated_normal", case=False),
    **_SEEDED,
}

OBJECT_VALUES: Mapping[str, Mapping[str, Values]] = {
    "L1": {"l1": _PENALTY},
    "L2": {"l2": _PENALTY},
    "L1L2": {"l1": _PENALTY, "l2": _PENALTY},
    "VarianceScaling": _SCALED,
    **dict.fromkeys(("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"), _SEEDED),
    **dict.fromkeys(("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal"), _SEEDED),
}
"""Class -> key -> the values that it takes."""
