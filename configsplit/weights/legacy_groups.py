"""What the legacy layout (.h5) of a part is made of: one group for each layer, with the weights of all that is in it."""

from __future__ import annotations

from collections import Counter

from configsplit.containers import LegacyLayer, is_stored
from configsplit.errors import WeightsError
from configsplit.graph.model import Layer, LayerPath, Model, walk
from configsplit.graph.provenance import Provenance
from configsplit.weights.order import piece_order
from configsplit.weights.parts import Weights


def legacy_layers(part: Model, provenance: Provenance, weights: Weights) -> list[LegacyLayer]:
    """What a part's file in the legacy layout is made of: one group for each layer, in order."""
    made: list[LegacyLayer] = []
    told_apart = provenance.told_apart()
    for layer in part.layers:
        if not is_stored(part, layer):
            continue
        origin = provenance.origin((layer.name,))
        if origin is None or weights.groups.get(origin.path[:1]) not in weights.file.groups:
            made.append(LegacyLayer(layer.name))
        elif (layer.name,) in told_apart:
            made.append(_legacy_piece(layer, provenance, origin.path, weights))
        elif len(origin.path) == 1:
            made.append(LegacyLayer(layer.name, weights.file, weights.groups[origin.path]))
        else:
            group = weights.groups[origin.path[:1]]
            pairs = tuple((name, f"{group}/{name}") for name in weights.names(origin.path))
            made.append(LegacyLayer(layer.name, weights.file, group, pairs))
    return made


def _legacy_piece(layer: Layer, provenance: Provenance, wrapper: LayerPath, weights: Weights) -> LegacyLayer:
    """A wrapper that holds a part of the model that it held in the source: of its weights those of the layers in that part."""
    group = weights.groups[wrapper[:1]]
    names = legacy_piece_names(layer, provenance, wrapper, weights)
    return LegacyLayer(layer.name, weights.file, group, tuple((name, f"{group}/{name}") for name in names))


def legacy_piece_names(layer: Layer, provenance: Provenance, wrapper: LayerPath, weights: Weights) -> list[str]:
    """The names that the weights of a piece have in the file of the whole, in the order in which the piece is loaded.

    Raises:
        WeightsError: nobody can say in which order.
    """
    piece, whole = weights.inside(layer), weights.inside(weights.layers[wrapper])
    if piece is None or whole is None:
        return []
    leaves = [path for path, leaf in walk(piece, weights.inside) if weights.inside(leaf) is None and not leaf.is_input]
    found = {path: provenance.origin((layer.name, *path)) for path in leaves}
    origins = {path: origin.path[len(wrapper) :] for path, origin in found.items() if origin is not None}
    names = {
        path: weights.names((*wrapper, *path)) for path, leaf in walk(whole, weights.inside) if weights.inside(leaf) is None
    }
    twice = [path for path, count in Counter(path for path in origins.values() if names.get(path)).items() if count > 1]
    if twice:
        raise WeightsError(
            f"{'/'.join((*wrapper, *twice[0]))!r} would stand twice in {layer.name!r}, and a .h5 file tells weights in a "
            "wrapper apart by the names of their layers alone",
            code="weights-ambiguous",
            where=layer.name,
            hint="save the model as .keras, or cut outside of this nested model",
        )
    order = piece_order(piece, whole, origins, names, weights.names(wrapper), weights.inside)
    return [names[origins[weight.path]][weight.number] for weight in order]
