"""Models that stand in the config of TimeDistributed: read, described and written, so that a cut can reach into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from configsplit.catalog.table import class_facts
from configsplit.dialects import dialect_of, emit, read_entry
from configsplit.dialects.parse import LIST
from configsplit.errors import CutError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, HeldBy, Layer, Model, leaves, walk
from configsplit.graph.references import Place, places
from configsplit.inference import Inference, traced_masks
from configsplit.models.document import Document, Said, by_names, named_shape
from configsplit.rewrites.nested.wrapping import NO_SPECS, Specs

if TYPE_CHECKING:
    from configsplit.cutting.minimum_cut import Choice
    from configsplit.rewrites.nested.surface import Told

_MODELS = ("Functional", "Model", "Sequential")


def wrapped(layer: Layer, dialect: str) -> Model | None:
    """The model in a TimeDistributed layer, None for any other layer. Raises DocumentError if it is damaged."""
    entry = layer.config.get("layer")
    held = isinstance(entry, FrozenDict) and class_facts(layer.class_name, dialect).wraps == "steps"
    if not held or not isinstance(entry, FrozenDict) or entry.get("class_name") not in _MODELS:
        return None
    return replace(read_entry(entry, dialect), entry=entry | {"config": None})


def held_by(dialect: str) -> HeldBy:
    """What a layer of a document holds: the nested model that it is, or the model that it wraps."""
    return lambda layer: layer.model or wrapped(layer, dialect)


def places_in(document: Document, text: str) -> tuple[Place, ...]:
    """As `places`, also for what is in wrapped models."""
    return places(document.model, text, held_by(document.dialect))


def gives(document: Document, place: Place) -> bool:
    """Whether the layer of a place gives that output, whether or not something uses it: its class and config tell."""
    inference = document.infer()
    for call in place.inside:
        inner = inference.inner.get(call) or inference.wrapped.get(call)
        if inner is None:
            return False
        inference = inner
    return place.ref in inference.specs


def told_shapes(document: Document, shapes: Said) -> list[Told]:
    """What the user says of shapes, as ``LAYER=None,28,28,128`` with references as `places_in` takes them, or of the
    document's own layers.

    Raises:
        ShapeError: a text is not of that form.
        TensorReferenceError: no such tensor.
    """

    given = by_names(shapes)
    if not given:
        return []
    from configsplit.rewrites.nested.surface import Told

    if isinstance(given, Mapping):
        return [Told(Place((), ref), spec) for ref, spec in given.items()]
    return [Told(place, spec) for name, spec in map(named_shape, given) for place in places_in(document, name)]


def release_of(document: Document) -> tuple[int, ...]:
    """The release that wrote a document, as numbers; empty where it does not say."""
    return tuple(int(step) for step in document.release.split(".")[:2] if step.isdigit())


@dataclass(frozen=True)
class DocumentWrapping:
    """Reads, writes and describes what is in the wrappers of one document."""

    document: Document
    choice: Choice = "smallest"

    def read(self, layer: Layer) -> Model:
        held = wrapped(layer, self.document.dialect)
        if held is None:
            raise CutError(f"{layer.name!r} holds no model", code="cut-not-openable", where=layer.name)
        outer = self.document.model.form
        own = held.form or dialect_of(self.document.dialect).form(held)
        return replace(held, form=own or (outer if outer != LIST else ""))

    def write(self, model: Model) -> FrozenDict:
        """Keras 3 finds a class inside another's config by its module, also in .h5 files, where layers have none."""
        if model.entry or self.document.dialect != "keras3":
            return emit(model)
        return emit(replace(model, entry=dialect_of("keras3").functional_entry(True)))

    def specs(self, model: Model, given: Specs = NO_SPECS) -> Specs:
        return self.document.infer(given, model).specs

    def infer(self, model: Model, given: Specs = NO_SPECS) -> Inference:
        return self.document.infer(given, model)

    def conforms(self, place: str) -> bool:
        """Keras 1, and Keras 2 that is not tf.keras, hand tensors on as they are; but tf_keras, which reads their files today,
        does not, so only what needs nothing in either is opened there."""
        document, release = self.document, release_of(self.document)
        if document.dialect == "keras1":
            return False
        old = document.dialect == "keras2" and () < release < (2, 4)
        if old or (document.dialect == "keras3" and document.kind == "h5"):
            lacks = "no operation layers" if old else "no operations in .h5 files"
            raise CutError(
                f"{place} takes a tensor of another dtype or rank than its input, which Keras converts in passing; Keras "
                f"{document.release or 3} has {lacks} to say so",
                code="cut-no-cast",
                where=place,
                hint=f"cut before or after {place.partition('@')[0]!r}" + ("" if old else ", or save the model as .keras"),
            )
        return True

    def check_masks(self, model: Model, name: str, calls: Sequence[int], inner: Model) -> None:
        """Raises CutError if a mask that is made in the wrapped model, or arrives at it, may be used in it.

        Where the wrapped model itself stops a mask, its pieces do not: each wrapper hands on the mask that reaches it.
        """
        layer = model.by_name()[name]
        given = any(leaves(layer.calls[call].kwargs) for call in calls)
        masks = traced_masks(self.document.infer(model=model))
        taken = [(CallRef(name, call), use.ref) for call in calls for use in layer.calls[call].uses()]
        reached = any(ref in masks.tensors or call in masks.loose for call, ref in taken)
        within = self.document.infer(model=inner)
        if given or (reached and self._may_use(within)) or traced_masks(within).used:
            raise CutError(
                f"a mask goes through the model in {name!r}, and its parts would not hand it on step by step",
                code="cut-mask-lost",
                where=name,
                hint=f"cut before or after {name!r}",
            )

    def check_pruned(self, model: Model, kept: Model) -> None:
        """Attention of Keras 3 takes masks off the tensors that it takes, whether anything needs what it gives or not."""
        there = kept.by_name()
        gone = [layer for layer in model.layers if layer.name not in there]
        if self.document.dialect != "keras3" or not gone:
            return
        inference = self.document.infer(model=model)
        unties = [
            layer for layer in gone if any((facts := inference.facts(each)) and facts.unties_masks for each in _plain(layer))
        ]
        masks = traced_masks(inference).tensors if unties else {}
        for layer in unties:
            if any(use.ref in masks for node in layer.calls for use in node.uses()):
                raise CutError(
                    f"{layer.name!r} removes the mask of a tensor that others take, and no part would contain it, because "
                    "nothing needs its output",
                    code="cut-mask-lost",
                    where=layer.name,
                    hint="cut outside its nested model",
                )

    def _may_use(self, inference: Inference) -> bool:
        """Whether a layer of a model, also inside nested ones, would use a mask that reaches it, or may."""
        facts = [inference.facts(each) for layer in inference.model.layers for each in _plain(layer)]
        return any(each is None or each.uses_mask != () or each.reads_masks for each in facts)


def _plain(layer: Layer) -> list[Layer]:
    """The layer itself, or those in the nested model that it is, InputLayers left out."""
    layers = [layer] if layer.model is None else [each for _, each in walk(layer.model) if each.model is None]
    return [each for each in layers if not each.is_input]
