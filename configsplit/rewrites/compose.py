"""Plain composition: models in a row become one flat graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from configsplit.errors import CutError, nearest
from configsplit.graph.model import Layer, Model, TensorRef, free_name
from configsplit.graph.provenance import Origin, Provenance, identity
from configsplit.rewrites.common import Rewritten
from configsplit.rewrites.insert import attach

By = Literal["position", "name"]


class Seam(NamedTuple):
    """An input of model number ``model``, and the tensor of the graph so far that feeds it."""

    model: int
    input: TensorRef
    fed_by: TensorRef


class Composed(NamedTuple):
    rewritten: Rewritten
    seams: tuple[Seam, ...]


def compose(models: Sequence[Model], by: By = "position") -> Composed:
    """The models one behind the other, their layers side by side.

    By position: the outputs of each are the inputs of the next, in order. By name: an input takes the output of an earlier
    model that has its name (the name of the layer that gives it); other inputs stay inputs of the whole, and outputs that
    nobody takes stay outputs of the whole. A name that is taken gets the first free of the suffixes _2, _3, ...

    Raises:
        CutError: numbers do not fit, or no input has the name of an output.
    """
    whole = models[0]
    provenance = identity(whole)
    named = {ref.layer: ref for ref in whole.output_refs()}
    outputs, seams = list(whole.output_refs()), list[Seam]()
    for number, model in enumerate(models[1:], start=1):
        fed = _fed(number, model, outputs, named, by)
        whole, starts, extra = _with_inputs(whole, model, fed, number)
        attached = attach(whole, model, starts, source=number)
        whole = attached.model
        provenance = Provenance({**attached.provenance.layers, **provenance.layers, **extra})
        seams += [Seam(number, ref, start) for ref, start in fed.items()]
        gone = set(fed.values())
        outputs = [ref for ref in outputs if ref not in gone] + list(attached.outputs)
        named |= {own.layer: ref for own, ref in zip(model.output_refs(), attached.outputs, strict=True)}
    ends = outputs[0] if len(outputs) == 1 else tuple(outputs)
    return Composed(Rewritten(replace(whole, outputs=ends), provenance), tuple(seams))


def _fed(
    number: int, model: Model, outputs: Sequence[TensorRef], named: dict[str, TensorRef], by: By
) -> dict[TensorRef, TensorRef]:
    inputs = model.input_refs()
    if by == "name":
        fed = {ref: named[ref.layer] for ref in inputs if ref.layer in named}
        if not fed:
            listed = ", ".join(ref.layer for ref in inputs)
            raise CutError(
                f"no input of model {number + 1} ({listed}) has the name of an earlier output",
                code="join-names",
                where=inputs[0].layer,
                hint=nearest(inputs[0].layer, named),
            )
        return fed
    if len(inputs) != len(outputs):
        raise CutError(
            f"the models before model {number + 1} give {len(outputs)} tensors "
            f"({', '.join(ref.layer for ref in outputs)}), it takes {len(inputs)}",
            code="join-counts",
            hint="join them --by name, where the rest stays open",
        )
    return dict(zip(inputs, outputs, strict=True))


def _with_inputs(
    whole: Model, model: Model, fed: dict[TensorRef, TensorRef], number: int
) -> tuple[Model, list[TensorRef], dict[tuple[str, ...], Origin]]:
    """The whole with the inputs that nothing feeds, and what feeds each input of the model."""
    taken = {layer.name for layer in whole.layers}
    layers, starts, origins = list[Layer](), list[TensorRef](), dict[tuple[str, ...], Origin]()
    own = model.by_name()
    for ref in model.input_refs():
        if ref in fed:
            starts.append(fed[ref])
            continue
        name = free_name(ref.layer, taken)
        entry = own[ref.layer].entry
        if entry:
            entry = entry | {"name": name, "config": own[ref.layer].config | {"name": name}}
        layers.append(replace(own[ref.layer], name=name, entry=entry))
        origins[(name,)] = Origin((ref.layer,), (0,), number)
        starts.append(TensorRef(name))
    if not layers:
        return whole, starts, origins
    inputs = (*whole.input_refs(), *(TensorRef(layer.name) for layer in layers))
    return replace(whole, layers=(*whole.layers, *layers), inputs=inputs), starts, origins
