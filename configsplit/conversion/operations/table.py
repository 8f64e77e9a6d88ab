"""TensorFlow's functions, the names of their parameters in order, and the rule of each: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from configsplit.conversion.operations import basic as rules
from configsplit.conversion.operations import images, neural, products, shapes, windows
from configsplit.conversion.operations.basic import Rule


def _rows(entries: Mapping[str, tuple[str, Rule]]) -> dict[str, tuple[str, Rule]]:
    return {name: (params, rule) for names, (params, rule) in entries.items() for name in names.split()}


_BINARY = {
    "add add_v2": "numpy.Add",
    "sub subtract": "numpy.Subtract",
    "mul multiply": "numpy.Multiply",
    "truediv divide real_div div": "numpy.TrueDivide",
    "floordiv floor_div": "numpy.FloorDivide",
    "mod floormod floor_mod": "numpy.Mod",
    "pow": "numpy.Power",
    "maximum": "numpy.Maximum",
    "minimum": "numpy.Minimum",
    "greater": "numpy.Greater",
    "greater_equal": "numpy.GreaterEqual",
    "less": "numpy.Less",
    "less_equal": "numpy.LessEqual",
    "equal": "numpy.Equal",
    "not_equal": "numpy.NotEqual",
    "logical_and": "numpy.LogicalAnd",
    "logical_or": "numpy.LogicalOr",
    "logical_xor": "numpy.LogicalXor",
    "divide_no_nan div_no_nan": "numpy.DivideNoNan",
}

_UNARY = {
    "abs": "numpy.Absolute",
    "negative neg": "numpy.Negative",
    "square": "numpy.Square",
    "sqrt": "numpy.Sqrt",
    "rsqrt": "math.Rsqrt",
    "exp": "numpy.Exp",
    "expm1": "numpy.Expm1",
    "log": "numpy.Log",
    "log1p": "numpy.Log1p",
    "sin": "numpy.Sin",
    "cos": "numpy.Cos",
    "tan": "numpy.Tan",
    "asin": "numpy.Arcsin",
    "acos": "numpy.Arccos",
    "asinh": "numpy.Arcsinh",
    "acosh": "numpy.Arccosh",
    "atanh": "numpy.Arctanh",
    "erfc": "math.Erfc",
    "erfinv": "math.Erfinv",
    "rint": "numpy.Round",
    "atan": "numpy.Arctan",
    "sinh": "numpy.Sinh",
    "cosh": "numpy.Cosh",
    "tanh": "numpy.Tanh",
    "erf": "math.Erf",
    "floor": "numpy.Floor",
    "ceil": "numpy.Ceil",
    "round": "numpy.Round",
    "sign": "numpy.Sign",
    "reciprocal": "numpy.Reciprocal",
    "is_nan": "numpy.Isnan",
    "is_inf": "numpy.Isinf",
    "is_finite": "numpy.Isfinite",
    "logical_not": "numpy.LogicalNot",
    "sigmoid": "nn.Sigmoid",
    "relu": "nn.Relu",
    "relu6": "nn.Relu6",
    "elu": "nn.Elu",
    "selu": "nn.Selu",
    "softplus": "nn.Softplus",
    "softsign": "nn.Softsign",
    "log_sigmoid": "nn.LogSigmoid",
    "stop_gradient": "core.StopGradient",
}

_REDUCE = {
    "reduce_sum": "numpy.Sum",
    "reduce_mean": "numpy.Mean",
    "reduce_max": "numpy.Max",
    "reduce_min": "numpy.Min",
    "reduce_prod": "numpy.Prod",
    "reduce_any": "numpy.Any",
    "reduce_all": "numpy.All",
    "reduce_std": "numpy.Std",
    "reduce_variance": "numpy.Var",
    "reduce_logsumexp": "math.Logsumexp",
}

_OTHER: Mapping[str, tuple[str, Rule]] = {
    "atan2": ("y x", rules.angle),
    "squared_difference": ("x y", rules.squared_difference),
    "identity ensure_shape convert_to_tensor check_numerics": ("x shape message", partial(shapes.whole, rule=rules.same)),
    "gelu": ("x approximate", rules.gelu),
    "leaky_relu": ("x alpha", rules.leaky_relu),
    "softmax softmax_v2": ("x axis", partial(rules.softmax, "nn.Softmax")),
    "log_softmax": ("x axis", partial(rules.softmax, "nn.LogSoftmax")),
    "hard_sigmoid": ("x", rules.hard_sigmoid),
    "l2_normalize": ("x axis epsilon", rules.l2_normalize),
    "clip_by_value": ("t clip_value_min clip_value_max", rules.clip),
    "cast": ("x dtype", partial(shapes.whole, rule=rules.cast)),
    "where where_v2 select select_v2": ("condition x y", rules.where),
    "add_n": ("inputs", rules.add_n),
    "zeros_like": ("x dtype optimize layout", partial(rules.like, "numpy.ZerosLike")),
    "ones_like": ("x dtype optimize layout", partial(rules.like, "numpy.OnesLike")),
    "argmax": ("input axis output_type dimension", partial(rules.position, "numpy.Argmax")),
    "argmin": ("input axis output_type dimension", partial(rules.position, "numpy.Argmin")),
    "transpose": ("a perm conjugate", rules.transpose),
    "expand_dims": ("input axis dim", rules.expand),
    "squeeze": ("input axis squeeze_dims", rules.squeeze),
    "split": ("value num_or_size_splits axis num", rules.split),
    "repeat": ("input repeats axis", rules.repeat),
    "pad": ("tensor paddings mode constant_values", rules.pad),
    "reverse": ("tensor axis", rules.reverse),
    "getitem": ("tensor slice_spec", rules.getitem),
}

_FAMILIES = (images, neural, products, shapes, windows)
_REDUCED = "input_tensor axis keepdims keep_dims reduction_indices"

FUNCTIONS: Mapping[str, tuple[str, Rule]] = {
    **_rows({names: ("x y", partial(shapes.binary, kind)) for names, kind in _BINARY.items()}),
    **_rows({names: ("x", partial(rules.unary, kind)) for names, kind in _UNARY.items()}),
    **_rows({names: (_REDUCED, partial(rules.reduce, kind)) for names, kind in _REDUCE.items()}),
    "reduce_prod": (_REDUCED, partial(shapes.product, rule=partial(rules.reduce, "numpy.Prod"))),
    **_rows(_OTHER),
    **{name: row for family in _FAMILIES for name, row in _rows(family.ROWS).items()},
}
"""Function -> its parameters in order, and the rule."""
