"""Which classes Keras computed with windows on Theano, and so by its padding, with the number of their spatial axes."""

from __future__ import annotations

PADDED_BEFORE = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3, "DepthwiseConv2D": 2}
"""Convolutions before which a layer of zeros can stand in place of their own padding."""

CONVOLUTIONS = {
    **PADDED_BEFORE,
    "SeparableConv1D": 1,
    "SeparableConv2D": 2,
    "ConvLSTM2D": 2,
    "Conv2DTranspose": 2,
    "Conv3DTranspose": 3,
}

POOLS = {f"{kind}Pooling{rank}D": rank for kind in ("Max", "Average") for rank in (1, 2, 3)}
