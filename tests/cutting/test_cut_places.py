"""The rows of `cuts`: each is what ``--at`` gives there, and its figures are those of both sides."""

from __future__ import annotations

import pytest
from brute_force import crossing, every_head, graph_of, random_measure, random_model
from support.thinned import thinned

from configsplit.cutting.minimum_cut import heads
from configsplit.cutting.places import CutPlace, Tally, cut_places, segmented
from configsplit.cutting.working_set import WorkingSets
from configsplit.errors import CutError
from configsplit.graph.calls import CallGraph, topological
from configsplit.graph.model import Model, TensorRef
from configsplit.graph.references import boundary, outputs_used, tensor_name

SEEDS = 60


def without_inputs(graph: CallGraph, head: set[int] | frozenset[int]) -> frozenset[int]:
    return frozenset(call for call in head if not graph.is_input[call])


def smallest(graph: CallGraph, refs: list[TensorRef], price: dict[TensorRef, int]) -> frozenset[int] | None:
    try:
        (head,) = heads(graph, [tuple(refs)], "smallest", price.__getitem__)
    except CutError:
        return None
    return without_inputs(graph, head)


@pytest.mark.parametrize("block", thinned(range(10), 4))
def test_there_is_one_row_for_the_smallest_boundary_through_each_tensor(block: int) -> None:
    for seed in range(SEEDS * block, SEEDS * block + SEEDS):
        model, price = random_model(seed, 9 + seed % 3 * 15)
        graph = graph_of(model)
        whole = segmented(graph, price.__getitem__)
        rows = [whole.head(place) for place in cut_places(graph, whole, price.__getitem__)]
        assert len(rows) == len(set(rows))
        expected = set()
        for (layer, call), outputs in outputs_used(model).items():
            refs = [TensorRef(layer, call, output) for output in outputs]
            if not model.by_name()[layer].is_input:
                taken = [ref for ref in refs if ref in graph.consumers]
                groups = [refs] if len(taken) < 2 else [refs, *([ref] for ref in taken)]
                expected |= {smallest(graph, group, price) for group in groups}
        assert set(rows) == expected - {None}


@pytest.mark.parametrize("block", thinned(range(10), 4))
def test_the_reference_of_a_row_cuts_exactly_there(block: int) -> None:
    for seed in range(SEEDS * block, SEEDS * block + SEEDS):
        model, price = random_model(seed, 9 + seed % 3 * 15)
        graph, layers, used = graph_of(model), model.by_name(), outputs_used(model)
        whole = segmented(graph, price.__getitem__)
        for place in cut_places(graph, whole, price.__getitem__):
            text = ",".join(tensor_name(ref, layers, used) for ref in place.at) or _name(graph, model, place)
            assert smallest(graph, list(boundary(model, text)), price) == whole.head(place)


def _name(graph: CallGraph, model: Model, place: CutPlace) -> str:
    """Of a call whose outputs nobody takes."""
    layer, call = graph.calls[place.through]
    return f"{layer}@{call}" if len(model.by_name()[layer].calls) > 1 else layer


@pytest.mark.parametrize("block", thinned(range(5), 2))
def test_no_place_through_which_a_single_tensor_passes_is_missing(block: int) -> None:
    for seed in range(SEEDS * block, SEEDS * block + SEEDS):
        model, price = random_model(seed)
        graph = graph_of(model)
        whole = segmented(graph, price.__getitem__)
        rows = {place.tensors for place in cut_places(graph, whole, price.__getitem__) if len(place.tensors) == 1}
        for head in every_head(graph):
            made = [ref for ref in graph.consumers if graph.producer(ref) in head]
            across = [ref for ref in made if any(taker not in head for taker in graph.consumers[ref])]
            if len(across) == 1 and head.isdisjoint(graph.consumers[across[0]]):
                assert (across[0],) in rows


def naive_peaks(graph: CallGraph, order: list[int], inside: int, price: dict[TensorRef, int]) -> tuple[int, int]:
    """The working sets by asking of every tensor at every step whether it lives."""
    place = {call: index for index, call in enumerate(order)}
    steps = [0] * len(order)
    for ref in {*graph.consumers, *graph.outputs}:
        times = [place[taker] for taker in graph.consumers.get(ref, ())]
        times += [place[graph.producer(ref)]] if graph.producer(ref) in place else []
        for step in range(min(times), max(times) + 1) if times else ():
            steps[step] += price[ref]
    return max(steps[:inside]), max(steps[inside:], default=0)


@pytest.mark.parametrize("block", thinned(range(5), 2))
def test_the_figures_of_a_row_are_those_of_both_sides(block: int) -> None:
    for seed in range(SEEDS * block, SEEDS * block + SEEDS):
        model, price = random_model(seed, 9 + seed % 3 * 15)
        graph = graph_of(model)
        whole = segmented(graph, price.__getitem__)
        measure = random_measure(seed, model, graph, shared=True)
        tally, working = Tally(whole, measure), WorkingSets(graph, whole, price.__getitem__)
        everything = set(whole.order)
        for place in cut_places(graph, whole, price.__getitem__):
            head = whole.head(place)
            assert place.bytes == crossing(graph, head, price)
            assert tally.sides(place) == (measure.of(set(head)), measure.of(everything - head))
            order = [call for call in whole.order if call in head] + [call for call in whole.order if call not in head]
            assert working.peaks(place) == naive_peaks(graph, order, len(head), price)


def test_rows_are_in_the_order_of_the_model() -> None:
    model, price = random_model(7)
    graph = graph_of(model)
    whole = segmented(graph, price.__getitem__)
    sizes: list[tuple[int, int]] = [(place.segment, place.mask.bit_count()) for place in _rows(graph, price)]
    assert sizes == sorted(sizes)
    assert [graph.calls[call] for call in whole.order] == sorted(
        (graph.calls[call] for call in whole.order), key=lambda call: topological(graph)[graph.number[call]]
    )


def _rows(graph: CallGraph, price: dict[TensorRef, int]) -> list[CutPlace]:
    return cut_places(graph, segmented(graph, price.__getitem__), price.__getitem__)
