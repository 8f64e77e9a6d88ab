"""The calls of a model as a plain directed graph over integers, which every other algorithm works on."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from functools import wraps
from typing import NamedTuple, TypeVar

from configsplit.errors import DocumentError
from configsplit.graph.model import CallRef, Model, TensorRef

Found = TypeVar("Found")


def once(function: Callable[[Model], Found]) -> Callable[[Model], Found]:
    """A function of a model, which never changes, that remembers what it gave. Nobody may change that either."""
    known: dict[int, tuple[weakref.ref[Model], Found]] = {}

    @wraps(function)
    def remembered(model: Model) -> Found:
        key = id(model)
        entry = known.get(key)
        if entry is not None and entry[0]() is model:
            return entry[1]
        result = function(model)
        known[key] = weakref.ref(model, lambda _: known.pop(key, None)), result
        return result

    return remembered


class CallGraph(NamedTuple):
    """Calls are numbered by position in ``calls``: document order of layers, then calls of each.

    Attributes:
        calls: every call.
        number: call -> its number.
        arguments: per call, the tensors it takes, in Keras's visiting order.
        before: per call, the calls that make its arguments (no duplicates).
        after: per call, the calls that take one of its outputs (no duplicates).
        consumers: tensor -> the calls that take it.
        outputs: the model's outputs.
        is_input: per call, whether it is an InputLayer's.
    """

    calls: list[CallRef]
    number: dict[tuple[str, int], int]
    arguments: list[list[TensorRef]]
    before: list[list[int]]
    after: list[list[int]]
    consumers: dict[TensorRef, list[int]]
    outputs: list[TensorRef]
    is_input: list[bool]

    def producer(self, ref: TensorRef) -> int:
        return self.number[ref[:2]]


@once
def call_graph(model: Model) -> CallGraph:
    """The graph of the top level of a model; nested models count as one call each."""
    calls = [CallRef(layer.name, index) for layer in model.layers for index in range(len(layer.calls))]
    number = dict[tuple[str, int], int](zip(calls, range(len(calls)), strict=True))
    arguments = [[use.ref for use in node.uses()] for layer in model.layers for node in layer.calls]
    before: list[list[int]] = []
    after: list[list[int]] = [[] for _ in calls]
    consumers: dict[TensorRef, list[int]] = {}
    for index, refs in enumerate(arguments):
        makers = [number[ref[:2]] for ref in refs]
        if len(refs) > 1:
            makers, refs = list(dict.fromkeys(makers)), list(dict.fromkeys(refs))
        before.append(makers)
        for maker in makers:
            after[maker].append(index)
        for ref in refs:
            consumers.setdefault(ref, []).append(index)
    is_input = [layer.is_input for layer in model.layers for _ in layer.calls]
    return CallGraph(calls, number, arguments, before, after, consumers, model.output_refs(), is_input)


def closure(seeds: Iterable[int], neighbours: list[list[int]]) -> set[int]:
    """The seeds and all that can be reached from them: ancestors over ``before``, descendants over ``after``."""
    closed = set(seeds)
    todo = list(closed)
    while todo:
        for each in neighbours[todo.pop()]:
            if each not in closed:
                closed.add(each)
                todo.append(each)
    return closed


def topological(graph: CallGraph) -> list[int]:
    """The position of each call in a topological order (Kahn's algorithm; ties in document order)."""
    waiting = [len(before) for before in graph.before]
    ready = [index for index, count in enumerate(waiting) if count == 0]
    position = [-1] * len(graph.calls)
    for place, index in enumerate(ready):  # `ready` grows while it is read: a queue that remembers its order
        position[index] = place
        for each in graph.after[index]:
            waiting[each] -= 1
            if waiting[each] == 0:
                ready.append(each)
    if len(ready) != len(graph.calls):
        stuck = [graph.calls[index].layer for index, place in enumerate(position) if place < 0]
        raise DocumentError(
            f"the graph has a cycle through {', '.join(stuck[:8])}",
            code="graph-cycle",
            hint="no layer may depend on its own output; the document is damaged",
        )
    return position
