"""The original as a manifest says that it was cut: every claim of it is checked against the original, and none is obeyed.

What a manifest claims to have been opened, cast or made explicit changes what its parts are held against. A claim that the
original does not justify would let parts pass that compute something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from configsplit.boundaries.masks import masked_again, prepared
from configsplit.dialects import parse, to_text
from configsplit.errors import CutError, ShapeError, VerificationError
from configsplit.graph.model import CallRef, Layer, LayerPath, Model, TensorRef, TensorSpec
from configsplit.inference import Inference, blamed
from configsplit.inference.inputs import input_spec
from configsplit.inference.recorded import agree
from configsplit.inference.tensor_kinds import with_kinds
from configsplit.models.document import Document
from configsplit.records.manifest import Casting, FromInput, Manifest, Masked, Part, Shape
from configsplit.rewrites.common import described
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.nested.wrapping import Specs
from configsplit.saving.divisions import reopened

if TYPE_CHECKING:
    from configsplit.rewrites.casts import Cast
    from configsplit.rewrites.masks import Handover


class Whole(NamedTuple):
    """The original with nested models open, masks and casts in the graph; what flows in it, and where its layers came from."""

    model: Model
    inference: Inference
    opened: Surfaced

    def origin(self, name: str) -> LayerPath | None:
        """The path in the original of a layer at the surface; None for one that was put in."""
        origin = self.opened.provenance.layers.get((name,))
        return None if origin is None else origin.path


def whole_of(document: Document, manifest: Manifest) -> Whole:
    """The original as it was cut, in the spelling of a document. Raises VerificationError if the manifest claims what the
    original does not justify.
    """
    document = fixed_as(document, manifest)
    _check_shapes(document, manifest)
    opened = _opened(document, manifest)
    model, inference = _masked(document, prepared(document, opened), manifest)
    given = {**opened.given, **{TensorRef(*each.tensor): inference.specs[TensorRef(*each.tensor)] for each in manifest.masks}}
    if manifest.casts:
        from configsplit.rewrites.casts import widen

        casts = [_cast(cast, inference.specs) for cast in manifest.casts]
        given |= {cast.ref: inference.specs[cast.ref] for cast in casts}
        model = widen(model, casts, inference.specs).model
        inference = document.infer(given, model)
    if manifest.opened or manifest.functional or manifest.masks or manifest.casts:
        model = parse(to_text(described(model, inference.specs))).model
        inference = document.infer(given, model)
    return Whole(model, with_kinds(inference)[0], opened)


def fixed_as(document: Document, manifest: Manifest) -> Document:
    """The original with the sizes of its inputs fixed that it leaves open, as the manifest says."""
    by_name, specs = {ref.layer: ref for ref in document.model.input_refs()}, document.infer().specs
    wanted: dict[TensorRef, TensorSpec] = {}
    for each in manifest.fixed:
        if each.name not in by_name or not each.shape:
            raise refused(f"a size of {each.name!r}, which is no input of the original", "fixed")
        wanted[by_name[each.name]] = replace(specs[by_name[each.name]], shape=each.shape)
    if all(specs[ref].shape == spec.shape for ref, spec in wanted.items()):
        return document
    from configsplit.boundaries.fixing import fixed

    try:
        made = fixed(document, wanted)
    except ShapeError as error:
        raise refused(f"a size that the original cannot have: {error.message}", "fixed") from None
    if any(made.fixed[ref.layer].shape != spec.shape for ref, spec in wanted.items()):
        raise refused("another batch than the original has", "fixed")
    return made


def refused(what: str, where: str) -> VerificationError:
    """The error for a claim that is not true."""
    return VerificationError(f"the manifest claims {what}", code="verify-claim", where=where)


def _opened(document: Document, manifest: Manifest) -> Surfaced:
    try:
        return reopened(document, manifest)
    except (KeyError, IndexError, ValueError) as error:
        raise refused(f"to have opened what the original does not have ({error})", "opened") from None
    except CutError as error:
        raise refused(f"to have opened what cannot be opened: {error.message}", "opened") from None


def _masked(document: Document, opened: Surfaced, manifest: Manifest) -> tuple[Model, Inference]:
    """The model with the handovers that are claimed. Which masks are handed over is computed anew from the original, and what
    every call receives is proven besides (`mask_proof`)."""
    if manifest.functional and opened.model.kind != "sequential":
        raise refused("to have made functional what is no Sequential", "functional")
    try:
        return masked_again(document, opened, tuple(map(_handover, manifest.masks)), manifest.functional)
    except KeyError as error:
        raise refused(f"to hand over a mask that the original does not have ({error})", "masks") from None
    except CutError as error:
        raise refused(f"masks that the document cannot hold: {error.message}", "masks") from None


def _handover(masked: Masked) -> Handover:
    from configsplit.rewrites.masks import Handover

    return Handover(TensorRef(*masked.tensor), tuple(tuple(CallRef(*call) for call in calls) for calls in masked.takers))


def _cast(cast: Casting, specs: Specs) -> Cast:
    """Raises VerificationError where the way there and back would change bits."""
    from configsplit.rewrites.casts import Cast, is_exact

    ref = TensorRef(*cast.tensor)
    if ref not in specs:
        raise refused(f"a cast of {ref.layer!r}, which is no tensor of the original", "casts")
    if not is_exact(specs[ref].dtype, cast.dtype):
        raise refused(f"a cast of {ref.layer!r} from {specs[ref].dtype} to {cast.dtype}, which is not exact", "casts")
    return Cast(ref, cast.dtype, tuple(tuple(CallRef(*call) for call in calls) for calls in cast.takers))


def _check_shapes(document: Document, manifest: Manifest) -> None:
    """What the user is said to have given must not contradict what the original tells by itself. The shape that it records of
    a class which nobody has declared may be false; but another dtype would let Keras round, and is not taken on trust."""
    for shape in manifest.shapes:
        known, certain = _known(document.infer(), shape)
        dtypes = {known.dtype, shape.dtype} - {None}
        if known.shape is not None and (len(dtypes) > 1 or (certain and not agree(known.shape, shape.shape))):
            raise refused(f"a shape of {shape.tensor[0]!r} that contradicts the original", "shapes")


def _known(inference: Inference, shape: Shape) -> tuple[TensorSpec, bool]:
    """What the original tells, and whether that is more than a record of a class which nobody has declared."""
    for call in shape.inside:
        inner = inference.inner.get(CallRef(*call)) or inference.wrapped.get(CallRef(*call))
        if inner is None:
            return TensorSpec(), False
        inference = inner
    ref = TensorRef(*shape.tensor)
    if ref in inference.by_build:  # of its dtype nothing is told
        return TensorSpec(inference.specs[ref].shape), False
    return inference.specs.get(ref, TensorSpec()), ref not in blamed(inference)


# What a part's document must be beside its graph: a plain model whose inputs are what really flows, with its masks.


_PLAIN = ("Functional", "Model", "Sequential")


def check_parts(whole: Whole, models: Sequence[Model], manifest: Manifest) -> None:
    """Hold what the graphs do not tell against the original. Raises VerificationError if a part would be built as, or fed with,
    something else; or the manifest gives a wrong origin.
    """
    tensors: list[list[TensorRef | None]] = []
    for part, model in zip(manifest.parts, models, strict=True):
        _check_class(part, model)
        _check_origins(part, model, whole)
        inputs = _inputs(part, model, whole, tensors)
        tensors.append([inputs.get(ref, _in_whole(ref, part)) for ref in model.output_refs()])


def _check_class(part: Part, model: Model) -> None:
    """A class of somebody's own could compute anything."""
    entry = model.entry
    registered = entry.get("registered_name")
    module = str(entry.get("module") or "keras").partition(".")[0]
    plain = entry.get("class_name", "Model") in _PLAIN and registered in (None, entry.get("class_name"))
    if not plain or module not in ("keras", "tf_keras", "tensorflow"):
        raise VerificationError("the part is not a plain model", code="verify-graph", where=part.file)


