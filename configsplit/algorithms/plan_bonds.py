"""Units that no plan may tell apart: where a tensor must not cross, its producer and all that takes it stay in one stage."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from configsplit.algorithms.calls import CallGraph
from configsplit.algorithms.plan_units import Units, merged
from configsplit.ir.graph import TensorRef


def bonded(units: Units, graph: CallGraph, bonds: Collection[TensorRef]) -> Units:
    """The units of `plan_units.units_of` with those as one between which a tensor of ``bonds`` would cross; lossless.

    What lies between two units of a group belongs to it too, and groups that need one another are one: the strongly connected
    components of the graph in which the producer of such a tensor needs its consumers as well.
    """
    if not bonds:
        return units
    number = {call: unit for unit, calls in enumerate(units.calls) for call in calls}
    after = [list(takers) for takers in units.after]
    for ref in bonds:
        if (maker := number.get(graph.producer(ref))) is not None:
            for taker in graph.consumers.get(ref, ()):
                after[number[taker]].append(maker)
    return merged(units, components(after))


def components(after: Sequence[Sequence[int]]) -> list[int]:
    """Per node, the smallest number in its strongly connected component (Kosaraju's algorithm, iterative)."""
    before: list[list[int]] = [[] for _ in after]
    for node, takers in enumerate(after):
        for taker in takers:
            before[taker].append(node)
    found = [-1] * len(after)
    for start in reversed(_finished(after)):
        todo = [start] if found[start] < 0 else []
        members = []
        while todo:
            node = todo.pop()
            if found[node] < 0:
                found[node] = start
                members.append(node)
                todo += [other for other in before[node] if found[other] < 0]
        smallest = min(members, default=start)
        for node in members:
            found[node] = smallest
    return found


def _finished(after: Sequence[Sequence[int]]) -> list[int]:
    """The nodes in the order in which a depth-first search is done with them."""
    seen, order = [False] * len(after), []
    for start in range(len(after)):
        stack = [(start, 0)] if not seen[start] else []
        seen[start] = True
        while stack:
            node, position = stack.pop()
            if position == len(after[node]):
                order.append(node)
                continue
            stack.append((node, position + 1))
            taker = after[node][position]
            if not seen[taker]:
                seen[taker] = True
                stack.append((taker, 0))
    return order
