"""Of a tensor whose shape nobody can tell: why, and by which name to give it, as `split` reads names."""

from __future__ import annotations

from collections.abc import Sequence

from configsplit.errors import ShapeError
from configsplit.graph.model import CallRef, LayerPath, Model, TensorRef, TensorSpec
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.inference import Inference, explain, trail
from configsplit.inference.clashes import clashing
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.split import UnknownShape


def unknown_shape(document: Document, whole: Surfaced, inference: Inference, ref: TensorRef) -> UnknownShape:
    """Why the shape of a tensor of ``whole`` is unknown, and the tensor of the document at which the trouble starts."""
    unknown = (trail(inference, ref) or [ref])[-1]
    path: LayerPath = (unknown.layer,)
    held = inference.wrapped.get(CallRef(unknown.layer, unknown.call))
    if held is not None and held.reasons and path in whole.provenance.told_apart():
        unknown = trail(held, next(iter(held.reasons)))[-1]
        path = (*path, unknown.layer)
    origin = whole.provenance.layers.get(path)
    if origin is None:
        return UnknownShape(explain(inference, ref), ref.layer)
    call = origin.calls[unknown.call] if unknown.call < len(origin.calls) else unknown.call
    return UnknownShape(explain(inference, ref), _named(document, origin.path, call, unknown.output))


def _named(document: Document, path: LayerPath, call: int, output: int) -> str:
    """``outer@*/inner@1:0``, numbers only where they are needed."""
    model, steps = document.model, []
    for name in path[:-1]:
        layer = model.by_name()[name]
        steps.append(f"{name}@*/" if len(layer.calls) > 1 else f"{name}/")
        model = held_by(document.dialect)(layer) or model
    last = model.by_name().get(path[-1])
    number = f"@{call}" if last is not None and len(last.calls) > 1 else ""
    return f"{''.join(steps)}{path[-1]}{number}{f':{output}' if output else ''}"


# Shapes and dtypes where a donor meets its host, checked before anything is written.


def told(spec: TensorSpec) -> str:
    """``float32 (None, 28, 28, 128)``."""
    shape = "of unknown shape" if spec.shape is None else f"({', '.join('any' if n is None else str(n) for n in spec.shape)})"
    kind = "sparse " if spec.sparse else "ragged " if spec.ragged else ""
    return f"{kind}{spec.dtype or 'of unknown dtype'} {shape}"


def fits(given: TensorSpec, wanted: TensorSpec) -> bool:
    """Whether a tensor can stand where another is wanted: the same kind and dtype, and every size that is wanted."""
    if (given.sparse, given.ragged) != (wanted.sparse, wanted.ragged):
        return False
    if given.dtype != wanted.dtype and given.dtype is not None and wanted.dtype is not None:
        return False
    if given.shape is None or wanted.shape is None:
        return wanted.shape is None
    if len(given.shape) != len(wanted.shape):
        return False
    return all(want is None or have == want for have, want in zip(given.shape, wanted.shape, strict=True))


def same(given: TensorSpec, wanted: TensorSpec) -> bool:
    """Whether two tensors have the same shape and dtype, as far as is known of both."""
    return fits(given, wanted) and fits(wanted, given)


def check_taken(host: Inference, starts: Sequence[TensorRef], donor: Inference) -> bool:
    """Hold what the donor takes against what the host gives; whether all of it is just what the donor declares."""
    exact = True
    for ref, wanted in zip(starts, donor.model.input_refs(), strict=True):
        given, declared = host.specs.get(ref, TensorSpec()), donor.specs.get(wanted, TensorSpec())
        exact = exact and given == declared
        if not fits(given, declared):
            raise ShapeError(
                f"{name(host.model, ref)!r} is {told(given)}, but {wanted.layer!r} of the donor takes {told(declared)}",
                code="surgery-shape",
                where=name(host.model, ref),
                hint="put a layer between them that converts one to the other (Dense, Conv, Reshape)",
            )
    return exact


def _check_clashes(before: Inference, after: Inference) -> None:
    """Raises ShapeError where a layer that was put in cannot take what it is given."""
    known, now = dict(clashing(before)), {(call.layer,): why for call, why in after.clashes.items()} | dict(clashing(after))
    old = {(call.layer,) for call in before.clashes}
    for path, why in now.items():
        if path not in known and path not in old:
            raise ShapeError(
                f"{path[-1]!r} cannot take its input: {why}",
                code="surgery-shape",
                where="/".join(path),
                hint="put a layer before it that gives the shape it needs (Reshape, Flatten, Dense)",
            )


def check_given(
    before: Inference, ends: Sequence[TensorRef], after: Inference, outputs: Sequence[TensorRef], takers: Sequence[str]
) -> None:
    """Hold what the donor gives against what stood there. What only the model itself gives out is free: a new head may have
    other classes. ``takers`` names who takes each tensor, empty if only the model does.
    """
    _check_clashes(before, after)
    for ref, output, who in zip(ends, outputs, takers, strict=True):
        if not who:
            continue
        wanted, given = before.specs.get(ref, TensorSpec()), after.specs.get(output, TensorSpec())
        if given.shape is None and wanted.shape is not None:
            raise ShapeError(
                f"the output shape of {output.layer!r} is unknown: {explain(after, output)}",
                code="shape-unknown",
                where=output.layer,
                hint="declare the class in a plug-in: --custom-objects FILE.py",
            )
        if not fits(given, wanted):
            raise ShapeError(
                f"{output.layer!r} gives {told(given)}, but {who} needs {told(wanted)} as {name(before.model, ref)!r} gave it",
                code="surgery-shape",
                where=name(before.model, ref),
                hint="give the donor's last layer the units, filters or strides that fit",
            )


def name(model: Model, ref: TensorRef) -> str:
    """A tensor as a person would name it."""
    return tensor_name(ref, model.by_name(), outputs_used(model))
