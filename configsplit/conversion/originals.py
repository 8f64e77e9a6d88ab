"""An old model without the code in it, to be run in its own framework: what was read of a Lambda stands in its place.

The expression is written as calls of TensorFlow's own functions, as tf.keras records them, in a model of the Lambda's name. So
the original is computed by other functions than its conversion is, and nothing that a file holds is run.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any, NamedTuple

from configsplit.catalog.keras3.refusals import Replacement
from configsplit.catalog.rules import is_float
from configsplit.catalog.table import class_facts
from configsplit.catalog.tensorflow.interface import full_name
from configsplit.conversion.convert import Request, inside
from configsplit.conversion.lambdas.marshal import Unread
from configsplit.conversion.lambdas.reading import Reading, read, reading_facts, titled
from configsplit.conversion.lambdas.values import Tensor
from configsplit.conversion.layers.lambdas import alone, by_name
from configsplit.conversion.layers.layer import is_model
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import INPUT, Constant, Layer, LayerPath, Model, Node, TensorRef, TensorSpec, Use, leaves, walk
from configsplit.graph.rebuild_order import reordered
from configsplit.inference import Inference, trace

_NESTED_BASE = 1
"""Nested models count a node of their own first."""

_BARE = "bare"
"""How tf.keras spells the calls of functions: what one takes first is no list of one."""


class Instead(NamedTuple):
    """What stands in the place of a Lambda: an expression, or the function that the user names."""

    path: LayerPath
    what: str


def without_code(request: Request) -> tuple[Model, tuple[Instead, ...]]:
    """The old model with something else in the place of each Lambda that was read or replaced, and what stands where. Code that
    no output needs was not read, and stays.
    """
    done: list[Instead] = []
    return _model(request, (), done), tuple(done)


def _model(request: Request, above: LayerPath, done: list[Instead]) -> Model:
    """``above`` is the path of the wrapper around the model."""
    made: dict[LayerPath, Model] = {}
    nested = [(path, layer.model) for path, layer in walk(request.model) if layer.model is not None]
    for path, model in [*reversed(nested), ((), request.model)]:
        known = inside(request.inference, path)
        layers = []
        for layer in model.layers:
            place = (*path, layer.name)
            changed = replace(layer, model=made[place]) if place in made else layer
            layers.append(changed if known is None else _layer(request, known, (*above, *place), changed, done))
        made[path] = model.with_layers(tuple(layers))
    return made[()]


def _layer(request: Request, known: Inference, path: LayerPath, layer: Layer, done: list[Instead]) -> Layer:
    held = layer.config.get("layer")
    if class_facts(layer.class_name).code_key:
        if (replacement := _replacement(request, path, layer.name)) is not None:
            done.append(Instead(path, f"{replacement.module}:{replacement.function}"))
            return replace(layer, entry=by_name(layer.entry, replacement))
        if request.read_lambda and (reading := _reading(known, layer)) is not None:
            done.append(Instead(path, reading.text))
            return _called_instead(known, layer, reading, request.model.dialect)
    elif isinstance(held, FrozenDict) and class_facts(layer.class_name, "keras2").wraps == "steps":
        entry = _held(request, known, path, layer, held, done)
        return replace(layer, entry=layer.entry | {"config": layer.config | {"layer": entry}})
    return layer


def _replacement(request: Request, path: LayerPath, name: str) -> Replacement | None:
    return request.lambdas.get("/".join(path)) or request.lambdas.get(name)


def _held(
    request: Request, known: Inference, path: LayerPath, layer: Layer, entry: FrozenDict, done: list[Instead]
) -> FrozenDict:
    """What a wrapper holds: a Lambda, a model, or any other layer."""
    if class_facts(str(entry.get("class_name"))).code_key:
        name = str(entry["config"].get("name"))
        if (replacement := _replacement(request, path, name)) is not None:
            done.append(Instead(path, f"{replacement.module}:{replacement.function}"))
            return by_name(entry, replacement)
        facts = known.facts(layer)
        if facts is None:
            return entry
        entry = alone(entry, known.table.unwrap(facts, known.call(layer, 0))[1].first)
    elif not is_model(entry):
        return entry
    dialect = request.model.dialect
    model = replace(request.read(entry, dialect), dialect=dialect, entry=entry | {"config": None})
    more = reading_facts(alone=not request.lambdas) if request.read_lambda else {}
    inference = trace(model, {**request.facts, **more}, read=request.read)
    return request.write(_model(replace(request, model=model, inference=inference), path, done))


# ------------------------------------------------------------------------------------------------ code that was read


def _reading(known: Inference, layer: Layer) -> Reading | None:
    """What all calls of a Lambda compute alike; None where that is not read, or tf.keras could not name it."""
    try:
        readings = [read(layer.config, titled(_given(known, node)), "f") for node in layer.calls]
    except Unread:
        return None
    first = readings[0] if readings else None
    if first is None or any(each != first for each in readings):
        return None
    return first if all(full_name(each.config["function"]) for each in first.layers) else None


def _given(known: Inference, node: Node) -> Any:
    """What a call takes, as inputs of a model of its own."""
    uses = leaves(node.args)
    tensors = tuple(
        Tensor(TensorRef(f"x{number}"), known.specs.get(use.ref, TensorSpec()), "x") for number, use in enumerate(uses)
    )
    if node.args == (*uses,) and len(uses) == 1:
        return tensors[0]
    if node.args != ((*uses,),):
        raise Unread("it is called with more than tensors")
    return tensors


def _called_instead(known: Inference, layer: Layer, reading: Reading, dialect: str) -> Layer:
    """A model of the same name and calls that computes what was read."""
    taken = [known.specs.get(use.ref, TensorSpec()) for use in leaves(layer.calls[0].args)]
    inputs = [Layer(name=f"x{at}", class_name=INPUT, calls=(Node(),), spec=spec) for at, spec in enumerate(taken)]
    floats = {each.name for each, spec in zip(inputs, taken, strict=True) if is_float(spec.dtype)}
    floats |= {ref.layer for ref, spec in reading.specs.items() if is_float(spec.dtype)}
    steps = [_step(each, floats) for each in reading.layers]
    ends = tuple(_legal(each.ref) for each in reading.outputs)
    model = Model(
        name=layer.name,
        kind="functional",
        layers=(*inputs, *steps),
        inputs=tuple(TensorRef(each.name) for each in inputs),
        outputs=ends,
        dialect=dialect,
    )
    model = reordered(model)
    entry = FrozenDict({"class_name": "Model", "name": layer.name, "config": None})
    return replace(layer, class_name="Model", entry=entry, model=model, base=_NESTED_BASE)


def _step(layer: Layer, floats: Container[str]) -> Layer:
    """One function as tf.keras writes it: its first argument may be a constant, or hold some among tensors.

    A constant becomes a tensor when tf.keras reads it, which is not cast to what stands beside it: so whole numbers beside one
    of ``floats`` are written with their point.
    """
    name = _legal(TensorRef(layer.name)).layer
    (node,) = layer.calls
    (first,) = node.args
    if not leaves(first):
        pointed = any(use.ref.layer in floats for use in node.uses())
        first = Constant(rebuild(first, lambda item: float(item) if pointed and type(item) is int else item))
    first = rebuild(first, _leaf)
    function = full_name(layer.config["function"])
    entry = layer.entry | {"config": layer.config | {"name": name, "function": function}}
    made = Node((first,), node.kwargs, _BARE).map_uses(lambda use: Use(_legal(use.ref)))
    return replace(layer, name=name, entry=entry, calls=(made,))


def _leaf(item: Any) -> Any:
    return item if type(item) in (Use, Constant) else Constant(item)


def _legal(ref: TensorRef) -> TensorRef:
    """By a name that a scope of TensorFlow may have."""
    return ref._replace(layer=ref.layer.replace("\0", ""))
