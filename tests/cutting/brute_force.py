"""Small random graphs and, for each, every plan that there is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from configsplit.cutting.pipeline.search import Terms
from configsplit.cutting.pipeline.units import Measure
from configsplit.graph.calls import CallGraph, call_graph
from configsplit.graph.model import Layer, Model, Node, TensorRef, Use


def random_model(seed: int, most: int = 9) -> tuple[Model, dict[TensorRef, int]]:
    """Branches, shared layers, layers with two outputs, several inputs and outputs; and a price of each tensor."""
    chance = random.Random(seed)
    inputs = [f"x{index}" for index in range(chance.randint(1, 2))]
    nodes: dict[str, list[Node]] = {name: [Node()] for name in inputs}
    tensors = [TensorRef(name) for name in inputs]
    for index in range(chance.randint(2, most)):
        own = [name for name in nodes if name not in inputs]
        name = chance.choice(own) if own and chance.random() < 0.2 else f"n{index}"
        near = tensors[-3:] if chance.random() < 0.7 else tensors
        taken = chance.sample(near, chance.randint(1, min(len(near), 3)))
        nodes.setdefault(name, []).append(Node((tuple(map(Use, taken)),)))
        tensors += [TensorRef(name, len(nodes[name]) - 1, output) for output in range(1 + (chance.random() < 0.15))]
    layers = tuple(
        Layer(name=name, class_name="InputLayer" if name in inputs else "Add", calls=tuple(calls))
        for name, calls in nodes.items()
    )
    uses = {use.ref for calls in nodes.values() for node in calls for use in node.uses()}
    outputs = [ref for ref in tensors if ref not in uses and ref.layer not in inputs]
    outputs += [ref for ref in tensors if ref in uses and ref.layer not in inputs and chance.random() < 0.1]
    model = Model(
        name="m", kind="functional", layers=layers, inputs=tuple(map(TensorRef, inputs)), outputs=tuple(outputs or tensors[-1:])
    )
    return model, {ref: chance.randint(1, 9) for ref in tensors}


def random_measure(seed: int, model: Model, graph: CallGraph, *, shared: bool) -> Measure:
    """Many calls cost nothing. With ``shared`` a layer that is called several times is paid for once in each stage."""
    chance = random.Random(seed)
    own = [0 if is_input or chance.random() < 0.4 else chance.choice([1, 2, 3, 5, 8, 20]) for is_input in graph.is_input]
    groups = []
    for layer in model.layers:
        calls = tuple(number for number, call in enumerate(graph.calls) if call.layer == layer.name)
        if shared and len(calls) > 1:
            groups.append((chance.randint(0, 9), calls))
    return Measure(own, tuple(groups))


def every_head(graph: CallGraph) -> list[frozenset[int]]:
    """Every closed set of calls, by adding one call after the other."""
    calls = [call for call in range(len(graph.calls)) if not graph.is_input[call]]
    found = {frozenset[int]()}
    todo = [frozenset[int]()]
    while todo:
        head = todo.pop()
        for call in calls:
            if call not in head and all(maker in head or graph.is_input[maker] for maker in graph.before[call]):
                larger = head | {call}
                if larger not in found:
                    found.add(larger)
                    todo.append(larger)
    return sorted(found, key=lambda head: (len(head), sorted(head)))


def crossing(graph: CallGraph, head: frozenset[int], price: dict[TensorRef, int]) -> int:
    return sum(
        price[ref]
        for ref, takers in graph.consumers.items()
        if graph.producer(ref) in head and any(taker not in head for taker in takers)
    )


def exhaustive(
    graph: CallGraph, price: dict[TensorRef, int], cost: Measure, weight: Measure, terms: Terms
) -> tuple[int, int] | None:
    """(largest stage, bytes) of the best of all plans, None if none keeps to the limits."""
    heads = every_head(graph)
    across = {head: crossing(graph, head, price) for head in heads}
    ways: dict[frozenset[int], set[tuple[int, int]]] = {frozenset(): {(0, 0)}}
    for stage in range(terms.stages):
        last = stage == terms.stages - 1
        onward: dict[frozenset[int], set[tuple[int, int]]] = {}
        for outer in heads[-1:] if last else heads[:-1]:
            if not last and across[outer] > terms.bytes[stage]:
                continue
            for inner, known in ways.items():
                if inner < outer:
                    time = _time(outer - inner, 0 if last else across[outer], stage, cost, weight, terms)
                    if time is not None:
                        new = {(max(worst, time), size + (0 if last else across[outer])) for worst, size in known}
                        onward.setdefault(outer, set()).update(new)
        ways = {head: _pareto(known) for head, known in onward.items()}
    return min((way for known in ways.values() for way in known), default=None)


def fewest_bytes(graph: CallGraph, price: dict[TensorRef, int], cost: Measure, stages: int, largest: int) -> int | None:
    """The fewest bytes of all plans in which no stage costs more than ``largest``."""
    heads = every_head(graph)
    ways = {frozenset[int](): 0}
    for stage in range(stages):
        last = stage == stages - 1
        onward: dict[frozenset[int], int] = {}
        for outer in heads[-1:] if last else heads[:-1]:
            sizes = [size for inner, size in ways.items() if inner < outer and cost.of(set(outer - inner)) <= largest]
            if sizes:
                onward[outer] = min(sizes) + (0 if last else crossing(graph, outer, price))
        ways = onward
    return min(ways.values(), default=None)


def _time(members: frozenset[int], size: int, stage: int, cost: Measure, weight: Measure, terms: Terms) -> int | None:
    if weight.of(set(members)) > terms.weight[stage]:
        return None
    edges = stage < terms.stages - 1
    link = terms.link[stage] if edges else None
    own = Terms(terms.pace[stage : stage + 1], (0,), (), ()).longest([cost.of(set(members))], [])
    return own if link is None else max(own, -(-size * link.denominator // link.numerator))


def _pareto(ways: set[tuple[int, int]]) -> set[tuple[int, int]]:
    kept: set[tuple[int, int]] = set()
    least: int | None = None
    for worst, size in sorted(ways):
        if least is None or size < least:
            kept.add((worst, size))
            least = size
    return kept


def check_heads(graph: CallGraph, heads: Sequence[frozenset[int]]) -> None:
    """Heads are closed, and each lies inside the next."""
    everything = frozenset(call for call in range(len(graph.calls)) if not graph.is_input[call])
    edges = [frozenset[int](), *heads, everything]
    for inner, outer in pairwise(edges):
        assert inner < outer
    for head in heads:
        assert all(maker in head or graph.is_input[maker] for call in head for maker in graph.before[call])


def graph_of(model: Model) -> CallGraph:
    return call_graph(model)
