"""The order of weights in a nested model's group of a legacy file: trainable ones first, as its config says on loading.

The loader goes by position, so a layer that is frozen inside a nested model moves weights about. The rules are those of
``_legacy_weights`` in Keras 3 and tf_keras, held against real files of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from configsplit.catalog.table import class_facts
from configsplit.dialects import read_entry
from configsplit.errors import WeightsError
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, nested, walk
from configsplit.inference import Inference, trace, weights_of
from configsplit.rewrites.common import FLAG


class Weight(NamedTuple):
    """Weight number ``number`` of the layer at ``path`` (relative to the nested model)."""

    path: LayerPath
    number: int


class _Lists(NamedTuple):
    """The weights that a layer lists as trainable, and the others."""

    trainable: list[Weight]
    rest: list[Weight]


def loaded_order(
    model: Model, kinds: Mapping[LayerPath, Sequence[bool]], dialect: str, inside: HeldBy = nested
) -> list[Weight]:
    """The weights of a nested model in the order in which the loader takes them.

    Layer by layer, but those that are trained first. A functional model of Keras 3 that is frozen itself trains none; tf_keras
    and every Sequential forget that they were frozen, only their layers do not: in tf_keras also a wrapper around a model.

    ``kinds`` gives for each layer with weights whether each is trainable by kind, in the layer's own order.
    """
    every, frozen = dict(walk(model, inside)), set[LayerPath]()
    for path, layer in every.items():
        holds = dialect != "keras3" and layer.model is None and inside(layer) is not None
        if path[:-1] in frozen or (holds and layer.config.get(FLAG) is False):
            frozen.add(path)
    leaves = ((path, layer) for path, layer in every.items() if inside(layer) is None)
    lists = [_leaf(layer, path, kinds, dialect, held=path in frozen) for path, layer in leaves]
    if dialect == "keras3" and model.kind == "functional" and model.config.get(FLAG) is False:
        return [weight for each in lists for weight in sorted([*each.trainable, *each.rest])]
    trainable = [weight for each in lists for weight in each.trainable]
    return trainable + [weight for each in lists for weight in each.rest]


def _leaf(layer: Layer, path: LayerPath, kinds: Mapping[LayerPath, Sequence[bool]], dialect: str, *, held: bool) -> _Lists:
    weights = [(Weight(path, number), kind) for number, kind in enumerate(kinds.get(path, ()))]
    trained = layer.config.get(FLAG) is not False or class_facts(layer.class_name, dialect).deaf_when_frozen
    trained = trained and not held
    return _Lists(
        [weight for weight, kind in weights if kind and trained],
        [weight for weight, kind in weights if not (kind and trained)],
    )


# The order of weights in a legacy file's group of a wrapper that was divided. The loader goes by position.
#
# What a piece holds stands there mostly in the order in which the whole has it. But a layer that is called in both pieces, or
# one that was nested, may be rebuilt in another order, and then the rules of `weight_order` say where its weights stand.


Names = Mapping[LayerPath, Sequence[str]]
"""Of each layer in a wrapper that has weights: their names in the file, in the layer's own order."""


def piece_order(
    piece: Model, whole: Model, origins: Mapping[LayerPath, LayerPath], names: Names, file: Sequence[str], reach: HeldBy
) -> list[Weight]:
    """The weights of a piece in the order in which the loader takes them; layers are named as in the piece.

    Args:
        piece, whole: the model in the piece, and the one that the wrapper held.
        origins: path in the piece -> path in the whole, of every layer that has weights.
        names: the weights of each layer of the whole; ``file`` those of the whole in the order of the file.
        reach: what layers hold.
    """
    paths = [path for path, _ in walk(piece, reach) if names.get(origins.get(path, ()))]
    rank = {path: number for number, (path, _) in enumerate(walk(whole, reach))}
    ranks = [rank[origins[path]] for path in paths]
    if ranks == sorted(ranks):
        place = {name: number for number, name in enumerate(file)}
        every = [Weight(path, number) for path in paths for number in range(len(names[origins[path]]))]
        return sorted(every, key=lambda weight: place[names[origins[weight.path]][weight.number]])
    told = _kinds(whole, names, reach)
    if [names[weight.path][weight.number] for weight in loaded_order(whole, told, whole.dialect, reach)] != list(file):
        raise _unknown(piece.name)
    return loaded_order(piece, {path: told[origins[path]] for path in paths}, piece.dialect, reach)


def loaded_names(model: Model, names: Names, reach: HeldBy) -> list[str] | None:
    """The names of a nested model's weights in the order in which the loader takes them; None where nobody can say."""
    try:
        told = _kinds(model, names, reach)
    except WeightsError:
        return None
    return [names[weight.path][weight.number] for weight in loaded_order(model, told, model.dialect, reach)]


def _kinds(model: Model, names: Names, reach: HeldBy) -> dict[LayerPath, Sequence[bool]]:
    """Whether each weight of each layer is trainable by kind, as far as it matters for the order."""
    kinds: dict[LayerPath, Sequence[bool]] = {}
    todo: list[tuple[LayerPath, Inference]] = [((), trace(model, dialect=model.dialect, read=read_entry))]
    while todo:
        around, inference = todo.pop()
        held = {call.layer: inner for call, inner in (*inference.wrapped.items(), *inference.inner.items())}
        todo += [((*around, name), inner) for name, inner in held.items()]
        for layer in inference.model.layers:
            path = (*around, layer.name)
            if reach(layer) is None and names.get(path):
                declared = [spec.trainable for spec in weights_of(inference, layer) or ()]
                if len(declared) != len(names[path]):
                    raise _unknown("/".join(path))
                kinds[path] = declared
    if missing := [path for path in names if names[path] and path not in kinds]:
        raise _unknown("/".join(missing[0]))
    return kinds


def _unknown(name: str) -> WeightsError:
    return WeightsError(
        f"it is unknown in which order Keras loads the weights of {name!r} from a .h5 file",
        code="weights-order-unknown",
        where=name,
        hint="save the model as .keras, where order does not matter",
    )
