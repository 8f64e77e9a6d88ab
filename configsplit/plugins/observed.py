"""What a library's layers were seen to give and keep, as declarations: the plug-in that `configsplit expand` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from configsplit.catalog.facts import CallFacts, LayerFacts, WeightSpec
from configsplit.errors import ShapeError
from configsplit.graph.model import Shape, TensorSpec


def observed(classes: Mapping[str, Mapping[str, Any]]) -> tuple[LayerFacts, ...]:
    """Declarations of classes out of what was seen of their layers, each of which goes by its name.

    Args:
        classes: class -> ``keras_class``, ``mask``, ``uses_mask``, ``training``, and ``layers``: name -> ``outputs`` (a dtype
            and a shape for each, in which ``[tensor, axis]`` is a size of what is taken) and ``weights`` (name, shape, dtype).

    Returns:
        What a plug-in has as its ``LAYERS``.
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


def _seen(layers: Mapping[str, Any], call: CallFacts) -> Mapping[str, Any]:
    found = layers.get(str(call.config.get("name")))
    if found is None or not isinstance(found, Mapping):
        raise ShapeError(f"no {call.class_name} of that name was seen", code="shape-unknown")
    return found


def _outputs(layers: Mapping[str, Any], call: CallFacts) -> tuple[TensorSpec, ...]:
    outputs = _seen(layers, call).get("outputs")
    if outputs is None:
        raise ShapeError(
            f"what this {call.class_name} gives hangs on what it takes, in a way that was not seen", code="shape-unknown"
        )
    taken = call.inputs
    return tuple(TensorSpec(_sizes(shape, taken), dtype) for dtype, shape in outputs)


def _sizes(shape: Sequence[Any], taken: Sequence[TensorSpec]) -> Shape:
    sizes = []
    for size in shape:
        if isinstance(size, int) or size is None:
            sizes.append(size)
            continue
        tensor, axis = size
        its = taken[tensor].shape
        if its is None or axis >= len(its):
            raise ShapeError("what it takes is not known", code="shape-unknown")
        sizes.append(its[axis])
    return tuple(sizes)


def _weights(layers: Mapping[str, Any], call: CallFacts) -> tuple[WeightSpec, ...]:
    return tuple(WeightSpec(name, tuple(shape), dtype) for name, shape, dtype in _seen(layers, call)["weights"])
