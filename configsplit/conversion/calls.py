"""One call of one old layer: which rule it goes by, and what its arguments are called in Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configsplit.catalog.keras3.configs import LOST, class_of
from configsplit.catalog.keras3.objects import built_in
from configsplit.catalog.keras3.refusals import Replacement, Stop
from configsplit.catalog.table import class_facts
from configsplit.catalog.tensorflow.call import plain_constant
from configsplit.catalog.tensorflow.neural import TOLD_TO_TRAIN
from configsplit.conversion.building import Building, Made
from configsplit.conversion.layers import lambdas, locally_connected, several, theano
from configsplit.conversion.layers.layer import convert_layer
from configsplit.conversion.operations import convert_function, convert_node
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT, CallRef, Layer, Model, Node, TensorRef, Use
from configsplit.inference.inputs import input_spec


def convert_call(building: Building, layer: Layer, number: int, model: Model | None, given: Mapping[str, Replacement]) -> None:
    """Convert one call of a layer; the layer itself with its first call."""
    _told_to_train(building, layer, number)
    if layer.is_input:
        _input(building, layer)
    elif layer.model is not None:
        _model(building, layer, number, model)
    elif class_facts(layer.class_name).code_key:
        lambdas.convert(building, layer, number, given)
    elif layer.class_name == "Merge" and building.around.dialect == "keras1":
        several.convert(building, layer, number, given)
    elif (rule := _rule(building, layer)) is not None:
        rule(building, layer, number)
    elif theano.pads_itself(building, layer):
        theano.convert(building, layer, number, _plain)
    else:
        _plain(building, layer, number)


def _told_to_train(building: Building, layer: Layer, number: int) -> None:
    """Say of a call with ``training=True`` (Monte Carlo dropout) that Keras 3 overrules it."""
    if plain_constant(layer.calls[number].kwargs.get("training")) in (True, 1):
        building.note(layer.name, f"is called with training=True: {TOLD_TO_TRAIN}")


_Rule = Callable[[Building, Layer, int], None]


def _rule(building: Building, layer: Layer) -> _Rule | None:
    """The rule of a layer that becomes operations, or several layers."""
    if layer.class_name in ("TFOpLambda", "SlicingOpLambda"):
        return convert_function
    if layer.class_name == "TensorFlowOpLayer":
        return convert_node
    if class_of(layer.class_name) == several.NORMALIZATION:
        return _normalization(building, layer)
    own = several.KERAS1 if building.around.dialect == "keras1" else several.KERAS2
    return {**locally_connected.RULES, **own}.get(layer.class_name)


def _normalization(building: Building, layer: Layer) -> _Rule | None:
    if building.around.dialect == "keras1":
        return {1: several.of_sample, 2: several.of_batch}.get(layer.config.get("mode", 0))
    axis = layer.config.get("axis")
    return several.along_several if type(axis) is tuple and len(axis) > 1 else None


def _input(building: Building, layer: Layer) -> None:
    spec = input_spec(building.old, layer)
    if spec.shape is None:
        spec = building.spec(TensorRef(layer.name))  # what the user says
    name = building.names[layer.name]
    config = {"batch_shape": spec.shape, "dtype": spec.dtype or "float32", "sparse": spec.sparse, "name": name}
    if spec.ragged:
        config["ragged"] = True
    if spec.shape is None and building.old.kind != "sequential":
        raise Stop("convert-shape-unknown", "the document does not say the shape of this input", "give it with --shape")
    building.add(name, Made(built_in("keras.layers", INPUT, config), {0: Node()}, old=layer.name))
    building.tensors[TensorRef(layer.name)] = TensorRef(name)


def _model(building: Building, layer: Layer, number: int, model: Model | None) -> None:
    name = building.names[layer.name]
    if model is None:
        raise Stop("convert-inside", "something inside this model cannot be converted", "see the other refusals")
    made = building.add(name, Made(model.entry, model=model, old=layer.name))
    node = layer.calls[number]
    kwargs = {key: value for key, value in node.kwargs.items() if value is not None}
    made.calls[number] = Node(building.moved(node.args), building.moved(FrozenDict(kwargs)))
    _same_outputs(building, layer, number, name)


def _plain(building: Building, layer: Layer, number: int) -> None:
    name = building.names[layer.name]
    if name not in building.layers:
        stored = building.weights(layer.name)
        inside = convert_layer(layer.entry, (*building.path, layer.name), stored, building.around)
        config = inside.entry["config"] | {"name": name}
        made = Made(inside.entry | {"config": config}, old=layer.name, slots=inside.slots, old_places=inside.old_places)
        building.add(name, made)
        for note in inside.notes:
            building.note(layer.name, note)
        if (told := LOST.get(layer.class_name)) is not None:
            building.note(layer.name, told)
        for key in ("renorm", "virtual_batch_size"):
            if class_of(layer.class_name) == several.NORMALIZATION and layer.config.get(key):
                building.note(layer.name, f"trains without {key}, which Keras 3 lacks; its predictions are the same")
    args, kwargs = _arguments(layer, layer.calls[number])
    building.layers[name].calls[number] = Node(building.moved(args), building.moved(kwargs))
    _same_outputs(building, layer, number, name)


def _same_outputs(building: Building, layer: Layer, number: int, name: str) -> None:
    for output in range(building.counts.get(CallRef(layer.name, number), 1)):
        building.tensors[TensorRef(layer.name, number, output)] = TensorRef(name, number, output)


def _arguments(layer: Layer, node: Node) -> tuple[Any, FrozenDict]:
    """A call's arguments as the class of Keras 3 takes them."""
    kwargs = {key: value for key, value in node.kwargs.items() if value is not None}
    facts = class_facts(layer.class_name, "keras2")
    if facts.recurrent:
        return _recurrent(layer, node, kwargs)
    if facts.attention == "listed" and layer.config.get("causal"):
        kwargs["use_causal_mask"] = True
    return node.args, FrozenDict(kwargs)


def _recurrent(layer: Layer, node: Node, kwargs: dict[str, Any]) -> tuple[Any, FrozenDict]:
    """States that go behind the sequence in one list are ``initial_state`` in Keras 3."""
    first, *more = node.args
    if type(first) is tuple:
        first, *states = first
        if states and "initial_state" in kwargs:
            raise Stop("convert-call", "its call gets states twice", "save the model again where it loads")
        if states:
            kwargs["initial_state"] = tuple(states)
    elif type(kwargs.get("initial_state")) is Use:
        kwargs["initial_state"] = (kwargs["initial_state"],)
    if kwargs.pop("constants", None) or layer.config.get("num_constants"):
        raise Stop("convert-call", "its cell takes constants, which Keras 3 does not pass", "rewrite the cell for Keras 3")
    return (first, *more), FrozenDict(kwargs)
