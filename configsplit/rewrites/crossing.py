"""Which tensors cross at each cut of a wrapped model, where the cuts follow one another in a row."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from configsplit.algorithms.calls import CallGraph, call_graph, topological
from configsplit.algorithms.cuts import heads
from configsplit.errors import CutError
from configsplit.ir.graph import Model, TensorRef, TensorSpec
from configsplit.rewrites.split import bytes_per_sample
from configsplit.rewrites.wrapping import NO_SPECS, Specs, Wrapping


def crossing_sets(
    model: Model, cuts: Sequence[Sequence[TensorRef]], wrapping: Wrapping, given: Specs = NO_SPECS
) -> tuple[list[tuple[TensorRef, ...]], list[int | None]]:
    """The tensors that cross at each cut of a wrapped model, in the order in which the cuts follow one another; and for each
    cut its number in that order (None for one without tensors). ``given`` is what the user says of tensors in it.

    Raises:
        CutError: a cut cannot be made, or two of them do not follow one another.
    """
    graph = call_graph(model)
    position = topological(graph)
    there = [number for number, cut in enumerate(cuts) if cut]
    order = sorted(there, key=lambda number: max(position[graph.producer(ref)] for ref in cuts[number]))
    specs = wrapping.specs(model, given) if there else {}
    chosen = heads(
        graph, [cuts[number] for number in there], wrapping.choice, lambda ref: bytes_per_sample(specs.get(ref, TensorSpec()))
    )
    found: list[tuple[TensorRef, ...]] = []
    head: set[int] = set()
    for each, number in zip(chosen, order, strict=True):
        head |= each
        crossing = _crossing(graph, head)
        if not set(cuts[number]) <= set(crossing):
            raise CutError(
                "cuts through different branches of one wrapped model do not follow one another",
                code="cut-not-parallel",
                hint="give the tensors as one boundary: --at A,B",
            )
        found.append(crossing)
    return found, [order.index(number) if number in there else None for number in range(len(cuts))]


def _crossing(graph: CallGraph, head: Collection[int]) -> tuple[TensorRef, ...]:
    """What a head gives to the calls outside of it, inputs left out, in document order."""
    refs = (
        ref
        for ref, takers in graph.consumers.items()
        if graph.producer(ref) in head and not graph.is_input[graph.producer(ref)] and any(each not in head for each in takers)
    )
    return tuple(sorted(refs, key=lambda ref: (graph.producer(ref), ref.output)))
