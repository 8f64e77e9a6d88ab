"""The order in which Keras lists the layers of a functional model that it rebuilds from a document.

Weights in a ``.keras`` archive are addressed by class and ordinal along that order, so a document whose layers stand in any
other order loads without complaint and computes wrong numbers. The rule is that of ``map_graph`` in Keras 2 and 3, there
recursive, here iterative; it was held against Keras 3.15.1 on random graphs with shared layers and nested models.
"""

from __future__ import annotations

from dataclasses import replace

from configsplit.graph.calls import CallGraph, call_graph, once
from configsplit.graph.model import Model, Node


@once
def rebuild_order(model: Model) -> tuple[str, ...]:
    """Names of the layers of a functional model in the order that Keras computes; a Sequential keeps its own."""
    if model.kind == "sequential":
        return tuple(layer.name for layer in model.layers)
    graph = call_graph(model)
    visited, finished = _visit(graph)
    depths = _depths(graph, finished)
    for ref in model.input_refs():  # a declared input that no output needs comes first in depth 0
        visited.setdefault(ref.layer, -1)
        depths.setdefault(ref.layer, 0)
    return tuple(sorted(depths, key=lambda name: (-depths[name], visited[name])))


def reordered(model: Model) -> Model:
    """The model with its layers as Keras rebuilds them; those that no output needs, which Keras forgets, come last."""
    names, layers = rebuild_order(model), model.by_name()
    if names == tuple(layers):
        return model
    needed = set(names)
    left = [layer for layer in model.layers if layer.name not in needed]
    return model.with_layers((*(layers[name] for name in names), *left))


def stands_as_rebuilt(model: Model) -> bool:
    """Whether the layers that an output needs stand in the order of rebuilding, by whichever rule for keyword arguments.

    tf_keras since 2.16 visits the keywords of a call as they are written, every other release as they are sorted.
    """
    names = tuple(layer.name for layer in model.layers)
    written = model.with_layers(tuple(replace(layer, calls=tuple(map(_as_written, layer.calls))) for layer in model.layers))
    for each in (model, written):
        order = rebuild_order(each)
        needed = set(order)
        if order == tuple(name for name in names if name in needed):
            return True
    return False


def _as_written(node: Node) -> Node:
    return Node((*node.args, *node.kwargs.values()))


def _visit(graph: CallGraph) -> tuple[dict[str, int], list[int]]:
    """Depth-first from the outputs: the layers numbered as they are entered, the calls listed as they are left.

    ``~call`` stands behind all that the call needs, for when it is left.
    """
    visited: dict[str, int] = {}
    entered: set[int] = set()
    finished: list[int] = []
    todo = [graph.producer(ref) for ref in reversed(graph.outputs)]
    while todo:
        call = todo.pop()
        if call < 0:
            finished.append(~call)
        elif call not in entered:
            entered.add(call)
            visited.setdefault(graph.calls[call].layer, len(visited))
            todo.append(~call)
            todo += reversed(graph.before[call])
    return visited, finished


def _depths(graph: CallGraph, finished: list[int]) -> dict[str, int]:
    """The depth of each layer: the largest of its calls, a call being at least one deeper than each of its consumers."""
    own: dict[int, int] = {}
    depths: dict[str, int] = {}
    for call in reversed(finished):
        layer = graph.calls[call].layer
        depth = max(own.get(call, 0), depths.get(layer, 0))
        own[call] = depths[layer] = depth
        for maker in graph.before[call]:
            own[maker] = max(own.get(maker, 0), depth + 1)
    return depths
