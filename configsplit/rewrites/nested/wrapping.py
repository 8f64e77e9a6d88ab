"""What a rewrite asks of those who know the dialect about models that stand in the config of a wrapper."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from configsplit.cutting.minimum_cut import Choice, heads
from configsplit.errors import CutError, ShapeError
from configsplit.graph.calls import CallGraph, call_graph, topological
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Model, TensorRef, TensorSpec
from configsplit.inference import Inference
from configsplit.rewrites.split import bytes_per_sample

Specs = Mapping[TensorRef, TensorSpec]
"""What is known of tensors of one model."""

NO_SPECS: Specs = MappingProxyType({})


class Wrapping(Protocol):
    """Models in the config of a wrapper, which only those who know the dialect can read, write and describe."""

    @property
    def choice(self) -> Choice:
        """Which of the legal cuts through a tensor is meant."""

    def read(self, layer: Layer) -> Model:
        """The model in a wrapper. Raises CutError where there is none that could be divided."""

    def write(self, model: Model) -> FrozenDict:
        """The entry of a model, as it stands in a wrapper's config."""

    def specs(self, model: Model, given: Specs) -> Specs:
        """Shape and dtype of every tensor of a model; ``given`` is what the user says, and wins."""

    def infer(self, model: Model, given: Specs) -> Inference:
        """The same with all that is known of nested models."""

    def conforms(self, place: str) -> bool:
        """Whether Keras conforms what is handed to a model to the dtype and rank of the model's input, asked for a place that
        needs it. Raises CutError where it does, and the document cannot hold the operations that say so."""

    def check_masks(self, model: Model, name: str, calls: Sequence[int], inner: Model) -> None:
        """Raises CutError if a mask would be lost between the parts of the model in the wrapper ``name``."""

    def check_pruned(self, model: Model, kept: Model) -> None:
        """Raises CutError if a layer that no output needs, and that is gone from ``kept``, took a mask off a tensor."""


def known(wrapping: Wrapping | None, name: str) -> Wrapping:
    """Raises CutError where nobody can read wrappers: nothing in them can have been named there."""
    if wrapping is None:
        raise CutError(f"what is in {name!r} cannot be named here", code="cut-not-openable", where=name)
    return wrapping


# Which tensors cross at each cut of a wrapped model, where the cuts follow one another in a row.


def crossing_sets(
    model: Model, cuts: Sequence[Sequence[TensorRef]], wrapping: Wrapping, given: Specs = NO_SPECS
) -> tuple[list[tuple[TensorRef, ...]], list[int | None]]:
    """The tensors that cross at each cut of a wrapped model, in the order in which the cuts follow one another; and for each
    cut its number in that order (None for one without tensors). ``given`` is what the user says of tensors in it.
    """
    graph = call_graph(model)
    position = topological(graph)
    there = [number for number, cut in enumerate(cuts) if cut]
    order = sorted(there, key=lambda number: max(position[graph.producer(ref)] for ref in cuts[number]))
    specs = wrapping.specs(model, given) if there else {}
    chosen = _chosen(graph, [cuts[number] for number in there], wrapping.choice, specs)
    sets: list[tuple[TensorRef, ...]] = []
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
        sets.append(crossing)
    return sets, [order.index(number) if number in there else None for number in range(len(cuts))]


def _chosen(graph: CallGraph, cuts: Sequence[Sequence[TensorRef]], choice: Choice, specs: Specs) -> list[set[int]]:
    """The heads that are meant. Raises ShapeError where the smallest of several boundaries depends on sizes that are open."""

    def by(choice: Choice) -> list[set[int]]:
        return heads(graph, cuts, choice, lambda ref: bytes_per_sample(specs.get(ref, TensorSpec())))

    opened = (ref for ref in graph.consumers if None in (specs.get(ref, TensorSpec()).shape or ())[1:])
    if choice == "smallest" and (ref := next(opened, None)) and by("early") != by("late"):
        raise ShapeError(
            f"which boundary in the wrapped model is the smallest depends on the size of {ref.layer!r}, which is open",
            code="size-needed",
            where=ref.layer,
            hint="choose another cut: --boundary early, or late",
        )
    return by(choice)


def _crossing(graph: CallGraph, head: Collection[int]) -> tuple[TensorRef, ...]:
    """What a head gives to the calls outside of it, inputs left out, in document order."""
    refs = (
        ref
        for ref, takers in graph.consumers.items()
        if graph.producer(ref) in head and not graph.is_input[graph.producer(ref)] and any(each not in head for each in takers)
    )
    return tuple(sorted(refs, key=lambda ref: (graph.producer(ref), ref.output)))
