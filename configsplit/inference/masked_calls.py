"""What a call says of masks: the tensors whose masks count, and the masks that are given as arguments."""

from __future__ import annotations

from configsplit.graph.model import CHAINED, Node, Structure, TensorRef, Use, leaves


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
    return node.form != CHAINED and not node.opened and (bool(masks) or fills_mask(node))


def fills_mask(node: Node) -> bool:
    """Whether a call of Keras 3 takes one tensor and nothing else, but a mask."""
    others = [name for name, value in node.kwargs.items() if name != "mask" and value is not None]
    return not others and len(node.args) == 1 and type(node.args[0]) is Use


def attended(node: Node) -> dict[str, list[TensorRef]]:
    """The tensors of an attention call: query, value and, where it is given, key."""
    places = ("query", "value", "key")
    given: dict[str, Structure] = dict(zip(places, node.args, strict=False))
    given |= {name: node.kwargs[name] for name in places if name in node.kwargs}
    return {name: [use.ref for use in leaves((value,))] for name, value in given.items()}
