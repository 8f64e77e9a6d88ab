"""Open a nested model: the layers of some of its calls come up into the model around it.

Only the calls that are named are opened; the others go on calling the nested model. What was called several times inside
stays one layer with several calls, so that weights stay shared as far as they can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import NamedTuple

from configsplit.catalog.facts import UNDECLARED
from configsplit.errors import CutError
from configsplit.graph.json import rebuild
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec, Use, leaves
from configsplit.graph.provenance import Origin, Provenance
from configsplit.inference import traced_masks
from configsplit.inference.inputs import input_spec
from configsplit.rewrites.common import as_functional
from configsplit.rewrites.masks import MaskTensors, tied
from configsplit.rewrites.nested.conforming import Arriving, Conforming


class Opened(NamedTuple):
    """The model after opening, where its layers came from, and where the tensors of the opened calls are now."""

    model: Model
    provenance: Provenance
    work: _Opening
    calls: tuple[int, ...]
    names: Mapping[str, str]

    def outer(self, ref: TensorRef) -> TensorRef:
        """Where a tensor of the surface is now."""
        return self.work.resolve(ref)

    def inner(self, call: int, ref: TensorRef) -> TensorRef:
        """Where a tensor inside the given opened call is now."""
        if (given := self.work.argument(call, ref)) is not None:
            return self.work.resolve(given)
        number = self.calls.index(call) * self.work.counts[ref.layer] + ref.call
        return TensorRef(self.names[ref.layer], number, ref.output)


def open_calls(model: Model, name: str, calls: Sequence[int], arriving: Arriving) -> Opened:
    """Open calls of the nested model ``name``.

    Where the model's inputs are of another dtype or rank than what ``arriving`` tells of the tensors that it is called with,
    the cast that Keras does in passing comes up as a layer of the graph.

    Raises:
        CutError: the layer is no nested model, or a call hands over what the layers inside cannot be given by themselves.
        ShapeError: nobody can tell what shape a call hands over.
    """
    layer = model.by_name()[name]
    inside = _openable(layer)
    opened = tuple(sorted(set(calls)))
    kept = tuple(call for call in range(len(layer.calls)) if call not in opened)
    names = _surface_names(model, layer, inside, kept)
    taken = {each.name for each in model.layers} | set(names.values())
    tensors = MaskTensors(model, traced_masks(arriving.inference), arriving.inference)
    tensors.taken = taken
    work = _Opening(layer, inside, opened, kept, names, Conforming(model.dialect, arriving, taken), tensors)
    layers: list[Layer] = []
    for each in model.layers:
        if each.name != name:
            layers.append(work.rewired(each))
            continue
        if kept:
            layers.append(replace(work.rewired(each), calls=tuple(work.rewired(each).calls[call] for call in kept)))
        layers += work.surfaced()
    made = replace(
        model,
        layers=tuple(layers),
        outputs=rebuild(model.outputs, lambda leaf: work.resolve(leaf) if type(leaf) is TensorRef else leaf),
    )
    made = as_functional(made, arriving.specs.get(model.input_refs()[0], TensorSpec()))
    return Opened(made, work.provenance(made), work, opened, names)


def _openable(layer: Layer) -> Model:
    if layer.model is not None:
        return layer.model
    raise CutError(
        f"layer {layer.name!r} cannot be opened: it is a {layer.class_name}, no nested model",
        code="cut-not-openable",
        hint=f"cut before or after {layer.name!r}",
    )


def _surface_names(model: Model, layer: Layer, inside: Model, kept: Sequence[int]) -> dict[str, str]:
    """Inner name -> name at the surface: its own where that is free, else with the nested model's before it."""
    taken = {each.name for each in model.layers if each.name != layer.name or kept}
    names: dict[str, str] = {}
    for each in inside.layers:
        if each.is_input:
            continue
        name, number = each.name, 1
        while name in taken:
            name = f"{layer.name}_{each.name}{'' if number == 1 else f'_{number}'}"
            number += 1
        taken.add(name)
        names[each.name] = name
    return names


