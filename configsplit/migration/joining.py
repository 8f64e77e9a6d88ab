"""The Merge layer of Keras 1, whose mode says which layer of Keras 3 it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.ir.graph import Layer, Node, TensorRef, Use
from configsplit.ir.values import FrozenDict
from configsplit.migration.building import Building, Made
from configsplit.migration.lambdas import replaced
from configsplit.migration.objects import built_in
from configsplit.migration.outcome import Replacement

_MODES: Mapping[str, str] = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
}

EPSILON = 1e-7
"""What Keras 1 never divided by less than."""


def convert(building: Building, layer: Layer, number: int, given: Mapping[str, Replacement]) -> None:
    """One call of a Merge.

    Raises:
        Stop: its mode is code, and the user gave nothing in its place.
    """
    mode = layer.config.get("mode", "sum")
    tensors = building.moved(layer.calls[number].args[0])
    if mode == "cos":
        building.outputs_are(layer, number, _cosine(building, layer, tensors))
    elif isinstance(mode, str) and mode in _MODES:
        name = building.names[layer.name]
        made = building.add(name, Made(_entry(layer, name, _MODES[mode]), old=layer.name))
        made.calls[number] = Node((tensors,))
        building.tensors[TensorRef(layer.name, number)] = TensorRef(name, number)
    else:
        replaced(building, layer, number, given)


def _entry(layer: Layer, name: str, class_name: str) -> FrozenDict:
    config: dict[str, Any] = {"name": name, "trainable": True, "dtype": "float32"}
    if class_name == "Concatenate":
        config["axis"] = layer.config.get("concat_axis", -1)
    if class_name == "Dot":
        config |= {"axes": layer.config.get("dot_axes", -1), "normalize": False}
    return built_in("keras.layers", class_name, config)


def _cosine(building: Building, layer: Layer, tensors: Any) -> Use:
    """``x.y / max(sqrt(x.x * y.y), epsilon)``, as Keras 1 computes it; a later Dot normalizes each side by itself."""
    one, other = tensors
    name, config = building.names[layer.name], {"axes": layer.config.get("dot_axes", -1), "normalize": False}

    def dot(left: Use, right: Use) -> Use:
        return building.call(building.layer("Dot", f"{name}_dot", config), (left, right))

    both = building.operation("numpy.Multiply", f"{name}_squares", (dot(one, one), dot(other, other)))
    root = building.operation("numpy.Sqrt", f"{name}_norm", (both,))
    floor = building.operation("numpy.Maximum", f"{name}_floor", (root, EPSILON))
    return building.operation("numpy.TrueDivide", name, (dot(one, other), floor), own=True)
