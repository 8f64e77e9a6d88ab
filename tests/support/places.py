"""Every place at which a model can be asked to be cut: each output of each call of each layer, nested models included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from configsplit.ir.graph import Layer, Model
from configsplit.ir.references import outputs_used

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


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of the items at even distances, first and last included; all of them where there are no more."""
    if len(items) <= count:
        return list(items)
    step = (len(items) - 1) / (count - 1)
    return [items[round(index * step)] for index in range(count)]
