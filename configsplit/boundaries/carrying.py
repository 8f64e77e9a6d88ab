"""Carry out what was chosen on a flat graph: on the model in which only those nested models are open that a boundary lies in.

A nested model all calls inside of which are in one stage stays closed. One that is opened is opened in all its calls, so that
no part holds the weights of a layer twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from configsplit.boundaries.flattened import Flattened
from configsplit.boundaries.masks import Sliced, prepared, with_masks
from configsplit.boundaries.shapes import unknown_shape
from configsplit.cutting.minimum_cut import partition
from configsplit.graph.calls import CallGraph, call_graph, topological
from configsplit.graph.model import LayerPath, Model
from configsplit.inference.tensor_kinds import check_kinds, with_kinds
from configsplit.models.wrapped import DocumentWrapping
from configsplit.rewrites.common import described
from configsplit.rewrites.nested.flat import Flat, Inner, flatten, outer_calls, path_of
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.split import assemble


@dataclass(frozen=True, slots=True)
class Carried:
    """The parts; ``masked`` says that masks cross besides what was chosen."""

    sliced: Sliced
    masked: bool


def carried_out(seen: Flattened, heads: Sequence[frozenset[int]]) -> Carried:
    """Cut behind each of some nested heads of the flat graph.

    Raises:
        CutError: a tensor that crosses may be sparse or ragged, or its mask cannot cross.
        ShapeError: the shape of a tensor that crosses is unknown.
    """
    work = _Carrying(seen, heads)
    sliced = with_masks(seen.document, work.cut(), work.deeper, work.assembled)
    return Carried(sliced, work.crosses_besides(sliced))


class _Carrying:
    """One model, cut at given places, with as much of it open as has to be."""

    def __init__(self, seen: Flattened, heads: Sequence[frozenset[int]]) -> None:
        self._document, self._seen, self._last = seen.document, seen, len(heads)
        graph = seen.graph
        stage = [sum(call not in head for head in heads) for call in range(len(graph.calls))]
        self._stages = {inner: stage[graph.number[call]] for inner, call in seen.flat.calls.items()}
        self._within: dict[Inner, set[int]] = {}
        for outer, numbers in seen.groups.items():
            self._within[outer] = {stage[number] for number in numbers}
        self._open = self._needed() if heads else set()
        self._flat = seen.flat

    def _needed(self) -> set[LayerPath]:
        """The nested models that are cut, and those in which a layer is that no output needs: its cost is none of a stage's."""
        cut = {path_of(outer) for outer, calls in self._within.items() if len(calls) > 1}
        return cut | {path_of(outer) for inside, _ in self._seen.flat.dead for outer in outer_calls(inside)}

    def _opened(self) -> Flat:
        if self._open == self._seen.flat.opened:
            return self._seen.flat
        return flatten(self._document.model, DocumentWrapping(self._document), self._seen.told, self._open.__contains__)

    def deeper(self, whole: Surfaced, names: Iterable[str]) -> Sliced | None:
        """The parts with some closed models opened as well; None if all are open."""
        more = {whole.provenance.layers[name,].path for name in names}
        if more <= self._open:
            return None
        self._open |= more
        return self.cut()

    def cut(self) -> Sliced:
        """The parts of the model with what has to be open opened."""
        while True:
            self._flat = self._opened()
            whole = prepared(self._document, self._flat.whole)
            closed = self._in_between(whole.model)
            if closed <= self._open:
                return self.assembled(whole)
            self._open |= closed

    def assembled(self, whole: Surfaced) -> Sliced:
        """The parts of one form of the model."""
        inference, doubtful = with_kinds(self._document.infer(whole.given, whole.model))
        model = described(whole.model, inference.specs) if whole.steps else whole.model
        graph = call_graph(model)
        stage = self._staged(model, graph)
        heads = [{call for call, number in enumerate(stage) if number <= head} for head in range(self._last)]
        calls = [call for call in range(len(graph.calls)) if not graph.is_input[call]]
        parts = partition(graph, heads) if heads else [calls]
        done = assemble(model, graph, parts, inference.specs, partial(unknown_shape, self._document, whole, inference))
        check_kinds([ref for taken in done.inputs for ref in taken], doubtful, inference)
        return Sliced(whole, done, inference)

    def _known(self, graph: CallGraph) -> dict[int, int]:
        """The stages of the calls that are calls of the original, or of closed models."""
        numbers = {}
        for inner, call in self._flat.calls.items():
            within = self._within.get(inner, ())
            number = self._stages.get(inner, min(within, default=None))
            if number is not None:
                numbers[graph.number[call]] = number
        return numbers

    def _staged(self, model: Model, graph: CallGraph) -> list[int]:
        """The stage of each call; inputs are in none (-1). What was put in stands right before those that take it; what makes
        masks right behind what it makes them of, since a mask is smaller."""
        known = self._known(graph)
        masking = {layer.name for layer in model.layers} - {layer.name for layer in self._flat.whole.model.layers}
        position = topological(graph)
        order = sorted(range(len(graph.calls)), key=position.__getitem__)
        stage = [-1 if graph.is_input[call] else known.get(call, -2) for call in range(len(graph.calls))]
        for call in reversed(order):
            if stage[call] == -2:
                stage[call] = min((stage[taker] for taker in graph.after[call]), default=self._last)
        for call in order:
            makers = [stage[maker] for maker in graph.before[call] if not graph.is_input[maker]]
            if call not in known and graph.calls[call].layer in masking and makers:
                stage[call] = max(makers)
        return stage

    def _in_between(self, model: Model) -> set[LayerPath]:
        """Closed models that hand something through from a stage before the one that they are in."""
        graph, layers = call_graph(model), model.by_name()
        stage = self._staged(model, graph)
        between = set()
        for maker, takers in enumerate(graph.after):
            layer = layers[graph.calls[maker].layer]
            if layer.model is not None and any(stage[taker] < stage[maker] for taker in takers):
                between.add(self._flat.whole.provenance.layers[layer.name,].path)
        return between

    def crosses_besides(self, sliced: Sliced) -> bool:
        """Whether a tensor crosses that was none of those that were chosen between: a mask."""
        there = {layer.name for layer in self._flat.whole.model.layers}
        return bool(sliced.whole.masks) or any(ref.layer not in there for taken in sliced.split.inputs for ref in taken)
