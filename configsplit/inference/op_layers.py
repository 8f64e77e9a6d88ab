"""Layers that hold one operation: entries of ``keras.ops`` in Keras 3, TFOpLambda, SlicingOpLambda, TensorFlowOpLayer."""

from __future__ import annotations

import re

from configsplit.inference.arrange import graph_split
from configsplit.inference.operands import arguments
from configsplit.inference.operations import OPERATIONS
from configsplit.inference.rules import Outputs, declare, unknown
from configsplit.inference.slicing import get_item, strided_slice
from configsplit.ir.facts import CallFacts

_GRAPH = {"strided_slice": strided_slice, "split": graph_split}
_SLICES = {"get_item": get_item, "getitem": get_item}


def snake(name: str) -> str:
    """``ExpandDims`` as ``expand_dims``, the name under which the operation is called."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _run(name: str, call: CallFacts) -> Outputs:
    graph = call.class_name == "TensorFlowOpLayer"
    rule = (_GRAPH if graph else _SLICES).get(name) or OPERATIONS.get(name)
    if rule is None:
        raise unknown(f"there is no rule for the operation {name!r}")
    return rule(arguments(call))


def keras_operation(call: CallFacts) -> Outputs:
    return _run(snake(call.class_name), call)


def function_operation(call: CallFacts) -> Outputs:
    """``math.reduce_mean``, ``compat.v1.squeeze``, ``__operators__.add``: the last part tells."""
    return _run(str(call.config["function"]).rpartition(".")[2], call)


def graph_operation(call: CallFacts) -> Outputs:
    return _run(snake(str(call.config["node_def"]["op"])), call)


def is_operation(module: object, class_name: str, config: object) -> bool:
    """Whether a Keras 3 entry is an operation. In .h5 files the module is missing: only layers have ``trainable`` then."""
    if isinstance(module, str):
        return module.startswith(("keras.src.ops", "keras.ops"))
    bare = isinstance(config, dict) and not {"trainable", "dtype"} & config.keys()
    return bare and (snake(class_name) in OPERATIONS or snake(class_name) in _SLICES)


OPERATION = declare("Operation", keras_operation)[0]
"""The facts of every operation of Keras 3, whose class names are those of layers (``Add``, ``Reshape``) over again."""

LAYERS = (
    *declare("TFOpLambda SlicingOpLambda", function_operation),
    *declare("TensorFlowOpLayer", graph_operation),
)
