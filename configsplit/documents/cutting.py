"""`split`: from references as people write them to parts with their provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configsplit.algorithms.cuts import Choice
from configsplit.dialects import emit
from configsplit.documents.document import Document, given_shapes
from configsplit.errors import CutError
from configsplit.inference import Inference, explain, traced_masks
from configsplit.ir.graph import Model, TensorRef, TensorSpec
from configsplit.ir.provenance import Provenance
from configsplit.ir.references import places
from configsplit.report.hazards import hazards
from configsplit.rewrites.extract import Extracted
from configsplit.rewrites.open import Surfaced, described, surface
from configsplit.rewrites.split import Split
from configsplit.rewrites.split import split as split_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Sequence[Extracted]):
    """The parts of one split: a sequence in which each runs after those before it.

    ``whole`` is the model that was cut, with nested models opened as far as the cuts needed; ``origins`` gives, per part,
    where its layers came from in the document; ``inference`` describes the tensors of ``whole``.
    """

    document: Document
    whole: Surfaced
    split: Split
    origins: tuple[Provenance, ...]
    inference: Inference
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.split.parts)

    def __getitem__(self, index: Any) -> Any:
        return self.split.parts[index]

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(part.model for part in self.split.parts)

    def save(self, directory: str | Path, **options: Any) -> Any:
        """Write the parts and their manifest; see `configsplit.documents.saving.save` for the options."""
        from configsplit.documents.saving import save

        return save(self, directory, **options)

    def __repr__(self) -> str:
        return f"<{len(self)} parts of {self.document.path.name}: {', '.join(str(len(m.layers)) for m in self.models)} layers>"


def split(
    document: Document,
    at: str | Iterable[str],
    *,
    boundary: Choice = "smallest",
    shapes: Iterable[str] | Mapping[TensorRef, TensorSpec] = (),
) -> Parts:
    """Cut a model; pure, the document is unchanged and nothing is written.

    Args:
        document: what `load` gave.
        at: one reference, or several for successive cuts; ``"A,B"`` is one boundary through both tensors.
        boundary: which of the legal cuts through the tensor: the one with the fewest bytes across ("smallest"), the
            smallest head ("early"), or the largest ("late").
        shapes: shapes of tensors that neither the document nor any rule tells: ``"LAYER=None,28,28,128"``.

    Raises:
        TensorReferenceError: a reference names no tensor, or several.
        CutError: the model cannot be cut there.
        ShapeError: the shape of a tensor that crosses is unknown.
    """
    texts = [at] if isinstance(at, str) else list(at)
    if not texts:
        raise CutError("no place to cut at was given", code="cut-nowhere", hint="name a layer: --at LAYER")
    whole = surface(document.model, [places(document.model, text) for text in texts])
    given = dict(shapes) if isinstance(shapes, Mapping) else given_shapes(whole.model, list(shapes))
    inference = document.infer(given, whole.model)
    model = described(whole.model, inference.specs) if whole.steps else whole.model
    done = split_model(model, whole.boundaries, inference.specs, boundary, lambda ref: explain(inference, ref))
    if document.dialect != "keras3":
        refuse_lost_masks(done, inference)
    origins = tuple(part.provenance.after(whole.provenance) for part in done.parts)
    warnings = tuple(f"{found.where}: {found.message}" for found in hazards(emit(document.model)))
    return Parts(document=document, whole=whole, split=done, origins=origins, inference=inference, warnings=warnings)


def refuse_lost_masks(done: Split, inference: Inference) -> None:
    """Before Keras 3 a mask travels behind the scenes, beside its tensor, and would be lost at a boundary.

    Raises:
        CutError: a tensor that crosses carries a mask.
    """
    masks = traced_masks(inference)
    originals = set(done.model.input_refs())
    crossing = (ref for part in done.parts for ref in part.inputs if ref not in originals)
    for ref in crossing:
        if ref in masks.tensors:
            raise CutError(
                f"a mask is alive at {ref.layer!r} and would be lost there: it is no tensor of the graph before Keras 3",
                code="cut-mask-lost",
                hint="cut before the layer that makes the mask, or behind the last one that uses it",
            )
