"""Operation layers of TensorFlow as operations of Keras 3: TFOpLambda and SlicingOpLambda here, graph nodes beside it.

Each TensorFlow function has a row: the names of its parameters in order, and what it becomes.
"""

from __future__ import annotations

from typing import Any

from configsplit.catalog.keras3.refusals import Stop
from configsplit.conversion.building import Building
from configsplit.conversion.operations.arguments import INSTEAD, Dimensions, Operation, plain_constant
from configsplit.conversion.operations.basic import Rule
from configsplit.conversion.operations.table import FUNCTIONS
from configsplit.graph.model import Layer, TensorRef, Use


def convert(building: Building, layer: Layer, number: int) -> None:
    """One call of a TFOpLambda or SlicingOpLambda.

    Raises:
        Stop: Keras 3 has no such operation, or not with these arguments.
    """
    function = str(layer.config.get("function", "__operators__.getitem"))
    short = function.rpartition(".")[2]
    row = FUNCTIONS.get(f"{function.rpartition('.')[0].rpartition('.')[2]}.{short}") or FUNCTIONS.get(short)
    if row is None:
        raise unknown(f"tf.{function}")
    names, _ = row
    node = layer.calls[number]
    given = dict(zip(names.split(), node.args, strict=False))
    given |= {key: value for key, value in node.kwargs.items() if key != "name"}
    run(building, layer, number, f"tf.{function}", row, {key: plain_constant(value) for key, value in given.items()})


def unknown(title: str) -> Stop:
    return Stop(
        "convert-operation",
        f"there is no rule for the operation {title}",
        INSTEAD,
    )


def run(building: Building, layer: Layer, number: int, title: str, row: tuple[str, Rule], given: dict[str, Any]) -> None:
    """Carry out one row of the table, and say where its outputs are."""
    names, rule = row
    operation = Operation(building, layer, number, title, given)
    left = {key for key, value in given.items() if value is not None} - {*names.split()}
    if left:
        raise Stop(
            "convert-operation",
            f"{title} is called with {min(left)}, which has no place in Keras 3's operation",
            INSTEAD,
        )
    found = rule(operation)
    for output, value in enumerate(found if isinstance(found, tuple) else (found,)):
        ref = TensorRef(layer.name, number, output)
        if isinstance(value, Dimensions):
            building.symbols[ref] = value
        elif type(value) is Use:
            building.tensors[ref] = value.ref
        else:
            raise AssertionError(f"{title} gave {value!r}")
