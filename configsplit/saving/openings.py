"""What was opened and divided for a cut, as the manifest records it, and done again from that record."""

from __future__ import annotations

from functools import partial

from configsplit.graph.model import CallRef, TensorRef, TensorSpec
from configsplit.graph.references import Place
from configsplit.models.document import Document
from configsplit.models.wrapped import DocumentWrapping
from configsplit.records.manifest import Manifest, Opening, Shape
from configsplit.rewrites.nested.surface import Step, Surfaced, Told, reopen
from configsplit.saving.divisions import prove_division


def opening_of(step: Step) -> Opening:
    """A step as a record, what was done inside first; iterative."""
    every = [step]
    for each in every:
        every += each.inside
    made: dict[int, Opening] = {}
    for each in reversed(every):
        inner = tuple(made[id(one)] for one in each.inside)
        made[id(each)] = Opening(layer=each.layer, calls=each.calls, pieces=each.pieces, cuts=each.cuts, inside=inner)
    return made[id(step)]


def shape_of(told: Told) -> Shape:
    """What the user said of a tensor, as a record."""
    place, spec, _ = told
    return Shape(tensor=place.ref, shape=spec.shape, dtype=spec.dtype, inside=place.inside)


def _told(shape: Shape) -> Told:
    place = Place(tuple(CallRef(*call) for call in shape.inside), TensorRef(*shape.tensor))
    return Told(place, TensorSpec(shape.shape, shape.dtype))


def reopened(document: Document, manifest: Manifest) -> Surfaced:
    """The original with its nested models opened and its wrappers divided as the manifest says.

    Raises:
        VerificationError: a division does not give what was divided.
    """
    wrapping = DocumentWrapping(document)
    told = [_told(shape) for shape in manifest.shapes]
    return reopen(document.model, map(_step, manifest.opened), wrapping, partial(prove_division, wrapping), told)


def _step(opening: Opening) -> Step:
    """A record as the step that it tells of; iterative."""
    every = [opening]
    for each in every:
        every += each.inside
    made: dict[int, Step] = {}
    for each in reversed(every):
        cuts = tuple(tuple(TensorRef(*ref) for ref in cut) for cut in each.cuts)
        made[id(each)] = Step(each.layer, each.calls, cuts, tuple(made[id(one)] for one in each.inside), each.pieces)
    return made[id(opening)]
