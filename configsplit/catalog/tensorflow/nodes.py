"""Nodes of TensorFlow's graphs (``TensorFlowOpLayer``, TF 1.14 to 2.3) as calls of the functions that they are."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from configsplit.catalog.operations.arguments import parameters, plain
from configsplit.catalog.rules import unknown
from configsplit.catalog.tensorflow.call import FULL, piece
from configsplit.catalog.tensorflow.declare import Function
from configsplit.catalog.tensorflow.table import NODES
from configsplit.graph.json import FrozenDict

_TYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_BFLOAT16": "bfloat16",
    "DT_INT8": "int8",
    "DT_UINT8": "uint8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_STRING": "string",
}

_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


class NodeCall(NamedTuple):
    """One call of a node: its operation, the function that it is if one is declared, the arguments by the declared names.

    ``complete`` says whether there are as many tensors as the node takes.
    """

    op: str
    function: Function | None
    given: Mapping[str, Any]
    complete: bool


def read_node(config: FrozenDict, tensors: Iterable[Any]) -> NodeCall:
    """The node in a layer's config, called on tensors. Raises ShapeError if the node is in a form that no release is known to
    write.
    """
    definition = config.get("node_def")
    if not isinstance(definition, FrozenDict):
        raise unknown("its node is in a form that no release is known to write")
    op = str(definition.get("op"))
    rest = iter(tensors)
    inputs = _inputs(definition, config.get("constants") or {}, rest)
    complete = None not in inputs and next(rest, None) is None
    if op not in NODES:
        return NodeCall(op, None, {}, complete)
    node, function = NODES[op]
    attributes = {key: _attribute(value) for key, value in (definition.get("attr") or {}).items()}
    given = _by_name(node.inputs or " ".join(function.names), inputs)
    given |= {node.attributes[key]: value for key, value in attributes.items() if key in node.attributes and value != ()}
    return NodeCall(op, function, _sliced(given, attributes) if "begin" in given else given, complete)


def _inputs(definition: FrozenDict, constants: Mapping[str, Any], tensors: Iterable[Any]) -> list[Any]:
    """Tensors and constants by position; None for a tensor that is not there."""
    rest = iter(tensors)
    count = sum(not str(name).startswith("^") for name in definition.get("input") or ())
    return [_constant(constants[str(at)]) if str(at) in constants else next(rest, None) for at in range(count)]


def _constant(value: Any) -> Any:
    """Numbers; tf_keras 2.13 and later write an array with its class around them."""
    value = plain(value)
    return value["config"]["value"] if isinstance(value, FrozenDict) and value.get("class_name") == "__numpy__" else value


def _by_name(declared: str, inputs: Sequence[Any]) -> dict[str, Any]:
    """Inputs by the parameters that they are; one with a star takes all that the others leave."""
    known = parameters(declared)
    given: dict[str, Any] = {}
    rest = list(inputs)
    for number, parameter in enumerate(known):
        if parameter.several:
            stop = len(rest) - (len(known) - number - 1)
            given[parameter.name], rest = tuple(rest[:stop]), rest[stop:]
        elif rest:
            given[parameter.name] = rest.pop(0)
    return given


def _attribute(value: Any) -> Any:
    if not isinstance(value, FrozenDict):
        return value
    if "i" in value:
        return int(value["i"])
    if "type" in value:
        return _TYPES.get(str(value["type"]), str(value["type"]))
    if isinstance(items := value.get("list"), FrozenDict):
        return tuple(int(item) for item in items.get("i", ()))
    if "s" in value:
        return _text(value["s"])
    return next((value[key] for key in ("b", "f") if key in value), None)


def _text(value: Any) -> Any:
    """Bytes stand in these documents in base 64: ``U0FNRQ==`` is ``SAME``."""
    try:
        return b64decode(str(value), validate=True).decode("ascii")
    except ValueError:
        return value


def _sliced(given: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """``x[begin:end:strides]``, with masks that say which ends are open and which places are single ones.

    Without ``slice_spec`` where a place is computed.
    """
    ends = [given[name] for name in ("begin", "end", "strides")]
    if not all(type(end) is tuple for end in ends):
        return {"tensor": given["tensor"]}
    masks = {name: int(attributes.get(name) or 0) for name in _MASKS}
    items: list[Any] = []
    for at, (begin, end, step) in enumerate(zip(*ends, strict=True)):
        bit = 1 << at
        if masks["ellipsis_mask"] & bit or masks["new_axis_mask"] & bit:
            items.append(FULL if masks["ellipsis_mask"] & bit else None)
            continue
        if masks["shrink_axis_mask"] & bit:
            items.append(begin)
            continue
        start = None if masks["begin_mask"] & bit else begin
        items.append(piece(start, None if masks["end_mask"] & bit else end, step)["config"])
    return {"tensor": given["tensor"], "slice_spec": tuple(items)}
