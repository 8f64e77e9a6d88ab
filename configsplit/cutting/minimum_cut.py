"""Where a cut may lie, and which of the legal cuts through given tensors is meant.

A cut is a head: a set of calls that is closed under "needs". It goes through a tensor if the tensor's producer is in the
head and its consumers are not. Between the smallest such head (what the tensor needs) and the largest (all but what needs
its consumers) every closed set is legal; the one whose crossing tensors have the fewest bytes is a minimum cut.
InputLayers belong to no side: an original input goes straight to whoever consumes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from configsplit.errors import CutError
from configsplit.graph.calls import CallGraph, closure, topological
from configsplit.graph.model import TensorRef

Choice = Literal["smallest", "early", "late"]
Cost = Callable[[TensorRef], int]
"""What a tensor costs if it crosses, in bytes per sample."""


class Bounds(NamedTuple):
    """The smallest legal head, and the calls that must stay behind the cut (closed under "is needed by")."""

    head: set[int]
    tail: set[int]


def heads(graph: CallGraph, boundaries: Sequence[Sequence[TensorRef]], choice: Choice, cost: Cost) -> list[set[int]]:
    """One head for each boundary, in the order in which the cuts follow one another.

    Boundaries that can be passed one after the other give nested heads. Boundaries that cross (A before B in one branch, B
    before A in another) give heads that overlap.

    Raises:
        CutError: a boundary cannot be cut, or two of them are the same.
    """
    for boundary in boundaries:
        _legal(graph, boundary)
    position = topological(graph)
    ordered = sorted(boundaries, key=lambda boundary: max(position[graph.producer(ref)] for ref in boundary))
    chained = _chain(graph, ordered, choice, cost)
    return chained or [_choose(graph, _bounds(graph, [boundary], set()), choice, cost) for boundary in ordered]


def _chain(graph: CallGraph, ordered: Sequence[Sequence[TensorRef]], choice: Choice, cost: Cost) -> list[set[int]] | None:
    """Nested heads, or None if the boundaries cross."""
    chained: list[set[int]] = []
    for index in range(len(ordered)):
        bounds = _bounds(graph, ordered[index:], chained[-1] if chained else set())
        if bounds.head & bounds.tail:
            return None
        head = _choose(graph, bounds, choice, cost)
        if chained and all(graph.is_input[call] for call in head - chained[-1]):
            raise CutError(
                "two of the boundaries are at the same place, with nothing between them",
                code="cut-empty-part",
                hint="name one of them only, or give both as one boundary: --at A,B",
            )
        chained.append(head)
    return chained


def _legal(graph: CallGraph, boundary: Sequence[TensorRef]) -> None:
    """Raises CutError if no head has the boundary on its edge."""
    if all(graph.is_input[graph.producer(ref)] for ref in boundary):
        raise CutError(
            f"{boundary[0].layer!r} is an input of the model: nothing lies before it",
            code="cut-at-input",
            hint="cut at a layer behind it",
        )
    for ref in boundary:
        others = [graph.producer(other) for other in boundary if other != ref]
        if closure(others, graph.before) & set(graph.consumers.get(ref, ())):
            raise CutError(
                f"one boundary cannot pass through {ref.layer!r} and a tensor that is computed from it",
                code="cut-not-parallel",
                hint="give the tensors as successive cuts: --at FIRST --at SECOND",
            )


def _bounds(graph: CallGraph, boundaries: Sequence[Sequence[TensorRef]], before: set[int]) -> Bounds:
    """Bounds of the first boundary; the others must stay reachable behind it, and ``before`` is in the head already."""
    head = before | closure((graph.producer(ref) for ref in boundaries[0]), graph.before)
    behind: set[int] = set()
    for boundary in boundaries:
        for ref in boundary:
            behind.update(graph.consumers.get(ref, ()))
    for boundary in boundaries[1:]:
        behind.update(graph.producer(ref) for ref in boundary if graph.producer(ref) not in head)
    if not any(graph.consumers.get(ref) for ref in boundaries[0]):
        behind.update(_other_outputs(graph, boundaries[0], head))
    tail = closure(behind, graph.after)
    if not any(graph.producer(ref) in tail for ref in graph.outputs):
        raise _at_output(boundaries[0], "no output of the model lies behind it, only what computes a loss")
    return Bounds(head, tail)


def _other_outputs(graph: CallGraph, boundary: Sequence[TensorRef], head: set[int]) -> Iterable[int]:
    """Nothing consumes the boundary: it is an output of the model, and the tail is what the other outputs need besides."""
    others = [call for call in map(graph.producer, graph.outputs) if call not in head]
    if not others:
        raise _at_output(boundary, "it is the last output of the model")
    return others


def _at_output(boundary: Sequence[TensorRef], why: str) -> CutError:
    what = f"nothing lies behind {boundary[0].layer!r}: {why}"
    return CutError(what, code="cut-at-output", hint="cut at a layer before it")


def _choose(graph: CallGraph, bounds: Bounds, choice: Choice, cost: Cost) -> set[int]:
    if choice == "early":
        return bounds.head
    if choice == "late":
        return set(range(len(graph.calls))) - bounds.tail
    return _smallest(graph, bounds, cost)


def _smallest(graph: CallGraph, bounds: Bounds, cost: Cost) -> set[int]:
    """The head with the fewest bytes across; of several the smallest. A minimum cut over the calls that are free to choose.

    A tensor is a node between its producer and its consumers, so that it is paid for once however many consume it; edges
    without limit from a call back to what it needs keep the head closed.
    """
    free = [call for call in range(len(graph.calls)) if call not in bounds.head and call not in bounds.tail]
    if not free:
        return bounds.head
    node = {call: index + 2 for index, call in enumerate(free)}
    tensors = [
        ref for ref, takers in graph.consumers.items() if graph.producer(ref) in node or any(taker in node for taker in takers)
    ]
    network = FlowNetwork(2 + len(free) + len(tensors))
    prices = [0 if graph.is_input[graph.producer(ref)] else cost(ref) for ref in tensors]
    unlimited = sum(prices) + 1
    for index, (ref, price) in enumerate(zip(tensors, prices, strict=True), start=2 + len(free)):
        network.add(node.get(graph.producer(ref), 0), index, price)
        for taker in graph.consumers[ref]:
            if taker not in bounds.head:
                network.add(index, node.get(taker, 1), unlimited)
    for call in free:
        for maker in graph.before[call]:
            if maker in node:
                network.add(node[call], node[maker], unlimited)
    side = network.minimum_cut(0, 1)
    return bounds.head | {call for call in free if node[call] in side}


# Maximum flow and the minimum cut nearest to the source (Dinic 1970), on integer capacities, iterative.


class FlowNetwork:
    """A directed network over nodes 0 .. n-1; edges may be added until `minimum_cut` is asked for."""

    def __init__(self, nodes: int) -> None:
        self._edges: list[list[int]] = [[] for _ in range(nodes)]
        self._head: list[int] = []
        self._room: list[int] = []

    def add(self, start: int, end: int, capacity: int) -> None:
        edge = len(self._head)  # its reverse is edge ^ 1
        self._edges[start].append(edge)
        self._edges[end].append(edge + 1)
        self._head += (end, start)
        self._room += (capacity, 0)

    def minimum_cut(self, source: int, sink: int) -> set[int]:
        """The smallest set of nodes on the source's side of a minimum cut."""
        while (levels := self._levels(source, sink))[sink] >= 0:
            self._block(source, sink, levels)
        return {node for node, level in enumerate(levels) if level >= 0}

    def _levels(self, source: int, sink: int) -> list[int]:
        """How far each node is from the source where there is room; -1 where no way leads, or none as short as to the sink."""
        edges, heads, room = self._edges, self._head, self._room
        levels = [-1] * len(edges)
        levels[source] = 0
        todo = deque([source])
        while todo and levels[sink] < 0:
            node = todo.popleft()
            level = levels[node] + 1
            for edge in edges[node]:
                if room[edge] and levels[head := heads[edge]] < 0:
                    levels[head] = level
                    todo.append(head)
        return levels

    def _block(self, source: int, sink: int, levels: list[int]) -> None:
        """Push a blocking flow along the level graph; ``path`` is the depth-first stack of edges."""
        next_edge = [0] * len(self._edges)
        path: list[int] = []
        node = source
        while True:
            if node == sink:
                node = self._push(path)
                continue
            edge = self._advance(node, next_edge, levels)
            if edge >= 0:
                path.append(edge)
                node = self._head[edge]
            elif path:
                last = path.pop()
                node = self._head[last ^ 1]
                next_edge[node] += 1
            else:
                return

    def _advance(self, node: int, next_edge: list[int], levels: list[int]) -> int:
        edges, heads, room, level = self._edges[node], self._head, self._room, levels[node] + 1
        for number in range(next_edge[node], len(edges)):
            edge = edges[number]
            if room[edge] and levels[heads[edge]] == level:
                next_edge[node] = number
                return edge
        next_edge[node] = len(edges)
        return -1

    def _push(self, path: list[int]) -> int:
        """Send what the path can carry, cut it back to before the first full edge, and say where it ends now."""
        amount = min(self._room[edge] for edge in path)
        for edge in path:
            self._room[edge] -= amount
            self._room[edge ^ 1] += amount
        full = next(index for index, edge in enumerate(path) if not self._room[edge])
        node = self._head[path[full] ^ 1]
        del path[full:]
        return node


def partition(graph: CallGraph, heads: Sequence[set[int]]) -> list[list[int]]:
    """The calls of each part; InputLayers are in none.

    Calls that lie in the same heads form a part. An edge of the graph can only leave heads, never enter one, so parts in
    the order of "in more heads first" never wait for a later one. Nested heads (N cuts) give N + 1 parts; crossing ones may
    give more.
    """
    parts: dict[tuple[bool, ...], list[int]] = {}
    for call in range(len(graph.calls)):
        if not graph.is_input[call]:
            parts.setdefault(tuple(call in head for head in heads), []).append(call)
    if len(parts) <= len(heads):
        raise CutError("one of the parts would have no layer", code="cut-empty-part", hint="cut at fewer places")
    return [parts[key] for key in sorted(parts, key=lambda key: (-sum(key), tuple(not inside for inside in key)))]
