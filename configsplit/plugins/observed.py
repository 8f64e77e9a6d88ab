"""What a library's layers were seen to give and keep, as declarations: the plug-in that `configsplit expand` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypedDict

from configsplit.catalog.facts import CallFacts, LayerFacts, MaskRule, WeightSpec
from configsplit.errors import ShapeError
from configsplit.graph.model import Shape, TensorSpec


class SeenLayer(TypedDict):
    """``outputs``: a dtype and a shape for each, in which ``[tensor, axis]`` is a size of what is taken; None where that was
    not to be seen. ``weights``: name, shape, dtype."""

    outputs: Sequence[tuple[str, Sequence[int | Sequence[int] | None]]] | None
    weights: Sequence[tuple[str, Sequence[int], str]]


class SeenClass(TypedDict):
    """As `LayerFacts` has them; ``layers`` by their names, None for a name that several have which differ."""

    keras_class: str
    mask: MaskRule
    uses_mask: Sequence[str]
    training: bool
    layers: Mapping[str, SeenLayer | None]


def observed(classes: Mapping[str, SeenClass]) -> tuple[LayerFacts, ...]:
    """Declarations of classes out of what was seen of their layers, each of which goes by its name.

    Args:
        classes: what was seen of each class, by its name.

    Returns:
        What a plug-in has as its ``LAYERS``.

    Raises:
        KeyError: something is missing of a class.
    """
    return tuple(
        LayerFacts(
            class_name=name,
            outputs=partial(_outputs, seen["layers"]),
            weights=partial(_weights, seen["layers"]),
            mask=seen["mask"],
            uses_mask=tuple(seen["uses_mask"]) or None,
            training=seen["training"],
            keras_class=seen["keras_class"],
        )
        for name, seen in classes.items()
    )


def _seen(layers: Mapping[str, SeenLayer | None], call: CallFacts) -> SeenLayer:
    if (seen := layers.get(str(call.config.get("name")))) is None:
        raise ShapeError(f"no {call.class_name} of that name was seen", code="shape-unknown")
    return seen


def _outputs(layers: Mapping[str, SeenLayer | None], call: CallFacts) -> tuple[TensorSpec, ...]:
    if (outputs := _seen(layers, call)["outputs"]) is None:
        why = f"what this {call.class_name} gives hangs on what it takes, in a way that was not seen"
        raise ShapeError(why, code="shape-unknown")
    taken = call.inputs
    return tuple(TensorSpec(tuple(_size(size, taken) for size in shape), dtype) for dtype, shape in outputs)


def _size(size: int | Sequence[int] | None, taken: Sequence[TensorSpec]) -> int | None:
    if size is None or isinstance(size, int):
        return size
    shape: Shape | None = taken[size[0]].shape
    if shape is None or size[1] >= len(shape):
        raise ShapeError("what it takes is not known", code="shape-unknown")
    return shape[size[1]]


def _weights(layers: Mapping[str, SeenLayer | None], call: CallFacts) -> tuple[WeightSpec, ...]:
    return tuple(WeightSpec(name, tuple(shape), dtype) for name, shape, dtype in _seen(layers, call)["weights"])
