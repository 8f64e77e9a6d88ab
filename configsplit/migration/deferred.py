"""A Sequential whose file does not say what it takes: each layer is told the shape that its own weights imply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from configsplit.inference import trace
from configsplit.ir.graph import Layer, Model, Shape, TensorRef, TensorSpec
from configsplit.ir.values import FrozenDict
from configsplit.migration.building import Building
from configsplit.migration.outcome import Refusal

_Rule = Callable[[FrozenDict, Shape], Shape]


def _channels(rank: int) -> _Rule:
    def shape(config: FrozenDict, kernel: Shape) -> Shape:
        channels, spatial = kernel[-2], (None,) * rank
        return (None, channels, *spatial) if config.get("data_format") == "channels_first" else (None, *spatial, channels)

    return shape


_INPUTS: Mapping[str, _Rule] = {
    "Dense": lambda config, kernel: (None, kernel[0]),
    "Embedding": lambda config, kernel: (None, None),
    "Conv1D": _channels(1),
    "Conv2D": _channels(2),
    "Conv3D": _channels(3),
    "LSTM": lambda config, kernel: (None, None, kernel[0]),
    "GRU": lambda config, kernel: (None, None, kernel[0]),
    "SimpleRNN": lambda config, kernel: (None, None, kernel[0]),
}
"""What a layer takes, from the shape of its kernel."""

_KEEPS = frozenset(
    {"Activation", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout", "LeakyReLU", "ReLU", "ELU", "Masking"}
)


def told_shapes(model: Model, building: Building) -> Model:
    """The outermost model with a ``build_config`` for every layer with weights, if nothing says what it takes.

    Keras builds each layer by itself then, and loads its weights; the model itself stays open for any batch and length.
    """
    if building.path or not model.layers[0].implicit or "build_input_shape" in model.config:
        return model
    weighted = [layer for layer in model.layers if building.layers[layer.name].slots]
    if not weighted:
        return model
    given = _first_input(model, weighted[0], building)
    specs = {} if given is None else trace(model, building.around.facts, {TensorRef(model.layers[0].name): given}).specs
    before = {layer.name: specs.get(use.ref, TensorSpec()).shape for layer in model.layers for use in layer.calls[0].uses()}
    unknown = [layer.name for layer in weighted if before[layer.name] is None]
    if unknown:
        building.refusals.append(
            Refusal(
                building.title(unknown[0]),
                "convert-shape-unknown",
                "the file does not say what the model takes, so Keras 3 could not build this layer to load its weights",
                f"give it: --shape {model.layers[0].name}=None,28,28,3",
            )
        )
        return model
    building.note(weighted[0].name, f"the file does not say what the model takes; its weights imply {before[weighted[0].name]}")
    return model.with_layers(tuple(_told(layer, before[layer.name]) if layer in weighted else layer for layer in model.layers))


def _told(layer: Layer, shape: Shape | None) -> Layer:
    return replace(layer, entry=layer.entry | {"build_config": FrozenDict({"input_shape": shape})})


def _first_input(model: Model, first: Layer, building: Building) -> TensorSpec | None:
    """What the model takes, from the first layer with weights, if all before it keep the shape."""
    ahead = model.layers[1 : model.layers.index(first)]
    rule = _INPUTS.get(first.class_name)
    if rule is None or any(layer.class_name not in _KEEPS for layer in ahead):
        return None
    old = building.layers[first.name].old or ""
    shapes = building.weights(old).shapes
    return TensorSpec(rule(first.config, shapes[0]), "float32") if shapes else None