class _Opening:
    """One opening: tensors of the nested model and of the surface, each mapped to where it is afterwards."""

    def __init__(
        self,
        layer: Layer,
        inside: Model,
        opened: tuple[int, ...],
        kept: tuple[int, ...],
        names: dict[str, str],
        conforming: Conforming,
        masks: MaskTensors,
    ) -> None:
        self._conforming, self._declared, self._masks = conforming, inside.by_name(), masks
        self._layer, self._inside, self._opened, self._kept, self._names = layer, inside, opened, kept, names
        self.counts = {each.name: len(each.calls) for each in inside.layers}
        self._arguments = {call: self._bind(call) for call in opened}

    def _bind(self, call: int) -> dict[TensorRef, Use]:
        """The surface tensor that stands for each input of the nested model in one call."""
        node = self._layer.calls[call]
        inputs, given = self._inside.input_refs(), leaves(node.args)
        place = f"{self._layer.name}@{call}"
        if len(given) != len(inputs):
            raise CutError(
                f"{place} cannot be opened: it is called with {len(given)} tensors, but has {len(inputs)} inputs",
                code="cut-not-openable",
            )
        if leaves(node.kwargs.without("mask")):
            raise CutError(
                f"{place} cannot be opened: a tensor is handed over as a keyword argument, which the layers inside take from "
                "Keras behind the scenes",
                code="cut-not-openable",
                hint=f"cut before or after {self._layer.name!r}",
            )
        mask = node.kwargs.get("mask")
        masks = mask if type(mask) is tuple else (mask,)
        arguments: dict[TensorRef, Use] = {}
        for ref, use, told in zip_longest(inputs, given, masks[: len(inputs)]):
            conformed = self._conformed(use, ref, place)
            arguments[ref] = self._with_mask(conformed, use, told if type(told) is Use else None, type(mask) is tuple)
        return arguments

    def _with_mask(self, conformed: Use, use: Use, mask: Use | None, listed: bool) -> Use:
        """The argument with the mask that it is given, or that Keras 3 ties again to what it has conformed.

        Where masks are ``listed`` and there is none for it, a cast loses the one that was tied to it (`Functional.call`).
        """
        tied_to = use.ref in self._masks.masks.tensors and self._masks.model.dialect == "keras3"
        lost = listed and conformed.spec is not None and conformed.spec.dtype != self._dtype(use)
        if mask is None and tied_to and conformed.ref != use.ref and not lost:
            mask = Use(self._masks.of(use.ref), spec=self._masks.spec(use.ref))
        if mask is None:
            return conformed
        spec = conformed.spec or self._conforming.arriving.specs.get(conformed.ref, TensorSpec())
        layer = tied(self._masks.model, replace(conformed, spec=spec), mask, spec, self._masks.taken)
        self._conforming.made.append(layer)
        return Use(TensorRef(layer.name), spec=spec)

    def _dtype(self, use: Use) -> str | None:
        return self._conforming.arriving.specs.get(use.ref, TensorSpec()).dtype

    def _conformed(self, use: Use, ref: TensorRef, place: str) -> Use:
        """The argument for an input of the nested model, with what Keras does to it in passing done by layers."""
        layer = self._declared.get(ref.layer)
        if layer is None or not layer.is_input:
            return use
        return self._conforming.argument(use, input_spec(self._inside, layer), place)

    def argument(self, call: int, ref: TensorRef) -> TensorRef | None:
        """The surface tensor that is given for an input of the nested model; None for any other tensor inside."""
        use = self._arguments[call].get(ref)
        return None if use is None else use.ref

    def resolve(self, ref: TensorRef) -> TensorRef:
        """Where a tensor of the surface is afterwards; one opened call may feed another, or hand an input straight through."""
        while ref.layer == self._layer.name and ref.call in self._opened:
            call, inner = ref.call, self._inside.output_refs()[ref.output]
            if inner not in self._arguments[call]:
                return self._risen(self._opened.index(call), inner)
            ref = self._arguments[call][inner].ref
        return ref._replace(call=self._kept.index(ref.call)) if ref.layer == self._layer.name else ref

    def _risen(self, position: int, ref: TensorRef) -> TensorRef:
        number = position * self.counts[ref.layer] + ref.call
        return TensorRef(self._names[ref.layer], number, ref.output)

    def _outer(self, use: Use) -> Use:
        return replace(use, ref=self.resolve(use.ref))

    def _inner(self, position: int, use: Use) -> Use:
        """An argument inside an opened call, as it is at the surface."""
        given = self._arguments[self._opened[position]].get(use.ref)
        if given is None:
            return replace(use, ref=self._risen(position, use.ref))
        return Use(self.resolve(given.ref), use.recorded or given.recorded, use.spec or given.spec)

    def rewired(self, layer: Layer) -> Layer:
        """A layer of the surface, its arguments pointing to where they are now."""
        if layer.name != self._layer.name:
            return replace(layer, calls=tuple(map(self._rewired, layer.calls)))
        calls = (node if call in self._opened else self._rewired(node) for call, node in enumerate(layer.calls))
        return replace(layer, calls=tuple(calls))

    def _rewired(self, node: Node) -> Node:
        comes_out = any(use.ref.layer == self._layer.name and use.ref.call in self._opened for use in node.uses())
        return _through(node.map_uses(self._outer), comes_out)

    def surfaced(self) -> list[Layer]:
        """The layers that come up, with one round of calls for each call that is opened; before them what conforms the
        tensors that they are called with."""
        made = [self.rewired(layer) for layer in self._put_in()]
        for each in self._inside.layers:
            if not each.is_input:
                calls = tuple(self._call(each, node, position) for position in range(len(self._opened)) for node in each.calls)
                made.append(replace(renamed(each, self._names[each.name]), calls=calls))
        return made

    def _put_in(self) -> list[Layer]:
        return [*(layer for layer, _ in self._masks.made), *self._conforming.made]

    def _call(self, layer: Layer, node: Node, position: int) -> Node:
        comes_in = any(use.ref in self._arguments[self._opened[position]] for use in node.uses())
        moved = _through(node.map_uses(partial(self._inner, position)), comes_in)
        return self._with_training(layer, self._opened[position], moved)

    def _with_training(self, layer: Layer, call: int, node: Node) -> Node:
        """A nested model that was called with a fixed ``training`` hands it on to the layers inside."""
        training = self._layer.calls[call].kwargs.get("training")
        if training is None or node.kwargs.get("training") is not None:
            return node
        facts = self._masks.inference.facts(layer) or UNDECLARED
        if facts.training is None and layer.model is None and training in (True, 1):
            raise CutError(
                f"{self._layer.name}@{call} cannot be opened: it is called with training=True, and it is unknown whether "
                f"{layer.name!r} ({layer.class_name}) passes that on",
                code="cut-not-openable",
                where=layer.name,
                hint="declare the class in a plug-in: training=True if its call takes `training`",
            )
        if not (facts.training or layer.model is not None):
            return node
        return replace(node, kwargs=node.kwargs | {"training": training})

    def provenance(self, made: Model) -> Provenance:
        inner = {name: old for old, name in self._names.items()}
        origins: dict[tuple[str, ...], Origin] = {}
        fresh = {layer.name for layer in self._put_in()}
        for layer in made.layers:
            if layer.name in fresh:
                continue
            if layer.name in inner:
                old = inner[layer.name]
                calls = tuple(range(self.counts[old])) * len(self._opened)
                origins[(layer.name,)] = Origin((self._layer.name, old), calls)
            elif layer.name == self._layer.name:
                origins[(layer.name,)] = Origin((layer.name,), self._kept)
            else:
                origins[(layer.name,)] = Origin((layer.name,), tuple(range(len(layer.calls))))
        return Provenance(origins)


def _through(node: Node, opened: bool) -> Node:
    return replace(node, opened=True) if opened else node


def renamed(layer: Layer, name: str) -> Layer:
    """The layer under another name, in its entry and in its config."""
    if name == layer.name:
        return layer
    entry = layer.entry
    if "name" in entry:
        entry = entry | {"name": name}
    if "name" in layer.config:
        entry = entry | {"config": layer.config | {"name": name}}
    model = layer.model
    return replace(layer, name=name, entry=entry, model=None if model is None else replace(model, name=name))
