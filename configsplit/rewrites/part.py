"""One part of a model: some of its calls, fresh InputLayers for what reaches them from outside, references renumbered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT, CallRef, Layer, Model, Node, TensorRef, TensorSpec
from configsplit.graph.provenance import Provenance
from configsplit.graph.rebuild_order import reordered
from configsplit.rewrites.common import Kept

_OF_THE_WHOLE = ("build_config", "compile_config", "build_input_shape")
"""What a document says of a whole model that is not true of its parts: shapes it was built with, losses, optimizers."""


_PLAIN_CLASSES = ("Functional", "Model", "Sequential")
_FRAME = ("name", "trainable", "dtype", "layers", "input_layers", "output_layers")


class Extracted(NamedTuple):
    """A part, where its layers came from, and what its inputs and outputs are in the original.

    ``inputs`` and ``outputs`` are tensors of the original, in the order of the part's own inputs and outputs.
    """

    model: Model
    provenance: Provenance
    inputs: tuple[TensorRef, ...]
    outputs: tuple[TensorRef, ...]


def part(
    model: Model,
    calls: Collection[CallRef],
    inputs: Sequence[TensorRef],
    outputs: Sequence[TensorRef],
    *,
    name: str,
    specs: Mapping[TensorRef, TensorSpec],
    labels: Mapping[TensorRef, str],
) -> Extracted:
    """The part of ``model`` that consists of ``calls``, fed by ``inputs``, giving ``outputs``.

    ``specs`` and ``labels`` give the shape, dtype and wished name of each input that is no input of the model.
    """
    originals = set(model.input_refs())
    kept = Kept(model, {*calls, *(CallRef(ref.layer, ref.call) for ref in inputs if ref in originals)})
    taken = {layer.name for layer in kept.layers} | _automatic_names(kept.layers, len(inputs))
    fresh = {ref: _unique(labels[ref], taken) for ref in inputs if ref not in originals}
    target = {ref: TensorRef(label) for ref, label in fresh.items()}

    def moved(ref: TensorRef) -> TensorRef:
        return target.get(ref) or kept.ref(ref)

    made = [Layer(name=label, class_name=INPUT, calls=(Node(),), spec=specs[ref]) for ref, label in fresh.items()]
    made += [kept.moved(layer, moved).named() for layer in kept.layers]
    built = Model(
        name=name,
        kind=model.kind,
        layers=tuple(made),
        inputs=_structure([moved(ref) for ref in inputs]),
        outputs=_structure([moved(ref) for ref in outputs]),
        **_plain_frame(model, made[0]),
        dialect=model.dialect,
        form=model.form,
    )
    return Extracted(in_order(built), kept.origins(), tuple(inputs), tuple(outputs))


def _plain_frame(model: Model, first: Layer) -> dict[str, FrozenDict]:
    """What a part's document says of itself.

    A class of the user's own stays with the whole: a part is a plain model, for nobody knows whether that class could be made
    from a part. Where the original's unwritten input stays, so does the shape that the model was built with.
    """
    class_name = model.entry.get("class_name")
    gone = ("compile_config",) if first.implicit else _OF_THE_WHOLE
    config, entry = model.config.without(*gone), model.entry.without(*gone)
    if class_name in _PLAIN_CLASSES or not entry:
        return {"config": config, "entry": entry}
    known = FrozenDict({key: value for key, value in config.items() if key in _FRAME})
    if model.kind == "functional":
        return {"config": known, "entry": FrozenDict()}
    plain = {"class_name": "Sequential", **({"module": "keras", "registered_name": None} if "module" in entry else {})}
    return {"config": known, "entry": entry | plain}


def in_order(model: Model) -> Model:
    """The layers in the order in which every release will rebuild them, by which weights are addressed; behind them those that
    no output needs, as Keras 2 writes what computes a loss.

    Before Keras 3 that order hangs on that of keyword arguments: tf.keras up to 2.15 visits them sorted, tf_keras as they are
    written. They are written sorted here, so that both see the same.
    """
    if model.dialect == "keras3":
        return reordered(model)
    settled = (replace(layer, calls=tuple(node.settled() for node in layer.calls)) for layer in model.layers)
    return reordered(model.with_layers(tuple(settled)))


def _automatic_names(layers: Sequence[Layer], count: int) -> set[str]:
    """Names that Keras 3.0 to 3.6 gives to operations by itself when it rebuilds them, whatever the document calls them."""
    nameless = [layer for layer in layers if layer.is_operation and "name" not in layer.config]
    kinds = Counter(re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", layer.class_name).lower() for layer in nameless)
    return {f"{kind}_{number}" if number else kind for kind, most in kinds.items() for number in range(most + count)}


def _unique(wish: str, taken: set[str]) -> str:
    name, number = wish, 0
    while name in taken:
        number += 1
        name = f"{wish}_in{number if number > 1 else ''}"
    taken.add(name)
    return name


def _structure(refs: list[TensorRef]) -> TensorRef | tuple[TensorRef, ...]:
    return refs[0] if len(refs) == 1 else tuple(refs)
