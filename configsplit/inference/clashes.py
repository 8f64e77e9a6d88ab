"""Calls that take what no layer of their class can take, weights whose size is open, or that are made for other tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from configsplit.catalog.constructors import constructor
from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.table import ships
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, LayerPath, TensorSpec, leaves
from configsplit.inference.inputs import as_shape, input_spec
from configsplit.inference.known import RULE_ERRORS, Inference
from configsplit.inference.recorded import agree, in_words


def clashing(inference: Inference) -> Iterator[tuple[LayerPath, str]]:
    """Path and reason of every such call, in a model and in those nested in it, where all that is known is certain."""
    for path, each in inference.levels():
        if not (each.by_record or each.by_build):
            yield from (((*path, call.layer), why) for call, why in each.clashes.items())
            yield from (((*path, layer.name), why) for layer in each.model.layers for why in _of_weights(each, layer))
            yield from (((*path, call.layer), why) for call in each.inner for why in _unlike_inputs(each, call))


def clashes_in(inference: Inference) -> dict[LayerPath, str]:
    """Every call, in a model and in those nested in it, that cannot take what is said to arrive there."""
    return {(*path, call.layer): why for path, each in inference.levels() for call, why in each.clashes.items()}


def _unlike_inputs(inference: Inference, call: CallRef) -> Iterator[str]:
    """Keras 3 holds what a nested model is given against what its inputs are declared to be; Keras 2 runs it and sees."""
    if inference.dialect != "keras3":
        return
    inner = inference.inner[call].model
    given = leaves(inference.call(inference.model.by_name()[call.layer], call.call).args[:1], TensorSpec)
    layers = inner.by_name()
    for ref, spec in zip(inner.input_refs(), given, strict=False):
        declared = replace(spec, shape=input_spec(inner, layers[ref.layer]).shape)
        ranks = {len(each.shape) for each in (declared, spec) if each.shape is not None}
        if len(ranks) == 1 and not agree(declared.shape, spec.shape):  # an axis of 1 more or less is put right
            yield f"its input {ref.layer!r} is declared as {in_words(declared)}, and given {in_words(spec)}"


def _of_weights(inference: Inference, layer: Layer) -> Iterator[str]:
    """What is wrong with the weights of a layer of Keras: of a call, or of what the document says it was built on."""
    facts = inference.facts(layer)
    if facts is None or not ships(facts) or layer.model is not None or not layer.calls:
        return
    call = inference.call(layer, 0)
    try:
        needed = _weights(inference, facts, call)
    except ShapeError as error:
        if error.code == "size-open" and inference.dialect == "keras3":  # in older documents a size may only look open
            yield f"its weights would have an open size: {error.message}"
        if error.code == "shape-contradicted":
            yield error.message
        return
    except RULE_ERRORS:
        return
    build = layer.entry.get("build_config")
    if isinstance(build, Mapping) and (why := _misbuilt(inference, facts, call, build, needed)):
        yield f"its build_config says what it cannot be built on: {why}"


def _weights(inference: Inference, facts: LayerFacts, call: CallFacts) -> list[Any]:
    return [spec.shape for spec in inference.table.weights(facts, call)]


def _misbuilt(inference: Inference, facts: LayerFacts, call: CallFacts, build: Mapping[str, Any], needed: list[Any]) -> str:
    """Why the weights that Keras makes, before it calls a layer, for the tensors that its document tells are none for it."""
    if unknown := _unknown(build, call):
        return f"nothing gives it {unknown!r}"
    if not needed or not build.keys() & {"input_shape", "shapes_dict"}:
        return ""
    built = _built(build, call) if call.inputs else call
    if built is None:
        return "" if _on_anything(inference, facts, call, needed) else "that is no shape"
    if built.inputs == call.inputs:
        return ""
    told = " and ".join(map(in_words, built.inputs))
    try:
        made = _weights(inference, facts, built)
        if len(built.first.shape or ()) == len(call.first.shape or ()):
            inference.table.outputs(facts, built)
        elif facts.rank_bound and call.first.shape is not None:
            return f"{told}, which has not as many axes"
    except RULE_ERRORS as error:
        return f"{told} ({error.message if isinstance(error, ShapeError) else 'no layer of its class can be'})"
    return "" if made == needed else f"{told}, for which it has other weights"


def _on_anything(inference: Inference, facts: LayerFacts, call: CallFacts, needed: list[Any]) -> bool:
    """Whether the weights of a layer hang on its config alone."""
    nobodys = replace(call, args=(TensorSpec(None),), kwargs=FrozenDict())
    try:
        return _weights(inference, facts, nobodys) == needed
    except RULE_ERRORS:
        return False


def _unknown(build: Mapping[str, Any], call: CallFacts) -> str:
    """The first shape that is told of an argument that no call of the class has; "" where there is none."""
    by_name, known = build.get("shapes_dict"), _arguments(call)
    if "input_shape" in build or not isinstance(by_name, Mapping) or not known:
        return ""
    return next((key for key in by_name if key not in known), "")


def _arguments(call: CallFacts) -> list[str]:
    """What a build_config calls the shapes of a call's arguments, in order."""
    taken = constructor(call.class_name, call.dialect)
    words = [] if taken is None else [word.removesuffix("=") for word in taken.call.split()]
    return [f"{'input' if word in ('inputs', 'x') else word}_shape" for word in words]


def _built(build: Mapping[str, Any], call: CallFacts) -> CallFacts | None:
    """The call that a layer was built for, by its document; None where no call is like that."""
    by_name = build.get("shapes_dict") if "input_shape" not in build else {"input_shape": build["input_shape"]}
    if not isinstance(by_name, Mapping) or not by_name:
        return None
    first, *rest = [key for key in _arguments(call) if key in by_name] or list(by_name)
    value = by_name[first]
    if "input_shape" in build and len(call.inputs) > 1 and isinstance(value, tuple) and all(map(as_shape, value)):
        return call  # one argument with several tensors
    if not (shape := as_shape(value)):
        return None
    spec = TensorSpec(shape, call.first.dtype)
    named = {key.removesuffix("_shape"): TensorSpec(as_shape(by_name[key]), spec.dtype) for key in rest}
    return replace(call, args=(spec, *call.args[1:]), kwargs=FrozenDict({**call.kwargs, **named}))
