"""Functions of Keras's backend (``K.mean``), each by the functions of TensorFlow that it called in Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, NamedTuple, Protocol, TypeAlias

from configsplit.graph.model import Shape, TensorSpec


class Caller(Protocol):
    """What calls functions of TensorFlow for a rule, and knows the tensors that they gave."""

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of TensorFlow, by its name in the catalog."""

    def spec(self, value: Any) -> TensorSpec:
        """Shape and dtype of a tensor."""

    def refuse(self, why: str) -> Exception:
        """The error of a call that no rule covers."""

    def assume(self, what: str) -> None:
        """Tell the user what was taken for granted."""


Given: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Caller, Given], Any]


class BackendFunction(NamedTuple):
    """The declaration of one function: its parameters in order (see `operations.arguments.parameters`), and what it calls."""

    parameters: str
    becomes: Rule


def _same(function: str, caller: Caller, given: Given) -> Any:
    return caller.call(function, *given.values())


def _shape(caller: Caller, value: Any) -> Shape:
    shape = caller.spec(value).shape
    if shape is None:
        raise caller.refuse("needs a shape that is unknown")
    return shape


def _over_axes(function: str, caller: Caller, given: Given) -> Any:
    value = given["x"]
    if function == "reduce_mean" and caller.spec(value).dtype == "bool":
        value = caller.call("cast", value, dtype="float32")
    return caller.call(function, value, axis=given.get("axis"), keepdims=bool(given.get("keepdims")) or None)


def _spread(caller: Caller, given: Given) -> Any:
    """The variance as Keras 1 to 2.3 computed it; later releases give the same numbers."""
    mean = caller.call("reduce_mean", given["x"], axis=given.get("axis"), keepdims=True)
    square = caller.call("square", caller.call("subtract", given["x"], mean))
    return caller.call("reduce_mean", square, axis=given.get("axis"), keepdims=bool(given.get("keepdims")) or None)


def _root(caller: Caller, value: Any) -> Any:
    return caller.call("sqrt", caller.call("maximum", value, 0.0))


def _clip(caller: Caller, given: Given) -> Any:
    least, most = given.get("min_value"), given.get("max_value")
    if not isinstance(least, (int, float)) or not isinstance(most, (int, float)):
        raise caller.refuse("has a bound that is not a number")
    return caller.call("clip_by_value", given["x"], least, max(most, least))


def _relu(caller: Caller, given: Given) -> Any:
    slope, most, least = given.get("alpha", 0.0), given.get("max_value"), given.get("threshold", 0.0)
    if least or (slope and most is not None) or not all(type(each) in (int, float, type(None)) for each in (slope, most)):
        raise caller.refuse("has a slope and a bound, or a threshold")
    if slope:
        return caller.call("leaky_relu", given["x"], alpha=float(slope))
    positive = caller.call("relu", given["x"])
    return positive if most is None else caller.call("minimum", positive, float(most))


def _elu(caller: Caller, given: Given) -> Any:
    if given.get("alpha", 1.0) != 1:
        raise caller.refuse("has a slope other than 1")
    return caller.call("elu", given["x"])


def _placed(function: str, default: int, caller: Caller, given: Given) -> Any:
    first, *_ = given.values()
    return caller.call(function, first, axis=given.get("axis", default))


def _normalized(caller: Caller, given: Given) -> Any:
    return caller.call("l2_normalize", given["x"], axis=given.get("axis"))


def _flat(caller: Caller, given: Given) -> Any:
    sizes = _shape(caller, given["x"])[1:]
    known = [size for size in sizes if size is not None]
    if len(known) != len(sizes):
        raise caller.refuse("flattens sizes that only the running model knows")
    return caller.call("reshape", given["x"], (-1, prod(known)))


def _repeated(caller: Caller, given: Given) -> Any:
    """``(samples, features)`` as often as is said, along a new axis."""
    if len(_shape(caller, given["x"])) != 2:
        raise caller.refuse("repeats a tensor that does not have two axes")
    return caller.call("tile", caller.call("expand_dims", given["x"], axis=1), (1, given["n"], 1))


def _tiled(caller: Caller, given: Given) -> Any:
    times = given["n"] if type(given["n"]) is tuple else (given["n"],)
    return caller.call("tile", given["x"], times)


