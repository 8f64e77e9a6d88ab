"""A model as plans and lists of places see it: with nested models opened, and everything called by the names that people use.

What was chosen there is carried out by `configsplit.boundaries.carrying`, on a model in which no more is open than has to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from configsplit.boundaries.costs import Costs
from configsplit.cutting.pipeline.units import Measure
from configsplit.errors import TensorReferenceError
from configsplit.graph.calls import CallGraph, call_graph
from configsplit.graph.model import CallRef, Layer, LayerPath, Model, TensorRef, walk
from configsplit.graph.references import Place, outputs_used, places, tensor_name
from configsplit.models.document import Document
from configsplit.models.wrapped import DocumentWrapping
from configsplit.rewrites.nested.flat import Flat, Inner, anything, flatten, nothing, outer_calls, path_of
from configsplit.rewrites.nested.surface import Told

_SPECIAL = frozenset("@:/,*")


@dataclass(frozen=True)
class Flattened:
    """A model with its nested models opened (none where they are to stay whole), and the names of what is in it.

    Attributes:
        told: what the user says of shapes.
    """

    document: Document
    told: tuple[Told, ...]
    flat: Flat

    @property
    def model(self) -> Model:
        return self.flat.whole.model

    @property
    def graph(self) -> CallGraph:
        return call_graph(self.model)

    @cached_property
    def places(self) -> Mapping[TensorRef, Place]:
        """Each tensor that a reference names as a tensor of the outermost model that has it."""
        visible: dict[TensorRef, Place] = {}
        for place, ref in self.flat.homes.items():
            if ref not in visible and self._texts.of(place) is not None:
                visible[ref] = place
        return visible

    @cached_property
    def names(self) -> Mapping[TensorRef, str]:
        """The shortest reference to each of them."""
        return {ref: text for ref, place in self.places.items() if (text := self._texts.of(place)) is not None}

    @cached_property
    def _texts(self) -> _Texts:
        return _Texts(self.document.model)

    @cached_property
    def _layers(self) -> Mapping[str, Layer]:
        return self.model.by_name()

    @cached_property
    def call_names(self) -> Mapping[CallRef, str]:
        """The shortest reference to each call."""
        return {call: self._texts.of_call(inner) for inner, call in self.flat.calls.items()}

    def milliseconds(self, costs: Costs, profile: Mapping[str, float]) -> Measure:
        """What each call takes by a profile: ``LAYER`` has the time of one call, ``LAYER@CALL`` that of a certain one. Raises
        CutError if the profile does not fit the model.
        """
        origins, names = self.flat.whole.provenance.layers, {}
        for inner, call in self.flat.calls.items():
            if (call.layer,) in origins:
                path = "/".join(path_of(inner))
                names[call] = (self.call_names[call], f"{path}@{inner[1].call}", path)
        return costs.milliseconds(profile, names, {"/".join(path) for path, _ in walk(self.document.model)})

    @cached_property
    def nameless(self) -> frozenset[TensorRef]:
        """Tensors between calls that no reference names: what Keras makes of an argument of a nested model in several steps.
        No cut may lie there."""
        return frozenset(self.graph.consumers.keys() - self.names.keys())

    def weight(self, call: CallRef) -> int:
        """How many calls of the original a call stands for."""
        layer = self._layers[call.layer]
        return 1 if layer.model is None else sum(len(each.calls) for _, each in walk(layer.model))

    def tensors(self, text: str) -> tuple[TensorRef, ...]:
        """The tensors that a reference names."""
        named = [(place, self.flat.homes.get(place)) for place in places(self.document.model, text)]
        for place, ref in named:
            if ref is None:
                raise TensorReferenceError(
                    f"{text!r} lies inside a nested model that is left whole, or no output needs it",
                    code="reference-nested",
                    hint=f"name {place.inside[0].layer!r} itself" if place.inside else "",
                )
        return tuple(dict.fromkeys(ref for _, ref in named if ref is not None))

    def paths(self, names: Iterable[str]) -> tuple[str, ...]:
        """What layers are called in the original: ``encoder/block3/conv``; also those inside closed models."""
        texts = []
        for name in names:
            first, _, rest = name.partition("/")
            origin = self.flat.whole.provenance.origin((name,)) or self.flat.whole.provenance.origin((first,))
            texts.append(name if origin is None else "/".join((*origin.path, *([rest] if rest and name != first else []))))
        return tuple(texts)

    @cached_property
    def groups(self) -> Mapping[Inner, list[int]]:
        """For each call of an opened model the numbers of the calls inside it, rising."""
        by_inner: dict[Inner, list[int]] = {}
        for (inside, _), call in self.flat.calls.items():
            for outer in outer_calls(inside):
                by_inner.setdefault(outer, []).append(self.graph.number[call])
        return {outer: sorted(numbers) for outer, numbers in by_inner.items()}


def flattened(
    document: Document, told: Iterable[Told] = (), wanted: Callable[[LayerPath], bool] | None = None, *, whole: bool = False
) -> Flattened:
    """A model with the nested models opened that are wanted: all by default, or (``whole``) none. Raises CutError if all of
    them would be too many.
    """
    said = tuple(told)
    chosen = nothing if whole else wanted or anything
    return Flattened(document, said, flatten(document.model, DocumentWrapping(document), said, chosen))


class _Texts:
    """References as `places` reads them."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._doubtful = any(_SPECIAL.intersection(layer.name) for _, layer in walk(model))
        self._around: dict[tuple[CallRef, ...], tuple[str, Model]] = {(): ("", model)}
        self._known: dict[int, tuple[dict[str, Layer], dict[tuple[str, int], list[int]]]] = {}

    def of(self, place: Place) -> str | None:
        """The reference to a tensor; None where it would be read as that to another."""
        before, model = self._within(place.inside)
        text = before + tensor_name(place.ref, *self._of_model(model))
        return None if self._doubtful and not self._is_read(text, place) else text

    def of_call(self, inner: Inner) -> str:
        """What a call is called; not always a reference to a tensor."""
        before, model = self._within(inner[0])
        layers, (name, call) = self._of_model(model)[0], inner[1]
        return f"{before}{name}@{call}" if len(layers[name].calls) > 1 else f"{before}{name}"

    def _within(self, inside: tuple[CallRef, ...]) -> tuple[str, Model]:
        for depth in range(1, len(inside) + 1):
            if inside[:depth] not in self._around:
                before, model = self._around[inside[: depth - 1]]
                layer, call = self._of_model(model)[0][inside[depth - 1].layer], inside[depth - 1].call
                number = f"@{call}" if len(layer.calls) > 1 else ""
                self._around[inside[:depth]] = f"{before}{layer.name}{number}/", layer.model or model
        return self._around[inside]

    def _of_model(self, model: Model) -> tuple[dict[str, Layer], dict[tuple[str, int], list[int]]]:
        if id(model) not in self._known:
            self._known[id(model)] = model.by_name(), outputs_used(model)
        return self._known[id(model)]

    def _is_read(self, text: str, place: Place) -> bool:
        try:
            return places(self._model, text) == (place,)
        except TensorReferenceError:
            return False
