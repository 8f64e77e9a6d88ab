"""The weights that a model must have, in the order in which Keras's ``model.get_weights()`` lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from configsplit.catalog.facts import LayerFacts
from configsplit.containers.by_name import holds
from configsplit.containers.by_order import Wanted
from configsplit.dialects import parse, read_entry
from configsplit.errors import WeightsError
from configsplit.graph.model import Layer, LayerPath
from configsplit.graph.rebuild_order import stands_as_rebuilt
from configsplit.inference import Inference, trace, weights_of

_Step: TypeAlias = tuple[Inference, LayerPath, Layer, bool]


def weights_in_order(text: str, facts: Mapping[str, LayerFacts]) -> list[Wanted]:
    """The weights of the model in an architecture's text, layer by layer.

    Args:
        text: the architecture.
        facts: what plug-ins declare of classes.

    Returns:
        Each weight with the layer that it belongs to.

    Raises:
        WeightsError: nobody has declared the weights of a layer, or it is not certain in which order Keras lists them.
    """
    model = parse(text).model
    if model.dialect == "keras1":
        raise _unknown("the model", "Keras 1 kept weights in arrays of its own")
    whole, wanted = trace(model, facts, {}, read=read_entry), list[Wanted]()
    todo: list[_Step] = [(whole, (layer.name,), layer, True) for layer in reversed(_layers(whole))]
    while todo:
        inference, path, layer, around = todo.pop()
        trained = around and layer.config.get("trainable") is not False
        held = (*inference.wrapped.items(), *inference.inner.items())
        if inside := next((each for call, each in held if call.layer == layer.name), None):
            todo += [(inside, (*path, each.name), each, trained) for each in reversed(_layers(inside))]
        elif holds(model.dialect)(layer) is not None:
            raise _unknown("/".join(path), "it is not known what the model in it takes")
        else:
            wanted += _own(inference, layer, path, is_trained=trained)
    return wanted


def _layers(inference: Inference) -> list[Layer]:
    if not stands_as_rebuilt(inference.model):
        raise _unknown(inference.model.name, "its layers do not stand in the order in which Keras rebuilds them")
    return [layer for layer in inference.model.layers if not layer.is_input]


def _own(inference: Inference, layer: Layer, path: LayerPath, *, is_trained: bool) -> Iterator[Wanted]:
    declared, name = weights_of(inference, layer), "/".join(path)
    if declared is None or any(None in spec.shape for spec in declared):
        raise _unknown(name, "its weights are not declared, or a shape is missing")
    kinds = [spec.trainable for spec in declared]
    if kinds != sorted(kinds, reverse=True):
        raise _unknown(name, "what it trains and what it does not stand among each other")
    told = [spec.name for spec in declared]
    names = told if len({*told}) == len(told) else [str(number) for number in range(len(told))]
    for spec, own in zip(declared, names, strict=True):
        yield Wanted(path[0], f"{name}/{own}", tuple(spec.shape), is_trained and spec.trainable)


def _unknown(name: str, why: str) -> WeightsError:
    hint = "give the weights as .h5 or .keras, or under names (LAYER/kernel) as .npz or .safetensors"
    return WeightsError(
        f"the order of weights of {name!r} is not known: {why}", code="weights-order-unknown", where=name, hint=hint
    )
