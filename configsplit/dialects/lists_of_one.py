"""The one output of a nested model, which Keras 3.0 to 3.10 write as a list of one, read as the tensor that it is.

From 3.11 on a single tensor stands bare, and a list of one is a list: a Sequential then hands a list to the next layer, which
takes it for another axis or refuses it, and TimeDistributed refuses it too. A document in which any single tensor stands bare
is of such a release, and its lists of one are meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import INPUT, Layer, Model, TensorRef

_ENDS = ("input_layers", "output_layers")


def writes_bare(entries: Iterable[FrozenDict]) -> bool:
    """Whether the entries of models show a release that writes single tensors bare: 3.11 or later."""
    return any(_is_bare(entry["config"]) for entry in entries if isinstance(entry["config"], FrozenDict))


def _is_bare(config: FrozenDict) -> bool:
    items = config.get("layers")
    return any(_is_tensor(config.get(key)) for key in _ENDS) or (type(items) is tuple and any(map(_has_optional, items)))


def _has_optional(item: Any) -> bool:
    """InputLayers say from 3.15 on whether they are optional."""
    if not isinstance(item, FrozenDict) or item.get("class_name") != INPUT:
        return False
    config = item.get("config")
    return isinstance(config, FrozenDict) and "optional" in config


def _is_tensor(item: Any) -> bool:
    return type(item) is tuple and len(item) == 3 and type(item[0]) is str


def flat(model: Model, chained: bool, notes: list[str]) -> Model:
    """The model with its one output bare if it is ``chained``, in a Sequential; and those of the models that wrappers hold.

    What was put right is added to ``notes``.
    """
    if chained and type(model.outputs) is tuple and len(model.outputs) == 1 and type(model.outputs[0]) is TensorRef:
        notes.append(_said(model.name))
        model = replace(model, outputs=model.outputs[0])
    layers = tuple([_unwrapped(layer, notes) if "layer" in layer.config else layer for layer in model.layers])
    return model if layers == model.layers else model.with_layers(layers)


def _said(name: object) -> str:
    return (
        f"the output of the model {name!r} was a list of one, as Keras 3.0 to 3.10 write a single tensor; "
        "Keras 3.11 and later do not load that as it was meant"
    )


def _unwrapped(layer: Layer, notes: list[str]) -> Layer:
    held = layer.config.get("layer")
    if not isinstance(held, FrozenDict) or not isinstance(config := held.get("config"), FrozenDict) or "layers" not in config:
        return layer

    def bare(item: Any) -> Any:
        if not is_listed(item):
            return item
        notes.append(_said(item.get("name")))
        return item | {"output_layers": item["output_layers"][0]}

    made = rebuild(held, bare, stop=is_listed)
    return layer if made == held else replace(layer, entry=layer.entry | {"config": layer.config | {"layer": made}})


def is_listed(item: Any) -> bool:
    """The config of a functional model whose one output is a list of one."""
    if not isinstance(item, FrozenDict) or "layers" not in item:
        return False
    ends = item.get("output_layers")
    return type(ends) is tuple and len(ends) == 1 and _is_tensor(ends[0])
