"""Write down the masks that Keras 3 finds by itself when it builds a functional model, as Keras 3 itself writes them.

It looks for the mask of a call that takes one tensor and nothing else, and makes it part of the graph; what other calls find
when they run is part of none.

Where a nested model was opened, or a Sequential became functional, layers stand in a functional graph whose calls say nothing
of masks. Keras 3 would put in operations that no document shows, and with them change the order of the layers, by which it
finds their weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from configsplit.graph.model import CHAINED, Layer, Model, Node, TensorRef, Use
from configsplit.inference import Inference, Masks, fills_mask
from configsplit.rewrites.masks import MaskTensors, tied


def with_mask_arguments(model: Model, masks: Masks, inference: Inference) -> Model:
    """The model with the masks that Keras 3 sees as arguments of the calls to which it would give them.

    Where no document says how a layer is called, and nobody whether its class takes masks, it gets its tensors with the mask
    tied to them anew, which Keras 3 does not see.

    Raises:
        CutError: such a mask is computed inside a layer.
    """
    work = _Arguments(model, masks, inference, MaskTensors(model, masks, inference))
    layers = tuple(replace(layer, calls=tuple(work.call(layer, node) for node in layer.calls)) for layer in model.layers)
    return model.with_layers((*layers, *(layer for layer, _ in work.tensors.made), *work.ties.values()))


@dataclass(slots=True)
class _Arguments:
    model: Model
    masks: Masks
    inference: Inference
    tensors: MaskTensors
    ties: dict[TensorRef, Layer] = field(default_factory=dict)

    def call(self, layer: Layer, node: Node) -> Node:
        masked = not (layer.is_operation or layer.is_input) and any(self._seen(use.ref) for use in node.uses())
        if not masked or not fills_mask(node) or node.kwargs.get("mask") is not None:
            return node
        facts = None if layer.model is not None else self.inference.facts(layer)
        told = layer.model is not None or (facts is not None and facts.uses_mask is not None)
        if not told and node.form == CHAINED:
            return node.map_uses(self._tied)
        takes = ("mask",) if layer.model is not None else (facts and facts.uses_mask) or tuple(node.kwargs)
        mask = Use(self.tensors.of(ref := node.uses()[0].ref), spec=self.tensors.spec(ref)) if "mask" in takes else None
        return node if mask is None else replace(node, kwargs=node.kwargs | {"mask": mask})

    def _seen(self, ref: TensorRef) -> bool:
        mask = self.masks.tensors.get(ref)
        return mask is not None and mask.seen and mask.kind not in ("hidden", "unknown")

    def _tied(self, use: Use) -> Use:
        if not self._seen(use.ref) or self.inference.specs[use.ref].shape is None:
            return use
        if use.ref not in self.ties:
            mask = Use(self.tensors.of(use.ref), spec=self.tensors.spec(use.ref))
            spec = self.inference.specs[use.ref]
            self.ties[use.ref] = tied(self.model, Use(use.ref, spec=spec), mask, spec, self.tensors.taken)
        return replace(use, ref=TensorRef(self.ties[use.ref].name))
