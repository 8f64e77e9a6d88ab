"""The order of weights in a nested model's group of a legacy file: trainable ones first, as its config says on loading.

The loader goes by position, so a layer that is frozen inside a nested model moves weights about. The rules are those of
``_legacy_weights`` in Keras 3 and tf_keras, held against real files of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from configsplit.ir.graph import Layer, LayerPath, Model
from configsplit.rewrites.freeze import FLAG


class Weight(NamedTuple):
    """Weight number ``number`` of the layer at ``path`` (relative to the nested model)."""

    path: LayerPath
    number: int


class _Lists(NamedTuple):
    """The weights that a layer lists as trainable, and the others."""

    trainable: list[Weight]
    rest: list[Weight]


def loaded_order(model: Model, kinds: Mapping[LayerPath, Sequence[bool]], dialect: str) -> list[Weight]:
    """The weights of a nested model in the order in which the loader takes them.

    ``kinds`` gives for each layer with weights whether each is trainable by kind, in the layer's own order.
    """
    if dialect == "keras3":
        return _keras3(model, kinds)
    done: dict[LayerPath, _Lists] = {}
    todo: list[tuple[LayerPath, Model, bool]] = [((), model, False)]
    while todo:
        path, current, children_done = todo.pop()
        nested = [(layer, (*path, layer.name)) for layer in current.layers]
        if not children_done:
            todo.append((path, current, True))
            todo += [(place, layer.model, False) for layer, place in nested if layer.model is not None]
            continue
        lists = [done[place] if layer.model is not None else _leaf(layer, place, kinds) for layer, place in nested]
        trainable = [weight for each in lists for weight in each.trainable]
        rest = [weight for each in lists for weight in each.rest]
        done[path] = _Lists(trainable, rest) if _flag(current) else _Lists([], trainable + rest)
    return [*done[()].trainable, *done[()].rest]


def _keras3(model: Model, kinds: Mapping[LayerPath, Sequence[bool]]) -> list[Weight]:
    """Variables layer by layer; a model that is trained itself puts those that are trained first."""
    lists = []
    todo: list[tuple[LayerPath, Layer]] = [((layer.name,), layer) for layer in reversed(model.layers)]
    while todo:
        path, layer = todo.pop()
        if layer.model is not None:
            todo += [((*path, inner.name), inner) for inner in reversed(layer.model.layers)]
        else:
            lists.append(_leaf(layer, path, kinds))
    if not _flag(model):
        return [weight for each in lists for weight in sorted([*each.trainable, *each.rest])]
    trainable = [weight for each in lists for weight in each.trainable]
    return trainable + [weight for each in lists for weight in each.rest]


def _leaf(layer: Layer, path: LayerPath, kinds: Mapping[LayerPath, Sequence[bool]]) -> _Lists:
    weights = [(Weight(path, number), kind) for number, kind in enumerate(kinds.get(path, ()))]
    trained = layer.config.get(FLAG) is not False
    return _Lists(
        [weight for weight, kind in weights if kind and trained],
        [weight for weight, kind in weights if not (kind and trained)],
    )


def _flag(model: Model) -> bool:
    """Whether the model is trained once it is loaded: a Sequential forgets that it was frozen."""
    return model.kind == "sequential" or model.config.get(FLAG) is not False
