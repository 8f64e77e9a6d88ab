"""Implicit masks as tensors of the graph, which is how Keras 3 itself writes them.

Keras 3 finds the order of a model's layers, and with it the places of their weights, from the graph with its masks; and a call
that is given several tensors gets no mask there unless it is written down. Masks inside a Sequential, and those that a nested
model hands out, stay implicit: Keras 3 hands them on as Keras 2 did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from configsplit.catalog.keras3.refusals import Refusal, Stop
from configsplit.conversion.building import OPS, Building
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Model, Node, TensorRef, Use, leaves
from configsplit.inference import BUILT_IN
from configsplit.inference.masks import KERAS3_READS

Mask = Callable[[], Use]
"""A mask that is made when somebody uses it."""

_LOOPS = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"})
_TAKERS = _LOOPS | {"TimeDistributed", "BatchNormalization", "GlobalAveragePooling1D", "Softmax"}
"""Layers of Keras 3 whose call has a ``mask``."""

ATTENTION_USES_MASKS = (2, 10)
"""The release of TensorFlow from which on MultiHeadAttention uses the masks of what it is given."""

_LISTS = frozenset({"Attention", "AdditiveAttention"})
_MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})


def with_masks(model: Model, building: Building) -> Model:
    """A functional model with every mask that a layer uses as a tensor of the graph; refusals go to ``building``."""
    nested_attention = building.path and any(layer.class_name == "MultiHeadAttention" for layer in model.layers)
    if not nested_attention and not any(_begins(layer) for layer in model.layers):
        return model
    work = _Work(model, building)
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
    return layer.class_name == "Masking" or (layer.class_name == "Embedding" and bool(layer.config.get("mask_zero")))


class _Work:
    """Masks so far, by the tensor that they belong to."""

    def __init__(self, model: Model, building: Building) -> None:
        self.layers: Mapping[str, Layer] = model.by_name()
        self.building = building
        self.calls = {layer.name: list(layer.calls) for layer in model.layers}
        self.masks: dict[TensorRef, Mask] = {}
        self.unmasked: dict[TensorRef, Use] = {}
        self.made: list[Layer] = []
        self.names = set(self.layers)

    def settle(self, layer: Layer, number: int) -> None:
        """Give a call the masks that it uses, and find out those of its outputs."""
        node = layer.calls[number]
        arriving = [self.masks.get(use.ref) for use in leaves(node.args[:1])]
        if any(arriving) and layer.class_name in KERAS3_READS:  # they compute with masks in Keras 3 alone
            node = self.calls[layer.name][number] = node.map_uses(self._unmasked)
        self._use(layer, number, node, arriving)
        if type(given := node.kwargs.get("mask")) is Use:
            arriving = [lambda: given, *arriving[1:]]
        found = self._mask_of(layer, node, arriving)
        if found is not None:
            count = 2 if layer.class_name == "Bidirectional" and layer.config.get("merge_mode", "concat") is None else 1
            self.masks |= dict.fromkeys((TensorRef(layer.name, number, output) for output in range(count)), found)

    def _use(self, layer: Layer, number: int, node: Node, arriving: list[Mask | None]) -> None:
        if not any(arriving) or node.kwargs.get("mask") is not None:
            given: dict[str, Any] = {} if layer.class_name != "MultiHeadAttention" else self._attention(layer, number, node)
        elif layer.class_name in _LISTS or (layer.model is not None and len(arriving) > 1):
            given = {"mask": tuple(None if mask is None else mask() for mask in arriving)}
        elif (layer.class_name in _TAKERS or layer.model is not None) and arriving[0] is not None:
            given = {"mask": arriving[0]()}
        else:
            given = {} if layer.class_name != "MultiHeadAttention" else self._attention(layer, number, node)
        if given:
            self.calls[layer.name][number] = replace(node, kwargs=node.kwargs | given)

    def _attention(self, layer: Layer, number: int, node: Node) -> dict[str, Use]:
        """Query, value and key each with its mask; tf.keras has used those since 2.10."""
        if self._ignores_masks(layer):
            self.calls[layer.name][number] = node.map_uses(self._unmasked)
            return {}
        tensors = dict(zip(("query", "value", "key"), node.args, strict=False)) | dict(node.kwargs)
        found: dict[str, Use] = {}
        for name in ("query", "value", "key"):
            use = tensors.get(name)
            mask = self.masks.get(use.ref) if type(use) is Use else None
            if mask is not None:
                found[f"{name}_mask"] = mask()
        return found

    def _ignores_masks(self, layer: Layer) -> bool:
        release = self.building.around.release
        return layer.class_name == "MultiHeadAttention" and (2, 0) < release < ATTENTION_USES_MASKS

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
        if layer.class_name in _LOOPS:
            return there[0] if _keeps_time(layer) and arriving[0] is not None else None
        if layer.class_name in _MERGES:
            return self._together(layer.name, there)
        if layer.class_name == "Concatenate":
            return self._concatenated(layer, arriving, there)
        facts = self.building.around.facts.get(layer.class_name) or BUILT_IN.get(layer.class_name)
        return there[0] if facts is not None and facts.mask == "passes" and arriving[0] is not None else None

    # ------------------------------------------------------------------------------------------------------- making

    def _once(self, make: Callable[[], Use]) -> Mask:
        found: list[Use] = []

        def mask() -> Use:
            if not found:
                found.append(make())
            return found[0]

        return mask

    def _beginning(self, layer: Layer, node: Node) -> Mask:
        taken = node.uses()[0]
        if layer.class_name == "Embedding":
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
                    "build that part of the model anew in Keras 3",
                )
            return self._operation("numpy.Concatenate", f"{layer.name}_mask", (tuple(mask() for mask in there),), {"axis": 1})

        return self._once(make)

    def _operation(self, kind: str, wish: str, args: tuple[Any, ...], config: Mapping[str, Any] | None = None) -> Use:
        name, number = wish, 1
        while name in self.names:
            number += 1
            name = f"{wish}_{number}"
        self.names.add(name)
        home, _, class_name = kind.partition(".")
        entry = FrozenDict(
            {
                "module": f"{OPS}.{home}",
                "class_name": class_name,
                "config": FrozenDict({**(config or {}), "name": name}),
                "registered_name": class_name,
                "name": name,
                "inbound_nodes": None,
            }
        )
        self.made.append(Layer(name=name, class_name=class_name, entry=entry, calls=(Node(args),)))
        return Use(TensorRef(name))


def _keeps_time(layer: Layer) -> bool:
    if layer.class_name != "Bidirectional":
        return bool(layer.config.get("return_sequences"))
    inner = layer.config.get("layer")
    return isinstance(inner, FrozenDict) and bool(inner["config"].get("return_sequences"))