def _product(caller: Caller, given: Given) -> Any:
    if any(len(_shape(caller, given[name])) != 2 for name in ("x", "y")):
        raise caller.refuse("multiplies tensors that do not have two axes")
    return caller.call("matmul", given["x"], given["y"])


def _batch_product(caller: Caller, given: Given) -> Any:
    """Sample by sample; for two matrices or vectors along the axes that all releases took alike."""
    x, y, axes = given["x"], given["y"], given.get("axes")
    ranks = len(_shape(caller, x)), len(_shape(caller, y))
    if axes is None and ranks[1] == 3:
        axes = (ranks[0] - 1, 1)
    first, second = axes if type(axes) is tuple and len(axes) == 2 else (axes, axes)
    if not {2, 3}.issuperset(ranks) or first not in range(1, ranks[0]) or second not in range(1, ranks[1]):
        raise caller.refuse("multiplies sample by sample along axes that releases interpret differently")
    if ranks == (2, 2):
        return caller.call("reduce_sum", caller.call("multiply", x, y), axis=1, keepdims=True)
    x, y = (
        x if ranks[0] == 3 else caller.call("expand_dims", x, axis=1),
        y if ranks[1] == 3 else caller.call("expand_dims", y, axis=2),
    )
    turned = {"transpose_a": (ranks[0], first) == (3, 1) or None, "transpose_b": (ranks[1], second) == (3, 2) or None}
    product = caller.call("matmul", x, y, **turned)
    return product if ranks == (3, 3) else caller.call("squeeze", product, axis=1 if ranks[0] == 2 else 2)


def _hard_sigmoid(caller: Caller, given: Given) -> Any:
    """As every release before Keras 3 had it, whose slope is another."""
    line = caller.call("add", caller.call("multiply", given["x"], 0.2), 0.5)
    return caller.call("clip_by_value", line, 0.0, 1.0)


def _switch(caller: Caller, given: Given) -> Any:
    condition, one, other = (given[name] for name in ("condition", "then_expression", "else_expression"))
    if caller.spec(condition).dtype != "bool" or len({len(_shape(caller, each)) for each in (condition, one, other)}) != 1:
        raise caller.refuse("has a condition of another shape than its choices")
    return caller.call("where", condition, one, other)


def _resized(caller: Caller, given: Given) -> Any:
    """Every row and column several times. (Between pixels TensorFlow 1 took other places.)"""
    factors = given["height_factor"], given["width_factor"]
    if given.get("interpolation", "nearest") != "nearest" or given["data_format"] != "channels_last":
        raise caller.refuse("enlarges images in a way that differs between releases")
    if not all(type(each) is int for each in factors):
        raise caller.refuse("enlarges images by a factor that is not a whole number")
    rows = caller.call("repeat", given["x"], factors[0], axis=1)
    return caller.call("repeat", rows, factors[1], axis=2)


def _turned(caller: Caller, given: Given) -> Any:
    axes = given["axes"] if type(given["axes"]) is tuple else (given["axes"],)
    return caller.call("reverse", given["x"], axis=axes)


def _padded(caller: Caller, given: Given) -> Any:
    first, last = given.get("padding", (1, 1))
    return caller.call("pad", given["x"], ((0, 0), (first, last), (0, 0)))


def _framed(caller: Caller, given: Given) -> Any:
    if given.get("data_format", "channels_last") != "channels_last":
        raise caller.refuse("pads images whose channels come first")
    return caller.call("pad", given["x"], ((0, 0), *given.get("padding", ((1, 1), (1, 1))), (0, 0)))


def _constant(caller: Caller, given: Given) -> Any:
    """A number, or a list of them: where one stands beside a tensor, TensorFlow gives it that tensor's dtype."""
    if given.get("dtype", "float32") not in (None, "float32") or given.get("shape") is not None:
        raise caller.refuse("makes a constant of another dtype or shape")
    return given["value"]


def _epsilon(caller: Caller, given: Given) -> float:
    caller.assume("K.epsilon() as 1e-07, which it is unless a user sets it")
    return 1e-07


def _floatx(caller: Caller, given: Given) -> str:
    caller.assume("K.floatx() as float32, which it is unless a user sets it")
    return "float32"


