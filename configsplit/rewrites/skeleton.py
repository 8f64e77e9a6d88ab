"""The wiring of a model without what its layers say of themselves: what `join` needs to close again what a cut has opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from configsplit.ir.graph import Layer, LayerPath, Model, walk
from configsplit.ir.values import FrozenDict
from configsplit.rewrites.rewritten import within

_WIRING = ("class_name", "name", "inbound_nodes")


def skeleton(model: Model, known: Collection[LayerPath]) -> Model:
    """The model with the entry of each layer in ``known``, and of those inside, reduced to its keys, name and calls."""

    def strip(inner: Model, path: LayerPath) -> Model:
        return inner.with_layers(tuple(_stripped(layer, (*path, layer.name), known) for layer in inner.layers))

    for path in _models(model):
        model = within(model, path, partial(strip, path=path))
    return model


def filled(model: Model, entries: Mapping[LayerPath, FrozenDict]) -> Model:
    """A skeleton with the entries of its layers, each in the spelling that the skeleton has for its keys and names."""

    def fill(inner: Model, path: LayerPath) -> Model:
        return inner.with_layers(tuple(_filled(layer, entries.get((*path, layer.name))) for layer in inner.layers))

    for path in _models(model):
        model = within(model, path, partial(fill, path=path))
    return model


def _models(model: Model) -> list[LayerPath]:
    return [(), *(path for path, layer in walk(model) if layer.model is not None)]


def _stripped(layer: Layer, path: LayerPath, known: Collection[LayerPath]) -> Layer:
    told = any(path[:length] in known for length in range(1, len(path) + 1))
    if layer.model is not None or layer.is_input or not told:
        return layer
    name = {"name": layer.config["name"]} if "name" in layer.config else {}
    bare = {key: value if key in _WIRING else None for key, value in layer.entry.items()}
    return replace(layer, entry=FrozenDict(bare | {"config": FrozenDict(name)}))


def _filled(layer: Layer, entry: FrozenDict | None) -> Layer:
    if entry is None or layer.model is not None or layer.is_input:
        return layer
    wiring = {key: layer.entry[key] for key in _WIRING if key in layer.entry}
    config = entry["config"]
    if "name" in layer.config:
        config = config | {"name": layer.config["name"]}
    made = {key: entry.get(key) for key in layer.entry} | wiring | {"config": config}
    return replace(layer, entry=FrozenDict(made))
