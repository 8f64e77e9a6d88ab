"""Tensors at which no cut may lie, since a part could not be fed with them: of unknown kind or shape, or with a mask that would
be lost. Plans and lists of places keep clear of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from configsplit.boundaries.masks import check_order, check_sayable
from configsplit.errors import CutError
from configsplit.graph.calls import call_graph
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.inference import Inference, traced_masks
from configsplit.inference.tensor_kinds import check_kinds
from configsplit.models.document import Document
from configsplit.rewrites.masks import MaskTensors


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What may not cross.

    Attributes:
        doubtful: tensors of which nobody can say whether they are sparse or ragged.
        unknown: tensors whose shape or dtype nobody can tell.
        masked: tensors with a mask that is used and cannot cross, for the reason in ``lost``.
        nameless: tensors that no reference names.
    """

    doubtful: frozenset[TensorRef] = frozenset()
    unknown: frozenset[TensorRef] = frozenset()
    masked: frozenset[TensorRef] = frozenset()
    lost: CutError | None = None
    nameless: frozenset[TensorRef] = frozenset()

    @property
    def all(self) -> frozenset[TensorRef]:
        return self.doubtful | self.unknown | self.masked | self.nameless

    def refuse(self, inference: Inference) -> None:
        """Raises CutError: the reason of the first, where a way around them was not found."""
        check_kinds(sorted(self.doubtful), self.doubtful, inference)
        if self.lost is not None:
            raise self.lost


def forbidden(inference: Inference, doubtful: frozenset[TensorRef]) -> Forbidden:
    """Those that can be seen in any document; ``doubtful`` as `tensor_kinds.with_kinds` gives them."""
    graph = call_graph(inference.model)
    specs: Mapping[TensorRef, TensorSpec] = inference.specs
    made = [ref for ref in graph.consumers if not graph.is_input[graph.producer(ref)]]
    by_ref = {ref: specs.get(ref, TensorSpec()) for ref in made}
    unknown = frozenset(ref for ref, spec in by_ref.items() if spec.shape is None or spec.dtype is None)
    return Forbidden(doubtful & frozenset(made), unknown)


def with_masks(known: Forbidden, document: Document, inference: Inference) -> Forbidden:
    """The same with the tensors whose masks `split` could not hand over."""
    masks = traced_masks(inference)
    heeded = masks.heeded()
    if not heeded:
        return known
    try:
        check_order(masks)
    except CutError as error:
        return replace(known, masked=frozenset(inference.specs), lost=error)
    try:
        check_sayable(document, inference.model, masks, sorted(heeded))
    except CutError as error:
        return replace(known, masked=frozenset(heeded), lost=error)
    tensors = MaskTensors(inference.model, masks, inference)
    layers = inference.model.by_name()
    lost: dict[TensorRef, CutError] = {}
    for ref in sorted(heeded):
        try:
            tensors.of(ref)
        except CutError as error:
            if error.code == "cut-mask-unknown" or layers[masks.tensors[ref].why[0] or ref.layer].model is None:
                lost[ref] = error
    return replace(known, masked=frozenset(lost), lost=next(iter(lost.values()), None))
