"""Two models in one picture: what is only in the new one, only in the old one, and what is another there.

Layers are the same if they have the same name in the same nested model. Weights are not looked at.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer
from configsplit.inference import Inference
from configsplit.pictures.of_model import MOST_BOXES, summed, view_of
from configsplit.pictures.picture import Box, Line, Mark, View
from configsplit.pictures.words import shortened

_TOLD = 4


def views_of_difference(old: Inference, new: Inference) -> tuple[View, ...]:
    """The views of both models together; boxes and lines that are not in both are marked."""
    views: list[View] = []
    todo: deque[tuple[str, Inference | None, Inference | None]] = deque([("", old, new)])
    count = boxes = 1
    while todo:
        path, one, other = todo.popleft()
        opened: dict[CallRef, int] = {}
        ours, theirs = _inner(one), _inner(other)
        for call in dict.fromkeys((*theirs, *ours)):
            pair = (ours.get(call), theirs.get(call))
            size = sum(len(each.model.layers) for each in pair if each is not None)
            if boxes + size <= MOST_BOXES:
                opened[call], count, boxes = count, count + 1, boxes + size
                todo.append((f"{path}{call.layer}/", *pair))
        views.append(_merged(path, one, other, opened))
    return _reaching_out(list(summed(views)))


def _inner(inference: Inference | None) -> dict[CallRef, Inference]:
    return {} if inference is None else {**inference.wrapped, **inference.inner}


def _merged(path: str, old: Inference | None, new: Inference | None, opened: dict[CallRef, int]) -> View:
    ours, theirs = ([] if each is None else list(view_of(each, path, opened).boxes) for each in (old, new))
    before = {box.name: box for box in ours}
    boxes = [
        replace(box, mark="added") if box.name not in before else _compared(box, before[box.name], old, new) for box in theirs
    ]
    kept = {box.name for box in theirs}
    boxes += [replace(box, mark="gone") for box in ours if box.name not in kept]
    place = {box.name: number for number, box in enumerate(boxes)}
    return View("model", path, tuple(boxes), _lines(path, old, new, place))


def _compared(box: Box, before: Box, old: Inference | None, new: Inference | None) -> Box:
    if old is None or new is None:
        return box
    layers = (old.model.by_name()[before.layer], new.model.by_name()[box.layer])
    told = [] if box.inside is not None else _config(*layers) if old.dialect == new.dialect else _class(*layers)
    if box.shape != before.shape:
        told.append(f"shape {before.shape} → {box.shape}")
    return replace(box, mark="changed", note="; ".join(told)) if told else box


def _class(one: Layer, other: Layer) -> list[str]:
    return [f"class {one.class_name} → {other.class_name}"] if one.class_name != other.class_name else []


def _config(one: Layer, other: Layer) -> list[str]:
    """The keys of two configs that differ; of another class the class alone."""
    if told := _class(one, other):
        return told
    ours, theirs = one.config, other.config
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    more = [f"and {len(keys) - _TOLD} more"] if len(keys) > _TOLD else []
    return [*(f"{key} {_value(ours.get(key))} → {_value(theirs.get(key))}" for key in keys[:_TOLD]), *more]


def _value(value: object) -> str:
    if isinstance(value, FrozenDict):
        return shortened(str(value.get("class_name") or "…"), 40)
    return shortened(str(value), 40)


def _lines(path: str, old: Inference | None, new: Inference | None, place: dict[str, int]) -> tuple[Line, ...]:
    """Those of both models: the same if they lead from the same output to the same argument."""
    marks: tuple[Mark, Mark] = ("gone", "added")
    lines: dict[tuple[int, int, int, int], list[tuple[Mark, Line]]] = {}
    for inference, mark in zip((old, new), marks, strict=True):
        if inference is None:
            continue
        view = view_of(inference, path, {})
        for line in view.lines:
            source, target = (place[view.boxes[end or 0].name] for end in (line.source, line.target))
            there = lines.setdefault((source, target, line.output, line.argument), [])
            there.append((mark, replace(line, source=source, target=target)))
    return tuple(each[-1][1] if len(each) > 1 else replace(each[0][1], mark=each[0][0]) for each in lines.values())


def _reaching_out(views: list[View]) -> tuple[View, ...]:
    """A box that opens what has marks is changed itself."""
    for number in reversed(range(len(views))):
        boxes = tuple(
            replace(box, mark="changed", note="changed inside")
            if box.inside is not None and not box.mark and views[box.inside].marked
            else box
            for box in views[number].boxes
        )
        views[number] = replace(views[number], boxes=boxes)
    return tuple(views)
