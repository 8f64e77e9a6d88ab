"""A layer that is made of layers, opened: its ``call`` traced once into a graph of the layers and operations that it runs.

What cannot be traced without a doubt stays whole: weights of its own that no layer inside holds, masks that come or go with its
tensors, inputs that it would cast, calls that differ from each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from configsplit.graph.model import TensorSpec
from configsplit.inference import agree
from configsplit.runtime.build import variables
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.claims import SIZES, given_by, tensors_like, tensors_of_entry, true_shape
from configsplit.runtime.live.transfer import transfer
from configsplit.runtime.worker import to_stored


class NotOpenedError(Exception):
    """Why a layer stays whole."""


def open_block(
    layer: Any, nodes: list[dict[str, Any]], works: Framework, true: Mapping[int, TensorSpec]
) -> tuple[Any, list[dict[str, Any]]]:
    """A plain model of what a layer runs; and its calls, each of which gives that model its tensors in one list. ``nodes`` are
    the ``inbound_nodes`` of its entry; ``true`` is what is known of symbolic tensors, whatever is said of them.
    """
    if not nodes or len({_without_history(node) for node in nodes}) != 1:
        raise NotOpenedError("its calls differ")
    model = _traced(layer, works, true)
    taken = [list(tensors_of_entry(node)) for node in nodes]
    return model, [{"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}} for tensors in taken]


def _traced(layer: Any, works: Framework, true: Mapping[int, TensorSpec]) -> Any:
    if len(getattr(layer, "_inbound_nodes", ())) == 0:
        raise NotOpenedError("it was never called")
    node = layer._inbound_nodes[0]
    keras = works.module
    inputs: list[Any] = []

    def fresh(tensor: Any) -> Any:
        _check_tensor(tensor, layer)
        inputs.append(
            keras.Input(batch_shape=true_shape(tensor, true), dtype=tensor.dtype, name=f"{layer.name}_in_{len(inputs)}")
        )
        return inputs[-1]

    for tensor in works.flatten(node.outputs):
        _check_tensor(tensor, None)
    given = (list(node.arguments.args), dict(node.arguments.kwargs))
    leaves = [fresh(each) if isinstance(each, keras.KerasTensor) else each for each in works.flatten(given)]
    args, kwargs = works.pack(given, leaves)
    outputs = layer.call(*args, **kwargs)
    shapes = [[true_shape(each, true) for each in works.flatten(given)] for given in (outputs, node.outputs)]
    if len(shapes[0]) != len(shapes[1]) or not all(map(agree, *shapes)):
        raise NotOpenedError("it gives other shapes when it is traced")
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=layer.name)
    held = {id(each) for inner in model.layers for each in variables(inner)}
    if any(inner is layer for inner in model.layers) or {id(each) for each in variables(layer)} != held:
        raise NotOpenedError("it has weights of its own, or makes layers when it is called")
    model.trainable = layer.trainable
    return model


def _check_tensor(tensor: Any, layer: Any) -> None:
    if getattr(tensor, "_keras_mask", None) is not None:
        raise NotOpenedError("a mask comes or goes with its tensors")
    if layer is not None and "float" in str(tensor.dtype) and layer.compute_dtype != tensor.dtype:
        raise NotOpenedError("it casts what it takes")


def _without_history(node: Any) -> str:
    """A call as it is written but for where its tensors come from."""

    def stripped(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if key != "keras_history"}

    return json.dumps(json.loads(json.dumps(node), object_hook=stripped), sort_keys=True)


# Whether a layer that was opened still does what it did: Keras makes its graph again, which is run beside the layer.
#
# A ``call`` may ask for sizes that were open when it was traced, or use what no config can hold, and a graph shows neither.


_KEYS = ("module", "class_name", "config", "registered_name")


def unlike_opened(
    layer: Any,
    entry: Mapping[str, Any],
    leaves: Mapping[str, Any],
    works: Framework,
    *,
    values: bool,
    true: Mapping[int, TensorSpec],
) -> str:
    """What is otherwise in the graph that a layer was opened into, in words; "" where nothing is. ``leaves`` are the live
    layers in it, by path; without ``values`` nothing but shapes is compared.
    """
    bare = {key: entry[key] for key in _KEYS if key in entry}
    try:
        again = works.module.saving.deserialize_keras_object(json.loads(json.dumps(bare)))
        if values:
            transfer(again, leaves, works)
    except Exception as error:  # noqa: BLE001 - code of others
        return f"what is in it cannot be made again: {type(error).__name__}"
    given = (list(layer._inbound_nodes[0].arguments.args), dict(layer._inbound_nodes[0].arguments.kwargs))
    flat, kind = works.flatten(given), works.module.KerasTensor
    for sizes in SIZES:
        symbols = [each for each in flat if isinstance(each, kind)]
        tensors = tensors_like(symbols, sizes, works, values=values, true=true)
        mixed = iter(tensors)
        args, kwargs = works.pack(given, [next(mixed) if isinstance(each, kind) else each for each in flat])
        try:
            its = _outputs(layer, args, kwargs, works, values=values)
        except Exception:  # noqa: BLE001 - it does not take these sizes
            continue
        try:
            ours = _outputs(again, [tensors if len(tensors) > 1 else tensors[0]], {}, works, values=values)
        except Exception as error:  # noqa: BLE001 - code of others
            return f"its graph does not take what it takes: {type(error).__name__}"
        return "" if ours == its else "its graph gives something else"
    return "it takes nothing that was tried, by which its graph could be told"


def _outputs(layer: Any, args: Any, kwargs: Any, works: Framework, *, values: bool) -> list[Any]:
    """What it gives, as something that can be compared: shape, dtype and, where there are any, bits."""
    outputs = given_by(layer, args, kwargs, works, values=values)
    told = [(tuple(each.shape), works.module.backend.standardize_dtype(each.dtype)) for each in outputs]
    return [*told, *(to_stored(each, works).values.tobytes() for each in outputs if values)]
