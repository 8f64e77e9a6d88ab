"""What a call says of masks: the tensors whose masks count, the masks that are given as arguments, and masks that are untied.

MultiHeadAttention of Keras 3 unties the masks of query, value and key from the very tensors that it takes, so that whatever
runs behind it takes them without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from configsplit.catalog.facts import UNDECLARED
from configsplit.graph.model import CHAINED, CallRef, Layer, Node, Structure, TensorRef, Use, leaves
from configsplit.inference.infer import Inference, called


def taken_first(node: Node) -> list[TensorRef]:
    """The tensors of a call's first argument, whose masks Keras hands on."""
    if node.args:
        return [use.ref for use in leaves(node.args[:1])]
    return next(([use.ref for use in found] for value in node.kwargs.values() if (found := leaves((value,)))), [])


def given_masks(node: Node, count: int) -> list[TensorRef | None] | None:
    """The masks that a call is given as arguments, for each of ``count`` tensors; None where Keras finds them by itself."""
    mask = node.kwargs.get("mask")
    if mask is None:
        return None
    found = [item.ref if type(item) is Use else None for item in (mask if type(mask) is tuple else (mask,))]
    return [*found, *(None,) * (count - len(found))][:count]


def says_masks(node: Node) -> bool:
    """Whether the document of a functional model of Keras 3 tells which masks a call takes.

    Since 3.7 or so it does if the call takes one tensor and nothing else: what Keras then fills in as ``mask`` it also writes
    down. Of calls with several arguments it says nothing, whatever masks they find when they run.
    """
    masks = [name for name in node.kwargs if name == "mask" or name.endswith("_mask")]
    return node.form != CHAINED and (bool(masks) or fills_mask(node))


def fills_mask(node: Node) -> bool:
    """Whether a call of Keras 3 takes one tensor and nothing else, but a mask."""
    others = [name for name, value in node.kwargs.items() if name != "mask" and value is not None]
    return not others and len(node.args) == 1 and type(node.args[0]) is Use


def attends(inference: Inference, layer: Layer) -> bool:
    """Whether a layer has masks of its own for query, value and key."""
    return (inference.facts(layer) or UNDECLARED).attention == "named"


def attended(node: Node) -> dict[str, list[TensorRef]]:
    """The tensors of an attention call: query, value and, where it is given, key."""
    places = ("query", "value", "key")
    given: dict[str, Structure] = dict(zip(places, node.args, strict=False))
    given |= {name: node.kwargs[name] for name in places if name in node.kwargs}
    return {name: [use.ref for use in leaves((value,))] for name, value in given.items()}


@dataclass(slots=True)
class Untying:
    """Which calls of a Keras 3 model take a tensor after an attention layer has untied its mask."""

    inference: Inference
    layers: Mapping[str, Layer]
    attention: dict[TensorRef, list[CallRef]] = field(default_factory=dict)

    @classmethod
    def of(cls, inference: Inference) -> Untying:
        found = cls(inference, inference.model.by_name())
        for layer in inference.model.layers if inference.dialect == "keras3" else ():
            for number, node in enumerate(layer.calls if attends(inference, layer) else ()):
                for ref in {found.object(ref) for refs in attended(node).values() for ref in refs}:
                    found.attention.setdefault(ref, []).append(CallRef(layer.name, number))
        return found

    def object(self, ref: TensorRef) -> TensorRef:
        """The tensor that a tensor is the same object as."""
        while True:
            layer = self.layers[ref.layer]
            same = (self.inference.facts(layer) or UNDECLARED).same_tensor(layer.config)
            if not same or not (taken := taken_first(called(layer)[ref.call])):
                return ref
            ref = taken[0]

    def untied(self, call: CallRef, ref: TensorRef) -> bool | None:
        """Whether a tensor has lost its mask when a call takes it; None where the order of running decides, which no
        dependency fixes."""
        certain: bool | None = False
        for attention in self.attention.get(self.object(ref), ()) if self.attention else ():
            if attention == call or self._needs(attention, call):
                continue
            if self._needs(call, attention):
                return True
            certain = None
        return certain

    def _needs(self, call: CallRef, other: CallRef) -> bool:
        """Whether a call needs what another gives."""
        todo = [call]
        done: set[CallRef] = set()
        while todo:
            current = todo.pop()
            for use in called(self.layers[current.layer])[current.call].uses():
                before = CallRef(use.ref.layer, use.ref.call)
                if before == other:
                    return True
                if before not in done:
                    done.add(before)
                    todo.append(before)
        return False
