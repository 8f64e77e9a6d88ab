"""The weights of a model of Keras 3 as the other of its two layouts has them: the same bytes, under other names.

Whoever writes or compares need not know that the source has another layout than the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.keras3.today import placed
from configsplit.containers.addresses import LEGACY, V3, addresses
from configsplit.containers.arrays import Arrays
from configsplit.containers.turned import Turned
from configsplit.conversion.building import Stored
from configsplit.conversion.layers.archived import archived
from configsplit.errors import WeightsError
from configsplit.graph.model import Layer, LayerPath, walk
from configsplit.inference import archived_of, weights_of
from configsplit.models.document import Document
from configsplit.weights.conversion import OldWeights
from configsplit.weights.order import loaded_order
from configsplit.weights.parts import as_rebuilt, rebuilt_inside
from configsplit.weights.placement import known_inside


class LayerWeight(NamedTuple):
    """A weight of a layer: its name in the layer (``kernel``), the dataset that holds it, its places in an archive."""

    name: str
    dataset: str
    places: Sequence[str]
    trainable: bool | None


def turned(document: Document, file: Arrays) -> Turned:
    """The weights of a model of Keras 3 in the layout that its file does not have. Raises WeightsError if nobody can say where
    one goes.
    """
    legacy = file.layout.kind == "legacy"
    return Turned(file, V3 if legacy else LEGACY, dict(_archived(document, file) if legacy else _listed(document, file)))


def _archived(document: Document, file: Arrays) -> Iterator[tuple[str, str]]:
    """Each place in an archive, and the dataset that goes there."""
    groups = addresses(as_rebuilt(document.model, file), V3, inside=rebuilt_inside(document.dialect))
    for path, weights in weights_by_layer(document, file).items():
        for weight in weights:
            yield from ((f"{groups[path]}/{place}", weight.dataset) for place in weight.places)


def _listed(document: Document, file: Arrays) -> Iterator[tuple[str, str]]:
    """Each name in an ``.h5`` file, and the dataset that goes there: layer by layer, in the order in which Keras loads them."""
    every, reach = weights_by_layer(document, file), rebuilt_inside(document.dialect)
    known = {path: [each for each in weights if not _in_config(document, path, each)] for path, weights in every.items()}
    for layer in as_rebuilt(document.model, file).layers:
        held = reach(layer)
        if held is None:
            inner: list[tuple[LayerPath, LayerWeight]] = [((), weight) for weight in known.get((layer.name,), ())]
        else:
            leaves = {path: weights for path, _ in walk(held, reach) if (weights := known.get((layer.name, *path)))}
            kinds = {path: [_kind((layer.name, *path), weight) for weight in weights] for path, weights in leaves.items()}
            order = loaded_order(held, kinds, document.dialect, reach)
            inner = [(each.path, leaves[each.path][each.number]) for each in order]
        for path, weight in inner:
            yield "/".join((LEGACY.container, layer.name, *(path or (layer.name,)), weight.name)), weight.dataset


def _in_config(document: Document, path: LayerPath, weight: LayerWeight) -> bool:
    """Whether an archive keeps a weight once more that the config has."""
    around = known_inside(document.infer(), path[:-1])
    if around is None:
        return False
    beside = archived_of(around, around.model.by_name()[path[-1]])
    return weight.places[0].rpartition("/")[2] in {spec.name for spec in beside}


def _kind(path: LayerPath, weight: LayerWeight) -> bool:
    if weight.trainable is None:
        raise WeightsError(
            f"it is not certain in which order Keras loads the weights of {'/'.join(path)!r} from a .h5 file",
            code="weights-order-unknown",
            where="/".join(path),
            hint="write .keras, where order does not matter; or declare the class: --custom-objects FILE.py",
        )
    return weight.trainable


def weights_by_layer(document: Document, file: Arrays) -> dict[LayerPath, list[LayerWeight]]:
    """The weights of every layer that has some, in the order of ``layer.weights``."""
    old = OldWeights(document, file)
    layers = old.weights.layers
    return {path: _of(document, old, path, layers[path], names) for path, names in old.datasets.items() if names}


def _of(document: Document, old: OldWeights, path: LayerPath, layer: Layer, names: Sequence[str]) -> list[LayerWeight]:
    stored, group = old.stored[path], old.weights.groups.get(path, "")
    around = known_inside(document.infer(), path[:-1])
    declared = [] if around is None else sorted(weights_of(around, layer) or (), key=lambda spec: not spec.trainable)
    count = len(declared) or _count(stored)
    try:
        listed = Stored(((),) * count, stored.names, stored.places, stored.owner)
        weights = archived(placed(layer.entry), path, listed, document.facts)
    except Stop as stop:
        raise WeightsError(str(stop), code=stop.code, where="/".join(path), hint=stop.remedy) from None
    if stored.places:
        if {*stored.places} != {place for places in weights for place in places}:
            raise _misplaced(path, layer, names)
        names = [f"{group}/{places[0]}" for places in weights]
    elif len(names) != len(weights):
        raise _misplaced(path, layer, names)
    called = [spec.name for spec in declared]
    called = called if len({*called}) == len(weights) else [places[0].replace("vars/", "") for places in weights]
    kinds = [spec.trainable for spec in declared] if len(declared) == len(weights) else [None] * len(weights)
    return [LayerWeight(*each) for each in zip(called, names, weights, kinds, strict=True)]


def _count(stored: Stored) -> int:
    return len(stored.places) or len(stored.shapes)


def _misplaced(path: LayerPath, layer: Layer, names: Sequence[str]) -> WeightsError:
    return WeightsError(
        f"the weights of {'/'.join(path)!r} ({layer.class_name}) are not those that its class has: {names[0]!r} is one of them",
        code="layout-unknown",
        where="/".join(path),
        hint="write the source's format, or convert the model's .h5; or declare keras3_places (--custom-objects FILE.py)",
    )
