"""`split`: from references as people write them to parts with their provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from configsplit.algorithms.calls import call_graph, closure
from configsplit.algorithms.cuts import Choice
from configsplit.dialects import emit
from configsplit.documents.document import Document, given_shapes
from configsplit.errors import CutError
from configsplit.inference import Inference, Masks, explain, traced_masks
from configsplit.ir.graph import CallRef, Model, TensorRef, TensorSpec
from configsplit.ir.provenance import Provenance
from configsplit.ir.references import places
from configsplit.report.hazards import hazards
from configsplit.rewrites.extract import Extracted
from configsplit.rewrites.masks import explicit_masks, makers, users
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

    def cut(whole: Surfaced) -> tuple[Split, Inference]:
        inference = document.infer(given, whole.model)
        model = described(whole.model, inference.specs) if whole.steps else whole.model
        why = partial(explain, inference)
        return split_model(model, whole.boundaries, inference.specs, boundary, why), inference

    done, inference = cut(whole)
    if document.dialect != "keras3" and loses_masks(done, masks := traced_masks(inference)):
        whole = replace(whole, model=with_explicit_masks(document, whole.model, masks.tensors), explicit_masks=True)
        done, inference = cut(whole)
    origins = tuple(part.provenance.after(whole.provenance) for part in done.parts)
    warnings = tuple(f"{found.where}: {found.message}" for found in hazards(emit(document.model)))
    return Parts(document=document, whole=whole, split=done, origins=origins, inference=inference, warnings=warnings)


def loses_masks(done: Split, masks: Masks) -> bool:
    """Whether a layer would use a mask that begins in another part.

    Raises:
        CutError: a layer that nobody has declared stands between, and may or may not hand the mask on.
    """
    homes = {
        CallRef(*old): number
        for number, part in enumerate(done.parts)
        for path, origin in part.provenance.layers.items()
        for old in ((origin.path[0], call) for call in origin.calls)
        if path == origin.path
    }
    begins = makers(done.model, masks.tensors)
    using = users(done.model, masks.tensors)
    for name, class_name in masks.unknown.items():
        if len({homes.get(CallRef(name, 0)), *_homes_behind(done.model, name, homes)}) > 1:
            raise CutError(
                f"a mask arrives at layer {name!r}, and nobody has declared whether {class_name} hands it on",
                code="cut-mask-unknown",
                where=name,
                hint=f"declare {class_name} in a plug-in (mask='passes' or 'stops'): --custom-objects FILE.py",
            )
    return any(homes.get(maker) != homes[call] for call, tensors in using.items() for ref in tensors for maker in begins[ref])


def _homes_behind(model: Model, name: str, homes: Mapping[CallRef, int]) -> set[int]:
    """The parts that hold what depends on a layer."""
    graph = call_graph(model)
    seeds = [graph.number[call] for call in graph.calls if call.layer == name]
    return {homes[graph.calls[call]] for call in closure(seeds, graph.after)}


def with_explicit_masks(document: Document, model: Model, masked: frozenset[TensorRef]) -> Model:
    """The model with its masks as tensors of the graph.

    Raises:
        CutError: the release that wrote the document has no operation layers, or a mask takes a way that they cannot follow.
    """
    version = [int(step) for step in document.release.split(".")[:2] if step.isdigit()]
    if version and version < [2, 4]:
        raise CutError(
            f"a mask is alive at the boundary, and Keras {document.release} has no operation layers to carry it over",
            code="cut-mask-lost",
            hint="cut before the layer that makes the mask, or behind the last one that uses it",
        )
    return explicit_masks(model, masked)
