"""Attention layers. Their calls take query, value and optionally key."""

from __future__ import annotations

from math import inf
from typing import Any

from configsplit.catalog.facts import CallFacts, WeightSpec
from configsplit.catalog.rules import (
    Outputs,
    Weights,
    compute_dtype,
    declare,
    elements,
    impossible,
    known,
    shape_of,
    unknown,
    weight,
)
from configsplit.catalog.values import AXES, Values, number, one_of, or_none, several, whole
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec, leaves

_NAMES = ("query", "value", "key")


def _operands(call: CallFacts) -> tuple[Shape, Shape, Shape]:
    """Shapes of query, value and key, given as one list, one by one, or by name."""
    positional = leaves(call.args, TensorSpec)
    named = [*positional[:3], *(call.kwargs.get(name) for name in _NAMES[len(positional) :])]
    query, value, key = (*named, None, None, None)[:3]
    if not isinstance(query, TensorSpec) or not isinstance(value, TensorSpec):
        raise unknown("attention needs a query and a value")
    return shape_of(query), shape_of(value), shape_of(key if isinstance(key, TensorSpec) else value)


def _wants_scores(call: CallFacts) -> bool:
    return call.kwargs.get("return_attention_scores") is True


def attention_outputs(call: CallFacts) -> Outputs:
    query, value, key = _operands(call)
    output = TensorSpec((*query[:-1], value[-1]), compute_dtype(call))
    return (output, TensorSpec((*query[:-1], key[-2]), output.dtype)) if _wants_scores(call) else (output,)


def attention_weights(call: CallFacts) -> Weights:
    config, weights = call.config, []
    if config.get("use_scale"):
        weights.append(weight(call, "scale"))
    if config.get("score_mode") == "concat":
        weights.append(weight(call, "concat_score_weight"))
    return tuple(weights)


def additive_weights(call: CallFacts) -> Weights:
    return (weight(call, "scale", _operands(call)[0][-1]),) if call.config.get("use_scale", True) else ()


def attention_macs(call: CallFacts) -> int:
    query, value, key = _operands(call)
    pairs = known(query[-2]) * known(value[-2])
    return pairs * (known(key[-1]) + known(value[-1]))


def _projected(call: CallFacts, query: Shape) -> Shape:
    """The shape after the output projection, without batch and the attended axes."""
    target: Any = call.config.get("output_shape")
    if target is None:
        return query[-1:]
    return tuple(target) if isinstance(target, tuple) else (int(target),)


def multi_head_outputs(call: CallFacts) -> Outputs:
    query, value, key = _operands(call)
    output = TensorSpec((*query[:-1], *_projected(call, query)), compute_dtype(call))
    if call.dialect == "keras2":
        _check_batches(call, query, value)
    if not _wants_scores(call):
        return (output,)
    return output, TensorSpec(_scores(call, query, key, int(call.config["num_heads"])), output.dtype)


def _check_batches(call: CallFacts, query: Shape, value: Shape) -> None:
    """Raises ShapeError where axes that are not attended to, which both sides share, differ."""
    axes: Any = call.config.get("attention_axes")
    attended = range(1, len(query) - 1) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    for axis in (axis for axis in range(len(query) - 1) if axis not in attended and axis < len(value) - 1):
        if None not in (query[axis], value[axis]) and query[axis] != value[axis]:
            raise impossible(f"axis {axis} has {query[axis]} places in the query, {value[axis]} in the value")


def _scores(call: CallFacts, query: Shape, key: Shape, heads: int) -> Shape:
    """Keras 3 declares a square of the query's length, whatever the key's length is."""
    if call.dialect == "keras3":
        return (query[0], heads, query[1], query[1])
    axes = call.config.get("attention_axes") or tuple(range(1, len(query) - 1))
    return (query[0], heads, *(query[axis] for axis in axes), *(key[axis] for axis in axes))


def _projection(call: CallFacts, name: str, kernel: Shape, bias: Shape) -> Weights:
    weights = [weight(call, f"{name}/kernel", *kernel)]
    if call.config.get("use_bias", True):
        weights.append(weight(call, f"{name}/bias", *bias))
    return tuple(weights)


def multi_head_weights(call: CallFacts) -> Weights:
    query, value, key = _operands(call)
    heads, key_dim = int(call.config["num_heads"]), int(call.config["key_dim"])
    value_dim = int(call.config.get("value_dim") or key_dim)
    gate: Weights = ()
    if call.config.get("use_gate"):
        gate = _projection(call, "gate", (query[-1], heads, key_dim), (heads, key_dim))
    target = _projected(call, query)
    return (
        *_projection(call, "query", (query[-1], heads, key_dim), (heads, key_dim)),
        *_projection(call, "key", (key[-1], heads, key_dim), (heads, key_dim)),
        *gate,
        *_projection(call, "value", (value[-1], heads, value_dim), (heads, value_dim)),
        *_projection(call, "attention_output", (heads, value_dim, *target), target),
    )


