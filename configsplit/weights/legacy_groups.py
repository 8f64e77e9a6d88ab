"""The one group that the legacy layout (.h5) has for a wrapper, where that holds a part of what it held in the source."""

from __future__ import annotations

from collections import Counter

from configsplit.errors import WeightsError
from configsplit.graph.model import Layer, LayerPath, walk
from configsplit.graph.provenance import Provenance
from configsplit.weights.order import piece_order
from configsplit.weights.parts import Weights


def legacy_piece_names(layer: Layer, provenance: Provenance, wrapper: LayerPath, weights: Weights) -> list[str]:
    """The names that the weights of a piece have in the file of the whole, in the order in which the piece is loaded."""
    piece, whole = weights.inside(layer), weights.inside(weights.layers[wrapper])
    if piece is None or whole is None:
        return []
    leaves = [path for path, leaf in walk(piece, weights.inside) if weights.inside(leaf) is None and not leaf.is_input]
    traced = {path: provenance.origin((layer.name, *path)) for path in leaves}
    origins = {path: origin.path[len(wrapper) :] for path, origin in traced.items() if origin is not None}
    names = {
        path: weights.names((*wrapper, *path)) for path, leaf in walk(whole, weights.inside) if weights.inside(leaf) is None
    }
    twice = [path for path, count in Counter(path for path in origins.values() if names.get(path)).items() if count > 1]
    if twice:
        raise WeightsError(
            f"{'/'.join((*wrapper, *twice[0]))!r} would appear twice in {layer.name!r}, and a .h5 file tells weights in a "
            "wrapper apart by the names of their layers alone",
            code="weights-ambiguous",
            where=layer.name,
            hint="save the model as .keras, or cut outside of this nested model",
        )
    order = piece_order(piece, whole, origins, names, weights.names(wrapper), weights.inside)
    return [names[origins[weight.path]][weight.number] for weight in order]
