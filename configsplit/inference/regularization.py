"""Dropout and noise: layers that change numbers while training, and neither shape nor weights."""

from __future__ import annotations

from configsplit.inference.rules import declare, first_shape, kept_dtype, one_output

LAYERS = (
    *declare(
        "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise",
        one_output(first_shape, kept_dtype),
        mask="passes",
    ),
)
