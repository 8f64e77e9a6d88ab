"""Leave out calls that no output needs. Opening a nested model brings up what only its unused outputs needed."""

from __future__ import annotations

from dataclasses import replace

from configsplit.algorithms.calls import call_graph, closure
from configsplit.ir.graph import Model, TensorRef
from configsplit.ir.provenance import Provenance
from configsplit.ir.values import rebuild
from configsplit.rewrites.renumber import kept_origins, moved_layer, numbers_of


def prune(model: Model) -> tuple[Model, Provenance]:
    """The model without dead calls and without layers that have no call left; declared inputs stay."""
    graph = call_graph(model)
    needed = closure((graph.producer(ref) for ref in graph.outputs), graph.before)
    needed |= {graph.producer(ref) for ref in model.input_refs()}
    kept = {graph.calls[call] for call in needed}
    layers = [layer for layer in model.layers if any((layer.name, call) in kept for call in range(len(layer.calls)))]
    numbers = numbers_of(layers, kept)

    def moved(ref: TensorRef) -> TensorRef:
        return ref._replace(call=numbers[ref.layer, ref.call])

    outputs = rebuild(model.outputs, lambda leaf: moved(leaf) if type(leaf) is TensorRef else leaf)
    made = tuple(moved_layer(layer, kept, moved) for layer in layers)
    return replace(model, layers=made, outputs=outputs), kept_origins(layers, kept)
