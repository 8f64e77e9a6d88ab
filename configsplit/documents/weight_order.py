"""The order of weights in a nested model's group of a legacy file: trainable ones first, as its config says on loading.

The loader goes by position, so a layer that is frozen inside a nested model moves weights about. The rules are those of
``_legacy_weights`` in Keras 3 and tf_keras, held against real files of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from configsplit.ir.graph import Inside, Layer, LayerPath, Model, nested, walk
from configsplit.rewrites.freeze import FLAG

FORGETFUL = frozenset(
    {"MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
)
"""Layers of Keras 3 that do not tell the layers inside them, on loading, that they are frozen: their weights stay trained."""


class Weight(NamedTuple):
    """Weight number ``number`` of the layer at ``path`` (relative to the nested model)."""

    path: LayerPath
    number: int


class _Lists(NamedTuple):
    """The weights that a layer lists as trainable, and the others."""

    trainable: list[Weight]
    rest: list[Weight]


def loaded_order(
    model: Model, kinds: Mapping[LayerPath, Sequence[bool]], dialect: str, inside: Inside = nested
) -> list[Weight]:
    """The weights of a nested model in the order in which the loader takes them.

    Layer by layer, but those that are trained first. A functional model of Keras 3 that is frozen itself trains none; tf_keras
    and every Sequential forget that they were frozen, only their layers do not.

    ``kinds`` gives for each layer with weights whether each is trainable by kind, in the layer's own order.
    """
    forgetful = FORGETFUL if dialect == "keras3" else frozenset[str]()
    lists = [_leaf(layer, path, kinds, forgetful) for path, layer in walk(model, inside) if inside(layer) is None]
    if dialect == "keras3" and model.kind == "functional" and model.config.get(FLAG) is False:
        return [weight for each in lists for weight in sorted([*each.trainable, *each.rest])]
    trainable = [weight for each in lists for weight in each.trainable]
    return trainable + [weight for each in lists for weight in each.rest]


def _leaf(layer: Layer, path: LayerPath, kinds: Mapping[LayerPath, Sequence[bool]], forgetful: frozenset[str]) -> _Lists:
    weights = [(Weight(path, number), kind) for number, kind in enumerate(kinds.get(path, ()))]
    trained = layer.config.get(FLAG) is not False or layer.class_name in forgetful
    return _Lists(
        [weight for weight, kind in weights if kind and trained],
        [weight for weight, kind in weights if not (kind and trained)],
    )
