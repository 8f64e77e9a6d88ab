"""What a layer has learnt, from live layers into live layers: weights, flags that decide on their order, vocabularies."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from configsplit.errors import WeightsError, nearest
from configsplit.graph.walking import everything
from configsplit.runtime.build import layers_with_weights, variables
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.layers import inner_layers


def transfer(model: Any, origins: Mapping[str, Any], framework: Framework, *, fresh: Collection[str] = frozenset()) -> None:
    """Copy what layers have learnt into a model that was just built; everything is checked before anything is set.

    Args:
        model: the model to fill.
        origins: path of a layer ("outer/inner") -> the live layer that it is a copy of.
        framework: the Keras of both.
        fresh: layers that come from no live layer and keep what Keras initialized.

    Raises:
        WeightsError: a layer with weights is in neither, or its weights are others than those of its origin.
    """
    layers = layers_with_weights(model, framework, stop=origins)
    for path, layer in layers.items():
        if path not in fresh:
            _check(path, layer, origins)
    for path, layer in layers.items():
        if path in origins:
            with _same_order(origins[path], layer):
                for ours, its in zip(variables(layer), variables(origins[path]), strict=True):
                    ours.assign(its)
    everywhere = _by_path(model)
    for path, origin in origins.items():
        if path in everywhere:
            _copy_assets(origin, everywhere[path])


def _check(path: str, layer: Any, origins: Mapping[str, Any]) -> None:
    if path not in origins:
        raise WeightsError(
            f"there is no source for the weights of {path!r}",
            code="weights-unknown-layer",
            where=path,
            hint=nearest(path, origins),
        )
    ours, its = ([(tuple(each.shape), _dtype(each)) for each in variables(one)] for one in (layer, origins[path]))
    if ours != its:
        raise WeightsError(
            f"the layer {path!r} has weights of the shapes {ours}, its origin {its}",
            code="weights-do-not-fit",
            where=path,
            hint="the class builds other weights from its own config: is its get_config complete?",
        )


def _dtype(variable: Any) -> str:
    return str(getattr(variable.dtype, "name", variable.dtype))


@contextmanager
def _same_order(origin: Any, layer: Any) -> Iterator[None]:
    """tf_keras lists trained weights first, so a copy that is frozen otherwise would list its own in another order."""
    both = zip(inner_layers(origin), inner_layers(layer), strict=False)
    pairs = [(its, mine) for its, mine in both if hasattr(mine, "trainable")]  # operations of Keras 3 are no layers
    flags = [mine.trainable for _, mine in pairs]
    if flags == [its.trainable for its, _ in pairs]:
        yield
        return
    try:
        for its, mine in pairs:  # outer ones first, since each sets all that is inside it
            mine.trainable = its.trainable
        yield
    finally:
        for (_, mine), flag in zip(pairs, flags, strict=True):
            mine.trainable = flag


def _copy_assets(origin: Any, layer: Any) -> None:
    """Vocabularies that were learnt by `adapt` are no weights, and stand in no config."""
    if not hasattr(origin, "save_assets") or not hasattr(layer, "load_assets"):
        return
    with tempfile.TemporaryDirectory(prefix="configsplit-assets-") as folder:
        origin.save_assets(folder)
        layer.load_assets(folder)


def _by_path(model: Any) -> dict[str, Any]:
    """Every layer by its path, nested models opened."""

    def inside(held: tuple[str, Any]) -> list[tuple[str, Any]]:
        return [(f"{held[0]}/{inner.name}", inner) for inner in getattr(held[1], "layers", ())]

    return dict(everything([(layer.name, layer) for layer in model.layers], inside))


def same_weights(one: Any, other: Any) -> bool:
    """Whether two layers have the same weights, bit for bit."""
    ours, its = variables(one), variables(other)
    pairs = zip(ours, its, strict=False)
    return len(ours) == len(its) and all(_bits(mine) == _bits(theirs) for mine, theirs in pairs)


def _bits(variable: Any) -> tuple[str, tuple[int, ...], bytes]:
    value = np.asarray(variable)
    return value.dtype.name, value.shape, value.tobytes()