def grouped_weights(call: CallFacts) -> Weights:
    query, value, key = _operands(call)
    config, features = call.config, query[-1]
    size, heads, pairs = int(config["head_dim"]), int(config["num_query_heads"]), int(config["num_key_value_heads"])
    gate = _projection(call, "gate", (features, heads, size), (heads, size)) if config.get("use_gate") else ()
    return (
        *_projection(call, "query", (features, heads, size), (heads, size)),
        *_projection(call, "key", (key[-1], pairs, size), (pairs, size)),
        *gate,
        *_projection(call, "value", (value[-1], pairs, size), (pairs, size)),
        *_projection(call, "attention_output", (heads, size, features), (features,)),
    )


def grouped_outputs(call: CallFacts) -> Outputs:
    query, _, key = _operands(call)
    output = TensorSpec(query, compute_dtype(call))
    if not _wants_scores(call):
        return (output,)
    return output, TensorSpec(_scores(call, query, key, int(call.config["num_query_heads"])), output.dtype)


def _head_macs(call: CallFacts, weights: Weights, heads: int, width: int) -> int:
    """Projections of every place of their operand, and two products of the attended places."""
    query, value, key = _operands(call)
    places = {"query": query, "key": key, "value": value, "gate": query, "attention_output": query}
    total = 0
    for spec in _kernels(weights):
        total += elements(places[spec.name.partition("/")[0]][1:-1]) * elements(spec.shape)
    return total + elements(query[1:-1]) * elements(value[1:-1]) * heads * width


def _kernels(weights: Weights) -> list[WeightSpec]:
    return [spec for spec in weights if spec.name.endswith("/kernel")]


def multi_head_macs(call: CallFacts) -> int:
    key_dim = int(call.config["key_dim"])
    width = key_dim + int(call.config.get("value_dim") or key_dim)
    return _head_macs(call, multi_head_weights(call), int(call.config["num_heads"]), width)


def grouped_macs(call: CallFacts) -> int:
    return _head_macs(call, grouped_weights(call), int(call.config["num_query_heads"]), 2 * int(call.config["head_dim"]))


HEEDS_MASKS = (2, 10)
"""The release of TensorFlow from which on MultiHeadAttention uses the masks of what it is given."""

_LISTED: dict[str, Any] = {
    "mask": "passes",
    "uses_mask": ("mask",),
    "attention": "listed",
    "training": True,
    "weight_key": "use_scale",
}
_NAMED: dict[str, Any] = {
    "mask": "passes",
    "uses_mask": ("query_mask", "value_mask", "key_mask"),
    "attention": "named",
    "training": True,
    "keras3": {"deaf_when_frozen": True},
}

_SCORED = {"score_mode": one_of("dot concat", case=False)}
_PLACES = or_none(several(whole(0)))
_BUILT = or_none(Values("a shape of at least 3 axes", lambda value: isinstance(value, tuple) and len(value) > 2))
_HEADS = {
    "num_heads": whole(0),
    "key_dim": whole(),
    "value_dim": whole(0, none=True),
    "attention_axes": Values(AXES.wish, lambda value: _PLACES.takes(value) and AXES.takes(value)),
    "dropout": number(0, 1, none=True),
    "output_shape": or_none(several(whole(0))),
    **dict.fromkeys(("query_shape", "key_shape", "value_shape"), _BUILT),
}
_ATTENDING3 = {"sliding_window": whole(none=True), "dropout": number(0, 1)}
_HEADS3 = {
    "num_heads": whole(),
    "value_dim": whole(none=True),
    "attention_axes": Values(AXES.wish, lambda value: not isinstance(value, (str, float))),
    **_ATTENDING3,
}
_GROUPS = {"head_dim": whole(), "num_query_heads": whole(0), "num_key_value_heads": whole(), **_ATTENDING3}
_DROPPED = {"dropout": number(-inf)}


def _unshared(config: FrozenDict) -> str:
    """Each key and value serves so many queries."""
    heads, pairs = int(config["num_query_heads"]), int(config["num_key_value_heads"])
    return f"{pairs} heads of keys do not divide {heads} of queries" if heads % pairs else ""


LAYERS = (
    *declare(
        "Attention",
        attention_outputs,
        attention_weights,
        attention_macs,
        values={**_SCORED, **_DROPPED},
        **_LISTED,
    ),
    *declare(
        "AdditiveAttention",
        attention_outputs,
        additive_weights,
        attention_macs,
        values=_DROPPED,
        **_LISTED,
    ),
    *declare(
        "MultiHeadAttention",
        multi_head_outputs,
        multi_head_weights,
        multi_head_macs,
        values=_HEADS,
        values3=_HEADS3,
        **_NAMED | {"keras3": {"deaf_when_frozen": True, "unties_masks": True}},
    ),
    *declare(
        "GroupQueryAttention",
        grouped_outputs,
        grouped_weights,
        grouped_macs,
        own_name="GroupedQueryAttention",
        values=_GROUPS,
        conflict=_unshared,
        **_NAMED,
    ),
    *declare("GroupedQueryAttention", grouped_outputs, grouped_weights, grouped_macs, **_NAMED),
)
