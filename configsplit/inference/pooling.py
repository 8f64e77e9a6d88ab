"""Pooling over windows, over all spatial axes, and to a given size."""

from __future__ import annotations

from configsplit.inference.rules import (
    declare,
    declared_dtype,
    first_shape,
    kept_dtype,
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


_KINDS = (("{}Pooling{}D", window_shape), ("Global{}Pooling{}D", global_shape), ("Adaptive{}Pooling{}D", adaptive_shape))

_TAKES_MASK = {"GlobalAveragePooling1D": ("mask",)}

LAYERS = tuple(
    facts
    for rank in (1, 2, 3)
    for name, shape in _KINDS
    for kind, dtype in (("Max", kept_dtype), ("Average", declared_dtype))
    for class_name in (name.format(kind, rank),)
    for facts in declare(class_name, one_output(shape, dtype), uses_mask=_TAKES_MASK.get(class_name, ()))
)
