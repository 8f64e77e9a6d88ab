"""TensorFlow's functions that compute number by number, and those that leave axes away."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one, promoted
from configsplit.catalog.operations.common import Rule, cast, position, reduced, same, where
from configsplit.catalog.operations.elementwise import written
from configsplit.catalog.rules import Outputs, is_float
from configsplit.catalog.tensorflow import shapes
from configsplit.catalog.tensorflow.call import OperationCall, dtype_of
from configsplit.catalog.tensorflow.declare import Function, as_bool, function, node, over_axes, reduction, unary
from configsplit.graph.model import Shape, Use

# ---------------------------------------------------------------------------------------------------------------- outputs


def _pair(given: Arguments) -> tuple[Shape, str | None]:
    pair = [given.operand(0), given.operand(1)]
    return broadcast(pair[0].shape, pair[1].shape), promoted(pair, tensorflow=True)


def _both(given: Arguments) -> Outputs:
    return one(*_pair(given))


def _compared(given: Arguments) -> Outputs:
    return one(_pair(given)[0], "bool")


_SMALL = ("int8", "uint8", "int16", "uint16")


def _divided(given: Arguments) -> Outputs:
    """True division makes float64 of integers, and float32 of small ones."""
    shape, dtype = _pair(given)
    return one(shape, dtype if is_float(dtype) or dtype is None else "float32" if dtype in _SMALL else "float64")


def _chosen(given: Arguments) -> Outputs:
    """What TensorFlow 1 chooses by rows has the shape of what it chooses from."""
    tensor = given.operand("x")
    return one(tensor.shape, tensor.dtype)


def _counted(given: Arguments) -> Outputs:
    return one(reduced(given), dtype_name(given.get("dtype", None)) or "int64")


def _summed(given: Arguments) -> Outputs:
    tensors = given.operands("inputs")
    return one(reduce(broadcast, (item.shape for item in tensors)), tensors[0].dtype)


# ---------------------------------------------------------------------------------------------------------- in Keras 3


def angle(op: OperationCall) -> Use:
    return op.emit("numpy.Arctan2", op.tensor("y", "x"), op.tensor("x", "y"))


def quotient(op: OperationCall) -> Use:
    """Division as Python 2 has it, whose whole numbers are cut off differently from place to place."""
    if not all(is_float(op.spec(name).dtype or "float32") for name in ("x", "y")):
        raise op.stop("divides whole numbers")
    return op.emit("numpy.TrueDivide", op.tensor("x", "y"), op.tensor("y", "x"))


def true_quotient(op: OperationCall) -> Any:
    """Of whole numbers TensorFlow makes float64, or float32 of small ones, before it divides."""
    whole = [name for name in ("x", "y") if not is_float(op.spec(name).dtype or "float32")]
    if not whole or any(type(op.value(name)) is Use and op.value(name).ref in op.building.symbols for name in ("x", "y")):
        return shapes.binary("numpy.TrueDivide", op)
    dtype = "float32" if all(op.spec(name).dtype in _SMALL for name in whole) else "float64"
    cast = [op.emit("core.Cast", op.tensor(name), dtype=dtype) if name in whole else op.tensor(name) for name in ("x", "y")]
    return op.emit("numpy.TrueDivide", *cast)


def squared_difference(op: OperationCall) -> Use:
    return op.emit("numpy.Square", op.emit("numpy.Subtract", op.tensor("x", "y"), op.tensor("y", "x")))


def unchanged(op: OperationCall) -> Any:
    return op.tensor(0)


def gelu(op: OperationCall) -> Use:
    return op.emit("nn.Gelu", op.tensor(0), approximate=bool(op.static("approximate", False)))


def leaky_relu(op: OperationCall) -> Use:
    return op.emit("nn.LeakyRelu", op.tensor(0), negative_slope=op.static("alpha", 0.2))


def softmax(kind: str, op: OperationCall) -> Use:
    return op.emit(kind, op.tensor(0), axis=op.static("axis", -1))


def hard_sigmoid(op: OperationCall) -> Use:
    """What ``K.hard_sigmoid`` computed before Keras 3."""
    slope = op.emit("numpy.Multiply", op.tensor("x"), 0.2)
    return op.emit("numpy.Clip", op.emit("numpy.Add", slope, 0.5), x_min=0.0, x_max=1.0)


def silu(op: OperationCall) -> Use:
    beta = op.static("beta", 1.0)
    if beta == 1:
        return op.emit("nn.Silu", op.tensor(0))
    gate = op.emit("nn.Sigmoid", op.emit("numpy.Multiply", op.tensor(0), beta))
    return op.emit("numpy.Multiply", op.tensor(0), gate)


def l2_normalize(op: OperationCall) -> Use:
    x, axis = op.tensor("x"), op.static("axis")
    total = op.emit("numpy.Sum", op.emit("numpy.Square", x), axis=axis, keepdims=True)
    scale = op.emit("math.Rsqrt", op.emit("numpy.Maximum", total, op.static("epsilon", 1e-12)))
    return op.emit("numpy.Multiply", x, scale)


def clip(op: OperationCall) -> Use:
    least, most = "clip_value_min", "clip_value_max"
    if type(op.value(least)) is Use or type(op.value(most)) is Use:
        return op.emit("numpy.Minimum", op.emit("numpy.Maximum", op.tensor("t"), op.tensor(least)), op.tensor(most))
    return op.emit("numpy.Clip", op.tensor("t"), x_min=op.static(least), x_max=op.static(most))


def converted_dtype(op: OperationCall) -> Use:
    return op.emit("core.Cast", op.tensor("x"), dtype=dtype_of(op.static("dtype")))


def choice(op: OperationCall) -> Use:
    if not op.has("x") or not op.has("y"):
        raise op.stop("returns as many positions as are true, a size that no Keras 3 model can record")
    return op.emit("numpy.Where", op.tensor("condition"), op.tensor("x", "y"), op.tensor("y", "x"))


def choice_of_rows(op: OperationCall) -> Use:
    """The choice of TensorFlow 1: a condition of one axis takes whole rows, where that of Keras 3 is broadcast."""
    if op.rank("condition") == 1 and any(len(op.shape(name)) != 1 for name in ("x", "y")):
        raise op.stop("chooses rows")
    return choice(op)


def add_n(op: OperationCall) -> Use:
    values = op.value("inputs")
    total, *rest = [op.new(value) for value in (values if type(values) is tuple else (values,))]
    for value in rest:
        total = op.emit("numpy.Add", total, value)
    return total  # type: ignore[no-any-return]


def like(kind: str, op: OperationCall) -> Use:
    return op.emit(kind, op.tensor(0), dtype=op.static("dtype"))


def zero_or(kind: str, op: OperationCall) -> Use:
    """``x * log(y)`` and ``x / y`` and their like, which are 0 wherever x is, whatever y is."""
    x, y = op.tensor("x", "y"), op.tensor("y", "x")
    with_log = op.emit("numpy.Log1p" if kind == "log1p" else "numpy.Log", y) if kind != "divide" else y
    chosen = op.emit("numpy.TrueDivide" if kind == "divide" else "numpy.Multiply", x, with_log)
    return op.emit("numpy.Where", op.emit("numpy.Equal", x, 0), 0.0, chosen)


def no_nan(op: OperationCall) -> Use:
    """``x * y``, 0 wherever y is."""
    x, y = op.tensor("x", "y"), op.tensor("y", "x")
    return op.emit("numpy.Where", op.emit("numpy.Equal", y, 0), 0.0, op.emit("numpy.Multiply", x, y))


def place_of(kind: str, op: OperationCall) -> Use:
    """TensorFlow takes the first axis where none is named, and counts in int64."""
    place = op.emit(kind, op.tensor("input"), axis=op.static("axis", 0))
    return op.emit("core.Cast", place, dtype=dtype_of(op.static("output_type", "int64")))


def count(op: OperationCall) -> Use:
    dtype = dtype_of(op.static("dtype", "int64"))
    there = op.emit("core.Cast", op.emit("numpy.NotEqual", op.tensor("input"), 0), dtype=dtype)
    return op.emit("numpy.Sum", there, axis=op.static("axis"), keepdims=bool(op.static("keepdims", False)))


# ------------------------------------------------------------------------------------------------------------ declarations


def _binary(names: str, kind: str, nodes: str = "", outputs: Rule = _both) -> dict[str, Function]:
    return function(names, "x y", outputs, partial(shapes.binary, kind), *nodes.split(), rows="each")


_BINARY = {
    **_binary("add", "numpy.Add", "Add AddV2"),
    **_binary("subtract", "numpy.Subtract", "Sub"),
    **_binary("multiply", "numpy.Multiply", "Mul"),
    **function("truediv divide", "x y", _divided, true_quotient, "RealDiv", rows="each"),
    **_binary("floordiv floor_div", "numpy.FloorDivide", "FloorDiv"),
    **_binary("mod floormod", "numpy.Mod", "FloorMod"),
    **_binary("pow", "numpy.Power", "Pow"),
    **_binary("maximum", "numpy.Maximum", "Maximum"),
    **_binary("minimum", "numpy.Minimum", "Minimum"),
    **_binary("divide_no_nan div_no_nan", "numpy.DivideNoNan", "DivNoNan"),
    **_binary("greater", "numpy.Greater", "Greater", _compared),
    **_binary("greater_equal", "numpy.GreaterEqual", "GreaterEqual", _compared),
    **_binary("less", "numpy.Less", "Less", _compared),
    **_binary("less_equal", "numpy.LessEqual", "LessEqual", _compared),
    **_binary("equal", "numpy.Equal", "Equal", _compared),
    **_binary("not_equal", "numpy.NotEqual", "NotEqual", _compared),
    **_binary("logical_and", "numpy.LogicalAnd", "LogicalAnd", _compared),
    **_binary("logical_or", "numpy.LogicalOr", "LogicalOr", _compared),
    **_binary("logical_xor", "numpy.LogicalXor", "", _compared),
    **function("div", "x y", _both, quotient, "Div", rows="each"),
    **function("truncatemod", "x y", _both, None, "Mod"),
    **function("atan2", "y x", _both, angle, "Atan2", rows="each"),
    **function("squared_difference", "x y", _both, squared_difference, "SquaredDifference", rows="each"),
    **function("xlogy", "x y", _both, partial(zero_or, "log"), "Xlogy", rows="each"),
    **function("xlog1py", "x y", _both, partial(zero_or, "log1p"), "Xlog1py", rows="each"),
    **function("xdivy", "x y", _both, partial(zero_or, "divide"), "Xdivy", rows="each"),
    **function("multiply_no_nan", "x y", _both, no_nan, "MulNoNan", rows="each"),
    **function("where where_v2", "condition x y", where, choice, "SelectV2", rows="each"),
    **function("compat.v1.where", "condition x y", _chosen, choice_of_rows, "Select"),
    **function("add_n", "inputs", _summed, add_n, node("AddN", "*inputs"), gives_back="perhaps"),
}

_LIKE = "input|tensor dtype layout optimize"

_UNARY = {
    **unary("abs", "x", "numpy.Absolute", "Abs"),
    **unary("negative", "x", "numpy.Negative", "Neg"),
    **unary("square", "x", "numpy.Square", "Square"),
    **unary("sqrt", "x", "numpy.Sqrt", "Sqrt"),
    **unary("rsqrt", "x", "math.Rsqrt", "Rsqrt"),
    **unary("exp", "x", "numpy.Exp", "Exp"),
    **unary("expm1", "x", "numpy.Expm1", "Expm1"),
    **unary("log", "x", "numpy.Log", "Log"),
    **unary("log1p", "x", "numpy.Log1p", "Log1p"),
    **unary("sin", "x", "numpy.Sin", "Sin"),
    **unary("cos", "x", "numpy.Cos", "Cos"),
    **unary("tan", "x", "numpy.Tan", "Tan"),
    **unary("asin", "x", "numpy.Arcsin", "Asin"),
    **unary("acos", "x", "numpy.Arccos", "Acos"),
    **unary("atan", "x", "numpy.Arctan", "Atan"),
    **unary("sinh", "x", "numpy.Sinh", "Sinh"),
    **unary("cosh", "x", "numpy.Cosh", "Cosh"),
    **unary("tanh", "x", "numpy.Tanh", "Tanh"),
    **unary("asinh", "x", "numpy.Arcsinh", "Asinh"),
    **unary("acosh", "x", "numpy.Arccosh", "Acosh"),
    **unary("atanh", "x", "numpy.Arctanh", "Atanh"),
    **unary("erf", "x", "math.Erf", "Erf"),
    **unary("erfc", "x", "math.Erfc", "Erfc"),
    **unary("erfinv", "x", "math.Erfinv", "Erfinv"),
    **unary("floor", "x", "numpy.Floor", "Floor"),
    **unary("ceil", "x", "numpy.Ceil", "Ceil"),
    **unary("round rint", "x", "numpy.Round", "Round Rint", gives_back="perhaps"),
    **unary("sign", "x", "numpy.Sign", "Sign"),
    **unary("reciprocal", "x", "numpy.Reciprocal", "Reciprocal Inv"),
    **unary("sigmoid", "x", "nn.Sigmoid", "Sigmoid"),
    **unary("log_sigmoid", "x", "nn.LogSigmoid"),
    **unary("relu", "features", "nn.Relu", "Relu"),
    **unary("relu6", "features", "nn.Relu6", "Relu6"),
    **unary("elu", "features", "nn.Elu", "Elu"),
    **unary("selu", "features", "nn.Selu", "Selu"),
    **unary("softplus", "features", "nn.Softplus", "Softplus"),
    **unary("softsign", "features", "nn.Softsign", "Softsign"),
    **unary("stop_gradient", "input", "core.StopGradient", "StopGradient"),
    **unary("is_nan", "x", "numpy.Isnan", "IsNan", as_bool),
    **unary("is_inf", "x", "numpy.Isinf", "IsInf", as_bool),
    **unary("is_finite", "x", "numpy.Isfinite", "IsFinite", as_bool),
    **unary("logical_not", "x", "numpy.LogicalNot", "LogicalNot", as_bool),
    **function("identity", "input", same, partial(shapes.whole, rule=unchanged), "Identity", rows="each"),
    **function("ensure_shape", "x shape", same, partial(shapes.whole, rule=unchanged), "EnsureShape"),
    **function(
        "convert_to_tensor",
        "value dtype dtype_hint|preferred_dtype",
        same,
        partial(shapes.whole, rule=unchanged),
        gives_back="surely",
    ),
    **function(
        "check_numerics", "tensor message", same, partial(shapes.whole, rule=unchanged), node("CheckNumerics", "tensor")
    ),
    **function(
        "cast",
        "x dtype",
        cast,
        partial(shapes.whole, rule=converted_dtype),
        node("Cast", "x", DstT="dtype"),
        rows="each",
        gives_back="surely",
    ),
    **function("gelu", "features approximate", same, gelu, rows="each"),
    **function("silu swish", "features beta", same, silu, rows="each"),
    **function("leaky_relu", "features alpha", same, leaky_relu, node("LeakyRelu", "features", alpha="alpha"), rows="each"),
    **function("softmax", "logits axis|dim", same, partial(softmax, "nn.Softmax"), node("Softmax", "logits"), rows="each"),
    **function(
        "log_softmax", "logits axis|dim", same, partial(softmax, "nn.LogSoftmax"), node("LogSoftmax", "logits"), rows="each"
    ),
    **function("keras.backend.hard_sigmoid keras.activations.hard_sigmoid", "x", same, hard_sigmoid, rows="each"),
    **function("l2_normalize", "x axis|dim epsilon", same, l2_normalize, rows="each"),
    **function("clip_by_value", "t clip_value_min clip_value_max", same, clip, "ClipByValue", rows="each"),
    **function("zeros_like", _LIKE, written, partial(like, "numpy.ZerosLike"), node("ZerosLike", "input"), rows="each"),
    **function("ones_like", _LIKE, written, partial(like, "numpy.OnesLike"), node("OnesLike", "input"), rows="each"),
    **function(
        "quantization.fake_quant_with_min_max_vars fake_quant_with_min_max_vars",
        "inputs min max num_bits narrow_range",
        same,
        None,
        node("FakeQuantWithMinMaxVars", "inputs min max"),
    ),
}

_PLACE = "input axis|dimension output_type"

_OVER_AXES = {
    **reduction("reduce_sum", "numpy.Sum", "Sum"),
    **reduction("reduce_mean", "numpy.Mean", "Mean"),
    **reduction("reduce_max", "numpy.Max", "Max"),
    **reduction("reduce_min", "numpy.Min", "Min"),
    **reduction("reduce_prod", "numpy.Prod", "Prod", becomes=partial(shapes.product, rule=partial(over_axes, "numpy.Prod"))),
    **reduction("reduce_any", "numpy.Any", "Any", truth=True),
    **reduction("reduce_all", "numpy.All", "All", truth=True),
    **reduction("reduce_std", "numpy.Std", parameters="input_tensor axis keepdims"),
    **reduction("reduce_variance", "numpy.Var", parameters="input_tensor axis keepdims"),
    **reduction("reduce_logsumexp", "math.Logsumexp"),
    **function(
        "argmax arg_max",
        _PLACE,
        position,
        partial(place_of, "numpy.Argmax"),
        node("ArgMax", "input axis", output_type="output_type"),
    ),
    **function(
        "argmin arg_min",
        _PLACE,
        position,
        partial(place_of, "numpy.Argmin"),
        node("ArgMin", "input axis", output_type="output_type"),
    ),
    **function("count_nonzero", "input|input_tensor axis|reduction_indices keepdims|keep_dims dtype", _counted, count),
}

FUNCTIONS: dict[str, Function] = {**_BINARY, **_UNARY, **_OVER_AXES}
