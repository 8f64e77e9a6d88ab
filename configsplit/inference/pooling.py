"""Pooling over windows, over all spatial axes, and to a given size."""

from __future__ import annotations

from configsplit.inference.rules import (
    declare,
    declared_dtype,
    first_shape,
    one_output,
    sizes,
    split_channels,
    window_length,
    with_channels,
)
from configsplit.ir.facts import CallFacts
from configsplit.ir.graph import Shape


def window_shape(call: CallFacts) -> Shape:
    shape, config = first_shape(call), call.config
    spatial, channels = split_channels(call, shape)
    rank = len(spatial)
    windows = sizes(config["pool_size"], rank)
    strides = windows if config.get("strides") is None else sizes(config["strides"], rank)
    padding = config.get("padding", "valid")
    lengths = [window_length(*axis, padding) for axis in zip(spatial, windows, strides, strict=True)]
    return with_channels(call, shape[0], lengths, channels)


def global_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    spatial, channels = split_channels(call, shape)
    if call.config.get("keepdims"):
        return with_channels(call, shape[0], (1,) * len(spatial), channels)
    return (shape[0], channels)


def adaptive_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    spatial, channels = split_channels(call, shape)
    return with_channels(call, shape[0], sizes(call.config["output_size"], len(spatial)), channels)


_WINDOW = "MaxPooling{0}D AveragePooling{0}D"
_GLOBAL = "GlobalMaxPooling{0}D GlobalAveragePooling{0}D"
_ADAPTIVE = "AdaptiveMaxPooling{0}D AdaptiveAveragePooling{0}D"

_TAKES_MASK = {"GlobalAveragePooling1D": ("mask",)}

LAYERS = tuple(
    facts
    for rank in (1, 2, 3)
    for names, shape in ((_WINDOW, window_shape), (_GLOBAL, global_shape), (_ADAPTIVE, adaptive_shape))
    for name in names.format(rank).split()
    for facts in declare(name, one_output(shape, declared_dtype), uses_mask=_TAKES_MASK.get(name, ()))
)
