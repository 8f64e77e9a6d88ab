"""Operation layers of TensorFlow as operations of Keras 3: what the catalog declares of a function is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.operations.arguments import bound
from configsplit.catalog.tensorflow import table
from configsplit.catalog.tensorflow.call import INSTEAD, Dimensions, OperationCall, plain_constant
from configsplit.catalog.tensorflow.declare import Function
from configsplit.catalog.tensorflow.nodes import read_node
from configsplit.conversion.building import Building
from configsplit.errors import ShapeError
from configsplit.graph.model import Layer, TensorRef, Use


def convert_function(building: Building, layer: Layer, number: int) -> None:
    """One call of a TFOpLambda or SlicingOpLambda."""
    name = str(layer.config.get("function", "__operators__.getitem"))
    node, function = layer.calls[number], table.function(name)
    named = {key: value for key, value in node.kwargs.items() if key != "name"}
    given = {} if function is None else bound(function.parameters, node.args, named)
    _carry_out(building, layer, number, f"tf.{name}", function, {key: plain_constant(value) for key, value in given.items()})


def convert_node(building: Building, layer: Layer, number: int) -> None:
    """One call of a TensorFlowOpLayer."""
    args = layer.calls[number].args
    first = args[0] if args else ()
    try:
        read = read_node(layer.config, first if type(first) is tuple else (first,))
    except ShapeError as error:
        raise _unknown(f"of {layer.name}: {error.message}") from None
    if read.function is not None and not read.complete:
        raise Stop(
            "convert-operation",
            "the tensors of the call are not as many as its node takes: the release that wrote the file lost some",
            INSTEAD,
        )
    given = {key: plain_constant(value) for key, value in read.given.items()}
    _carry_out(building, layer, number, f"{read.op} of a TensorFlow graph", read.function, given)


def _unknown(title: str) -> Stop:
    return Stop("convert-operation", f"there is no rule for the operation {title}", INSTEAD)


def _carry_out(
    building: Building, layer: Layer, number: int, title: str, function: Function | None, given: Mapping[str, Any]
) -> None:
    """Make what a function becomes, and say where its outputs are."""
    if function is None or function.becomes is None:
        raise _unknown(title)
    left = {key for key, value in given.items() if value is not None} - {*function.names}
    if left:
        reason = f"{title} is called with {min(left)}, which has no place in Keras 3's operation"
        raise Stop("convert-operation", reason, INSTEAD)
    values = function.becomes(OperationCall(building, layer.name, title, function.names, given))
    for output, value in enumerate(values if isinstance(values, tuple) else (values,)):
        ref = TensorRef(layer.name, number, output)
        if isinstance(value, Dimensions):
            building.symbols[ref] = value
        elif type(value) is Use:
            building.tensors[ref] = value.ref
        else:
            raise AssertionError(f"{title} gave {value!r}")
