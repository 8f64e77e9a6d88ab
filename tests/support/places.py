"""Every place at which a model can be asked to be cut: each output of each call of each layer, nested models included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from configsplit.graph.calls import CallGraph, call_graph
from configsplit.graph.model import Layer, Model
from configsplit.graph.references import outputs_used

Item = TypeVar("Item")


def calls(model: Model) -> list[str]:
    """``LAYER@CALL`` for every call of every layer at the top, InputLayers included."""
    return [f"{layer.name}@{call}" for layer in model.layers for call in range(len(layer.calls))]


def everywhere(model: Model) -> list[str]:
    """Every call, every output of a call that has several, and the same inside every call of every nested model."""
    return [text for text, _ in _walk(model)]


def _walk(model: Model) -> Iterator[tuple[str, Layer]]:
    todo: list[tuple[str, Model]] = [("", model)]
    while todo:
        outer, within = todo.pop()
        used = outputs_used(within)
        for layer in within.layers:
            if outer and layer.is_input:
                continue
            for call in range(len(layer.calls)):
                text = f"{outer}{layer.name}@{call}"
                yield text, layer
                if len(used[layer.name, call]) > 1:
                    yield from ((f"{text}:{output}", layer) for output in used[layer.name, call])
                if layer.model is not None:
                    todo.append((f"{text}/", layer.model))


def inside(model: Model) -> list[str]:
    """The calls at which there is something to cut off on either side: neither inputs nor what makes the outputs."""
    ends = {(ref.layer, ref.call) for ref in (*model.input_refs(), *model.output_refs())}
    return [
        f"{layer.name}@{call}" for layer in model.layers for call in range(len(layer.calls)) if (layer.name, call) not in ends
    ]


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of the items at even distances, first and last included; all of them where there are no more."""
    if len(items) <= count:
        return list(items)
    step = (len(items) - 1) / (count - 1)
    return [items[round(index * step)] for index in range(count)]


def sliceable(model: Model) -> int:
    """At how many calls Keras's own slicing, ``Model(model.input, x)`` and ``Model(x, model.output)``, gives two halves.

    It takes that everything behind hangs on that one tensor: without its call no output can be reached from an input.
    """
    graph = call_graph(model)
    ends = {graph.producer(ref) for ref in graph.outputs}
    inner = (call for call in range(len(graph.calls)) if not graph.is_input[call] and call not in ends)
    return sum(not _reached_without(graph, call) & ends for call in inner)


def _reached_without(graph: CallGraph, left_out: int) -> set[int]:
    """The calls that depend on an input by a way that avoids one call."""
    found = {call for call, is_input in enumerate(graph.is_input) if is_input}
    todo = list(found)
    while todo:
        for each in graph.after[todo.pop()]:
            if each not in found and each != left_out:
                found.add(each)
                todo.append(each)
    return found
