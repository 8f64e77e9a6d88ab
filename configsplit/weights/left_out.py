"""Settings that an old release did not write down, and that the weights in the file prove: whether attention has a scale."""

from __future__ import annotations

from dataclasses import replace

from configsplit.catalog.table import class_facts
from configsplit.containers.arrays import Arrays
from configsplit.graph.model import Layer
from configsplit.inference import weights_of
from configsplit.models.document import Document
from configsplit.weights.parts import Weights, weights_in


def completed(document: Document, file: Arrays) -> Document:
    """The document with what its weights prove: a setting that its config lacks, with which alone the weights are all used."""
    if not any(_lacks(document, layer) for layer in document.model.layers):
        return document
    weights = weights_in(document.model, file)
    layers = tuple(_completed(document, layer, weights) for layer in document.model.layers)
    changed = any(one is not other for one, other in zip(layers, document.model.layers, strict=True))
    return replace(document, model=replace(document.model, layers=layers)) if changed else document


def _lacks(document: Document, layer: Layer) -> str:
    """The setting that a layer's config should have and does not; "" where it lacks none."""
    key = class_facts(layer.class_name, document.dialect).weight_key
    return key if key not in layer.config else ""


def _completed(document: Document, layer: Layer, weights: Weights) -> Layer:
    if not (key := _lacks(document, layer)):
        return layer
    stored = [weights.file.datasets[name].shape for name in weights.datasets((layer.name,))]
    fitting = [value for value in (True, False) if _wants(document, _with(layer, key, value)) == stored]
    return _with(layer, key, fitting[0]) if len(fitting) == 1 else layer


def _with(layer: Layer, key: str, value: bool) -> Layer:
    return replace(layer, entry=layer.entry | {"config": layer.config | {key: value}})


def _wants(document: Document, layer: Layer) -> list[object] | None:
    """The shapes of the weights that a layer would have."""
    layers = tuple(layer if each.name == layer.name else each for each in document.model.layers)
    declared = weights_of(document.infer(model=replace(document.model, layers=layers)), layer)
    return None if declared is None else [spec.shape for spec in declared]
