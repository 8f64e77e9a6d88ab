"""Lambda layers: what their code computes if it can be read; else the user says what takes its place. It is never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.catalog.keras3.objects import built_in, policy
from configsplit.catalog.keras3.refusals import Replacement, Stop
from configsplit.conversion.building import Building, Made
from configsplit.conversion.lambdas.marshal import Unread
from configsplit.conversion.lambdas.reading import read, titled
from configsplit.conversion.lambdas.values import Tensor
from configsplit.conversion.operations import convert_function
from configsplit.conversion.samples import follow
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import INPUT, CallRef, Layer, Node, TensorRef, TensorSpec, Use

__all__ = ["alone", "by_name", "convert", "entry", "replaced", "unread"]


def convert(building: Building, layer: Layer, number: int, given: Mapping[str, Replacement]) -> None:
    """A Lambda with the function that the user names; without one, the operations that its code comes down to."""
    title = building.title(layer.name)
    if (replacement := given.get(title) or given.get(layer.name)) is not None:
        _replace(building, layer, number, replacement)
        return
    try:
        if not building.around.read_lambda:
            raise Unread("it is not to be read")
        _read(building, layer, number)
    except Unread as error:
        raise unread(layer.config, title, str(error)) from None


def unread(config: FrozenDict, title: str, why: str) -> Stop:
    """The refusal of code that is not read."""
    hint = f"write it as a function and give that: --lambda {title}=module:function"
    arguments = config.get("arguments")
    if isinstance(arguments, FrozenDict) and {*arguments} == {"i", "parts"}:  # multi_gpu_model of Keras 2.0.9 to 2.3
        hint = "multi_gpu_model wrote it; take the model that its devices share:"
        hint += f" configsplit extract MODEL --from {title} --to LAYER@0, where LAYER takes {title}"
    return Stop("convert-lambda", f"its code ({_kind(config)}) is never run, and cannot be read: {why}", hint)


def _replace(building: Building, layer: Layer, number: int, replacement: Replacement) -> None:
    name = building.names[layer.name]
    if name not in building.layers:
        building.add(name, Made(entry(layer.config, name, replacement), old=layer.name))
        building.note(layer.name, f"its code is replaced by {replacement.module}:{replacement.function}")
    node = layer.calls[number]
    kwargs = FrozenDict({key: value for key, value in node.kwargs.items() if value is not None})
    building.layers[name].calls[number] = Node(building.moved(node.args), building.moved(kwargs))
    for output in range(building.counts.get(CallRef(layer.name, number), 1)):
        building.tensors[TensorRef(layer.name, number, output)] = TensorRef(name, number, output)


# --------------------------------------------------------------------------------------------------- code that is read


def _read(building: Building, layer: Layer, number: int) -> None:
    """One call, by the operations that the code comes down to; the last one has the name of the Lambda."""
    node = layer.calls[number]
    if len(node.args) != 1 or any(value is not None for value in node.kwargs.values()):
        raise Unread("it is called with more than tensors")
    given = titled(rebuild(node.args[0], lambda item: _tensor(building, item)))
    reading = read(layer.config, given, f"{layer.name}@{number}")
    building.specs.update(reading.specs)
    before = {*building.layers}
    for step in reading.layers:
        convert_function(building, step, 0)
        follow(building, step, 0)
    for output, made in enumerate(reading.outputs):
        building.tensors[TensorRef(layer.name, number, output)] = _unmasked(building, layer, made.ref)
    _named(building, layer, number, before)
    if not number:
        assumed = f" (with {', '.join(reading.assumed)})" if reading.assumed else ""
        building.note(layer.name, f"its code is read, not run: {reading.text}{assumed}")


def _tensor(building: Building, item: Any) -> Any:
    return Tensor(item.ref, building.spec(item.ref), "x") if type(item) is Use else item


def _unmasked(building: Building, layer: Layer, ref: TensorRef) -> TensorRef:
    """The new tensor; what a Lambda takes is no output of it as it is, but is cast to what it is already."""
    if ref in building.symbols:
        raise Unread("it gives the shape of a tensor")
    new = building.tensors[ref]
    if new in {building.tensors.get(use.ref) for node in layer.calls for use in node.uses()}:
        return building.operation("core.Cast", "cast", (Use(new),), {"dtype": building.spec(ref).dtype}).ref
    return new


def _named(building: Building, layer: Layer, number: int, before: set[str]) -> None:
    """Give the operation that makes the one output the name of the Lambda."""
    ref, name = building.tensors[TensorRef(layer.name, number)], building.names[layer.name]
    if TensorRef(layer.name, number, 1) in building.tensors or ref.layer in before or name in building.layers:
        return
    building.rename(ref.layer, name)
    building.layers[name].old = layer.name


def alone(lambda_: FrozenDict, taken: TensorSpec) -> FrozenDict:
    """A Lambda inside a wrapper as a model of its own, in the old dialect: what a wrapper can hold once the code is read."""
    name, shape = str(lambda_["config"].get("name")), taken.shape
    given = f"{name}_input"
    config = FrozenDict({"batch_input_shape": shape, "dtype": taken.dtype, "sparse": False, "name": given})
    first = FrozenDict({"class_name": INPUT, "name": given, "config": config, "inbound_nodes": ()})
    last = lambda_ | {"name": name, "inbound_nodes": (((given, 0, 0),),)}
    layers = {"name": name, "layers": (first, last), "input_layers": ((given, 0, 0),), "output_layers": ((name, 0, 0),)}
    return FrozenDict({"class_name": "Model", "config": FrozenDict(layers)})


# ------------------------------------------------------------------------------------------- code that is replaced


replaced = convert


def _kind(config: FrozenDict) -> str:
    function = config.get("function")
    if "mode" in config:
        return "the mode of a Merge"
    named = config.get("function_type") == "function" and isinstance(function, str)
    return f"the function {function!r}" if named else "a Python lambda"


def entry(old: FrozenDict, name: str, replacement: Replacement) -> FrozenDict:
    """A Lambda of Keras 3 with the config of an old one, that calls a function by name."""
    function = FrozenDict(
        {
            "module": replacement.module if replacement.module.partition(".")[0] == "keras" else "builtins",
            "class_name": "function",
            "config": replacement.function,
            "registered_name": replacement.function if replacement.module.partition(".")[0] == "keras" else "function",
        }
    )
    shape = old.get("output_shape")
    config: dict[str, Any] = {
        "name": name,
        "trainable": old.get("trainable", True),
        "dtype": policy(old.get("dtype")),
        "function": function,
        "arguments": old.get("arguments") or FrozenDict(),
    }
    if type(shape) is tuple and all(type(size) is int or size is None for size in shape):
        config["output_shape"] = shape
    return built_in("keras.layers", "Lambda", config)


def by_name(old: FrozenDict, replacement: Replacement) -> FrozenDict:
    """The same Lambda of Keras 2 with a function by name in the place of its code."""
    shape = old["config"].get("output_shape")
    plain = type(shape) is tuple and all(type(size) is int or size is None for size in shape)
    told = {"output_shape": shape if plain else None, "output_shape_type": "raw", "mask": None, "mask_type": None}
    function = {"function": replacement.function, "function_type": "function", "module": None}
    config = FrozenDict({key: value for key, value in old["config"].items() if key not in (*told, *function)})
    known = {key: value for key, value in {**told, **function}.items() if value is not None}
    return old | {"config": config | known}
