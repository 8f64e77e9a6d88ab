"""All operations with their rules, put together from the families of the modules beside this one."""

from __future__ import annotations

from configsplit.catalog.operations import arrays, elementwise, indexing, neural, products, signals
from configsplit.catalog.operations.common import OPERATIONS, Operation
from configsplit.catalog.operations.rearranging import get_item, graph_split, strided_slice

_FAMILIES = (elementwise, arrays, indexing, products, products, signals, neural)
_SLICES = {"get_item": get_item, "getitem": get_item}

FUNCTIONS: dict[str, Operation] = {**OPERATIONS, **_SLICES}
"""TensorFlow's functions, by name."""

NODES: dict[str, Operation] = {**OPERATIONS, "strided_slice": strided_slice, "split": graph_split}
"""Nodes of TensorFlow's graphs, whose attributes stand apart."""

KERAS: dict[str, Operation] = dict(FUNCTIONS)
"""What Keras 3's operations are, by the name of their function; where TensorFlow's of that name differ, these come first."""

for _family in _FAMILIES:
    KERAS.update(_family.OPERATIONS)

MACS = {**products.MACS, **neural.MACS}
"""Those that multiply and add up."""
