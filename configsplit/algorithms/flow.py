"""Maximum flow and the minimum cut nearest to the source (Dinic 1970), on integer capacities, iterative."""

from __future__ import annotations

from collections import deque


class FlowNetwork:
    """A directed network over nodes 0 .. n-1; edges may be added until `minimum_cut` is asked for."""

    def __init__(self, nodes: int) -> None:
        self._edges: list[list[int]] = [[] for _ in range(nodes)]
        self._head: list[int] = []
        self._room: list[int] = []

    def add(self, start: int, end: int, capacity: int) -> None:
        for tail, head, room in ((start, end, capacity), (end, start, 0)):  # edge e and its reverse are e and e ^ 1
            self._edges[tail].append(len(self._head))
            self._head.append(head)
            self._room.append(room)

    def minimum_cut(self, source: int, sink: int) -> set[int]:
        """The smallest set of nodes on the source's side of a minimum cut."""
        while (levels := self._levels(source))[sink] >= 0:
            self._block(source, sink, levels)
        return {node for node, level in enumerate(levels) if level >= 0}

    def _levels(self, source: int) -> list[int]:
        levels = [-1] * len(self._edges)
        levels[source] = 0
        todo = deque([source])
        while todo:
            node = todo.popleft()
            for edge in self._edges[node]:
                head = self._head[edge]
                if self._room[edge] and levels[head] < 0:
                    levels[head] = levels[node] + 1
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
        edges = self._edges[node]
        while next_edge[node] < len(edges):
            edge = edges[next_edge[node]]
            if self._room[edge] and levels[self._head[edge]] == levels[node] + 1:
                return edge
            next_edge[node] += 1
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
