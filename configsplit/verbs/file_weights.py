"""What the file tells of layers whose class does not tell their weights: nobody has declared it, or they are quantized."""

from __future__ import annotations

from configsplit.boundaries.flattened import Flattened
from configsplit.catalog.facts import WeightSpec
from configsplit.errors import WeightsError
from configsplit.graph.model import Layer
from configsplit.inference import Inference, counted, weights_of
from configsplit.weights.parts import Weights, weights_in


def stored_weights(seen: Flattened, inference: Inference) -> dict[str, tuple[WeightSpec, ...]]:
    """Layer of the flat model -> its weights as they stand in the file, for layers whose class does not tell them."""
    unknown = counted(inference).unknown
    undeclared = [layer for layer in seen.model.layers if _tells_none(inference, layer, unknown)]
    if not undeclared:
        return {}
    document = seen.document
    with document.opened() as source:
        if source.weights is None:
            return {}
        try:
            held = weights_in(document.model, source.weights)
            return {layer.name: specs for layer in undeclared if (specs := _found(seen, held, layer)) is not None}
        except WeightsError:
            return {}  # they stay uncounted; what is wrong is said where weights are moved


def _tells_none(inference: Inference, layer: Layer, unknown: tuple[str, ...]) -> bool:
    if layer.model is not None:
        return any(name.startswith(f"{layer.name}/") for name in unknown)
    return layer.name in unknown and weights_of(inference, layer) is None


def _found(seen: Flattened, held: Weights, layer: Layer) -> tuple[WeightSpec, ...] | None:
    origin = seen.flat.whole.provenance.origin((layer.name,))
    if origin is None or origin.path not in held.layers:
        return None
    infos = [held.file.datasets[place] for place in held.datasets(origin.path)]
    return tuple(WeightSpec(str(at), tuple(info.shape), info.dtype) for at, info in enumerate(infos))
