"""The original as a manifest says that it was cut: every claim of it is checked against the original, and none is obeyed.

What a manifest claims to have been opened, cast or made explicit changes what its parts are held against. A claim that the
original does not justify would let parts pass that compute something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from configsplit.dialects import parse, to_text
from configsplit.documents.cutting import with_explicit_masks
from configsplit.documents.document import Document
from configsplit.documents.steps import reopened
from configsplit.errors import CutError, VerificationError
from configsplit.inference import Inference, traced_masks
from configsplit.inference.recorded import agree
from configsplit.ir.graph import CallRef, LayerPath, Model, TensorRef, TensorSpec
from configsplit.report import manifest as record
from configsplit.rewrites.masks import users
from configsplit.rewrites.open import described
from configsplit.rewrites.surface import Surfaced
from configsplit.rewrites.widen import Cast, is_exact, widen
from configsplit.rewrites.wrapping import Specs


@dataclass(frozen=True, slots=True)
class Whole:
    """The original with nested models open, masks and casts in the graph; what flows in it, and where its layers came from."""

    model: Model
    inference: Inference
    opened: Surfaced

    def origin(self, name: str) -> LayerPath | None:
        """The path in the original of a layer at the surface; None for one that was put in."""
        found = self.opened.provenance.layers.get((name,))
        return None if found is None else found.path


def whole_of(document: Document, manifest: record.Manifest) -> Whole:
    """The original as it was cut, in the spelling of a document.

    Raises:
        VerificationError: the manifest claims what the original does not justify.
    """
    _check_shapes(document, manifest)
    opened = _opened(document, manifest)
    model, inference = opened.model, document.infer(opened.given, opened.model)
    if manifest.explicit_masks:
        model = _masked(document, model, inference)
        inference = document.infer(opened.given, model)
    given = dict(opened.given)
    if manifest.casts:
        casts = [_cast(cast, inference.specs) for cast in manifest.casts]
        given |= {cast.ref: inference.specs[cast.ref] for cast in casts}
        wide = widen(model, casts, inference.specs).model
        inference = _same_masks(document, model, inference, wide, given)
        model = wide
    if manifest.opened or manifest.explicit_masks or manifest.casts:
        model = parse(to_text(described(model, inference.specs))).model
        inference = document.infer(given, model)
    return Whole(model, inference, opened)


def refused(what: str, where: str) -> VerificationError:
    """The error for a claim that is not true."""
    return VerificationError(f"the manifest claims {what}", code="verify-claim", where=where)


def _opened(document: Document, manifest: record.Manifest) -> Surfaced:
    try:
        return reopened(document, manifest)
    except (KeyError, IndexError, ValueError) as error:
        raise refused(f"to have opened what the original does not have ({error})", "opened") from None
    except CutError as error:
        raise refused(f"to have opened what cannot be opened: {error.message}", "opened") from None


def _masked(document: Document, model: Model, inference: Inference) -> Model:
    if document.dialect == "keras3":
        raise refused("masks that Keras 3 writes down by itself", "explicit_masks")
    try:
        return with_explicit_masks(document, model, traced_masks(inference).tensors)
    except CutError as error:
        raise refused(f"masks that the document cannot hold: {error.message}", "explicit_masks") from None


def _cast(cast: record.Casting, specs: Specs) -> Cast:
    """Raises VerificationError where the way there and back would change bits."""
    ref = TensorRef(*cast.tensor)
    if ref not in specs:
        raise refused(f"a cast of {ref.layer!r}, which is no tensor of the original", "casts")
    if not is_exact(specs[ref].dtype, cast.dtype):
        raise refused(f"a cast of {ref.layer!r} from {specs[ref].dtype} to {cast.dtype}, which is not exact", "casts")
    return Cast(ref, cast.dtype, tuple(tuple(CallRef(*call) for call in calls) for calls in cast.takers))


def _same_masks(document: Document, model: Model, inference: Inference, wide: Model, given: Specs) -> Inference:
    """What is known of the model with its casts. Raises VerificationError where one takes a mask from a layer that uses it."""
    found = document.infer(dict(given), wide)
    if document.dialect != "keras3":
        before, after = (users(each, traced_masks(known).tensors) for each, known in ((model, inference), (wide, found)))
        lost = next((call.layer for call in before if len(before[call]) != len(after.get(call, ()))), None)
        if lost is not None:
            raise refused(f"a cast that would take the mask from {lost!r}", "casts")
    return found


def _check_shapes(document: Document, manifest: record.Manifest) -> None:
    """What the user is said to have given must not contradict what the original tells by itself."""
    for shape in manifest.shapes:
        known = _known(document.infer(), shape)
        dtypes = {known.dtype, shape.dtype} - {None}
        if known.shape is not None and (len(dtypes) > 1 or not agree(known.shape, shape.shape)):
            raise refused(f"a shape of {shape.tensor[0]!r} that contradicts the original", "shapes")


def _known(inference: Inference, shape: record.Shape) -> TensorSpec:
    for call in shape.inside:
        inner = inference.inner.get(CallRef(*call)) or inference.wrapped.get(CallRef(*call))
        if inner is None:
            return TensorSpec()
        inference = inner
    return inference.specs.get(TensorRef(*shape.tensor), TensorSpec())
