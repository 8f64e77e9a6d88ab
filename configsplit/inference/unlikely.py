"""Where a class that nobody declared hardly makes a mask of its own, behind layers that compute with weights; and where it may.

Masks say which steps of the data are padding, and so begin where the data come in: at Embedding, at Masking, at classes of the
user's own that stand in their place and look at identifiers or at raw numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from configsplit.graph.model import CallRef, Layer, Node, TensorRef
from configsplit.inference.counts import weights_of
from configsplit.inference.known import RULE_ERRORS, Inference, called
from configsplit.inference.mask_rules import Mask

_SPEAKS_OF_MASKS = ("mask", "embed")


def is_computed(inference: Inference, layer: Layer, call: CallRef, computed: Collection[CallRef]) -> bool:
    """Whether what a call gives depends on the inputs of its model only through layers that compute with weights.

    Args:
        inference: what is known of the model.
        layer, call: the layer, and which of its calls.
        computed: the earlier calls of which it is true.
    """
    uses = called(layer)[call.call].uses()
    if uses and all(CallRef(use.ref.layer, use.ref.call) in computed for use in uses):
        return True
    facts = inference.facts(layer)
    if facts is None:
        return False
    try:
        _, inner = inference.table.unwrap(facts, inference.call(layer, call.call))
    except RULE_ERRORS:
        return False
    innermost = inference.table.named(inner.class_name, inference.dialect)
    looks_up = innermost is None or innermost.numbers != "changed" or bool(innermost.limit_key)
    return not looks_up and bool(weights_of(inference, layer))


def makes_none(
    ref: TensorRef, tensors: Mapping[TensorRef, Mask], layers: Mapping[str, Layer], computed: Collection[CallRef]
) -> bool:
    """Whether every class that may have made the mask of a tensor stands behind such layers, takes no known mask, and has
    neither name nor settings that speak of masks."""
    todo, seen = [ref], set[TensorRef]()
    while todo:
        each = todo.pop()
        mask = tensors.get(each)
        if mask is None or each in seen:
            continue
        seen.add(each)
        if mask.kind != "unknown" or not mask.own:
            return False
        if mask.why[0] == each.layer and (CallRef(each.layer, each.call) not in computed or _speaks(layers[each.layer])):
            return False
        todo += mask.sources
    return True


def looks_up(inference: Inference, layer: Layer | None, node: Node) -> bool:
    """Whether a class that nobody declared stands where an Embedding does, as in every tutorial on Transformers: its name or
    settings speak of it, and it takes an input of its model that has steps and nothing else.

    Args:
        inference: what is known of the model.
        layer: of that class, if it is one of the model's own.
        node: a call that takes what it gives; where Keras 3 wrote that this call takes no mask, there is none.
    """
    if layer is None or not _speaks(layer) or layer.config.get("mask_zero") is False:
        return False
    if inference.dialect == "keras3" and "mask" in node.kwargs:
        return False
    layers = inference.model.by_name()
    taken = [use.ref for each in called(layer) for use in each.uses()]
    return any(layers[ref.layer].is_input and len(inference.specs[ref].shape or ()) == 2 for ref in taken)


def _speaks(layer: Layer) -> bool:
    return any(sign in name.lower() for name in (layer.class_name, *layer.config) for sign in _SPEAKS_OF_MASKS)