def _check_origins(part: Part, model: Model, whole: Whole) -> None:
    """The origin of every layer follows from the original; what the manifest says of it must be the same."""
    for layer in model.layers:
        origin = whole.origin(layer.name)
        if not layer.is_input and origin is not None and part.layers.get(layer.name, (layer.name,)) != origin:
            raise refused(f"that {layer.name!r} was {'/'.join(part.layers.get(layer.name, (layer.name,)))!r}", part.file)


def _in_whole(ref: TensorRef, part: Part) -> TensorRef | None:
    calls = part.calls.get(ref.layer)
    if calls is None:
        return ref
    return ref._replace(call=calls[ref.call]) if ref.call < len(calls) else None


def _inputs(
    part: Part, model: Model, whole: Whole, tensors: Sequence[Sequence[TensorRef | None]]
) -> dict[TensorRef, TensorRef | None]:
    """The tensor of the original that each input of a part stands for; the wires were proven before."""
    sources: dict[TensorRef, TensorRef | None] = {}
    layers, originals = model.by_name(), whole.model.input_refs()
    for ref, tensor in zip(model.input_refs(), part.inputs, strict=True):
        source, layer = tensor.source, layers[ref.layer]
        if isinstance(source, FromInput):
            sources[ref] = originals[source.input]
            if ref.layer != originals[source.input].layer:
                raise refused(f"that {ref.layer!r} is the input {originals[source.input].layer!r}", part.file)
        else:
            sources[ref] = meant = tensors[source.part][source.output]
            _check_input(part, model, layer, TensorSpec() if meant is None else whole.inference.specs.get(meant, TensorSpec()))
    return sources


def _check_input(part: Part, model: Model, layer: Layer, flows: TensorSpec) -> None:
    """Keras casts what it is fed to the dtype of the InputLayer."""
    taken = input_spec(model, layer)
    dtypes = {taken.dtype, flows.dtype} - {None}
    if len(dtypes) > 1 or not agree(taken.shape, flows.shape) or taken.sparse != flows.sparse:
        raise VerificationError(
            f"the input {layer.name!r} takes {taken.shape} {taken.dtype}, the original hands over {flows.shape} {flows.dtype}",
            code="verify-wiring",
            where=part.file,
        )
