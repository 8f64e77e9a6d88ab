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
from configsplit.catalog.operations.common import Operation, Rule, declared, same
from configsplit.catalog.operations.elementwise import as_float
from configsplit.catalog.rules import Outputs, axis_of, elements, known, sizes, split_channels, window_length
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec

_STATIC = ("strides", "padding", "data_format", "dilation_rate", "output_padding", "pool_size", "output_size")


def _layer_call(given: Arguments, **config: Any) -> CallFacts:
    """The call of the layer that computes the same."""
    tensor = given.operand("inputs")
    static = {name: given.get(name) for name in _STATIC if given.get(name, None) is not None}
    return CallFacts("", FrozenDict({**static, **config}), (TensorSpec(tensor.shape, tensor.dtype),))


def _kernel(given: Arguments, name: str = "kernel") -> Shape:
    return given.operand(name).shape


def _conv(given: Arguments) -> Outputs:
    kernel = _kernel(given)
    call = _layer_call(given, kernel_size=kernel[:-2], filters=kernel[-1])
    return one(convolution.conv_shape(call), call.first.dtype)


def _depthwise(given: Arguments) -> Outputs:
    kernel = _kernel(given)
    call = _layer_call(given, kernel_size=kernel[:-2], depth_multiplier=kernel[-1])
    return one(convolution.depthwise_shape(call), call.first.dtype)


def _separable(given: Arguments) -> Outputs:
    kernel, pointwise = _kernel(given, "depthwise_kernel"), _kernel(given, "pointwise_kernel")
    call = _layer_call(given, kernel_size=kernel[:-2], filters=pointwise[-1])
    return one(convolution.conv_shape(call), call.first.dtype)


def _transposed(given: Arguments) -> Outputs:
    kernel = _kernel(given)
    call = _layer_call(given, kernel_size=kernel[:-2], filters=kernel[-2])
    return one(convolution.transposed_shape(call), call.first.dtype)


def _pool(rule: Callable[[CallFacts], Shape]) -> Rule:
    def pooled(given: Arguments) -> Outputs:
        call = _layer_call(given)
        return one(rule(call), call.first.dtype)

    return pooled


# ------------------------------------------------------------------------------------------------------------ rearranging


def _pairs(given: Arguments) -> tuple[tuple[int, ...], ...]:
    """Kernel, dilation, padding and stride of fold and unfold."""
    given_as = (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1))
    return tuple(sizes(given.get(name, default), 2) for name, default in given_as)


def _places(spatial: Shape, pairs: tuple[tuple[int, ...], ...]) -> list[int | None]:
    windows, dilations, paddings, strides = pairs
    padded = [None if size is None else size + 2 * extra for size, extra in zip(spatial, paddings, strict=True)]
    axes = zip(padded, windows, strides, dilations, strict=True)
    return [window_length(size, window, stride, "valid", step) for size, window, stride, step in axes]


def _unfold(given: Arguments) -> Outputs:
    tensor, pairs = given.operand(0), _pairs(given)
    batch, channels, *spatial = tensor.shape
    places = _places(tuple(spatial), pairs)
    count = None if None in places else elements(places)
    return one((batch, known(channels) * prod(pairs[0]), count), tensor.dtype)


