"""One call of one layer of Keras 3, and how Keras 2 writes it: one tensor first, or a list of them, and the rest by name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from configsplit.catalog.constructors import constructor
from configsplit.catalog.keras2.configs import names_another, written
from configsplit.catalog.keras2.objects import entry_of
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.keras3.today import placed
from configsplit.catalog.layers import images
from configsplit.catalog.table import class_facts
from configsplit.conversion.keras2.building import Writing
from configsplit.conversion.keras2.operations import convert_operation
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import INPUT, CallRef, Layer, Model, Node, TensorRef, Use, leaves

MASKS = ("mask", "query_mask", "value_mask", "key_mask")
"""Arguments by which layers of Keras 3 take the masks that Keras 2 hands on by itself."""

_AUGMENTING = frozenset(facts.class_name for facts in images.LAYERS)

_ACTIVATIONS = {"hard_silu": "HardSilu", "hard_swish": "HardSilu", "hard_sigmoid": "HardSigmoid"}
"""Activations that Keras 2 has not, or not the same by that name -> the operation that computes them."""

_NAMED = "call it with its first tensor, and with the others by their names"


def convert_call(writing: Writing, layer: Layer, number: int, model: Model | None) -> None:
    """Convert one call of a layer; the layer itself with its first call."""
    name, node = writing.names[layer.name], layer.calls[number]
    if (operation := _as_operation(layer)) is not None:
        args, kwargs = _moved(writing, node.args), _moved(writing, node.kwargs)
        writing.tensors[TensorRef(layer.name)] = convert_operation(writing, operation, args, kwargs, TensorRef(layer.name)).ref
        writing.origins[name] = layer.name
        return
    if name not in writing.layers:
        writing.add(_layer(writing, layer, name, model), layer.name)
    args, kwargs = ((), FrozenDict()) if layer.is_input else _arguments(writing, layer, node)
    writing.call(name, number, Node(_moved(writing, args), _moved(writing, kwargs)))
    if _counts(layer):
        _as_counted(writing, layer, number, name)
        return
    for output in range(writing.counts.get(CallRef(layer.name, number), 1)):
        old = TensorRef(layer.name, number, output)
        writing.tensors[old] = new = TensorRef(name, number, output)
        writing.specs[new] = writing.spec(old)


def _as_operation(layer: Layer) -> Layer | None:
    """The operation that a layer is, or may be written as where Keras 2 has no such activation; None of other layers."""
    if layer.is_operation:
        return layer
    told = layer.config.get("activation") if layer.class_name == "Activation" else None
    name = _ACTIVATIONS.get(told) if isinstance(told, str) else None
    if name is None or len(layer.calls) > 1 or layer.calls[0].kwargs:
        return None
    return replace(layer, class_name=name, entry=entry_of(name, {"name": layer.name}))


def _counts(layer: Layer) -> bool:
    """Whether a layer counts what it looks up, in fractions whatever its dtype is."""
    counts = class_facts(layer.class_name).numbers == "split" or "vocabulary_dtype" in layer.config  # of numbers
    return counts and layer.config.get("output_mode", "int") != "int"


def _as_counted(writing: Writing, layer: Layer, number: int, name: str) -> None:
    """What words become: Keras 2 counts them in fractions where Keras 3 does in whole numbers."""
    old, made = TensorRef(layer.name, number), Use(TensorRef(name, number))
    spec = writing.spec(old)
    if spec.dtype not in ("float32", None):
        made = writing.function("cast", "cast", made, {"dtype": spec.dtype}, spec, False)
    writing.tensors[old], writing.specs[made.ref] = made.ref, spec


def _moved(writing: Writing, value: Any) -> Any:
    return rebuild(value, lambda item: Use(writing.tensors[item.ref]) if type(item) is Use else item)


def _layer(writing: Writing, layer: Layer, name: str, model: Model | None) -> Layer:
    if layer.model is not None:
        if model is None:
            raise Stop("convert-inside", "something inside this model cannot be converted", "see the other refusals")
        kind = "Sequential" if model.kind == "sequential" else "Functional"
        entry = FrozenDict({"class_name": kind, "config": None, "name": name})
        return Layer(name=name, class_name=kind, entry=entry, model=model, base=1)
    if layer.is_input:
        return input_layer(writing, layer, name)
    entry = written(placed(layer.entry), partial(writing.wrapped, layer.name))
    if names_another(placed(layer.entry)):
        writing.note(
            layer.name, f"is of a class of its own: load it with custom_objects, or Keras takes its own {layer.class_name}"
        )
    config = entry["config"] | {"name": name} | _dtype(writing, layer)
    return Layer(name=name, class_name=str(entry["class_name"]), entry=entry_of(str(entry["class_name"]), config))


def _dtype(writing: Writing, layer: Layer) -> dict[str, Any]:
    """What looks up is of the dtype that it gives in Keras 2, and what splits texts of texts; Keras 3 has a policy there."""
    numbers = class_facts(layer.class_name).numbers
    if numbers == "split":
        return {"dtype": "string"}
    given = "float32" if _counts(layer) else writing.spec(TensorRef(layer.name)).dtype if numbers == "coded" else None
    return {} if given is None else {"dtype": given}


def input_layer(writing: Writing, layer: Layer, name: str) -> Layer:
    """An input, also that of a Sequential which the document does not describe."""
    entry, spec = layer.entry, writing.spec(TensorRef(layer.name))
    if layer.implicit or not entry:
        if spec.shape is None:
            what = "nothing says what the model takes, so Keras 2 could not build its layers to load their weights"
            raise Stop("convert-shape-unknown", what, f"give it: --shape {layer.name}=None,28,28,3")
        config = {"batch_shape": spec.shape, "dtype": spec.dtype or "float32", "sparse": spec.sparse, "ragged": spec.ragged}
        entry = entry_of(INPUT, config) | {"module": "keras.layers"}
    made = written(placed(entry))
    return Layer(name=name, class_name=INPUT, entry=entry_of(INPUT, made["config"] | {"name": name}))


def _arguments(writing: Writing, layer: Layer, node: Node) -> tuple[tuple[Any, ...], FrozenDict]:
    """A call's arguments: what comes behind the first gets the name that its class has for it."""
    first, *more = node.args or (None,)
    kwargs = {key: value for key, value in node.kwargs.items() if value is not None}
    if kwargs.get("training") is True and layer.class_name in _AUGMENTING:
        del kwargs["training"]  # what they do by themselves, and Keras 3 writes down
    elif kwargs.get("training") is True:
        writing.note(layer.name, "is called with training=True: Keras 2 then also trains in `predict`, Keras 3 does not")
    taken = _parameters(layer)
    if len(more) >= len(taken):  # of a class that nobody declared, but the first argument, none is known by name
        raise Stop("convert-call", "it is called with more arguments in order than Keras 2 can write", _NAMED)
    kwargs |= {name: value for name, value in zip(taken[1:], more, strict=False) if value is not None}
    if not node.args and taken and taken[0] in kwargs:
        first = kwargs.pop(taken[0])
    if writing.implicit:
        kwargs = {key: value for key, value in kwargs.items() if key not in MASKS or not leaves(value)}
    elif any(key in kwargs for key in MASKS[1:]):
        raise Stop("convert-mask", "Keras 2 cannot pass it a mask by name", "rebuild that part of the model in Keras 2")
    if not leaves(first):
        raise Stop("convert-call", "its first argument is not a tensor", _NAMED)
    if class_facts(layer.class_name).recurrent or class_facts(layer.class_name).wraps == "directions":
        return _recurrent(first, kwargs)
    return (first,), FrozenDict(kwargs)


def _recurrent(first: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], FrozenDict]:
    """States stand behind the sequence, in one list with it."""
    states = kwargs.pop("initial_state", None)
    if states is None:
        return (first,), FrozenDict(kwargs)
    flat = leaves(states)
    return ((first, *flat),), FrozenDict(kwargs)


def _parameters(layer: Layer) -> tuple[str, ...]:
    known = constructor(layer.class_name, "keras3") if layer.model is None else None
    if known is None:
        return ("inputs", "training", "mask") if layer.model is not None else ("inputs",)
    return tuple(word.rstrip("=") for word in known.call.split() if not word.startswith("*"))
