"""Where a class that nobody declared hardly makes a mask of its own, behind layers that compute with weights; and where it may.

Masks say which steps of the data are padding, and so begin where the data come in: at Embedding, at Masking, at classes of the
user's own that stand in their place and look at identifiers or at raw numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from configsplit.catalog.rules import is_float
from configsplit.graph.model import CallRef, Layer, Node, Shape, TensorRef, TensorSpec
from configsplit.inference.counts import weights_of
from configsplit.inference.known import RULE_ERRORS, Inference, called
from configsplit.inference.mask_rules import Mask, says_masks

_MASKS, _WORDS = "mask", "embed"
_CHANNELS = (1, 3, 4)
"""Grey, colours, and colours with transparency: anything else on so many axes may be the embedded words of sentences."""


def is_computed(inference: Inference, layer: Layer, call: CallRef, computed: Collection[CallRef]) -> bool:
    """Whether a call gives numbers that depend on the inputs of the model only through layers that compute with weights, or on
    pictures, of which no part is padding.

    Args:
        inference: what is known of the model.
        layer, call: the layer, and which of its calls.
        computed: the earlier calls of which it is true.
    """
    spec = inference.specs.get(TensorRef(*call), TensorSpec())
    if layer.is_input:
        return _are_pictures(spec.shape or ())
    uses = called(layer)[call.call].uses()
    if spec.dtype is not None and not is_float(spec.dtype):
        return False
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


def _are_pictures(shape: Shape) -> bool:
    """Pictures, or clips and volumes of them. One side that is open beside fixed ones is of steps: of sound, of what moves."""
    return len(shape) in (4, 5) and shape[-1] in _CHANNELS and len({size is None for size in shape[1:-1]}) == 1


def makes_none(
    ref: TensorRef,
    tensors: Mapping[TensorRef, Mask],
    layers: Mapping[str, Layer],
    computed: Collection[CallRef],
    makers: Collection[str],
) -> bool:
    """Whether every class that may have made the mask of a tensor stands behind such layers, takes no known mask, is not seen
    to make one (``makers``), and has neither name nor settings that speak of masks. What is looked up in an embedding there are
    positions, not words."""
    todo, seen = [ref], set[TensorRef]()
    while todo:
        each = todo.pop()
        mask = tensors.get(each)
        if mask is None or each in seen:
            continue
        seen.add(each)
        if mask.kind != "unknown" or not mask.own or mask.why[1] in makers:
            return False
        if mask.why[0] == each.layer and (
            CallRef(each.layer, each.call) not in computed or _speaks(layers[each.layer], _MASKS)
        ):
            return False
        todo += mask.sources
    return True


def told_of_none(inference: Inference, node: Node, mask: Mask, makers: Collection[str]) -> bool:
    """Whether Keras 3 saw no mask when it built a call (``node``), of a class that nobody declared and that none reaches.

    What such a class holds may still make one when it runs, or hand on one that reaches it.
    """
    if mask.kind != "unknown" or not mask.own or mask.why[1] in makers:
        return False
    return inference.dialect == "keras3" and mask.seen and says_masks(node)


def is_likely(
    ref: TensorRef, tensors: Mapping[TensorRef, Mask], inference: Inference, makers: Collection[str], node: Node
) -> bool:
    """Whether a class that nobody declared probably makes the mask that a tensor carries: it is seen to (``makers``), or it
    stands where an Embedding does, as in every tutorial on Transformers. Others may hand it on.

    Where Keras 3 wrote that the call which takes the tensor takes no mask, no Embedding is taken for granted.
    """
    recorded = inference.dialect == "keras3" and "mask" in node.kwargs
    layers, todo, seen = inference.model.by_name(), [ref], set[TensorRef]()
    while todo:
        mask = tensors.get(each := todo.pop())
        if mask is None or each in seen:
            continue
        seen.add(each)
        maker = layers.get(mask.why[0])
        if mask.why[1] in makers or (maker is not None and not recorded and _looks_up(inference, maker, layers)):
            return True
        todo += mask.sources
    return False


def _looks_up(inference: Inference, layer: Layer, layers: Mapping[str, Layer]) -> bool:
    """Whether name or settings of a layer speak of it, and it takes an input of its model that has steps and nothing else: one
    number is a length, not a step."""
    if not _speaks(layer, _MASKS, _WORDS) or layer.config.get("mask_zero") is False:
        return False
    taken = [use.ref for each in called(layer) for use in each.uses()]
    shapes = [inference.specs[ref].shape or () for ref in taken if layers[ref.layer].is_input]
    return any(len(shape) == 2 and shape[1] != 1 for shape in shapes)


def _speaks(layer: Layer, *signs: str) -> bool:
    return any(sign in name.lower() for name in (layer.class_name, *layer.config) for sign in signs)
