"""What was opened and divided for a cut, as the manifest records it, done again from that record, and proven: the pieces of a
divided wrapper, put together again, give the wrapped model and the model around.

`whole_model` repeats the division that was recorded, and the parts are held against the result. So the division itself is held
against the original here, by a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from configsplit.errors import VerificationError
from configsplit.graph.equality import differences
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Model, TensorRef, TensorSpec, leaves
from configsplit.graph.references import Place
from configsplit.models.document import Document
from configsplit.models.wrapped import DocumentWrapping
from configsplit.records.manifest import Manifest, Opening, Shape
from configsplit.rewrites.common import redirected
from configsplit.rewrites.nested.surface import Step, Surfaced, Told, reopen

if TYPE_CHECKING:
    from configsplit.rewrites.nested.divide import Divided


def prove_division(wrapping: DocumentWrapping, around: Model, held: Surfaced, divided: Divided) -> None:
    """Hold a division against what was divided.

    Args:
        wrapping: reads wrappers of the document.
        around: the model with the wrapper; ``held`` the model in it, with what was opened or divided in it.
        divided: what came out.

    Raises:
        VerificationError: it is not the same graph.
    """
    from configsplit.rewrites.nested.unpack import bare, rejoined

    layers, inner = divided.model.by_name(), held.model
    wrapper = around.by_name()[divided.name]
    pieces = [wrapping.read(layers[name]) for name in divided.pieces]
    specs = wrapping.specs(inner, held.given)
    _check_seams(wrapping, divided, pieces)
    again = rejoined(pieces, [part.provenance for part in divided.cut.parts], inner, specs)
    config = wrapper.config | {"layer": wrapping.write(inner)}
    written = wrapping.read(replace(wrapper, entry=wrapper.entry | {"config": config}))
    _raise(differences(bare(written), bare(again)), divided)
    _raise(differences(bare(around), bare(_undivided(around, divided))), divided)


def _raise(differences: list[str], divided: Divided) -> None:
    if differences:
        raise VerificationError(
            f"the pieces of {divided.name!r} do not give what it held: {differences[0]}",
            code="verify-graph",
            where=divided.name,
        )


def _check_seams(wrapping: DocumentWrapping, divided: Divided, pieces: list[Model]) -> None:
    """What a piece takes is what the one before gives, in shape and dtype, and its wrapper does not round it. Behind a layer
    that nobody has declared it cannot be said what is given."""
    from configsplit.rewrites.nested.divide import own_dtype

    given: Mapping[TensorRef, TensorSpec] = {}
    for number, (name, model) in enumerate(zip(divided.pieces, pieces, strict=True)):
        specs = wrapping.specs(model)
        if number:
            one, other = given[pieces[number - 1].output_refs()[0]], specs[model.input_refs()[0]]
            policy = own_dtype(divided.model.by_name()[name].config)
            rounds = "float" in str(other.dtype) and policy is not None and policy != other.dtype
            if rounds or any(mine not in (None, its) for mine, its in ((one.shape, other.shape), (one.dtype, other.dtype))):
                _raise([f"it takes {other.dtype} {other.shape} as {policy}, and is given {one.dtype} {one.shape}"], divided)
        given = specs


def _undivided(around: Model, divided: Divided) -> Model:
    """The model around with the wrapper in place of its pieces, as they are wired; where that is not in a row, an error."""
    layers = divided.model.by_name()
    pieces = [layers[name] for name in divided.pieces]
    wrapper = around.by_name()[divided.name]
    for number, piece in enumerate(pieces):
        if _frame(piece.config) != _frame(wrapper.config) or piece.class_name != wrapper.class_name:
            _raise([f"{piece.name!r} is another wrapper"], divided)
        for call, node in enumerate(piece.calls if number else ()):
            before = [TensorRef(pieces[number - 1].name, call)]
            if [use.ref for use in node.uses()] != before or leaves(node.kwargs):
                _raise([f"call {call} of {piece.name!r} does not take what the piece before gives"], divided)
    calls = dict(zip(divided.calls, pieces[0].calls, strict=True))
    if divided.kept:
        calls |= zip(divided.kept, layers[divided.name].calls, strict=True)
    whole = replace(wrapper, calls=tuple(calls[number] for number in sorted(calls)))
    others = [layer for layer in divided.model.layers if layer.name not in {*divided.pieces, divided.name}]

    def moved(ref: TensorRef) -> TensorRef:
        if ref.layer == divided.name:
            return ref._replace(call=divided.kept[ref.call])
        return TensorRef(divided.name, divided.calls[ref.call], ref.output) if ref.layer == divided.pieces[-1] else ref

    return redirected(divided.model.with_layers((*others, whole)), lambda _, ref: moved(ref))


def _frame(config: FrozenDict) -> FrozenDict:
    """What a piece has in common with the wrapper that it came from."""
    return config.without("layer", "name", "dtype")


# Records of what was opened and divided.


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
    place, spec, *_ = told
    return Shape(tensor=place.ref, shape=spec.shape, dtype=spec.dtype, inside=place.inside)


def _told(shape: Shape) -> Told:
    place = Place(tuple(CallRef(*call) for call in shape.inside), TensorRef(*shape.tensor))
    return Told(place, TensorSpec(shape.shape, shape.dtype))


def reopened(document: Document, manifest: Manifest) -> Surfaced:
    """The original with its nested models opened and its wrappers divided as the manifest says."""
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
