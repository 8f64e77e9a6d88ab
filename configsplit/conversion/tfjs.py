"""A model of Keras 2 as TensorFlow.js loads it: what it does not know, or computes otherwise and says nothing, is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from configsplit.catalog import tfjs
from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.keras3.refusals import Migration, Note, Refusal, Stop
from configsplit.conversion.convert import inside
from configsplit.dialects import read_entry
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, LayerPath, Model, TensorSpec, walk
from configsplit.inference import Inference, every_mask, trace


def for_browsers(migration: Migration, model: Model, facts: Mapping[str, LayerFacts]) -> Migration:
    """A migration to Keras 2, whose model is ``model``, by the names that TensorFlow.js has, or with what stands in the way.
    Inputs and outputs stand in lists: TensorFlow.js knows no others.
    """
    inference = trace(model, facts, dialect="keras2", read=read_entry)
    refused, changed = list(_masked(inference)), dict[LayerPath, Model]()
    nested = [(path, layer.model) for path, layer in walk(model) if layer.model is not None]
    for path, each in [*reversed(nested), ((), model)]:
        known, layers = inside(inference, path), []
        for layer in each.layers:
            place = (*path, layer.name)
            try:
                layers.append(_layer(layer, changed.get(place), known))
            except Stop as stop:
                refused.append(stop.of("/".join(place)))
                layers.append(layer)
        changed[path] = replace(
            each.with_layers(tuple(layers)), inputs=tuple(each.input_refs()), outputs=tuple(each.output_refs())
        )
    if (twice := _twice(model)) is not None:
        what = f"TensorFlow.js tells weights apart by the names of their layers, and {twice!r} is there twice"
        refused.append(Refusal(twice, "convert-tfjs", what, "rename one (`configsplit rename`)"))
    notes = migration.notes
    if isinstance(model.outputs, FrozenDict) or isinstance(model.inputs, FrozenDict):
        notes = (*notes, Note(model.name, "its inputs and outputs are now in lists, the only form that TensorFlow.js knows"))
    refusals = (*migration.refusals, *dict.fromkeys(refused))
    return replace(migration, model=None if refusals else changed[()], refusals=refusals, notes=notes)


def _layer(layer: Layer, model: Model | None, known: Inference | None) -> Layer:
    if model is not None:
        return replace(layer, model=model)
    if layer.calls and not layer.is_input:
        uses = layer.calls[0].uses()
        spec = TensorSpec() if known is None or not uses else known.specs.get(uses[0].ref, TensorSpec())
        tfjs.check_input(layer.class_name, layer.config, spec.shape)
    return replace(layer, entry=tfjs.named(layer.entry)) if layer.entry else layer


def _masked(inference: Inference) -> Iterator[Refusal]:
    """A refusal for each layer that computes with a mask in Keras alone."""
    for level, masks in every_mask(inference).values():
        layers = level.model.by_name()
        for call in masks.used:
            name = layers[CallRef(*call).layer].class_name
            if name not in tfjs.MASKED and layers[call.layer].model is None:
                what = f"a mask arrives at the {name}, with which TensorFlow.js does not compute"
                yield Refusal(call.layer, "convert-tfjs", what, "build that part of the model without a mask")


def _twice(model: Model) -> str | None:
    """The name of a layer that stands in the model and in one nested in it, or in two of these."""
    seen: set[str] = set()
    for _, layer in walk(model):
        if layer.name in seen and not layer.is_input:
            return layer.name
        seen.add(layer.name)
    return None
