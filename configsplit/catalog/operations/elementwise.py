"""Operations of ``keras.ops`` on single numbers and along axes, with the dtypes that Keras 3 declares for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import INTEGERS, Arguments, Operand, dtype_name, one, operand, promote, promoted
from configsplit.catalog.operations.common import Operation, position
from configsplit.catalog.rules import Outputs, axis_of, is_float, product
from configsplit.graph.model import Shape, TensorSpec

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


def _unary(dtype: Dtype) -> Operation:
    def rule(given: Arguments) -> Outputs:
        found = given.operand(0)
        return one(found.shape, dtype(found.dtype))

    return rule


def _pair(given: Arguments) -> tuple[Operand, Operand]:
    return given.operand(0, "x x1 abs_"), given.operand(1, "y x2 angle fill_value")


def _binary(dtype: Dtype = kept) -> Operation:
    def rule(given: Arguments) -> Outputs:
        pair = _pair(given)
        return one(broadcast(pair[0].shape, pair[1].shape), dtype(promoted([*pair], tensorflow=False)))

    return rule


def _strict(integer: str, fraction: str, dtype: Dtype = kept) -> Operation:
    """Some operations make arrays of Python's numbers before they look at dtypes."""

    def rule(given: Arguments) -> Outputs:
        pair = [replace(item, dtype=item.dtype or (fraction if item.fraction else integer)) for item in _pair(given)]
        return one(broadcast(pair[0].shape, pair[1].shape), dtype(promoted(pair, tensorflow=False)))

    return rule


def _shift(given: Arguments) -> Outputs:
    """Shifting by a Python number keeps the dtype."""
    first, second = _pair(given)
    dtype = first.dtype if second.dtype is None else promoted([first, second], tensorflow=False)
    return one(broadcast(first.shape, second.shape), dtype)


def _member(given: Arguments) -> Outputs:
    return one(_pair(given)[0].shape, "bool")


def _scalar_truth(given: Arguments) -> Outputs:
    return one((), "bool")


def _polar(given: Arguments) -> Outputs:
    return one(_pair(given)[0].shape, "float32")


def _clip(given: Arguments) -> Outputs:
    found = given.operand(0)
    return one(found.shape, counted(found.dtype))


def _written(given: Arguments) -> Outputs:
    """Operations whose static dtype, where there is one, is the output's."""
    found = given.operand(0)
    return one(found.shape, dtype_name(given.get(-1, "dtype", None)) or found.dtype)


def _choice(given: Arguments) -> Outputs:
    """numpy.select: the choices and the default decide, not the conditions."""
    found = [operand(item) for item in given.get(1, "choicelist")]
    return one(found[0].shape, promote(item.dtype for item in found if item.dtype))


# ------------------------------------------------------------------------------------------------------------- reductions


def reduced(given: Arguments, found: Operand, names: str = "axis axes") -> Shape:
    axes = given.axes(len(found.shape), -1, names)
    keep = bool(given.get(-1, "keepdims", False))
    return tuple(1 if axis in axes else size for axis, size in enumerate(found.shape) if keep or axis not in axes)


def _reduction(dtype: Dtype) -> Operation:
    def rule(given: Arguments) -> Outputs:
        found = given.operand(0)
        written = dtype_name(given.get(-1, "dtype", None))
        return one(reduced(given, found), written or dtype(found.dtype))

    return rule


def _quantile(given: Arguments) -> Outputs:
    """Several quantiles at once stand in front."""
    found, quantiles = given.operand(0), given.operand(1, "q")
    return one((*quantiles.shape, *reduced(given, found)), as_float(found.dtype))


def _average(given: Arguments) -> Outputs:
    operands = [given.operand(0)]
    if isinstance(given.get(1, "weights", None), TensorSpec):
        operands.append(given.operand(1, "weights"))
    return one(reduced(given, operands[0]), as_float(promoted(operands, tensorflow=False)))


def _moments(given: Arguments) -> Outputs:
    found = given.operand(0)
    return (TensorSpec(reduced(given, found), found.dtype),) * 2


