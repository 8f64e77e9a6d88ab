"""Take layers out: what took their output takes their input instead."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from configsplit.errors import CutError, DocumentError
from configsplit.graph.model import Layer, LayerPath, Model, Node, TensorRef
from configsplit.graph.provenance import Origin, Provenance, identity
from configsplit.graph.references import outputs_used
from configsplit.rewrites.common import Rewritten, prune, redirected, within
from configsplit.rewrites.part import in_order


def remove_layers(model: Model, paths: Collection[LayerPath]) -> Rewritten:
    """The model without some layers, each with all its calls; inside nested models too, for all calls of those.

    Shapes are not looked at: whoever calls this has held each layer's output against its input (see `stand_ins`).

    Raises:
        CutError: a layer takes or gives several tensors, or it is an input.
    """
    levels: dict[LayerPath, set[str]] = {}
    for path in paths:
        levels.setdefault(path[:-1], set()).add(path[-1])
    made, origins = model, dict(identity(model).layers)
    for place in sorted(levels, key=len, reverse=True):
        done: list[Rewritten] = []
        made = within(made, place, partial(_remove_and_keep, names=levels[place], done=done))
        kept = done[0].provenance.layers
        if place:
            origins |= {(*place, *inner): Origin((*place, *origin.path)) for inner, origin in kept.items()}
        else:
            inside = {path: origin for path, origin in origins.items() if len(path) > 1 and path[:1] in kept}
            origins = {**kept, **inside}
    return Rewritten(made, Provenance(origins))


def _remove_and_keep(model: Model, names: Collection[str], done: list[Rewritten]) -> Model:
    """`within` hands models on; what else is known of the rewrite is left in ``done``."""
    done.append(_removed(model, names))
    return in_order(done[0].model)


def _removed(model: Model, names: Collection[str]) -> Rewritten:
    instead = stand_ins(model, names)
    return Rewritten(*prune(redirected(model, lambda _, ref: instead.get(ref, ref))))


def stand_ins(model: Model, names: Collection[str]) -> dict[TensorRef, TensorRef]:
    """The tensor that will stand for each output of the layers that go, where anything that stays takes it.

    Raises:
        CutError: a layer takes or gives several tensors, or it is an input.
        DocumentError: the layers that go feed one another in a ring.
    """
    layers, used = model.by_name(), outputs_used(model)
    takes = {
        TensorRef(name, number): _only_input(layers[name], number, node, used)
        for name in names
        for number, node in enumerate(layers[name].calls)
    }
    staying = [use.ref for layer in model.layers if layer.name not in names for node in layer.calls for use in node.uses()]
    sources: dict[TensorRef, TensorRef] = {}
    for ref in (*staying, *model.output_refs()):
        source, steps = ref, 0
        while source in takes:
            source, steps = takes[source], steps + 1
            if steps > len(takes):
                raise _ring(source)
        if source != ref:
            sources[ref] = source
    return sources


def _ring(ref: TensorRef) -> DocumentError:
    hint = "no layer may depend on its own output; the document is damaged"
    return DocumentError(f"the graph has a cycle through {ref.layer}", code="graph-cycle", where=ref.layer, hint=hint)


def _only_input(layer: Layer, number: int, node: Node, used: dict[tuple[str, int], list[int]]) -> TensorRef:
    """The one tensor that a call takes; a mask beside it does not count."""
    taken = Node(node.args, node.kwargs.without("mask")).uses()
    if layer.is_input:
        reason = "it is an input of the model"
    elif len(taken) != 1:
        reason = f"it takes {len(taken)} tensors, and nothing says which of them should stand for its output"
    elif used[layer.name, number] != [0]:
        reason = "it gives several tensors"
    else:
        return taken[0].ref
    raise CutError(
        f"layer {layer.name!r} ({layer.class_name}) cannot be removed: {reason}",
        code="remove-not-plain",
        where=layer.name,
        hint="put something in its place: configsplit replace --from ... --to ... --donor DONOR",
    )
