"""The views of a model: one for itself, one for each model that is nested in it or stands in a wrapper."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from configsplit.catalog.table import INPUT, MODEL, family, ships
from configsplit.display.html import shape
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, TensorRef, TensorSpec
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.inference import Inference, operations_of, weights_of
from configsplit.inference.known import called
from configsplit.pictures.picture import Box, Line, View
from configsplit.rewrites.split import bytes_per_sample

MOST_BOXES = 60_000
"""A model that is nested in itself many times over, as a hostile one may be, is drawn closed beyond that."""


def views_of(inference: Inference) -> tuple[View, ...]:
    """A model and all that is in it, nothing folded. Calls of a nested model with the same inputs open the same view."""
    views: list[View] = []
    todo, count = deque([("", inference)]), 1
    boxes = len(inference.model.layers)
    while todo:
        path, current = todo.popleft()
        opened: dict[CallRef, int] = {}
        seen: dict[int, int] = {}
        for call, inner in {**current.wrapped, **current.inner}.items():
            if id(inner) not in seen and boxes + len(inner.model.layers) <= MOST_BOXES:
                seen[id(inner)], count = count, count + 1
                boxes += len(inner.model.layers)
                todo.append((f"{path}{call.layer}/", inner))
            if id(inner) in seen:
                opened[call] = seen[id(inner)]
        views.append(view_of(current, path, opened))
    return summed(views)


def view_of(inference: Inference, path: str, opened: Mapping[CallRef, int]) -> View:
    """One model; ``opened`` are the views that its calls open."""
    model = inference.model
    calls = [CallRef(layer.name, number) for layer in model.layers for number in range(len(called(layer)))]
    place = {call: number for number, call in enumerate(calls)}
    layers, used = model.by_name(), outputs_used(model)
    shapes = _shapes(inference)
    boxes = tuple(_box(inference, layers[call.layer], call, shapes.get(call, ""), opened.get(call)) for call in calls)
    lines = [
        Line(
            source=place[CallRef(use.ref.layer, use.ref.call)],
            target=place[call],
            name=tensor_name(use.ref, layers, used),
            shape=shape(_spec(inference, use.ref).shape),
            bytes=size_of(_spec(inference, use.ref)),
            output=use.ref.output,
            argument=argument,
        )
        for call in calls
        for argument, use in enumerate(called(layers[call.layer])[call.call].uses())
    ]
    inputs = tuple(place[CallRef(ref.layer, ref.call)] for ref in model.input_refs())
    outputs = tuple((place[CallRef(ref.layer, ref.call)], ref.output) for ref in model.output_refs())
    return View("model", path, boxes, tuple(lines), inputs, outputs)


def _box(inference: Inference, layer: Layer, call: CallRef, told: str, inside: int | None) -> Box:
    specs = weights_of(inference, layer)
    return Box(
        name=f"{layer.name}@{call.call}" if len(layer.calls) > 1 else layer.name,
        layer=layer.name,
        class_name=layer.class_name,
        family=INPUT if layer.is_input else MODEL if inside is not None else _family(inference, layer),
        shape=told,
        parameters=None if specs is None else sum(prod(size or 1 for size in spec.shape) for spec in specs),
        macs=operations_of(inference, layer, call.call),
        inside=inside,
        shared=f"call {call.call + 1} of {len(layer.calls)} of one layer" if len(layer.calls) > 1 else "",
    )


def _family(inference: Inference, layer: Layer) -> str:
    """That of what it holds, for a wrapper."""
    facts, entry = inference.facts(layer), layer.config.get("layer")
    if facts is not None and facts.wraps and ships(facts) and isinstance(entry, FrozenDict):
        facts = inference.table.named(str(entry.get("class_name")), inference.dialect)
    return family(facts)


def _shapes(inference: Inference) -> dict[CallRef, str]:
    """What each call gives, in words."""
    shapes: dict[CallRef, list[str]] = {}
    for ref in sorted(inference.specs):
        shapes.setdefault(CallRef(ref.layer, ref.call), []).append(shape(inference.specs[ref].shape))
    return {call: ", ".join(told[:3]) + (f" +{len(told) - 3}" if len(told) > 3 else "") for call, told in shapes.items()}


def _spec(inference: Inference, ref: TensorRef) -> TensorSpec:
    return inference.specs.get(ref, TensorSpec())


def size_of(spec: TensorSpec) -> int | None:
    """Bytes of one sample; None where a size is open, or the shape unknown."""
    known = spec.shape is not None and None not in spec.shape[1:]
    return bytes_per_sample(spec) if known else None


def summed(views: list[View]) -> tuple[View, ...]:
    """With the numbers of what is inside on the boxes that open; the innermost stand last."""
    for number in reversed(range(len(views))):
        boxes = tuple(box if box.inside is None else _with_totals(box, views[box.inside].boxes) for box in views[number].boxes)
        views[number] = replace(views[number], boxes=boxes)
    return tuple(views)


def _with_totals(box: Box, inside: Sequence[Box]) -> Box:
    parameters, macs, layers = totals(inside)
    return replace(box, parameters=parameters, macs=macs, layers=layers)


def totals(boxes: Sequence[Box]) -> tuple[int | None, int | None, int]:
    """Parameters, each layer's once, multiply-accumulates and layer calls of some boxes; None where one of them is unknown."""
    own = {box.layer or box.name: box.parameters for box in boxes}
    return _sum(list(own.values())), _sum([box.macs for box in boxes]), sum(box.layers for box in boxes)


def _sum(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
