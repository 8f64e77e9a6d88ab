"""Shapes and dtypes of operations, by the name they have in TensorFlow's and Keras's own numerical interfaces."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TypeAlias

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations import rearranging
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one, promoted
from configsplit.catalog.rules import Outputs, axis_of, is_float
from configsplit.graph.model import Shape

Operation: TypeAlias = Callable[[Arguments], Outputs]


# ------------------------------------------------------------------------------------------------------------ elementwise


def _same(given: Arguments) -> Outputs:
    found = given.operand(0)
    return one(found.shape, found.dtype)


def _as_float(given: Arguments) -> Outputs:
    """Roots, exponentials and their like turn integers into float32 in Keras 3."""
    found = given.operand(0)
    keeps = given.tensorflow or is_float(found.dtype)
    return one(found.shape, found.dtype if keeps else "float32")


def _as_bool(given: Arguments) -> Outputs:
    return one(given.operand(0).shape, "bool")


def _pair(given: Arguments) -> tuple[Shape, str | None]:
    pair = [given.operand(0, "x x1 a input condition"), given.operand(1, "y x2 b other")]
    return broadcast(pair[0].shape, pair[1].shape), promoted(pair, tensorflow=given.tensorflow)


def _binary(given: Arguments) -> Outputs:
    return one(*_pair(given))


def _compare(given: Arguments) -> Outputs:
    return one(_pair(given)[0], "bool")


def _divide(given: Arguments) -> Outputs:
    """True division of integers: float64 in TensorFlow, float32 in Keras 3."""
    shape, dtype = _pair(given)
    if is_float(dtype) or dtype is None:
        return one(shape, dtype)
    small = dtype in ("int8", "uint8", "int16", "uint16")
    return one(shape, "float64" if given.tensorflow and not small else "float32")


def where(given: Arguments) -> Outputs:
    chosen = [given.operand(1, "x x1 t"), given.operand(2, "y x2 e")]
    shapes = [given.operand(0, "condition").shape, *(item.shape for item in chosen)]
    return one(reduce(broadcast, shapes), promoted(chosen, tensorflow=given.tensorflow))


def _add_n(given: Arguments) -> Outputs:
    found = given.operands(0, "inputs")
    return one(reduce(broadcast, (item.shape for item in found)), found[0].dtype)


def _cast(given: Arguments) -> Outputs:
    dtype = given.get(1, "dtype DstT")
    return one(given.operand(0).shape, dtype_name(dtype))


# ------------------------------------------------------------------------------------------------------------- reductions


def _reduced(given: Arguments) -> Shape:
    shape = given.operand(0, "x input_tensor input a").shape
    axes = given.axes(len(shape), names="axis axes reduction_indices")
    keep = bool(given.get(-1, "keepdims keep_dims", False))
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes)


def _total(given: Arguments) -> Outputs:
    """Sums and products of small integers are int32 in Keras 3."""
    dtype = given.operand(0, "x input_tensor input").dtype
    small = not given.tensorflow and dtype in ("bool", "int8", "int16")
    return one(_reduced(given), "int32" if small else dtype)


def _extreme(given: Arguments) -> Outputs:
    return one(_reduced(given), given.operand(0, "x input_tensor input").dtype)


def _mean(given: Arguments) -> Outputs:
    dtype = given.operand(0, "x input_tensor input").dtype
    return one(_reduced(given), dtype if given.tensorflow or is_float(dtype) else "float32")


def _truth(given: Arguments) -> Outputs:
    return one(_reduced(given), "bool")


def position(given: Arguments) -> Outputs:
    """argmax and argmin: without an axis, TensorFlow takes the first one and Keras 3 the whole tensor."""
    shape = given.operand(0).shape
    axis = given.get(1, "axis dimension", None)
    if axis is None and not given.tensorflow:
        return one((1,) * len(shape) if given.get(2, "keepdims", False) else (), "int32")
    place = axis_of(int(axis or 0), len(shape))
    dtype = dtype_name(given.get(-1, "output_type", "int64")) if given.tensorflow else "int32"
    kept: Shape = (1,) if not given.tensorflow and given.get(2, "keepdims", False) else ()
    return one((*shape[:place], *kept, *shape[place + 1 :]), dtype)


OPERATIONS: dict[str, Operation] = {
    name: rule
    for rule, names in (
        (
            _same,
            "absolute abs negative neg square sign relu relu6 re_lu leaky_relu elu selu gelu softplus softsign silu swish celu",
        ),
        (
            _same,
            "softmax log_softmax identity stop_gradient dropout clip clip_by_value round floor ceil rint flip reverse roll",
        ),
        (_same, "mish fake_quant_with_min_max_vars"),
        (_same, "cumsum cumprod sort tril triu zeros_like ones_like hard_sigmoid hard_swish hard_silu hard_tanh l2_normalize"),
        (
            _same,
            "copy ensure_shape convert_to_tensor bias_add tanh_shrink sparse_plus squareplus log_sigmoid normalize",
        ),
        (
            _as_float,
            "exp expm1 log log1p log2 log10 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh sigmoid erf reciprocal",
        ),
        (_as_bool, "isnan is_nan isfinite is_finite isinf is_inf logical_not"),
        (
            _binary,
            "add subtract sub multiply mul power pow maximum minimum floor_divide floordiv floor_div mod floormod",
        ),
        (_binary, "squared_difference add_v2 arctan2 atan2 divide_no_nan"),
        (_compare, "equal not_equal greater greater_equal less less_equal logical_and logical_or logical_xor"),
        (_divide, "true_divide truediv divide real_div div"),
        (where, "where where_v2 select select_v2"),
        (_add_n, "add_n"),
        (_cast, "cast"),
        (_total, "sum reduce_sum prod reduce_prod"),
        (_extreme, "max reduce_max min reduce_min amax amin"),
        (_mean, "mean reduce_mean var std reduce_variance reduce_std reduce_logsumexp logsumexp median average norm"),
        (_truth, "any all reduce_any reduce_all"),
        (position, "argmax argmin arg_max arg_min"),
        (rearranging.reshape, "reshape"),
        (rearranging.broadcast_to, "broadcast_to"),
        (rearranging.transpose, "transpose"),
        (rearranging.expand_dims, "expand_dims"),
        (rearranging.squeeze, "squeeze"),
        (rearranging.concat, "concat concatenate concat_v2"),
        (rearranging.stack, "stack pack"),
        (rearranging.split, "split"),
        (rearranging.unstack, "unstack"),
        (rearranging.tile, "tile"),
        (rearranging.repeat, "repeat"),
        (rearranging.pad, "pad mirror_pad pad_v2"),
        (rearranging.matmul, "matmul mat_mul batch_mat_mul batch_mat_mul_v2"),
        (rearranging.einsum, "einsum"),
        (rearranging.shape, "shape"),
        (rearranging.gather, "gather take gather_v2"),
        (rearranging.one_hot, "one_hot"),
        (rearranging.resize, "resize resize_bilinear"),
        (rearranging.swap, "swapaxes"),
    )
    for name in names.split()
}
