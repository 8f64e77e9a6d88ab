"""All functions of TensorFlow that are declared, by name, and the nodes of its graphs."""

from __future__ import annotations

from collections.abc import Mapping

from configsplit.catalog.tensorflow import arrays, elementwise, images, neural, products, shapes, windows
from configsplit.catalog.tensorflow.declare import Function, GraphNode

FUNCTIONS: Mapping[str, Function] = {
    name: declared
    for family in (elementwise, arrays, shapes, neural, products, windows, images)
    for name, declared in family.FUNCTIONS.items()
}
"""By name: with its place (``image.resize``), or without where every place has the same function."""

PLACES = frozenset({"", "__operators__", "math", "nn", "linalg", "dtypes", "debugging", "manip"})
"""Packages of TensorFlow's interface under which functions without a place stand."""

_OF_KERAS = frozenset({"keras.activations", "keras.backend"})
"""Packages that have some of those number by number besides, and others of the same name that are called otherwise."""

NODES: Mapping[str, tuple[GraphNode, Function]] = {
    node.op: (node, function) for function in FUNCTIONS.values() for node in function.nodes
}
"""Operation of a graph -> how it is spelled, and the function that it is."""


def function(name: str) -> Function | None:
    """The declaration of a function as a document names it: ``math.reduce_mean``, ``compat.v1.squeeze``."""
    bare = name.removeprefix("compat.v1.").removeprefix("compat.v2.")
    place, _, last = bare.rpartition(".")
    if (declared := FUNCTIONS.get(name) or FUNCTIONS.get(bare)) is not None:
        return declared
    declared = FUNCTIONS.get(last)
    return declared if declared is not None and (place in PLACES or (place in _OF_KERAS and declared.rows == "each")) else None
