"""Layers that hold one operation: entries of ``keras.ops`` in Keras 3, TFOpLambda, SlicingOpLambda, TensorFlowOpLayer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.operations.arguments import arguments
from configsplit.catalog.operations.common import Operation
from configsplit.catalog.rules import Outputs, declare, unknown
from configsplit.graph.model import OPERATION_MODULES


def snake(name: str) -> str:
    """``ExpandDims`` as ``expand_dims``, the name under which the operation is called."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _run(name: str, call: CallFacts, table: Mapping[str, Operation]) -> Outputs:
    rule = table.get(name)
    if rule is None:
        raise unknown(f"there is no rule for the operation {name!r}")
    return rule(arguments(call))


def _operation(call: CallFacts) -> str:
    """The operation's name. Of ``math.reduce_mean``, ``compat.v1.squeeze``, ``__operators__.add`` the last part tells."""
    if call.class_name == "TensorFlowOpLayer":
        return snake(str(call.config["node_def"]["op"]))
    if call.class_name in ("TFOpLambda", "SlicingOpLambda"):
        return str(call.config["function"]).rpartition(".")[2]
    return snake(call.class_name)


def keras_operation(call: CallFacts) -> Outputs:
    from configsplit.catalog.operations import operation_table  # the rules of 323 operations, which most models have none of

    return _run(_operation(call), call, operation_table.KERAS)


def function_operation(call: CallFacts) -> Outputs:
    from configsplit.catalog.operations import operation_table

    return _run(_operation(call), call, operation_table.FUNCTIONS)


def graph_operation(call: CallFacts) -> Outputs:
    from configsplit.catalog.operations import operation_table

    return _run(_operation(call), call, operation_table.NODES)


def operation_macs(call: CallFacts) -> int:
    """Products of matrices, convolutions and attention; everything else multiplies and adds nothing up."""
    from configsplit.catalog.operations import operation_table

    rule = operation_table.MACS.get(_MAC_NAMES.get(_operation(call), _operation(call)))
    return 0 if rule is None else rule(arguments(call))


_MAC_NAMES = {"mat_mul": "matmul", "batch_mat_mul": "matmul", "batch_mat_mul_v2": "matmul"}
"""What TensorFlow's graphs call it."""


def is_operation(module: object, class_name: str, config: object) -> bool:
    """Whether a Keras 3 entry is an operation. In .h5 files the module is missing: only layers have ``trainable`` then."""
    if isinstance(module, str):
        return module.startswith(OPERATION_MODULES)
    bare = isinstance(config, dict) and not {"trainable", "dtype"} & config.keys()
    if not bare:
        return False
    from configsplit.catalog.operations import operation_table

    return snake(class_name) in operation_table.KERAS


OPERATION = declare("Operation", keras_operation, macs=operation_macs)[0]
"""The facts of every operation of Keras 3, whose class names are those of layers (``Add``, ``Reshape``) over again."""

LAYERS = (
    *declare("TFOpLambda", function_operation, macs=operation_macs),
    *declare("SlicingOpLambda", function_operation, macs=operation_macs, numbers="moved"),
    *declare("TensorFlowOpLayer", graph_operation, macs=operation_macs),
)
