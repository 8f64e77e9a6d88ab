"""Where tensors are after a step of `surface`, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping

from configsplit.errors import CutError
from configsplit.ir.graph import CallRef, Model, Node, TensorRef, TensorSpec
from configsplit.ir.provenance import Provenance
from configsplit.ir.references import Place
from configsplit.rewrites.divide import Divided
from configsplit.rewrites.open import Opened


def alive(ref: TensorRef, kept: Provenance) -> TensorRef:
    """Where a tensor is after `prune`.

    Raises:
        CutError: no output needs it.
    """
    origin = kept.layers.get((ref.layer,))
    if origin is None or ref.call not in origin.calls:
        raise CutError(
            f"no output of the model needs {ref.layer!r} in this call of the nested model",
            code="cut-dead-tensor",
            hint="cut at a tensor that an output depends on, or in another call",
        )
    return ref._replace(call=origin.calls.index(ref.call))


def still_told(given: Mapping[TensorRef, TensorSpec], kept: Provenance) -> dict[TensorRef, TensorSpec]:
    """What is said of the tensors that are still there."""
    return {
        ref._replace(call=origin.calls.index(ref.call)): spec
        for ref, spec in given.items()
        if (origin := kept.layers.get((ref.layer,))) is not None and ref.call in origin.calls
    }


def at_end(ref: TensorRef, model: Model) -> bool:
    """Whether a tensor is an input or output of the model."""
    return ref in model.output_refs() or ref in model.input_refs()


def end(model: Model, call: CallRef, ref: TensorRef, inner: Model) -> TensorRef | None:
    """The tensor of the surface that an input or output of a wrapped model is in one call; None for any other tensor."""
    if ref in inner.output_refs():
        return TensorRef(*call, inner.output_refs().index(ref))
    if ref in inner.input_refs():
        return Node(model.by_name()[call.layer].calls[call.call].args).uses()[inner.input_refs().index(ref)].ref
    return None


def replaced(
    place: Place, name: str, boundary: int, found: dict[tuple[int, int], list[TensorRef]], divided: Divided | None
) -> list[Place]:
    """Where a place is after a wrapper was divided: the tensors that stand for it."""
    if place.inside and place.inside[0].layer == name:
        return [Place((), ref) for ref in found[boundary, place.inside[0].call]]
    return [place if divided is None else around(place, divided)]


def around(place: Place, divided: Divided) -> Place:
    """Where a place outside of what was divided is now."""
    if place.inside:
        return Place((_call_of(divided.outer(TensorRef(*place.inside[0]))), *place.inside[1:]), place.ref)
    return Place((), divided.outer(place.ref))


def followed(place: Place, opened: Opened, name: str) -> Place:
    """Where a place is after an opening."""
    if not place.inside:
        return Place((), opened.outer(place.ref))
    (first, *rest) = place.inside
    if first.layer != name or first.call not in opened.calls:
        return Place((_call_of(opened.outer(TensorRef(*first))), *rest), place.ref)
    if rest:
        return Place((_call_of(opened.inner(first.call, TensorRef(*rest[0]))), *rest[1:]), place.ref)
    return Place((), opened.inner(first.call, place.ref))


def _call_of(ref: TensorRef) -> CallRef:
    return CallRef(ref.layer, ref.call)
