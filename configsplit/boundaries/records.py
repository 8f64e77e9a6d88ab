"""Boundaries of which only the file says what they are: Keras 3 records shapes as classes told them, and never reads them.

Of a class that nobody has declared there is nothing to hold the record against; it may be false.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from configsplit.errors import ShapeError
from configsplit.graph.model import CallRef, Layer, TensorRef, TensorSpec
from configsplit.graph.references import Place
from configsplit.inference import Inference
from configsplit.models.document import Document
from configsplit.models.wrapped import places_in
from configsplit.rewrites.nested.surface import Told

SIGN = "shapes: "
"""With which such a warning begins."""


def unsure(inference: Inference, tensors: Iterable[TensorRef]) -> tuple[str, ...]:
    """One sentence for each of some tensors whose shape goes by a record of a class that does not say it itself."""
    by_call = blamed(inference)
    return tuple(
        f"{SIGN}{ref.layer!r} {'comes out of' if whom.name == ref.layer else 'is computed from'} {whom.class_name} "
        f"({whom.name!r}), which nobody has declared: its shape is what the file records, and may be false. verify --numeric "
        f"holds it against what flows; --shape or --open {whom.name} loosens it"
        for ref in dict.fromkeys(tensors)
        if (whom := by_call.get(CallRef(ref.layer, ref.call))) is not None
    )


def implied_notes(told: Sequence[Told]) -> tuple[str, ...]:
    """One sentence for each tensor whose shape goes by weights."""
    return tuple(
        f"{SIGN}{each.place.ref.layer!r} is of a class that nobody has declared: its shape goes by the weights of {each.by}, "
        "with sizes that they do not tell left open; --shape says another"
        for each in told
        if each.by
    )


def blamed(inference: Inference) -> dict[CallRef, Layer]:
    """For each call whose outputs go by a record the layer whose record that is; the specs stand in the order of computing."""
    layers, found = inference.model.by_name(), dict[CallRef, Layer]()
    for ref in inference.specs:
        call, layer = CallRef(ref.layer, ref.call), layers[ref.layer]
        if call in found or layer.is_input:
            continue
        within = inference.inner.get(call) or inference.wrapped.get(call)
        if ref in inference.by_record or (within is not None and within.by_record):
            found[call] = layer
            continue
        taken = layer.calls[ref.call].uses() if ref.call < len(layer.calls) else []
        whom = next((found[each] for use in taken if (each := CallRef(use.ref.layer, use.ref.call)) in found), None)
        if whom is not None and ref not in inference.given:
            found[call] = whom
    return found


def opened_shapes(document: Document, names: Iterable[str]) -> tuple[str, ...]:
    """``LAYER`` or ``LAYER=1,2`` (axes) as what ``--shape`` takes: the recorded shape with these sizes open. Without axes all
    are but the batch and the last, which layers behind need; of two or fewer the last, too.

    Raises:
        TensorReferenceError: no such tensor.
        ShapeError: nobody knows how many sizes it has, or it has no such axis.
    """
    return tuple(text for name in names for text in _opened(document, name))


def _opened(document: Document, text: str) -> Iterator[str]:
    name, axes = _axes(text)
    for place in places_in(document, name):
        spec = _spec(document.infer(), place)
        if spec.shape is None:
            hint = f"give it whole: --shape {name}=None,28,28,128"
            raise ShapeError(f"the shape of {name!r} is not known at all", code="shape-unknown", where=name, hint=hint)
        rank = len(spec.shape)
        chosen = axes or tuple(range(1, rank if rank < 3 else rank - 1))
        if not all(0 < axis < rank for axis in chosen):
            hint = f"its axes behind the batch are 1 to {rank - 1}"
            raise ShapeError(f"{name!r} has no axis {max(chosen)} that could be open", code="open-axis", where=name, hint=hint)
        sizes = ",".join("None" if axis in chosen or size is None else str(size) for axis, size in enumerate(spec.shape))
        yield f"{name}={sizes}:{spec.dtype or 'float32'}"


def _axes(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, numbers = text.rpartition("=")
    if equals and all(item.strip().isdecimal() for item in numbers.split(",")):
        return name, tuple(int(item) for item in numbers.split(","))
    return text, ()


def _spec(inference: Inference, place: Place) -> TensorSpec:
    for call in place.inside:
        inference = inference.inner.get(call) or inference.wrapped[call]
    return inference.specs.get(place.ref, TensorSpec())
