"""Tensors at which no cut may lie, since a part could not be fed with them: of unknown kind or shape, or with a mask that would
be lost. Plans and lists of places keep clear of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from configsplit.algorithms.calls import call_graph, closure
from configsplit.documents.cutting import with_explicit_masks
from configsplit.documents.document import Document
from configsplit.documents.tensor_kinds import check_kinds
from configsplit.errors import CutError
from configsplit.inference import Inference, Masks, traced_masks
from configsplit.ir.graph import Model, TensorRef, TensorSpec
from configsplit.rewrites.masks import users


@dataclass(frozen=True, slots=True)
class Barriers:
    """What may not cross.

    Attributes:
        doubtful: tensors of which nobody can say whether they are sparse or ragged.
        untold: tensors whose shape or dtype nobody can tell.
        masked: tensors with a mask that is used and cannot cross, for the reason in ``lost``.
    """

    doubtful: frozenset[TensorRef] = frozenset()
    untold: frozenset[TensorRef] = frozenset()
    masked: frozenset[TensorRef] = frozenset()
    lost: CutError | None = None

    @property
    def all(self) -> frozenset[TensorRef]:
        return self.doubtful | self.untold | self.masked

    def refuse(self, inference: Inference) -> None:
        """Raises CutError: the reason of the first, where a way around them was not found."""
        check_kinds(sorted(self.doubtful), self.doubtful, inference)
        if self.lost is not None:
            raise self.lost


def barriers(inference: Inference, doubtful: frozenset[TensorRef]) -> Barriers:
    """Those that can be seen in any document; ``doubtful`` as `tensor_kinds.with_kinds` gives them."""
    graph = call_graph(inference.model)
    specs: Mapping[TensorRef, TensorSpec] = inference.specs
    made = [ref for ref in graph.consumers if not graph.is_input[graph.producer(ref)]]
    found = {ref: specs.get(ref, TensorSpec()) for ref in made}
    untold = frozenset(ref for ref, spec in found.items() if spec.shape is None or spec.dtype is None)
    return Barriers(doubtful & frozenset(made), untold)


def with_masks(known: Barriers, document: Document, inference: Inference) -> Barriers:
    """The same with the masks that cannot be made tensors of the graph, as `split` would have to for a cut through them."""
    if document.dialect == "keras3":
        return known
    masks = traced_masks(inference)
    try:
        with_explicit_masks(document, inference.model, masks.tensors)
    except CutError as error:
        return replace(known, masked=used(inference.model, masks), lost=error)
    return replace(known, masked=_behind(inference.model, masks)) if masks.unknown else known


def used(model: Model, masks: Masks) -> frozenset[TensorRef]:
    """The masked tensors whose masks are used somewhere behind them, and all that lies behind a layer of which nobody can say
    whether it hands its mask on."""
    graph = call_graph(model)
    todo = [ref for taken in users(model, masks.tensors).values() for ref in taken]
    found = set[TensorRef]()
    while todo:
        ref = todo.pop()
        if ref not in found:
            found.add(ref)
            todo += [taken for taken in graph.arguments[graph.producer(ref)] if taken in masks.tensors]
    return frozenset(found) | _behind(model, masks)


def _behind(model: Model, masks: Masks) -> frozenset[TensorRef]:
    graph = call_graph(model)
    names = {each for name in masks.unknown for each in (name, name.partition("/")[0])}
    calls = closure((number for number, call in enumerate(graph.calls) if call.layer in names), graph.after)
    return frozenset(ref for ref in graph.consumers if graph.producer(ref) in calls)
