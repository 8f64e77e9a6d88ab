"""Operations of ``keras.ops`` on single numbers and along axes, with the dtypes that Keras 3 declares for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import INTEGERS, Arguments, Operand, dtype_name, one, operand, promote, promoted
from configsplit.catalog.operations.common import Operation, Rule, cast, declared, position, reduced
from configsplit.catalog.rules import Outputs, axis_of, is_float, product
from configsplit.graph.model import TensorSpec

Dtype: TypeAlias = Callable[["str | None"], "str | None"]


# ------------------------------------------------------------------------------------------------- what becomes of dtypes


def kept(dtype: str | None) -> str | None:
    return dtype


def as_float(dtype: str | None) -> str | None:
    return "float32" if dtype in INTEGERS or dtype == "bool" else dtype


def as_wide_float(dtype: str | None) -> str | None:
    return "float64" if dtype == "int64" else as_float(dtype)


def counted(dtype: str | None) -> str | None:
    """Truth values are counted as integers."""
    return "int32" if dtype == "bool" else dtype


def totalled(dtype: str | None) -> str | None:
    """Sums of small integers need more room."""
    return {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}.get(dtype or "", dtype)


def real(dtype: str | None) -> str | None:
    """The dtype of the parts of a complex number."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype or "", dtype)


def always(dtype: str) -> Dtype:
    return lambda _: dtype


# ------------------------------------------------------------------------------------------------------------ elementwise


def _unary(dtype: Dtype) -> Rule:
    def rule(given: Arguments) -> Outputs:
        tensor = given.operand(0)
        return one(tensor.shape, dtype(tensor.dtype))

    return rule


def pair_of(given: Arguments) -> tuple[Operand, Operand]:
    return given.operand(0), given.operand(1)


def _binary(dtype: Dtype = kept) -> Rule:
    def rule(given: Arguments) -> Outputs:
        pair = pair_of(given)
        return one(broadcast(pair[0].shape, pair[1].shape), dtype(promoted([*pair], tensorflow=False)))

    return rule


def _strict(integer: str, dtype: Dtype = kept) -> Rule:
    """Some operations make arrays of Python's numbers before they look at dtypes."""

    def rule(given: Arguments) -> Outputs:
        pair = [replace(item, dtype=item.dtype or ("float32" if item.fraction else integer)) for item in pair_of(given)]
        return one(broadcast(pair[0].shape, pair[1].shape), dtype(promoted(pair, tensorflow=False)))

    return rule


def _shift(given: Arguments) -> Outputs:
    """Shifting by a Python number keeps the dtype."""
    first, second = pair_of(given)
    dtype = first.dtype if second.dtype is None else promoted([first, second], tensorflow=False)
    return one(broadcast(first.shape, second.shape), dtype)


def _member(given: Arguments) -> Outputs:
    return one(pair_of(given)[0].shape, "bool")


def _scalar_truth(given: Arguments) -> Outputs:
    return one((), "bool")


def _polar(given: Arguments) -> Outputs:
    return one(pair_of(given)[0].shape, "float32")


