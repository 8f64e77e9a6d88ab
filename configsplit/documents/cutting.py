"""`split`: from references as people write them to parts with their provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from configsplit.algorithms.calls import call_graph, closure
from configsplit.algorithms.cuts import Choice
from configsplit.documents.document import Document
from configsplit.documents.tensor_kinds import check_kinds, with_kinds
from configsplit.documents.untold import untold
from configsplit.documents.wrapping import DocumentWrapping, places_in, release_of, told_shapes
from configsplit.errors import CutError
from configsplit.inference import Inference, Masks, traced_masks
from configsplit.ir.graph import CallRef, Model, TensorRef, TensorSpec
from configsplit.ir.provenance import Provenance
from configsplit.rewrites.extract import Extracted
from configsplit.rewrites.masks import explicit_masks, makers, users
from configsplit.rewrites.open import described
from configsplit.rewrites.split import Split, assemble
from configsplit.rewrites.split import split as split_model
from configsplit.rewrites.surface import Surfaced, surface
from configsplit.rewrites.widen import Cast, is_exact, widen


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

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.documents.notebook import parts_html

        return parts_html(self)

    def __repr__(self) -> str:
        return f"<{len(self)} parts of {self.document.path.name}: {', '.join(str(len(m.layers)) for m in self.models)} layers>"


def split(
    document: Document,
    at: str | Iterable[str],
    *,
    boundary: Choice = "smallest",
    shapes: Iterable[str] | Mapping[TensorRef, TensorSpec] = (),
    boundary_dtype: str | None = None,
) -> Parts:
    """Cut a model; pure, the document is unchanged and nothing is written.

    Args:
        document: what `load` gave.
        at: one reference, or several for successive cuts; ``"A,B"`` is one boundary through both tensors.
        boundary: which of the legal cuts through the tensor: the one with the fewest bytes across ("smallest"), the
            smallest head ("early"), or the largest ("late").
        shapes: shapes of tensors that neither the document nor any rule tells: ``"LAYER=None,28,28,128"``.
        boundary_dtype: hand tensors of a narrower floating type over as this one, cast back behind the boundary.

    Raises:
        TensorReferenceError: a reference names no tensor, or several.
        CutError: the model cannot be cut there.
        ShapeError: the shape of a tensor that crosses is unknown.
    """
    texts = [at] if isinstance(at, str) else list(at)
    if not texts:
        raise CutError("no place to cut at was given", code="cut-nowhere", hint="name a layer: --at LAYER")
    wrapping, wanted = DocumentWrapping(document, boundary), [places_in(document, text) for text in texts]
    told = told_shapes(document, shapes)
    whole = surface(document.model, wanted, wrapping, told=told)

    def cut(whole: Surfaced) -> tuple[Split, Inference]:
        inference, doubtful = with_kinds(document.infer(whole.given, whole.model))
        model = described(whole.model, inference.specs) if whole.steps else whole.model
        why = partial(untold, document, whole, inference)
        done = split_model(model, whole.boundaries, inference.specs, boundary, why, doubtful)
        check_kinds([ref for part in done.parts for ref in part.inputs], doubtful, inference)
        return done, inference

    done, inference = cut(whole)
    if document.dialect != "keras3" and loses_masks(done, masks := traced_masks(inference)):
        if through := handing_on(whole, masks):
            whole = surface(document.model, wanted, wrapping, through, told)
            done, inference = cut(whole)
            masks = traced_masks(inference)
        whole = replace(whole, model=with_explicit_masks(document, whole.model, masks.tensors), explicit_masks=True)
        done, inference = cut(whole)
    if boundary_dtype is not None:
        whole, done, inference = hand_over_as(boundary_dtype, document, whole, done, inference)
    origins = tuple(part.provenance.after(whole.provenance) for part in done.parts)
    return Parts(document=document, whole=whole, split=done, origins=origins, inference=inference)


def handing_on(whole: Surfaced, masks: Masks) -> dict[str, tuple[int, ...]]:
    """Nested models that hand out masked tensors, by their names and calls in the document: opened, their layers can be
    followed one by one. Those that came up from inside others stay closed."""
    found: dict[str, tuple[int, ...]] = {}
    for layer in whole.model.layers:
        origin = whole.provenance.layers.get((layer.name,))
        calls = {ref.call for ref in masks.tensors if ref.layer == layer.name}
        if layer.model is not None and calls and origin is not None and origin.path == (layer.name,):
            found[layer.name] = tuple(sorted(origin.calls[call] for call in calls))
    return found


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
        if len(_homes_behind(done.model, name.partition("/")[0], homes) | _homes_behind(done.model, name, homes)) > 1:
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
    if () < release_of(document) < (2, 4):
        raise CutError(
            f"a mask is alive at the boundary, and Keras {document.release} has no operation layers to carry it over",
            code="cut-mask-lost",
            hint="cut before the layer that makes the mask, or behind the last one that uses it",
        )
    attends = any(
        layer.class_name == "MultiHeadAttention"
        for call in users(model, masked)
        for layer in model.layers
        if layer.name == call.layer
    )
    if attends and () < release_of(document) < (2, 10):
        raise CutError(
            f"a mask reaches MultiHeadAttention, which heeds it since TF 2.10 and did not in {document.release}",
            code="cut-mask-lost",
            hint="cut before the layer that makes the mask, or behind the attention",
        )
    return explicit_masks(model, masked)


def hand_over_as(
    dtype: str, document: Document, whole: Surfaced, done: Split, inference: Inference
) -> tuple[Surfaced, Split, Inference]:
    """The same split with narrower tensors cast at its boundaries.

    Raises:
        CutError: the cast would lose bits, or the dialect has none.
    """
    casts = _casts(dtype, done, inference)
    if not casts:
        return whole, done, inference
    if document.dialect == "keras3" and document.kind == "h5":
        raise CutError(
            "a .h5 file of Keras 3 cannot hold operations, which Keras itself cannot read back from it",
            code="cut-no-cast",
            hint="save the model as .keras",
        )
    widened = widen(done.model, casts, inference.specs)
    known = {cast.ref: inference.specs[cast.ref] for cast in casts}  # what takes the tensors now is new, and records nothing
    inferred, _ = with_kinds(document.infer({**whole.given, **known}, widened.model))
    graph = call_graph(widened.model)
    parts = [_calls_of(part, done.model) for part in done.parts]
    for cast, near, far in zip(casts, widened.near, widened.far, strict=True):
        parts[_home(parts, CallRef(cast.ref.layer, cast.ref.call))].append(near)
        for takers, back in zip(cast.takers, far, strict=True):
            parts[_home(parts, takers[0])].append(back)
    numbered = [sorted(graph.number[call] for call in calls) for calls in parts]
    whole = replace(whole, model=widened.model, casts=tuple(casts))
    return whole, assemble(widened.model, graph, numbered, inferred.specs), inferred


def _casts(dtype: str, done: Split, inference: Inference) -> list[Cast]:
    """Every narrower floating tensor that crosses, with the calls that take it in each part."""
    graph, originals = call_graph(done.model), set(done.model.input_refs())
    homes = {call: number for number, part in enumerate(done.parts) for call in _calls_of(part, done.model)}
    found: list[Cast] = []
    for ref in dict.fromkeys(ref for part in done.parts for ref in part.inputs if ref not in originals):
        spec = inference.specs[ref]
        if not is_exact(spec.dtype, dtype):
            continue
        groups: dict[int, list[CallRef]] = {}
        for taker in graph.consumers[ref]:
            call = graph.calls[taker]
            if homes[call] != homes[CallRef(ref.layer, ref.call)]:
                groups.setdefault(homes[call], []).append(call)
        found.append(Cast(ref, dtype, tuple(tuple(groups[number]) for number in sorted(groups))))
    return found


def _calls_of(part: Extracted, model: Model) -> list[CallRef]:
    """The calls of the whole that a part holds, InputLayers left out."""
    inputs = {layer.name for layer in model.layers if layer.is_input}
    origins = part.provenance.layers.values()
    return [CallRef(origin.path[0], call) for origin in origins if origin.path[0] not in inputs for call in origin.calls]


def _home(parts: Sequence[Sequence[CallRef]], call: CallRef) -> int:
    return next(number for number, calls in enumerate(parts) if call in calls)
