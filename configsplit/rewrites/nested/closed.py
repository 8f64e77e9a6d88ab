"""What the user says of tensors inside nested models that stay closed, and what follows from it for their outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from configsplit.graph.model import CallRef, Model, TensorRef, TensorSpec
from configsplit.graph.references import Place
from configsplit.inference import Inference, blamed

Specs = Mapping[TensorRef, TensorSpec]
Infer = Callable[[Model, Specs], Inference]


def of_closed(outermost: Inference, told: Iterable[tuple[Place, TensorSpec]], infer: Infer) -> dict[TensorRef, TensorSpec]:
    """What follows for tensors of the outermost model from what is ``told`` of tensors in nested ones and at the surface; of an
    output that still goes by a record of a class that nobody has declared nothing does.
    """
    waiting: dict[tuple[CallRef, ...], dict[TensorRef, TensorSpec]] = {}
    for place, spec in told:
        waiting.setdefault(place.inside, {})[place.ref] = spec
    while any(waiting):
        inside = max(waiting, key=len)
        inner = _within(outermost, inside)
        given = waiting.pop(inside)
        if inner is None:
            continue
        for number, spec in _ends(inner, given, infer):
            waiting.setdefault(inside[:-1], {}).setdefault(TensorRef(*inside[-1], number), spec)
    return waiting.get((), {})


def _within(inference: Inference, inside: Iterable[CallRef]) -> Inference | None:
    """The nested model that some calls lead to; None for one in a wrapper, which may do something else with its outputs."""
    inner: Inference | None = inference
    for call in inside:
        inner = None if inner is None else inner.inner.get(call)
    return inner


def _ends(inner: Inference, given: Specs, infer: Infer) -> Iterable[tuple[int, TensorSpec]]:
    """The outputs of a nested model that are others by what is given, or certain now."""
    inputs = {ref: inner.specs[ref] for ref in inner.model.input_refs()}
    anew = infer(inner.model, {**inputs, **given})
    before, now = blamed(inner), blamed(anew)
    for number, ref in enumerate(inner.model.output_refs()):
        spec = anew.specs.get(ref, TensorSpec())
        if spec.shape is not None and ref not in now and (ref in before or spec != inner.specs.get(ref)):
            yield number, spec
