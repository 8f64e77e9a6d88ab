"""Dropout and noise: layers that change numbers while training, and neither shape nor weights."""

from __future__ import annotations

from configsplit.inference.rules import declare, declared_dtype, first_shape, one_output

LAYERS = (
    *declare(
        "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise",
        one_output(first_shape, declared_dtype),
        mask="passes",
    ),
)
