"""Convolutions of one to three spatial axes: plain, depthwise, separable and transposed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from configsplit.catalog.facts import CallFacts, dims
from configsplit.catalog.layers.keras1 import deconvolution_outputs
from configsplit.catalog.rules import (
    Weights,
    channels_first,
    declare,
    declared_dtype,
    elements,
    first_shape,
    impossible,
    kept_dtype,
    kernel_and_bias,
    known,
    one_output,
    sizes,
    split_channels,
    weight,
    window_length,
    with_channels,
)
from configsplit.catalog.values import DATA_FORMAT, PADDING, WHOLE, Values, axis_sizes, one_of, or_none, whole
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape


def _window(call: CallFacts, rank: int) -> tuple[int, ...]:
    return sizes(call.config["kernel_size"], rank)


def convolved(call: CallFacts, spatial: Shape) -> list[int | None]:
    """What the windows of a convolution make of spatial axes."""
    rank, config = len(spatial), call.config
    axes = zip(
        spatial,
        _window(call, rank),
        sizes(config.get("strides", 1), rank),
        sizes(config.get("dilation_rate", 1), rank),
        strict=True,
    )
    padding = config.get("padding", "valid")
    return [window_length(size, window, stride, padding, dilation) for size, window, stride, dilation in axes]


def _with_filters(call: CallFacts, filters: int | None) -> Shape:
    shape = first_shape(call)
    return with_channels(call, shape[0], convolved(call, split_channels(call, shape)[0]), filters)


def image_of(rank: int, config: FrozenDict, kernel: Shape) -> Shape:
    """What a convolution takes, as far as its kernel tells: so many channels, in images of any size."""
    channels, spatial = (kernel[-2] or 0) * int(config.get("groups") or 1), (None,) * rank
    return (None, channels, *spatial) if config.get("data_format") == "channels_first" else (None, *spatial, channels)


def conv_shape(call: CallFacts) -> Shape:
    """Raises ShapeError where its groups cannot share the channels evenly."""
    channels, groups = split_channels(call, first_shape(call))[1], int(call.config.get("groups") or 1)
    if channels is not None and channels % groups:
        raise impossible(f"{groups} groups do not divide {channels} channels")
    return _with_filters(call, int(call.config["filters"]))


def conv_weights(call: CallFacts) -> Weights:
    spatial, channels = split_channels(call, first_shape(call))
    filters = int(call.config["filters"])
    per_group = known(channels, "the number of channels") // int(call.config.get("groups") or 1)
    return kernel_and_bias(call, (*_window(call, len(spatial)), per_group, filters), (filters,))


def macs_of(shape: Callable[[CallFacts], Shape], weights: Callable[[CallFacts], Weights]) -> Callable[[CallFacts], int]:
    """Every output position meets all kernels once."""

    def macs(call: CallFacts) -> int:
        spatial, _ = split_channels(call, shape(call))
        return elements(spatial) * sum(elements(each.shape) for each in weights(call) if each.name.endswith("kernel"))

    return macs


def depthwise_shape(call: CallFacts) -> Shape:
    _, channels = split_channels(call, first_shape(call))
    multiplier = int(call.config.get("depth_multiplier", 1))
    return _with_filters(call, None if channels is None else channels * multiplier)


def depthwise_weights(call: CallFacts) -> Weights:
    spatial, channels = split_channels(call, first_shape(call))
    inputs = known(channels, "the number of channels")
    multiplier = int(call.config.get("depth_multiplier", 1))
    name = "kernel" if call.dialect == "keras3" else "depthwise_kernel"
    return kernel_and_bias(call, (*_window(call, len(spatial)), inputs, multiplier), (inputs * multiplier,), name)


def separable_shape(call: CallFacts) -> Shape:
    return _with_filters(call, int(call.config["filters"]))


def separable_weights(call: CallFacts) -> Weights:
    spatial, channels = split_channels(call, first_shape(call))
    inputs, filters = known(channels, "the number of channels"), int(call.config["filters"])
    multiplier = int(call.config.get("depth_multiplier", 1))
    depthwise = weight(call, "depthwise_kernel", *_window(call, len(spatial)), inputs, multiplier)
    pointwise = (*((1,) * len(spatial)), inputs * multiplier, filters)
    return (depthwise, *kernel_and_bias(call, pointwise, (filters,), "pointwise_kernel"))


def _transposed_length(
    size: int | None, window: int, stride: int, dilation: int, padding: str, extra: int | None
) -> int | None:
    if size is None:
        return None
    reach = (window - 1) * dilation + 1
    same = padding == "same"
    if extra is None:
        return size * stride if same else size * stride + max(reach - stride, 0)
    return (size - 1) * stride + (reach % 2 if same else reach) + extra


def transposed_shape(call: CallFacts) -> Shape:
    shape, config = first_shape(call), call.config
    spatial, _ = split_channels(call, shape)
    rank, extra = len(spatial), config.get("output_padding")
    extras = [None] * rank if extra is None else list(sizes(extra, rank))
    strides, dilations = sizes(config.get("strides", 1), rank), sizes(config.get("dilation_rate", 1), rank)
    padding = config.get("padding", "valid")
    lengths = [
        _transposed_length(spatial[axis], _window(call, rank)[axis], strides[axis], dilations[axis], padding, extras[axis])
        for axis in range(rank)
    ]
    return with_channels(call, shape[0], lengths, int(config["filters"]))


def transposed_weights(call: CallFacts) -> Weights:
    """Those for tensors of another rank are the same: when Keras builds them, it looks at the channels alone."""
    shape, window = first_shape(call), call.config["kernel_size"]
    rank = len(window) if isinstance(window, tuple) else len(shape) - 2
    filters, channels = int(call.config["filters"]), shape[1 if channels_first(call) else -1]
    return kernel_and_bias(call, (*_window(call, rank), filters, channels), (filters,))


def transposed_macs(call: CallFacts) -> int:
    """Every input position meets the whole kernel once."""
    spatial, _ = split_channels(call, first_shape(call))
    return elements(spatial) * prod(known(size) for size in transposed_weights(call)[0].shape)


def _window_values(rank: int) -> dict[str, Values]:
    several = axis_sizes(rank)
    return {
        "filters": whole(cut=True, none=True),
        "kernel_size": several,
        "strides": several,
        "dilation_rate": several,
        "padding": one_of("valid same causal") if rank == 1 else PADDING,
        "data_format": DATA_FORMAT,
    }


def _plain_values(rank: int) -> dict[str, Values]:
    return {**_window_values(rank), "filters": whole(cut=True), "groups": whole(0, none=True)}


def _cut3(rank: int) -> dict[str, Values]:
    return dict.fromkeys(("strides", "dilation_rate"), axis_sizes(rank, cut=True))


def _plain_values3(rank: int) -> dict[str, Values]:
    return {**_cut3(rank), "filters": whole(), "groups": whole()}


def _other_values(rank: int) -> dict[str, Values]:
    """Of all but plain convolutions, which alone may be causal."""
    return {**_window_values(rank), "strides": axis_sizes(rank, cut=True), "padding": PADDING, "depth_multiplier": whole(0)}


def _other_values3(rank: int) -> dict[str, Values]:
    return {**_cut3(rank), "depth_multiplier": whole()}


_SHARES = Values("a number, or null", lambda value: not value or isinstance(value, (int, float)))
"""Groups of what looks at them only to see whether they divide the filters."""


def _separable_values(rank: int) -> dict[str, Values]:
    causal = {} if rank > 1 else {"padding": one_of("valid same causal")}
    return {**_other_values(rank), "filters": whole(cut=True), "depth_multiplier": whole(), "groups": _SHARES, **causal}


def _separable_values3(rank: int) -> dict[str, Values]:
    return {**_cut3(rank), "filters": whole(), "padding": PADDING}


def _transposed_values(rank: int) -> dict[str, Values]:
    return {
        **_plain_values(rank),
        "padding": PADDING,
        "dilation_rate": axis_sizes(rank, cut=rank == 3),
        "groups": or_none(WHOLE),
        "output_padding": axis_sizes(rank, 0, none=True),
    }


def _transposed_values3(rank: int) -> dict[str, Values]:
    return {"filters": whole(), "dilation_rate": axis_sizes(rank)}


def both_above_one(config: FrozenDict) -> str:
    """Steps and gaps exclude each other."""
    steps, gaps = (dims(config.get(key) or 1) for key in ("strides", "dilation_rate"))
    return "strides and dilation_rate are both above 1" if max(steps) > 1 and max(gaps) > 1 else ""


def _strided(config: FrozenDict) -> str:
    """Besides, groups divide the filters."""
    return both_above_one(config) or _shared(config)


def _shared(config: FrozenDict) -> str:
    groups = config.get("groups") or 1
    if config.get("filters") and int(config["filters"]) % groups:
        return f"{groups} groups do not divide {config['filters']} filters"
    return ""


def _stepped(config: FrozenDict) -> str:
    added = config.get("output_padding")
    if added is not None:
        steps, more = dims(config.get("strides") or 1), dims(added)
        if any(each >= step for each, step in zip(more * len(steps), steps, strict=False)):
            return "output_padding is not below strides"
    return _strided(config)


_PLAIN: dict[str, Any] = {"values": _plain_values, "values3": _plain_values3, "conflict": _strided}


def _of_axes(rank: int) -> dict[str, Any]:
    """Keras 2 takes more axes, and counts those that are too many with the batch."""
    return {"ranks": (rank + 2, None), "keras3": {"ranks": (rank + 2, rank + 2)}}


_MACS = macs_of(conv_shape, conv_weights)

CONVOLUTION = (
    *declare("Deconvolution2D", deconvolution_outputs, transposed_weights, transposed_macs),
    *declare("Conv1D", one_output(conv_shape), conv_weights, _MACS, input_of=partial(image_of, 1), **_of_axes(1), **_PLAIN),
    *declare("Conv2D", one_output(conv_shape), conv_weights, _MACS, input_of=partial(image_of, 2), **_of_axes(2), **_PLAIN),
    *declare("Conv3D", one_output(conv_shape), conv_weights, _MACS, input_of=partial(image_of, 3), **_of_axes(3), **_PLAIN),
    *declare(
        "DepthwiseConv1D DepthwiseConv2D",
        one_output(depthwise_shape),
        depthwise_weights,
        macs_of(depthwise_shape, depthwise_weights),
        values=_other_values,
        values3=_other_values3,
    ),
    *declare(
        "SeparableConv1D SeparableConv2D",
        one_output(separable_shape),
        separable_weights,
        macs_of(separable_shape, separable_weights),
        values=_separable_values,
        values3=_separable_values3,
        conflict=_shared,
    ),
    *declare(
        "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
        one_output(transposed_shape),
        transposed_weights,
        transposed_macs,
        values=_transposed_values,
        values3=_transposed_values3,
        conflict=_stepped,
    ),
)


# Pooling over windows, over all spatial axes, and to a given size.


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


def _pool_values(rank: int) -> dict[str, Values]:
    return {
        "pool_size": axis_sizes(rank, cut=True),
        "output_size": axis_sizes(rank, 0),
        "strides": axis_sizes(rank, none=True, cut=True),
        "padding": PADDING,
        "data_format": DATA_FORMAT,
    }


_KINDS = (("{}Pooling{}D", window_shape), ("Global{}Pooling{}D", global_shape), ("Adaptive{}Pooling{}D", adaptive_shape))

_ADAPTIVE: dict[str, dict[str, Any]] = {
    f"Adaptive{kind}Pooling{rank}D": {"ranks": (0, None)} for kind in ("Max", "Average") for rank in (1, 2, 3)
}
"""Keras 3 looks at no number of axes, and computes something on some others."""

_STEPWISE: dict[str, dict[str, Any]] = {
    **_ADAPTIVE,
    "GlobalAveragePooling1D": {"uses_mask": ("mask",), "of_ragged": "dense"},
    "GlobalMaxPooling1D": {"of_ragged": "dense"},
}

POOLING = tuple(
    facts
    for rank in (1, 2, 3)
    for name, shape in _KINDS
    for kind, dtype in (("Max", kept_dtype), ("Average", declared_dtype))
    for class_name in (name.format(kind, rank),)
    for facts in declare(class_name, one_output(shape, dtype), values=_pool_values, **_STEPWISE.get(class_name, {}))
)


LAYERS = (*CONVOLUTION, *POOLING)