def _running(given: Arguments) -> Outputs:
    """Cumulative sums flatten where they have no axis."""
    found = given.operand(0)
    shape = (product(found.shape),) if given.get(-1, "axis", None) is None else found.shape
    return one(shape, dtype_name(given.get(-1, "dtype", None)) or counted(found.dtype))


def _difference(given: Arguments) -> Outputs:
    found, times = given.operand(0), int(given.get(-1, "n", 1))
    place = axis_of(int(given.get(-1, "axis", -1)), len(found.shape))
    size = found.shape[place]
    length = None if size is None else max(size - times, 0)
    return one((*found.shape[:place], length, *found.shape[place + 1 :]), found.dtype)


def _trapezoid(given: Arguments) -> Outputs:
    found = given.operand(0, "y")
    place = axis_of(int(given.get(-1, "axis", -1)), len(found.shape))
    return one((*found.shape[:place], *found.shape[place + 1 :]), as_float(found.dtype))


def _half(given: Arguments) -> Outputs:
    """A gated linear unit multiplies one half of an axis with the other."""
    found = given.operand(0)
    place = axis_of(int(given.get(-1, "axis", -1)), len(found.shape))
    size = found.shape[place]
    return one((*found.shape[:place], None if size is None else size // 2, *found.shape[place + 1 :]), found.dtype)


def _ratio(dtype: str | None) -> str | None:
    return dtype if dtype is None or is_float(dtype) else "float32"


OPERATIONS: dict[str, Operation] = {
    name: rule
    for rule, names in (
        (
            _unary(kept),
            "bitwise_invert bitwise_not conj conjugate erf erfinv rsqrt sigmoid nan_to_num trunc fliplr flipud hard_shrink "
            "soft_shrink sparsemax sparse_sigmoid threshold",
        ),
        (_unary(real), "abs absolute imag real"),
        (_unary(lambda dtype: as_float(real(dtype))), "angle"),
        (
            _unary(as_float),
            "arccos arccosh arcsin arcsinh arctan arctanh ceil cosh erfc exp2 fabs floor sinc log10 log1p log2",
        ),
        (_unary(as_wide_float), "cbrt deg2rad i0 rad2deg"),
        (_unary(counted), "square"),
        (_unary(always("float32")), "reciprocal normalize"),
        (_unary(always("bool")), "isneginf isposinf isreal signbit"),
        (_clip, "clip"),
        (_written, "zeros_like ones_like empty_like full_like convert_to_tensor array saturate_cast"),
        (_binary(), "fmax fmin bitwise_and bitwise_or bitwise_xor"),
        (_binary(counted), "mod fmod"),
        (_binary(_ratio), "divide true_divide divide_no_nan logaddexp logaddexp2"),
        (_binary(lambda dtype: dtype if dtype == "bool" else as_wide_float(dtype)), "heaviside hypot"),
        (_binary(always("bool")), "isclose"),
        (_strict("int64", "float32"), "gcd lcm"),
        (_strict("int64", "float32", as_float), "ldexp nextafter"),
        (_strict("float32", "float32", as_float), "arctan2"),
        (_shift, "bitwise_left_shift bitwise_right_shift left_shift right_shift"),
        (_member, "is_in"),
        (_scalar_truth, "all_close"),
        (_polar, "polar"),
        (_choice, "select"),
        (_reduction(totalled), "sum prod nansum nanprod"),
        (_reduction(kept), "nanmax nanmin ptp"),
        (_reduction(as_float), "mean median std var nanmean nanmedian nanstd nanvar norm"),
        (_reduction(always("float32")), "logsumexp"),
        (_reduction(always("int32")), "count_nonzero"),
        (_quantile, "percentile quantile nanpercentile nanquantile"),
        (_average, "average"),
        (_moments, "moments"),
        (_running, "cumsum cumprod nancumsum nancumprod"),
        (_difference, "diff"),
        (_trapezoid, "trapezoid"),
        (_half, "glu"),
        (position, "nanargmax nanargmin"),
    )
    for name in names.split()
}
