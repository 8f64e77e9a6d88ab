"""What a graph computes, apart from the names of its layers: two models of one meaning compute the same from equal weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from configsplit.dialects import to_text
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.json import FrozenDict, dumps, rebuild
from configsplit.graph.model import Layer, Model, TensorRef, Use


def meaning(model: Model) -> list[int]:
    """A number for each output: equal numbers, in two models of one `Meanings`, for what is computed alike."""
    return Meanings().of(model)


class Meanings:
    """Numbers calls by what they are: the layer without its name, and the numbers of what they take."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, model: Model) -> list[int]:
        graph = call_graph(model)
        position = topological(graph)
        layers, numbers = model.by_name(), dict[TensorRef, int]()
        for index in sorted(range(len(graph.calls)), key=position.__getitem__):
            call = graph.calls[index]
            layer = layers[call.layer]
            node = layer.calls[call.call]

            def leaf(value: Any) -> Any:
                return f"#{numbers[value.ref._replace(output=0)]}:{value.ref.output}" if type(value) is Use else value

            taken = dumps([rebuild(node.args, leaf), rebuild(node.kwargs, leaf)])
            place = model.input_refs().index(TensorRef(layer.name)) if layer.is_input else -1
            key = f"{place} {_nameless(layer)} {taken}"
            numbers[TensorRef(*call)] = self._known.setdefault(key, len(self._known))
        return [hash((numbers[ref._replace(output=0)], ref.output)) for ref in model.output_refs()]


def _nameless(layer: Layer) -> str:
    if layer.is_input:
        return "input"
    if layer.model is not None:
        return to_text(replace(layer.model, name="nested"))
    return f"{layer.class_name} {dumps(layer.config | {'name': None} if 'name' in layer.config else FrozenDict(layer.config))}"