def _fold(given: Arguments) -> Outputs:
    tensor, pairs = given.operand(0), _pairs(given)
    batch, depth, _ = tensor.shape
    return one((batch, known(depth) // prod(pairs[0]), *sizes(given.get("output_size"), 2)), tensor.dtype)


def blocked(grow: bool) -> Rule:
    """Channels into space, or space into channels; ``data_format`` as Keras or as TensorFlow writes it."""

    def rule(given: Arguments) -> Outputs:
        tensor, block = given.operand(0), given.number("block_size")
        first = given.get("data_format", None) in ("channels_first", "NCHW")
        call = CallFacts("", FrozenDict({"data_format": "channels_first" if first else "channels_last"}))
        spatial, channels = split_channels(call, tensor.shape)
        lengths = [_scaled(size, block, grow) for size in spatial]
        depth = _scaled(channels, block**2, not grow)
        return one((tensor.shape[0], depth, *lengths) if first else (tensor.shape[0], *lengths, depth), tensor.dtype)

    return rule


def _scaled(size: int | None, factor: int, grow: bool) -> int | None:
    if size is None:
        return None
    return size * factor if grow else size // factor


# --------------------------------------------------------------------------------------------- normalization, losses, others


def _target_dtype(given: Arguments) -> str | None:
    return given.operand("output").dtype


def _elementwise_loss(given: Arguments) -> Outputs:
    return one(given.operand("output").shape, _target_dtype(given))


def _axis_loss(given: Arguments) -> Outputs:
    shape = given.operand("output").shape
    place = axis_of(given.number("axis", -1), len(shape))
    return one((*shape[:place], *shape[place + 1 :]), _target_dtype(given))


def _sparse_loss(given: Arguments) -> Outputs:
    return one(given.operand("target").shape, _target_dtype(given))


def _ctc_loss(given: Arguments) -> Outputs:
    tensor = given.operand("output")
    return one(tensor.shape[:1], as_float(tensor.dtype))


def _ctc_decode(given: Arguments) -> Outputs:
    tensor, paths = given.operand("inputs"), given.number("top_paths", 1)
    batch, steps, _ = tensor.shape
    return TensorSpec((paths, batch, steps), "int32"), TensorSpec((batch, paths), as_float(tensor.dtype))


def _scalar(given: Arguments) -> Outputs:
    return one((), as_float(given.operand("x1").dtype))


# ------------------------------------------------------------------------------------------------------- multiplications


def _spatial(given: Arguments, shape: Shape | None) -> int:
    return elements(split_channels(_layer_call(given), shape or ())[0])


def _conv_macs(given: Arguments) -> int:
    return _spatial(given, _conv(given)[0].shape) * elements(_kernel(given))


def _depthwise_macs(given: Arguments) -> int:
    return _spatial(given, _depthwise(given)[0].shape) * elements(_kernel(given))


def _separable_macs(given: Arguments) -> int:
    kernels = elements(_kernel(given, "depthwise_kernel")) + elements(_kernel(given, "pointwise_kernel"))
    return _spatial(given, _separable(given)[0].shape) * kernels


def _transposed_macs(given: Arguments) -> int:
    """Every input position meets the whole kernel once."""
    return _spatial(given, given.operand("inputs").shape) * elements(_kernel(given))


def _attention_macs(given: Arguments) -> int:
    """Scores and their weighted sum, for every head of the query."""
    query, key = given.operand("query").shape, given.operand("key").shape
    return 2 * known(query[1]) * known(key[1]) * known(query[2]) * known(query[3])


OPERATIONS: dict[str, Operation] = {
    **declared("conv", "inputs kernel strides padding data_format dilation_rate", _conv, _conv_macs),
    **declared("depthwise_conv", "inputs kernel strides padding data_format dilation_rate", _depthwise, _depthwise_macs),
    **declared(
        "separable_conv",
        "inputs depthwise_kernel pointwise_kernel strides padding data_format dilation_rate",
        _separable,
        _separable_macs,
    ),
    **declared(
        "conv_transpose",
        "inputs kernel strides padding output_padding data_format dilation_rate",
        _transposed,
        _transposed_macs,
    ),
    **declared("max_pool average_pool", "inputs pool_size strides padding data_format", _pool(convolution.window_shape)),
    **declared("adaptive_max_pool adaptive_average_pool", "inputs output_size data_format", _pool(convolution.adaptive_shape)),
    **declared("unfold", "x kernel_size dilation padding stride", _unfold),
    **declared("fold", "x output_size kernel_size dilation padding stride", _fold),
    **declared("depth_to_space", "x block_size data_format", blocked(True)),
    **declared("space_to_depth", "x block_size data_format", blocked(False)),
    **declared("batch_norm", "x mean variance offset scale axis epsilon", same),
    **declared("layer_norm", "x gamma beta axis epsilon rms_scaling", same),
    **declared("rms_norm", "x scale axis epsilon", same),
    **declared(
        "dot_product_attention",
        "query key value bias mask scale is_causal flash_attention attn_logits_soft_cap",
        same,
        _attention_macs,
    ),
    **declared("binary_crossentropy", "target output from_logits", _elementwise_loss),
    **declared("categorical_crossentropy", "target output from_logits axis", _axis_loss),
    **declared("sparse_categorical_crossentropy", "target output from_logits axis", _sparse_loss),
    **declared("ctc_loss", "target output target_length output_length mask_index", _ctc_loss),
    **declared("ctc_decode", "inputs sequence_lengths strategy beam_width top_paths merge_repeated mask_index", _ctc_decode),
    **declared("psnr", "x1 x2 max_val", _scalar),
}
