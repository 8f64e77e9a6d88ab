"""Operations of ``keras.ops.nn``: convolutions, pooling, normalization, losses and attention.

Convolutions and pooling have the shapes of the layers of that name, whose rules are asked: the static arguments have the same
names, and the sizes that a layer has in its config stand here in the kernel's shape.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.layers import convolution
from configsplit.catalog.operations.arguments import Arguments, one
from configsplit.catalog.operations.common import Operation
from configsplit.catalog.operations.elementwise import as_float
from configsplit.catalog.rules import Outputs, axis_of, elements, known, sizes, split_channels, window_length
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec

_STATIC = ("strides", "padding", "data_format", "dilation_rate", "output_padding", "pool_size", "output_size")


def _layer_call(given: Arguments, **config: Any) -> CallFacts:
    """The call of the layer that computes the same."""
    found = given.operand(0, "inputs")
    static = {name: given.get(-1, name) for name in _STATIC if given.get(-1, name, None) is not None}
    return CallFacts("", FrozenDict({**static, **config}), (TensorSpec(found.shape, found.dtype),))


def _kernel(given: Arguments, position: int = 1, name: str = "kernel") -> Shape:
    return given.operand(position, name).shape


def _conv(given: Arguments) -> Outputs:
    kernel = _kernel(given)
    call = _layer_call(given, kernel_size=kernel[:-2], filters=kernel[-1])
    return one(convolution.conv_shape(call), call.first.dtype)


def _depthwise(given: Arguments) -> Outputs:
    kernel = _kernel(given)
    call = _layer_call(given, kernel_size=kernel[:-2], depth_multiplier=kernel[-1])
    return one(convolution.depthwise_shape(call), call.first.dtype)


def _separable(given: Arguments) -> Outputs:
    kernel, pointwise = _kernel(given, 1, "depthwise_kernel"), _kernel(given, 2, "pointwise_kernel")
    call = _layer_call(given, kernel_size=kernel[:-2], filters=pointwise[-1])
    return one(convolution.conv_shape(call), call.first.dtype)


def _transposed(given: Arguments) -> Outputs:
    kernel = _kernel(given)
    call = _layer_call(given, kernel_size=kernel[:-2], filters=kernel[-2])
    return one(convolution.transposed_shape(call), call.first.dtype)


def _pool(rule: Callable[[CallFacts], Shape]) -> Operation:
    def pooled(given: Arguments) -> Outputs:
        call = _layer_call(given)
        return one(rule(call), call.first.dtype)

    return pooled


# ------------------------------------------------------------------------------------------------------------ rearranging


def _pairs(given: Arguments) -> tuple[tuple[int, ...], ...]:
    """Kernel, dilation, padding and stride of fold and unfold."""
    given_as = (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1))
    return tuple(sizes(given.get(-1, name, default), 2) for name, default in given_as)


def _places(spatial: Shape, pairs: tuple[tuple[int, ...], ...]) -> list[int | None]:
    windows, dilations, paddings, strides = pairs
    padded = [None if size is None else size + 2 * extra for size, extra in zip(spatial, paddings, strict=True)]
    axes = zip(padded, windows, strides, dilations, strict=True)
    return [window_length(size, window, stride, "valid", step) for size, window, stride, step in axes]


def _unfold(given: Arguments) -> Outputs:
    found, pairs = given.operand(0), _pairs(given)
    batch, channels, *spatial = found.shape
    places = _places(tuple(spatial), pairs)
    count = None if None in places else elements(places)
    return one((batch, known(channels) * prod(pairs[0]), count), found.dtype)


def _fold(given: Arguments) -> Outputs:
    found, pairs = given.operand(0), _pairs(given)
    batch, depth, _ = found.shape
    return one((batch, known(depth) // prod(pairs[0]), *sizes(given.get(-1, "output_size"), 2)), found.dtype)


def _blocks(grow: bool) -> Operation:
    """Channels into space, or space into channels."""

    def rule(given: Arguments) -> Outputs:
        found, block = given.operand(0), int(given.get(-1, "block_size"))
        first = given.get(-1, "data_format", None) == "channels_first"
        call = CallFacts("", FrozenDict({"data_format": "channels_first" if first else "channels_last"}))
        spatial, channels = split_channels(call, found.shape)
        lengths = [_scaled(size, block, grow) for size in spatial]
        depth = _scaled(channels, block**2, not grow)
        return one((found.shape[0], depth, *lengths) if first else (found.shape[0], *lengths, depth), found.dtype)

    return rule


def _scaled(size: int | None, factor: int, grow: bool) -> int | None:
    if size is None:
        return None
    return size * factor if grow else size // factor


# --------------------------------------------------------------------------------------------- normalization, losses, others


def _same(given: Arguments) -> Outputs:
    found = given.operand(0, "x query")
    return one(found.shape, found.dtype)


def _target_dtype(given: Arguments) -> str | None:
    return given.operand(1, "output").dtype


def _elementwise_loss(given: Arguments) -> Outputs:
    return one(given.operand(1, "output").shape, _target_dtype(given))


def _axis_loss(given: Arguments) -> Outputs:
    shape = given.operand(1, "output").shape
    place = axis_of(int(given.get(-1, "axis", -1)), len(shape))
    return one((*shape[:place], *shape[place + 1 :]), _target_dtype(given))


def _sparse_loss(given: Arguments) -> Outputs:
    return one(given.operand(0, "target").shape, _target_dtype(given))


def _ctc_loss(given: Arguments) -> Outputs:
    found = given.operand(1, "output")
    return one(found.shape[:1], as_float(found.dtype))


def _ctc_decode(given: Arguments) -> Outputs:
    found, paths = given.operand(0, "inputs"), int(given.get(-1, "top_paths", 1))
    batch, steps, _ = found.shape
    return TensorSpec((paths, batch, steps), "int32"), TensorSpec((batch, paths), as_float(found.dtype))


def _scalar(given: Arguments) -> Outputs:
    return one((), as_float(given.operand(0, "x1").dtype))


OPERATIONS: dict[str, Operation] = {
    name: rule
    for rule, names in (
        (_conv, "conv"),
        (_depthwise, "depthwise_conv"),
        (_separable, "separable_conv"),
        (_transposed, "conv_transpose"),
        (_pool(convolution.window_shape), "max_pool average_pool"),
        (_pool(convolution.adaptive_shape), "adaptive_max_pool adaptive_average_pool"),
        (_unfold, "unfold"),
        (_fold, "fold"),
        (_blocks(True), "depth_to_space"),
        (_blocks(False), "space_to_depth"),
        (_same, "batch_norm layer_norm rms_norm dot_product_attention"),
        (_elementwise_loss, "binary_crossentropy"),
        (_axis_loss, "categorical_crossentropy"),
        (_sparse_loss, "sparse_categorical_crossentropy"),
        (_ctc_loss, "ctc_loss"),
        (_ctc_decode, "ctc_decode"),
        (_scalar, "psnr"),
    )
    for name in names.split()
}


# ------------------------------------------------------------------------------------------------------- multiplications


def _spatial(given: Arguments, shape: Shape | None) -> int:
    return elements(split_channels(_layer_call(given), shape or ())[0])


def _conv_macs(given: Arguments) -> int:
    return _spatial(given, _conv(given)[0].shape) * elements(_kernel(given))


def _depthwise_macs(given: Arguments) -> int:
    return _spatial(given, _depthwise(given)[0].shape) * elements(_kernel(given))


def _separable_macs(given: Arguments) -> int:
    kernels = elements(_kernel(given, 1, "depthwise_kernel")) + elements(_kernel(given, 2, "pointwise_kernel"))
    return _spatial(given, _separable(given)[0].shape) * kernels


def _transposed_macs(given: Arguments) -> int:
    """Every input position meets the whole kernel once."""
    return _spatial(given, given.operand(0, "inputs").shape) * elements(_kernel(given))


def _attention_macs(given: Arguments) -> int:
    """Scores and their weighted sum, for every head of the query."""
    query, key = given.operand(0, "query").shape, given.operand(1, "key").shape
    return 2 * known(query[1]) * known(key[1]) * known(query[2]) * known(query[3])


MACS: dict[str, Callable[[Arguments], int]] = {
    "conv": _conv_macs,
    "depthwise_conv": _depthwise_macs,
    "separable_conv": _separable_macs,
    "conv_transpose": _transposed_macs,
    "dot_product_attention": _attention_macs,
}