def _each(names: str, parameters: str = "x") -> dict[str, BackendFunction]:
    """Functions that hand their arguments to the function of TensorFlow of the same name."""
    return {name: BackendFunction(parameters, partial(_same, name)) for name in names.split()}


def _reductions(**functions: str) -> dict[str, BackendFunction]:
    return {name: BackendFunction("x axis keepdims", partial(_over_axes, function)) for name, function in functions.items()}


FUNCTIONS: Mapping[str, BackendFunction] = {
    **_each("abs square exp log sign round sin cos tanh sigmoid softplus softsign stop_gradient"),
    **_each("maximum minimum equal not_equal greater greater_equal less less_equal", "x y"),
    **_each("pow", "x a"),
    **_each("cast", "x dtype"),
    **_each("reshape", "x shape"),
    **_each("squeeze", "x axis"),
    **_each("zeros_like ones_like", "x dtype"),
    **_each("shape"),
    **_each("gather", "reference indices"),
    **_reductions(sum="reduce_sum", mean="reduce_mean", max="reduce_max", min="reduce_min", prod="reduce_prod"),
    **_reductions(any="reduce_any", all="reduce_all", logsumexp="reduce_logsumexp"),
    "var": BackendFunction("x axis keepdims", _spread),
    "std": BackendFunction("x axis keepdims", lambda caller, given: _root(caller, _spread(caller, given))),
    "sqrt": BackendFunction("x", lambda caller, given: _root(caller, given["x"])),
    "clip": BackendFunction("x min_value max_value", _clip),
    "relu": BackendFunction("x alpha max_value threshold", _relu),
    "elu": BackendFunction("x alpha", _elu),
    "hard_sigmoid": BackendFunction("x", _hard_sigmoid),
    "softmax": BackendFunction("x axis", partial(_placed, "softmax", -1)),
    "argmax": BackendFunction("x axis", partial(_placed, "argmax", -1)),
    "argmin": BackendFunction("x axis", partial(_placed, "argmin", -1)),
    "expand_dims": BackendFunction("x axis|dim", partial(_placed, "expand_dims", -1)),
    "concatenate": BackendFunction("tensors axis", partial(_placed, "concat", -1)),
    "stack": BackendFunction("x axis", partial(_placed, "stack", 0)),
    "cumsum": BackendFunction("x axis", partial(_placed, "cumsum", 0)),
    "l2_normalize": BackendFunction("x axis", _normalized),
    "permute_dimensions": BackendFunction(
        "x pattern", lambda caller, given: caller.call("transpose", given["x"], given["pattern"])
    ),
    "transpose": BackendFunction("x", partial(_same, "transpose")),
    "reverse": BackendFunction("x axes", _turned),
    "repeat": BackendFunction("x n", _repeated),
    "repeat_elements": BackendFunction(
        "x rep axis", lambda caller, given: caller.call("repeat", given["x"], given["rep"], axis=given["axis"])
    ),
    "tile": BackendFunction("x n", _tiled),
    "flatten": BackendFunction("x", lambda caller, given: caller.call("reshape", given["x"], (-1,))),
    "batch_flatten": BackendFunction("x", _flat),
    "batch_dot": BackendFunction("x y axes", _batch_product),
    "switch": BackendFunction("condition then_expression else_expression", _switch),
    "resize_images": BackendFunction("x height_factor width_factor data_format interpolation", _resized),
    "spatial_2d_padding": BackendFunction("x padding data_format", _framed),
    "temporal_padding": BackendFunction("x padding", _padded),
    "dot": BackendFunction("x y", _product),
    "one_hot": BackendFunction(
        "indices num_classes", lambda caller, given: caller.call("one_hot", given["indices"], given["num_classes"], axis=-1)
    ),
    "int_shape": BackendFunction("x", lambda caller, given: _shape(caller, given["x"])),
    "ndim": BackendFunction("x", lambda caller, given: len(_shape(caller, given["x"]))),
    "constant": BackendFunction("value dtype shape", _constant),
    "epsilon": BackendFunction("", _epsilon),
    "floatx": BackendFunction("", _floatx),
}
"""By name. What is random, has a state or asks how Keras is set up is left out on purpose."""
