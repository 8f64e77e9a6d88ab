"""All operations with their rules, put together from the families of the modules beside this one."""

from __future__ import annotations

from configsplit.inference import op_arrays, op_linear, op_neural, op_numbers, op_places, op_products, op_signals
from configsplit.inference.arrange import graph_split
from configsplit.inference.operations import OPERATIONS, Operation
from configsplit.inference.slicing import get_item, strided_slice

_FAMILIES = (op_numbers, op_arrays, op_places, op_products, op_linear, op_signals, op_neural)
_SLICES = {"get_item": get_item, "getitem": get_item}

FUNCTIONS: dict[str, Operation] = {**OPERATIONS, **_SLICES}
"""TensorFlow's functions, by name."""

NODES: dict[str, Operation] = {**OPERATIONS, "strided_slice": strided_slice, "split": graph_split}
"""Nodes of TensorFlow's graphs, whose attributes stand apart."""

KERAS: dict[str, Operation] = dict(FUNCTIONS)
"""What Keras 3's operations are, by the name of their function; where TensorFlow's of that name differ, these come first."""

for _family in _FAMILIES:
    KERAS.update(_family.OPERATIONS)

MACS = {**op_products.MACS, **op_neural.MACS}
"""Those that multiply and add up."""
