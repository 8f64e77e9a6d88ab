"""Set whether layers are trained: the flag in their config, in those of what they wrap, and of what is nested in them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from configsplit.errors import CutError
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Layer, LayerPath, Model, walk
from configsplit.rewrites.common import FLAG, within


def freeze_layers(
    model: Model,
    paths: Collection[LayerPath],
    *,
    trainable: bool = False,
    flagless: Collection[str] = (),
    weightless: Collection[LayerPath] = (),
) -> Model:
    """The model with the flag of some layers set; a path of a nested model includes everything in it.

    To set a layer free, the models around it are set free too, without touching their other layers: Keras trains nothing
    inside a frozen model. ``flagless`` are classes that are known to work with the flag although their config lacks it; other
    ``weightless`` layers whose config lacks it stay as they are.

    Raises:
        CutError: a layer's config has no such flag.
    """
    chosen = [
        path
        for path, layer in walk(model)
        if any(path[:length] in paths for length in range(1, len(path) + 1))
        and (path not in weightless or FLAG in layer.config or layer.class_name in flagless)
    ]
    outer = {path[:length] for path in chosen for length in range(1, len(path))} - set(chosen) if trainable else set()
    levels: dict[LayerPath, set[str]] = {}
    for path in (*chosen, *outer):
        levels.setdefault(path[:-1], set()).add(path[-1])
    made = model
    for place, names in levels.items():
        made = within(made, place, partial(_flagged, names=names, value=trainable, flagless=flagless))
    return _freed(made) if trainable and chosen else made


def _freed(model: Model) -> Model:
    return replace(model, config=model.config | {FLAG: True}) if FLAG in model.config else model


def _flagged(model: Model, names: Collection[str], value: bool, flagless: Collection[str]) -> Model:
    layers = (_with_flag(layer, value, flagless) if layer.name in names else layer for layer in model.layers)
    return model.with_layers(tuple(layers))


def _with_flag(layer: Layer, value: bool, flagless: Collection[str]) -> Layer:
    if layer.is_input or not layer.entry or layer.is_operation:
        return layer
    if layer.model is not None:
        config = layer.model.config
        return replace(layer, model=replace(layer.model, config=config | {FLAG: value})) if FLAG in config else layer
    if FLAG not in layer.config and layer.class_name not in flagless:
        raise CutError(
            f"the config of layer {layer.name!r} ({layer.class_name}) does not say whether it is trained",
            code="freeze-no-flag",
            where=layer.name,
            hint="its class leaves `trainable` out of get_config(): set the flag in code, once the model is loaded",
        )
    config = _everywhere(layer.config if FLAG in layer.config else layer.config | {FLAG: value}, value)
    return replace(layer, entry=layer.entry | {"config": config})


def _everywhere(config: FrozenDict, value: bool) -> FrozenDict:
    """The config with the flag set wherever it stands: in it, and in those of the layers that it wraps."""
    made: FrozenDict = rebuild(config, lambda leaf: leaf, whole=lambda each: _set(each, value))
    return made


def _set(config: FrozenDict, value: bool) -> FrozenDict:
    return config | {FLAG: value} if type(config.get(FLAG)) is bool else config
