"""Implicit masks as tensors of the graph, which is how Keras 3 itself writes them.

Keras 3 finds the order of a model's layers, and with it the places of their weights, from the graph with its masks; and a call
that is given several tensors gets no mask there unless it is written down. Masks inside a Sequential, and those that a nested
model hands out, stay implicit: Keras 3 hands them on as Keras 2 did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from configsplit.catalog.facts import UNDECLARED, LayerFacts
from configsplit.catalog.keras3.refusals import Refusal, Stop
from configsplit.catalog.layers.attention import HEEDS_MASKS
from configsplit.catalog.table import Table, class_facts
from configsplit.conversion.building import OPS, Building, operation_entry
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.model import Layer, Model, Node, TensorRef, Use, free_name, leaves

Mask = Callable[[], Use]
"""A mask that is made when somebody uses it."""


def with_masks(model: Model, building: Building) -> Model:
    """A functional model with every mask that a layer uses as a tensor of the graph; refusals go to ``building``."""
    work = _Work(model, building)
    nested_attention = building.path and any(work.new(layer).attention == "named" for layer in model.layers)
    if not nested_attention and not any(_begins(layer) for layer in model.layers):
        return model
    graph = call_graph(model)
    position = topological(graph)
    for number in sorted(range(len(graph.calls)), key=position.__getitem__):
        ref = graph.calls[number]
        try:
            work.settle(work.layers[ref.layer], ref.call)
        except Stop as stop:
            building.refusals.append(Refusal(building.title(ref.layer), stop.code, str(stop), stop.remedy))
    kept = tuple(replace(layer, calls=tuple(work.calls[layer.name])) for layer in model.layers)
    return model.with_layers((*kept, *work.made))


def _begins(layer: Layer) -> bool:
    facts = class_facts(layer.class_name)
    return bool(facts.mask_made) and facts.makes_mask(layer.config)


class _Work:
    """Masks so far, by the tensor that they belong to."""

    def __init__(self, model: Model, building: Building) -> None:
        self.layers: Mapping[str, Layer] = model.by_name()
        self.building = building
        self.table = Table(building.around.facts)
        self.calls = {layer.name: list(layer.calls) for layer in model.layers}
        self.masks: dict[TensorRef, Mask] = {}
        self.unmasked: dict[TensorRef, Use] = {}
        self.made: list[Layer] = []
        self.names = set(self.layers)

    def new(self, layer: Layer) -> LayerFacts:
        """What is declared of a layer's class in Keras 3."""
        return self.table.of(layer, "keras3") or UNDECLARED

    def settle(self, layer: Layer, number: int) -> None:
        """Give a call the masks that it uses, and find out those of its outputs."""
        node = layer.calls[number]
        arriving = [self.masks.get(use.ref) for use in leaves(node.args[:1])]
        if any(arriving) and self.new(layer).reads_masks:  # they compute with masks in Keras 3 alone
            node = self.calls[layer.name][number] = node.map_uses(self._unmasked)
        self._use(layer, number, node, arriving)
        if type(given := node.kwargs.get("mask")) is Use:
            arriving = [lambda: given, *arriving[1:]]
        mask = self._mask_of(layer, node, arriving)
        if mask is not None:
            outputs = self.new(layer).masked_outputs(layer.config)
            self.masks |= dict.fromkeys((TensorRef(layer.name, number, output) for output in outputs), mask)

    def _use(self, layer: Layer, number: int, node: Node, arriving: list[Mask | None]) -> None:
        facts, nested = self.new(layer), layer.model is not None
        given: dict[str, Any] = {}
        if facts.attention == "named":
            given = dict(self._attention(layer, number, node))
        elif not any(arriving) or node.kwargs.get("mask") is not None:
            return
        elif facts.attention == "listed" or (nested and len(arriving) > 1):
            given = {"mask": tuple(None if mask is None else mask() for mask in arriving)}
        elif (nested or "mask" in (facts.uses_mask or ())) and arriving[0] is not None:
            given = {"mask": arriving[0]()}
        if given:
            self.calls[layer.name][number] = replace(node, kwargs=node.kwargs | given)

    def _attention(self, layer: Layer, number: int, node: Node) -> dict[str, Use]:
        """Query, value and key each with its mask; tf.keras has used those since 2.10."""
        if self._ignores_masks(layer):
            self.calls[layer.name][number] = node.map_uses(self._unmasked)
            return {}
        tensors = dict(zip(("query", "value", "key"), node.args, strict=False)) | dict(node.kwargs)
        masks: dict[str, Use] = {}
        for name in ("query", "value", "key"):
            use = tensors.get(name)
            mask = self.masks.get(use.ref) if type(use) is Use else None
            if mask is not None:
                masks[f"{name}_mask"] = mask()
        return masks

    def _ignores_masks(self, layer: Layer) -> bool:
        release = self.building.around.release
        return self.new(layer).attention == "named" and (2, 0) < release < HEEDS_MASKS

    def _unmasked(self, use: Use) -> Use:
        """The same tensor as an operation gives it, which hands no mask on; as it is where it has none."""
        if use.ref not in self.masks and not self.building.path:  # into a nested model masks come unseen
            return use
        if use.ref not in self.unmasked:
            self.unmasked[use.ref] = self._operation("numpy.Copy", "without_mask", (use,))
        return self.unmasked[use.ref]

    def _mask_of(self, layer: Layer, node: Node, arriving: list[Mask | None]) -> Mask | None:
        if _begins(layer):
            return self._beginning(layer, node)
        there = [mask for mask in arriving if mask is not None]
        if not there or self._ignores_masks(layer) or layer.model is not None or str(layer.entry.get("module")).startswith(OPS):
            return None
        facts = self.table.of(layer, "keras2") or UNDECLARED  # it hands on what it handed on before
        if facts.merge == "joined":
            return self._concatenated(layer, arriving, there)
        if facts.merge:
            return self._together(layer.name, there)
        passes = facts.mask == "passes" and facts.keeps_steps(layer.config) and facts.wraps != "steps"
        return there[0] if passes and arriving[0] is not None else None

    # ------------------------------------------------------------------------------------------------------- making

    def _once(self, make: Callable[[], Use]) -> Mask:
        made: list[Use] = []

        def mask() -> Use:
            if not made:
                made.append(make())
            return made[0]

        return mask

    def _beginning(self, layer: Layer, node: Node) -> Mask:
        taken = node.uses()[0]
        if class_facts(layer.class_name).mask_made == "not_zero":
            return self._once(lambda: self._operation("numpy.NotEqual", "not_equal", (taken, 0)))
        value = layer.config.get("mask_value", 0.0)

        def make() -> Use:
            differs = self._operation("numpy.NotEqual", "not_equal", (taken, value))
            return self._operation("numpy.Any", "any", (differs,), {"axis": -1, "keepdims": False})

        return self._once(make)

    def _together(self, name: str, masks: list[Mask]) -> Mask:
        def make() -> Use:
            first, *rest = masks
            total = first()
            for mask in rest:
                total = self._operation("numpy.LogicalAnd", f"{name}_mask", (total, mask()))
            return total

        return self._once(make)

    def _concatenated(self, layer: Layer, arriving: list[Mask | None], there: list[Mask]) -> Mask:
        axis = layer.config.get("axis", -1)
        if axis == -1:
            return self._together(layer.name, there)

        def make() -> Use:
            if axis != 1 or len(there) != len(arriving):
                raise Stop(
                    "convert-mask",
                    f"the mask behind the Concatenate {layer.name!r} along axis {axis} has no rule",
                    "rebuild that part of the model in Keras 3",
                )
            return self._operation("numpy.Concatenate", f"{layer.name}_mask", (tuple(mask() for mask in there),), {"axis": 1})

        return self._once(make)

    def _operation(self, kind: str, wish: str, args: tuple[Any, ...], config: Mapping[str, Any] | None = None) -> Use:
        name = free_name(wish, self.names)
        entry = operation_entry(kind, name, config) | {"name": name, "inbound_nodes": None}
        self.made.append(Layer(name=name, class_name=kind.partition(".")[2], entry=entry, calls=(Node(args),)))
        return Use(TensorRef(name))
