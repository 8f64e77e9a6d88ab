"""Lambda layers: their code is carried by no conversion; the user says what takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.catalog.keras3.objects import built_in, policy
from configsplit.catalog.keras3.refusals import Replacement, Stop
from configsplit.conversion.building import Building, Made
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, Node, TensorRef

__all__ = ["convert", "replaced"]


def convert(building: Building, layer: Layer, number: int, given: Mapping[str, Replacement]) -> None:
    """A Lambda with the function that the user names.

    Raises:
        Stop: the user named none.
    """
    title, name = building.title(layer.name), building.names[layer.name]
    replacement = given.get(title) or given.get(layer.name)
    if replacement is None:
        raise Stop(
            "convert-lambda",
            f"its code ({_kind(layer.config)}) was compiled by the Python that wrote the file, and is neither read nor run",
            f"write it as a function and give that: --lambda {title}=module:function",
        )
    if name not in building.layers:
        building.add(name, Made(_entry(layer, name, replacement), old=layer.name))
        building.note(layer.name, f"its code is replaced by {replacement.module}:{replacement.function}")
    node = layer.calls[number]
    kwargs = FrozenDict({key: value for key, value in node.kwargs.items() if value is not None})
    building.layers[name].calls[number] = Node(building.moved(node.args), building.moved(kwargs))
    for output in range(building.counts.get(CallRef(layer.name, number), 1)):
        building.tensors[TensorRef(layer.name, number, output)] = TensorRef(name, number, output)


replaced = convert


def _kind(config: FrozenDict) -> str:
    function = config.get("function")
    if "mode" in config:
        return "the mode of a Merge"
    named = config.get("function_type") == "function" and isinstance(function, str)
    return f"the function {function!r}" if named else "a Python lambda"


def _entry(layer: Layer, name: str, replacement: Replacement) -> FrozenDict:
    function = FrozenDict(
        {
            "module": replacement.module if replacement.module.partition(".")[0] == "keras" else "builtins",
            "class_name": "function",
            "config": replacement.function,
            "registered_name": replacement.function if replacement.module.partition(".")[0] == "keras" else "function",
        }
    )
    shape = layer.config.get("output_shape")
    config: dict[str, Any] = {
        "name": name,
        "trainable": layer.config.get("trainable", True),
        "dtype": policy(layer.config.get("dtype")),
        "function": function,
        "arguments": layer.config.get("arguments") or FrozenDict(),
    }
    if type(shape) is tuple and all(type(size) is int or size is None for size in shape):
        config["output_shape"] = shape
    return built_in("keras.layers", "Lambda", config)
