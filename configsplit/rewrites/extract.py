"""One part of a model: some of its calls, fresh InputLayers for what reaches them from outside, references renumbered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from configsplit.algorithms.order import rebuild_order, visits_as_written
from configsplit.ir.graph import CallRef, Layer, Model, Node, TensorRef, TensorSpec
from configsplit.ir.provenance import Provenance
from configsplit.ir.values import FrozenDict
from configsplit.rewrites.renumber import kept_origins, moved_layer, numbers_of

_OF_THE_WHOLE = ("build_config", "compile_config", "build_input_shape")
"""What a document says of a whole model that is not true of its parts: shapes it was built with, losses, optimizers."""


_PLAIN_CLASSES = ("Functional", "Model", "Sequential")
_FRAME = ("name", "trainable", "dtype", "layers", "input_layers", "output_layers")


@dataclass(frozen=True, slots=True)
class Extracted:
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
    kept = set(calls) | {CallRef(ref.layer, ref.call) for ref in inputs if ref in originals}
    layers = [layer for layer in model.layers if any((layer.name, call) in kept for call in range(len(layer.calls)))]
    taken = {layer.name for layer in layers}
    fresh = {ref: _unique(labels[ref], taken) for ref in inputs if ref not in originals}
    numbers = numbers_of(layers, kept)
    target = {ref: TensorRef(label) for ref, label in fresh.items()}

    def moved(ref: TensorRef) -> TensorRef:
        return target.get(ref) or ref._replace(call=numbers[ref.layer, ref.call])

    made = [_input_layer(label, specs[ref]) for ref, label in fresh.items()]
    made += [moved_layer(layer, kept, moved) for layer in layers]
    built = Model(
        name=name,
        kind=model.kind,
        layers=tuple(made),
        inputs=_structure([moved(ref) for ref in inputs]),
        outputs=_structure([moved(ref) for ref in outputs]),
        **_plain_frame(model),
        dialect=model.dialect,
        form=model.form,
    )
    return Extracted(in_order(built, like=model), kept_origins(layers, kept), tuple(inputs), tuple(outputs))


def _plain_frame(model: Model) -> dict[str, FrozenDict]:
    """What a part's document says of itself. A class of the user's own stays with the whole: a part is a plain model, for
    nobody knows whether that class could be made from a part."""
    class_name = model.entry.get("class_name")
    config, entry = model.config.without(*_OF_THE_WHOLE), model.entry.without(*_OF_THE_WHOLE)
    if class_name in _PLAIN_CLASSES or not entry:
        return {"config": config, "entry": entry}
    known = FrozenDict({key: value for key, value in config.items() if key in _FRAME})
    if model.kind == "functional":
        return {"config": known, "entry": FrozenDict()}
    plain = {"class_name": "Sequential", **({"module": "keras", "registered_name": None} if "module" in entry else {})}
    return {"config": known, "entry": entry | plain}


def in_order(model: Model, *, like: Model) -> Model:
    """The layers in the order in which the release that wrote ``like`` will rebuild them, by which weights are addressed."""
    layers = model.by_name()
    names = rebuild_order(model, as_written=visits_as_written(like))
    return model.with_layers(tuple(layers[name] for name in names))


def _unique(wish: str, taken: set[str]) -> str:
    name, number = wish, 0
    while name in taken:
        number += 1
        name = f"{wish}_in{number if number > 1 else ''}"
    taken.add(name)
    return name


def _input_layer(name: str, spec: TensorSpec) -> Layer:
    return Layer(name=name, class_name="InputLayer", calls=(Node(),), spec=spec)


def _structure(refs: list[TensorRef]) -> TensorRef | tuple[TensorRef, ...]:
    return refs[0] if len(refs) == 1 else tuple(refs)
