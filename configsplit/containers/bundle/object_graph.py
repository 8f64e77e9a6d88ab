"""The graph of objects in a checkpoint of TensorFlow 2: which array belongs to which object, by the names in which one object
keeps another (``tensorflow/core/protobuf/trackable_object_graph.proto``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from configsplit.containers.bundle.tensors import Bundle
from configsplit.containers.bundle.wire import Damaged, damaged, messages, number_in, text_in

KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"


class Variable(NamedTuple):
    """An array that an object is: its key in the bundle, and the name that TensorFlow gave it (``dense/kernel``)."""

    key: str
    name: str


class ObjectGraph:
    """Objects by number; 0 is the one that was saved. There may be circles: who walks has to remember where it was.

    Raises:
        StoreError: the bundle has none, or it is damaged.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.where = bundle.where
        if KEY not in bundle.entries:
            raise damaged(self.where, "the weights have no graph of objects: TensorFlow 1 wrote them")
        try:
            self._nodes = [*messages(bundle.text(KEY), 1)]
        except Damaged as error:
            raise damaged(self.where, *error.args) from None
        if not self._nodes:
            raise damaged(self.where, "the graph of objects has no object")
        self._known: dict[int, Mapping[str, int]] = {}

    def children(self, node: int) -> Mapping[str, int]:
        """What an object keeps, by name. Raises StoreError if the graph is damaged."""
        if node not in self._known:
            try:
                self._known[node] = dict(_references(self._nodes[node]))
            except Damaged as error:
                raise damaged(self.where, *error.args) from None
            if any(child >= len(self._nodes) for child in self._known[node].values()):
                raise damaged(self.where, "an object keeps one that there is not")
        return self._known[node]

    def at(self, node: int, *names: str) -> int | None:
        """The object that another keeps, step by step; None where there is none. Raises StoreError as `children` does."""
        at: int | None = node
        for name in names:
            at = None if at is None else self.children(at).get(name)
        return at

    def row(self, node: int | None) -> tuple[int, ...]:
        """The objects of a list, in its order. Raises StoreError as `children` does."""
        kept = {} if node is None else self.children(node)
        return tuple(kept[str(number)] for number in range(len(kept)) if str(number) in kept)

    def variable(self, node: int) -> Variable | None:
        """The array that an object is; None where it is none. Raises StoreError if the graph is damaged."""
        found = next((each for each in self._attributes(node) if each[0] == "VARIABLE_VALUE"), None)
        return None if found is None else Variable(found[2], found[1])

    def table(self, node: int) -> str | None:
        """Where the bundle has the table that an object is: behind this key with ``-keys`` and ``-values``."""
        return next((key for name, _, key in self._attributes(node) if name == "table"), None)

    def _attributes(self, node: int) -> list[tuple[str, str, str]]:
        """What is kept of an object: what it is, the name that TensorFlow gave it, its key in the bundle."""
        try:
            return [(text_in(data, 1), text_in(data, 2), text_in(data, 3)) for data in messages(self._nodes[node], 2)]
        except Damaged as error:
            raise damaged(self.where, *error.args) from None


def _references(data: memoryview) -> Iterator[tuple[str, int]]:
    for reference in messages(data, 1):
        yield text_in(reference, 2), number_in(reference, 1)
