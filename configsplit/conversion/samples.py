"""Which tensors have a row for each sample that a model is given: what ``tf.shape(x)[0]`` may be taken for.

A layer of Keras keeps samples apart and in order; of a TensorFlow function it has to be known. Where it is not, a shape that
is taken from such a tensor counts as unknown.
"""

from __future__ import annotations

from typing import Any

from configsplit.catalog.table import class_facts
from configsplit.conversion.building import Building
from configsplit.conversion.operations.arguments import Samples, plain_constant
from configsplit.graph.model import Layer, TensorRef, Use

_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})

_EACH = frozenset(
    {
        "abs", "acos", "add", "asin", "atan", "atan2", "batch_normalization", "cast", "ceil", "clip_by_value", "cos",
        "cosh", "divide", "divide_no_nan", "dropout", "elu", "equal", "erf", "exp", "expm1", "floor", "floordiv",
        "gelu", "greater", "greater_equal", "hard_sigmoid", "identity", "l2_normalize", "leaky_relu", "less",
        "less_equal", "log", "log1p", "log_sigmoid", "log_softmax", "logical_and", "logical_not", "logical_or",
        "maximum", "minimum", "mod", "multiply", "negative", "not_equal", "ones_like", "pow", "real_div", "reciprocal",
        "relu", "relu6", "round", "rsqrt", "selu", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softmax_v2",
        "softplus", "softsign", "sqrt", "square", "squared_difference", "stop_gradient", "sub", "subtract", "swish",
        "tan", "tanh", "truediv", "where", "zeros_like",
    }
)  # fmt: skip
"""Functions whose result has the first axis of the widest of their arguments."""

_IMAGES = frozenset(
    {"avg_pool", "avg_pool2d", "conv2d", "convolution", "depth_to_space", "max_pool", "max_pool2d", "resize", "space_to_depth"}
)
"""Functions that work on each image of a batch by itself."""


def follow(building: Building, layer: Layer, number: int) -> None:
    """Note whether the outputs of a call, which has just been converted, have a row for each sample."""
    if layer.class_name in _OPERATIONS:
        keeps = layer.class_name != "TensorFlowOpLayer" and _function_keeps(building, layer, number)
    elif layer.is_input:
        keeps = not building.path or len(building.old.input_refs()) == 1
    else:
        known = layer.model is not None or not (
            class_facts(layer.class_name).code_key or layer.class_name in building.around.facts
        )
        uses = layer.calls[number].uses()
        keeps = known and _is_keras(layer) and bool(uses) and all(use.ref in building.samples for use in uses)
    if keeps:
        outputs = max((ref.output for ref in building.tensors if ref[:2] == (layer.name, number)), default=-1) + 1
        building.samples |= {TensorRef(layer.name, number, output): None for output in range(outputs)}


def _is_keras(layer: Layer) -> bool:
    """Whether Keras has a class of that name; what another class does with its samples, nobody knows."""
    from configsplit.inference import BUILT_IN

    return layer.model is not None or layer.class_name in BUILT_IN


def _function_keeps(building: Building, layer: Layer, number: int) -> bool:
    name = str(layer.config.get("function", "getitem")).rpartition(".")[2]
    node = layer.calls[number]
    uses = [use for use in node.uses() if use.ref not in building.symbols]
    if not uses or TensorRef(layer.name, number) in building.symbols:
        return False
    ranks = [_rank(building, use) for use in uses]
    if None in ranks:
        return False
    if name in _EACH or name in ("__or__", "__and__"):
        widest = max(rank or 0 for rank in ranks)
        return all(use.ref in building.samples for use, rank in zip(uses, ranks, strict=True) if rank == widest)
    if uses[0].ref not in building.samples:
        return False
    given = {key: plain_constant(value) for key, value in node.kwargs.items()}
    return name in _IMAGES or _arranges(building, name, given, ranks[0] or 0, uses)


def _arranges(building: Building, name: str, given: dict[str, Any], rank: int, uses: list[Use]) -> bool:
    """Functions that leave the first axis alone as long as their arguments do not name it."""
    axis = given.get("axis")
    if name.startswith("reduce_"):
        return axis is not None and 0 not in _places(axis, rank)
    if name == "concat":
        return type(axis) is int and axis % rank != 0 and all(use.ref in building.samples for use in uses)
    if name == "expand_dims":
        return type(axis) is int and axis % (rank + 1) != 0
    if name == "squeeze":
        return axis not in (None, ()) and 0 not in _places(axis, rank)
    if name == "transpose":
        perm = given.get("perm")
        return type(perm) is tuple and bool(perm) and perm[0] == 0
    if name == "matmul":
        return rank > 2 and all(use.ref in building.samples for use in uses)
    if name == "reshape":
        return _first_is_samples(building, given.get("shape"))
    if name == "getitem":
        first = given.get("slice_spec")
        first = first[0] if type(first) is tuple and first else first
        return isinstance(first, dict) and first.keys() >= {"start"} and not any(first.get(end) for end in ("start", "stop"))
    return False


def _places(axis: Any, rank: int) -> list[int]:
    return [int(each) % rank for each in (axis if type(axis) is tuple else (axis,))]


def _first_is_samples(building: Building, shape: Any) -> bool:
    if type(shape) is tuple and shape and type(shape[0]) is Use:
        shape = shape[0]
    known = building.symbols.get(shape.ref) if type(shape) is Use else None
    return known is not None and known.sizes[0] is Samples.NUMBER


def _rank(building: Building, use: Use) -> int | None:
    shape = building.spec(use.ref).shape
    return None if shape is None else len(shape)
