"""Weights, parameters and multiply-accumulate operations, out of an `Inference`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from configsplit.catalog.facts import WeightSpec
from configsplit.catalog.table import Table
from configsplit.graph.model import Layer
from configsplit.inference.known import RULE_ERRORS, Inference


@dataclass(frozen=True, slots=True)
class Counts:
    """Parameters of a model with all that is nested in it, and operations of one sample.

    ``trainable`` are the parameters that are trainable by kind, whatever is frozen. ``operations`` counts every call of a
    shared layer. ``unknown`` are the layers (paths joined by ``/``) that could not be counted and are left out.
    """

    parameters: int = 0
    trainable: int = 0
    operations: int = 0
    unknown: tuple[str, ...] = ()


def weights_of(inference: Inference, layer: Layer) -> tuple[WeightSpec, ...] | None:
    """A layer's own weights in the order of ``layer.weights``, from its first call that tells them; None where unknown."""
    facts = inference.facts(layer)
    if facts is None:
        return () if layer.is_input else None
    for number in range(len(layer.calls)):
        try:
            return inference.told(Table.weights, facts, layer, number)
        except RULE_ERRORS:
            continue
    return None


def archived_of(inference: Inference, layer: Layer) -> tuple[WeightSpec, ...]:
    """What archives keep of a layer besides its weights; nothing where nobody says, or its calls do not tell."""
    facts = inference.facts(layer)
    facts = None if facts is None else facts.within(inference.dialect)
    if facts is None or facts.archived is None or not layer.calls:
        return ()
    try:
        return facts.archived(inference.call(layer, 0))
    except RULE_ERRORS:
        return ()


def operations_of(inference: Inference, layer: Layer, number: int) -> int | None:
    """Multiply-accumulate operations of one call for one sample; None where unknown."""
    facts = inference.facts(layer)
    if facts is None:
        return 0 if layer.is_input else None
    try:
        return inference.told(Table.macs, facts, layer, number)
    except RULE_ERRORS:
        return None


def counted(inference: Inference) -> Counts:
    """Count what has been inferred already. Weights count once for a layer, operations once for a call."""
    parameters, trainable, unknown = _parameters(inference)
    operations, missing = _operations(inference)
    return Counts(parameters, trainable, operations, tuple(dict.fromkeys([*unknown, *missing])))


def _parameters(inference: Inference) -> tuple[int, int, list[str]]:
    total = trainable = 0
    unknown: list[str] = []
    seen: set[int] = set()
    todo = [("", inference)]
    while todo:
        path, current = todo.pop()
        for layer in current.model.layers:
            if layer.model is not None:
                calls = [levels for ref, levels in current.inner.items() if ref.layer == layer.name]
                if calls and id(layer.model) not in seen:
                    seen.add(id(layer.model))
                    todo.append((f"{path}{layer.name}/", calls[0]))
                continue
            weights = weights_of(current, layer)
            if weights is None:
                unknown.append(path + layer.name)
            for spec in weights or ():
                size = prod(known for known in spec.shape if known is not None)
                total += size
                trainable += size if spec.trainable else 0
    return total, trainable, unknown


def _operations(inference: Inference) -> tuple[int, list[str]]:
    """Innermost models first, so that each is added up once however often it is called."""
    totals: dict[int, int] = {}
    unknown: list[str] = []
    stack = [("", inference)]
    while stack:
        path, current = stack[-1]
        waiting = [(f"{path}{ref.layer}/", inner) for ref, inner in current.inner.items() if id(inner) not in totals]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        if id(current) not in totals:
            totals[id(current)] = _own(current, path, unknown) + sum(totals[id(inner)] for inner in current.inner.values())
    return totals[id(inference)], unknown


def _own(inference: Inference, path: str, unknown: list[str]) -> int:
    total = 0
    for layer in inference.model.layers:
        for number in range(len(layer.calls) if layer.model is None else 0):
            operations = operations_of(inference, layer, number)
            if operations is None:
                unknown.append(path + layer.name)
            total += operations or 0
    return total
