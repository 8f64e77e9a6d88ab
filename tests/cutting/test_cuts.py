"""The chosen boundary is a true minimum: held against brute force on random graphs."""

from __future__ import annotations

import itertools
import random

import pytest

from configsplit.cutting.minimum_cut import FlowNetwork, heads
from configsplit.errors import CutError, DocumentError
from configsplit.graph.calls import CallGraph, call_graph, topological
from configsplit.graph.model import Layer, Model, Node, TensorRef, Use


def graph_of(edges: dict[str, list[str]], outputs: list[str]) -> Model:
    """A model from "layer: what it takes"; layers that take nothing are inputs."""
    layers = [
        Layer(
            name=name,
            class_name="Add" if takes else "InputLayer",
            calls=(Node(tuple(Use(TensorRef(other)) for other in takes)),),
        )
        for name, takes in edges.items()
    ]
    inputs = tuple(TensorRef(name) for name, takes in edges.items() if not takes)
    return Model(name="m", kind="functional", layers=tuple(layers), inputs=inputs, outputs=tuple(map(TensorRef, outputs)))


def random_model(seed: int) -> tuple[Model, dict[TensorRef, int]]:
    chance = random.Random(seed)
    names = [f"n{index}" for index in range(chance.randint(4, 10))]
    inputs = chance.randint(1, 2)
    edges = {
        name: [] if index < inputs else chance.sample(names[:index], chance.randint(1, min(index, 3)))
        for index, name in enumerate(names)
    }
    taken = {name for takes in edges.values() for name in takes}
    outputs = [name for name in names if name not in taken and edges[name]] or [names[-1]]
    return graph_of(edges, outputs), {TensorRef(name): chance.randint(1, 9) for name in names}


def crossing(graph: CallGraph, head: set[int], cost: dict[TensorRef, int]) -> int:
    return sum(
        cost[ref]
        for ref, takers in graph.consumers.items()
        if graph.producer(ref) in head
        and not graph.is_input[graph.producer(ref)]
        and any(taker not in head for taker in takers)
    )


def every_head(graph: CallGraph, needed: int) -> list[set[int]]:
    """All closed sets that contain the producer and none of the consumers of its tensor."""
    consumers = {taker for ref, takers in graph.consumers.items() if graph.producer(ref) == needed for taker in takers}
    calls = range(len(graph.calls))
    found = []
    for size in calls:
        for chosen in map(set, itertools.combinations(calls, size)):
            closed = all(maker in chosen for call in chosen for maker in graph.before[call])
            if needed in chosen and closed and not chosen & consumers:
                found.append(chosen)
    return found


@pytest.mark.parametrize("seed", range(150))
def test_smallest_is_a_true_minimum(seed: int) -> None:
    model, cost = random_model(seed)
    graph = call_graph(model)
    for ref in [ref for ref in graph.consumers if not graph.is_input[graph.producer(ref)]]:
        legal = every_head(graph, graph.producer(ref))
        best = min(crossing(graph, head, cost) for head in legal)
        (smallest,) = heads(graph, [(ref,)], "smallest", cost.__getitem__)
        assert crossing(graph, smallest, cost) == best
        (early,) = heads(graph, [(ref,)], "early", cost.__getitem__)
        (late,) = heads(graph, [(ref,)], "late", cost.__getitem__)
        assert all(early <= head for head in legal)
        assert all({call for call in head if not graph.is_input[call]} <= late for head in legal)


DIAMOND = {"x": [], "a": ["x"], "left": ["a"], "right": ["a"], "deep": ["right"], "sum": ["left", "deep"], "out": ["sum"]}


def names(graph: CallGraph, head: set[int]) -> set[str]:
    return {graph.calls[call].layer for call in head if not graph.is_input[call]}


def test_a_branch_is_cut_with_what_runs_beside_it() -> None:
    graph = call_graph(graph_of(DIAMOND, ["out"]))
    (early,) = heads(graph, [(TensorRef("left"),)], "early", lambda ref: 1)
    (late,) = heads(graph, [(TensorRef("left"),)], "late", lambda ref: 1)
    assert names(graph, early) == {"a", "left"}
    assert names(graph, late) == {"a", "left", "right", "deep"}
    cheap = {"right": 1}
    (smallest,) = heads(graph, [(TensorRef("left"),)], "smallest", lambda ref: cheap.get(ref.layer, 5))
    assert names(graph, smallest) == {"a", "left", "right"}


def test_successive_cuts_are_nested_whatever_their_order() -> None:
    graph = call_graph(graph_of(DIAMOND, ["out"]))
    first, second = heads(graph, [(TensorRef("sum"),), (TensorRef("a"),)], "early", lambda ref: 1)
    assert names(graph, first) == {"a"}
    assert names(graph, second) == {"a", "left", "right", "deep", "sum"}


def test_parallel_cuts_give_three_parts() -> None:
    graph = call_graph(graph_of(DIAMOND, ["out"]))
    first, second = heads(graph, [(TensorRef("left"),), (TensorRef("right"),)], "smallest", lambda ref: 1)
    assert first < second
    assert "right" not in names(graph, first)


def test_crossing_cuts_overlap_instead_of_failing() -> None:
    edges = {"x": [], "a1": ["x"], "a2": ["a1"], "b1": ["x"], "b2": ["b1"], "sum": ["a2", "b2"]}
    graph = call_graph(graph_of(edges, ["sum"]))
    cuts = [(TensorRef("a1"), TensorRef("b2")), (TensorRef("a2"), TensorRef("b1"))]
    first, second = heads(graph, cuts, "early", lambda ref: 1)
    assert not first <= second
    assert not second <= first


@pytest.mark.parametrize(
    ("boundary", "code"),
    [(["x"], "cut-at-input"), (["out"], "cut-at-output"), (["a", "left"], "cut-not-parallel")],
)
def test_what_cannot_be_cut_is_refused_with_its_reason(boundary: list[str], code: str) -> None:
    graph = call_graph(graph_of(DIAMOND, ["out"]))
    with pytest.raises(CutError) as caught:
        heads(graph, [tuple(map(TensorRef, boundary))], "smallest", lambda ref: 1)
    assert caught.value.code == code
    assert caught.value.hint


def test_the_same_boundary_twice_is_refused() -> None:
    graph = call_graph(graph_of(DIAMOND, ["out"]))
    with pytest.raises(CutError, match="nothing between"):
        heads(graph, [(TensorRef("a"),), (TensorRef("a"),)], "smallest", lambda ref: 1)


def test_an_output_that_nothing_consumes_is_cut_from_the_other_outputs() -> None:
    edges = {"x": [], "a": ["x"], "one": ["a"], "b": ["a"], "two": ["b"]}
    graph = call_graph(graph_of(edges, ["one", "two"]))
    (head,) = heads(graph, [(TensorRef("one"),)], "early", lambda ref: 1)
    assert names(graph, head) == {"a", "one"}


def test_a_cycle_is_named() -> None:
    with pytest.raises(DocumentError, match="a, b") as caught:
        topological(call_graph(graph_of({"x": [], "a": ["x", "b"], "b": ["a"]}, ["b"])))
    assert caught.value.code == "graph-cycle"


def test_flow_finds_the_cut_nearest_to_the_source() -> None:
    network = FlowNetwork(4)
    for start, end, room in ((0, 2, 3), (2, 3, 3), (3, 1, 3)):
        network.add(start, end, room)
    assert network.minimum_cut(0, 1) == {0}
