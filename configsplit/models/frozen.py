"""How much of a model training leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from configsplit.graph.model import walk
from configsplit.inference import Inference, weights_of
from configsplit.rewrites.common import FLAG


@dataclass(frozen=True, slots=True)
class Frozen:
    """Layers that are frozen and all layers, nested models told by what is in them; the same of parameters. ``uncounted`` are
    layers whose parameters nobody can count."""

    layers: tuple[int, int]
    parameters: tuple[int, int]
    uncounted: int

    def __str__(self) -> str:
        more = f", and those of {self.uncounted} layers that cannot be counted" if self.uncounted else ""
        layers, parameters = (f"{part:,} of {whole:,}" for part, whole in (self.layers, self.parameters))
        return f"{layers} layers, {parameters} parameters{more}"


def frozen(inference: Inference) -> Frozen:
    """What the flags of a model's layers say, and those of models nested in it."""
    every = [layer for _, layer in walk(inference.model) if layer.model is None and not layer.implicit]
    parameters: dict[int, int | None] = {}
    todo = [inference]
    while todo:
        current = todo.pop()
        todo += current.inner.values()
        for layer in current.model.layers:
            if layer.model is None and id(layer) not in parameters:
                specs = weights_of(current, layer)
                open_ = specs is None or any(None in spec.shape for spec in specs)
                parameters[id(layer)] = None if open_ else sum(prod(filter(None, spec.shape)) for spec in specs or ())
    still = [layer for layer in every if layer.config.get(FLAG) is False]
    counts = [sum(parameters.get(id(layer)) or 0 for layer in group) for group in (still, every)]
    return Frozen((len(still), len(every)), (counts[0], counts[1]), sum(parameters.get(id(layer)) is None for layer in every))
