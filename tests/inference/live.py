"""Real Keras 3 and tf_keras models beside what configsplit infers from their JSON, with recorded shapes taken out."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
import tf_keras

from configsplit.dialects import parse
from configsplit.graph.model import Layer, Model, TensorRef, Use
from configsplit.inference import Inference, trace, weights_of

FRAMEWORKS = {"keras": keras, "tf_keras": tf_keras}
Live = tuple[tuple[int | None, ...], str]


def inputs_of(framework: Any, specs: tuple[Any, ...]) -> list[Any]:
    """Symbolic inputs from shapes with the batch, or (shape, dtype)."""
    return [_input_of(framework, spec) for spec in specs]


def _input_of(framework: Any, spec: Any) -> Any:
    if isinstance(spec, dict):
        return {name: _input_of(framework, item) for name, item in spec.items()}
    shape, dtype = spec if spec and isinstance(spec[0], tuple) else (spec, "float32")
    return framework.Input(batch_shape=shape, dtype=dtype)


def live(tensor: Any) -> Live:
    dtype = tensor.dtype
    return tuple(tensor.shape), dtype if isinstance(dtype, str) else dtype.name


def flowing(framework: Any, model: Any, tensors: list[Any]) -> list[Live]:
    """The outputs as they are declared, of the dtype and rank that flow: Keras 3 declares floats for many layers that keep
    integers, and an axis too many for words that are counted."""
    declared = [live(tensor) for tensor in tensors]
    given = [live(tensor) for tensor in model.inputs]
    if framework is tf_keras or all(dtype.startswith(("float", "bfloat")) for _, dtype in given):
        return declared
    fed = [tf.fill([size or 2 for size in shape], "a" if dtype == "string" else tf.ones([], dtype)) for shape, dtype in given]
    made = [live(tensor) for tensor in tf.nest.flatten(model(fed))]
    pairs = zip(declared, made, strict=True)
    return [(told if len(told) == len(shape) else (None, *shape[1:]), dtype) for (told, _), (shape, dtype) in pairs]


def forgetful(model: Model) -> Model:
    """The model without recorded shapes, so that rules have to find them; nested models too, innermost first."""
    todo, order = [model], []
    while todo:
        order.append(todo.pop())
        todo.extend(layer.model for layer in order[-1].layers if layer.model is not None)
    done: dict[int, Model] = {}
    for item in reversed(order):
        done[id(item)] = replace(item, layers=tuple(_forget(layer, done) for layer in item.layers))
    return done[id(model)]


def _forget(layer: Layer, done: dict[int, Model]) -> Layer:
    calls = tuple(node.map_uses(lambda use: Use(use.ref)) for node in layer.calls)
    nested = layer.model and done[id(layer.model)]
    return replace(layer, calls=calls, model=nested)


def inferred(model: Any, facts: Any = None) -> Inference:
    return trace(forgetful(parse(model.to_json()).model), facts or {})


def outputs(inference: Inference) -> list[Live]:
    return [(spec.shape, spec.dtype) for spec in inference.outputs()]


def weights(framework: Any, layer: Any) -> list[tuple[Any, ...]]:
    """Last part of the name, shape, dtype and kind of each weight, in the order of ``layer.weights``."""
    trainable = {id(weight) for weight in layer.trainable_weights}
    return [
        (_weight_name(weight), tuple(weight.shape), tf.as_dtype(weight.dtype).name, id(weight) in trainable)
        for weight in layer.weights
    ]


def _weight_name(weight: Any) -> str:
    name: str = weight.name.split(":")[0].split("/")[-1]
    return "gamma" if name.startswith("variable") else name  # LayerScale of ConvNeXt gives its weight no name


def inferred_weights(inference: Inference, name: str) -> list[tuple[Any, ...]] | None:
    layer = inference.model.by_name()[name]
    found = weights_of(inference, layer)
    if found is None:
        return None
    return [(spec.name.split("/")[-1], spec.shape, spec.dtype, spec.trainable) for spec in found]


def live_specs(framework: Any, model: Any, inference: Inference) -> dict[TensorRef, tuple[Live, Live]]:
    """Every tensor of the top level, live and as inferred, for models whose layers are called once."""
    found = {}
    for layer in model.layers:
        for number, tensor in enumerate(tf.nest.flatten(layer.output)):
            ref = TensorRef(layer.name, 0, number)
            spec = inference.specs.get(ref)
            found[ref] = (live(tensor), None if spec is None else (spec.shape, spec.dtype))
    return found