def _clip(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return one(tensor.shape, counted(tensor.dtype))


def written(given: Arguments) -> Outputs:
    """Operations whose static dtype, where there is one, is the output's."""
    tensor = given.operand(0)
    return one(tensor.shape, dtype_name(given.get("dtype", None)) or tensor.dtype)


def _choice(given: Arguments) -> Outputs:
    """numpy.select: the choices and the default decide, not the conditions."""
    choices = [operand(item) for item in given.get("choicelist")]
    return one(choices[0].shape, promote(item.dtype for item in choices if item.dtype))


# ------------------------------------------------------------------------------------------------------------- reductions


def _reduction(dtype: Dtype) -> Rule:
    def rule(given: Arguments) -> Outputs:
        tensor = given.operand(0)
        written = dtype_name(given.get("dtype", None))
        return one(reduced(given), written or dtype(tensor.dtype))

    return rule


def _quantile(given: Arguments) -> Outputs:
    """Several quantiles at once stand in front."""
    tensor, quantiles = given.operand(0), given.operand("q")
    return one((*quantiles.shape, *reduced(given)), as_float(tensor.dtype))


def _average(given: Arguments) -> Outputs:
    operands = [given.operand(0)]
    if isinstance(given.get("weights", None), TensorSpec):
        operands.append(given.operand("weights"))
    return one(reduced(given), as_float(promoted(operands, tensorflow=False)))


def _moments(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return (TensorSpec(reduced(given, "axes"), tensor.dtype),) * 2


def _running(given: Arguments) -> Outputs:
    """Cumulative sums flatten where they have no axis."""
    tensor = given.operand(0)
    shape = (product(tensor.shape),) if given.get("axis", None) is None else tensor.shape
    return one(shape, dtype_name(given.get("dtype", None)) or counted(tensor.dtype))


def _difference(given: Arguments) -> Outputs:
    tensor, times = given.operand(0), given.number("n", 1)
    place = axis_of(given.number("axis", -1), len(tensor.shape))
    size = tensor.shape[place]
    length = None if size is None else max(size - times, 0)
    return one((*tensor.shape[:place], length, *tensor.shape[place + 1 :]), tensor.dtype)


def _trapezoid(given: Arguments) -> Outputs:
    tensor = given.operand("y")
    place = axis_of(given.number("axis", -1), len(tensor.shape))
    return one((*tensor.shape[:place], *tensor.shape[place + 1 :]), as_float(tensor.dtype))


def _half(given: Arguments) -> Outputs:
    """A gated linear unit multiplies one half of an axis with the other."""
    tensor = given.operand(0)
    place = axis_of(given.number("axis", -1), len(tensor.shape))
    size = tensor.shape[place]
    return one((*tensor.shape[:place], None if size is None else size // 2, *tensor.shape[place + 1 :]), tensor.dtype)


def _ratio(dtype: str | None) -> str | None:
    return dtype if dtype is None or is_float(dtype) else "float32"


OPERATIONS: dict[str, Operation] = {
    **declared(
        "bitwise_invert bitwise_not erf erfinv rsqrt sigmoid trunc fliplr flipud sparse_sigmoid copy "
        "hard_sigmoid hard_silu hard_tanh log_sigmoid mish negative relu relu6 selu sign silu softplus softsign "
        "sparse_plus tanh_shrink",
        "x",
        _unary(kept),
    ),
    **declared("conj conjugate", "x", _unary(kept), gives_back="perhaps"),
    **declared("nan_to_num", "x nan posinf neginf", _unary(kept)),
    **declared("hard_shrink soft_shrink", "x threshold", _unary(kept)),
    **declared("sparsemax flip log_softmax softmax sort", "x axis", _unary(kept)),
    **declared("threshold", "x threshold default_value", _unary(kept)),
    **declared("elu celu", "x alpha", _unary(kept)),
    **declared("gelu", "x approximate", _unary(kept)),
    **declared("leaky_relu", "x negative_slope", _unary(kept)),
    **declared("re_lu", "x negative_slope max_value threshold", _unary(kept)),
    **declared("roll", "x shift axis", _unary(kept)),
    **declared("round", "x decimals", _unary(kept)),
    **declared("squareplus", "x b", _unary(kept)),
    **declared("stop_gradient", "variable", _unary(kept), gives_back="perhaps"),
    **declared("tril triu", "x k", _unary(kept)),
    **declared("fake_quant_with_min_max_vars", "inputs min_vals max_vals num_bits narrow_range axis", _unary(kept)),
    **declared("abs absolute imag", "x", _unary(real)),
    **declared("real", "x", _unary(real), gives_back="perhaps"),
    **declared("angle", "x", _unary(lambda dtype: as_float(real(dtype)))),
    **declared(
        "arccos arccosh arcsin arcsinh arctan arctanh ceil cosh erfc exp2 fabs floor sinc log10 log1p log2 cos exp expm1 "
        "log sin sinh sqrt tan tanh",
        "x",
        _unary(as_float),
    ),
    **declared("cbrt deg2rad i0 rad2deg", "x", _unary(as_wide_float)),
    **declared("square", "x", _unary(counted)),
    **declared("reciprocal", "x", _unary(always("float32"))),
    **declared("normalize", "x axis order epsilon", _unary(always("float32"))),
    **declared("isneginf isposinf isreal signbit isfinite isinf isnan logical_not", "x", _unary(always("bool"))),
    **declared("clip", "x x_min x_max", _clip),
    **declared("zeros_like ones_like empty_like saturate_cast", "x dtype", written),
    **declared("array", "x dtype", written, gives_back="perhaps"),
    **declared("full_like", "x fill_value dtype", written),
    **declared("convert_to_tensor", "x dtype sparse ragged", written, gives_back="surely"),
    **declared("fmax fmin add floor_divide maximum minimum multiply power subtract", "x1 x2", _binary()),
    **declared("bitwise_and bitwise_or bitwise_xor", "x y", _binary()),
    **declared("mod fmod", "x1 x2", _binary(counted)),
    **declared("divide true_divide divide_no_nan logaddexp logaddexp2", "x1 x2", _binary(_ratio)),
    **declared("heaviside hypot", "x1 x2", _binary(lambda dtype: dtype if dtype == "bool" else as_wide_float(dtype))),
    **declared("isclose", "x1 x2 rtol atol equal_nan", _binary(always("bool"))),
    **declared(
        "equal greater greater_equal less less_equal logical_and logical_or logical_xor not_equal",
        "x1 x2",
        _binary(always("bool")),
    ),
    **declared("gcd lcm", "x1 x2", _strict("int64")),
    **declared("ldexp nextafter", "x1 x2", _strict("int64", as_float)),
    **declared("arctan2", "x1 x2", _strict("float32", as_float)),
    **declared("bitwise_left_shift bitwise_right_shift left_shift right_shift", "x y", _shift),
    **declared("is_in", "x1 x2 assume_unique invert", _member),
    **declared("all_close", "x1 x2 rtol atol equal_nan", _scalar_truth),
    **declared("polar", "abs_ angle", _polar),
    **declared("select", "condlist choicelist default", _choice),
    **declared("sum nansum nanprod", "x axis keepdims", _reduction(totalled)),
    **declared("prod", "x axis keepdims dtype", _reduction(totalled)),
    **declared("nanmax nanmin ptp amax amin", "x axis keepdims", _reduction(kept)),
    **declared("max min", "x axis keepdims initial", _reduction(kept)),
    **declared("mean median std var nanstd nanvar", "x axis keepdims", _reduction(as_float)),
    **declared("nanmean nanmedian", "x axis keepdims", _reduction(as_float), gives_back="perhaps"),
    **declared("norm", "x ord axis keepdims", _reduction(as_float)),
    **declared("logsumexp", "x axis keepdims", _reduction(always("float32"))),
    **declared("count_nonzero", "x axis", _reduction(always("int32"))),
    **declared("percentile quantile nanpercentile nanquantile", "x q axis method keepdims", _quantile),
    **declared("average", "x weights axis", _average),
    **declared("moments", "x axes keepdims synchronized", _moments),
    **declared("cumsum cumprod nancumsum nancumprod", "x axis dtype", _running),
    **declared("diff", "a n axis", _difference, gives_back="perhaps"),
    **declared("trapezoid", "y x dx axis", _trapezoid),
    **declared("glu", "x axis", _half),
    **declared("nanargmax nanargmin argmax argmin", "x axis keepdims", position),
    **declared("cast", "x dtype", cast, gives_back="surely"),
    **declared("all any", "x axis keepdims", _reduction(always("bool"))),
}
