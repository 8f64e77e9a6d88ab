"""Whether two models are the same up to the order of their layers, and where they differ."""

from __future__ import annotations

from configsplit.graph.model import Layer, LayerPath, Model


def differences(left: Model, right: Model) -> list[str]:
    """Every difference, in words; empty if the models are the same graph with the same layers, inputs and outputs.

    What a document says of the whole (its name, how it was compiled) is not compared, nor is the order of layers.
    """
    reasons: list[str] = []
    todo: list[tuple[LayerPath, Model, Model]] = [((), left, right)]
    while todo:
        path, one, other = todo.pop()
        place = "/".join(path) or "the model"
        if one.kind != other.kind:
            reasons.append(f"{place}: {one.kind} on one side, {other.kind} on the other")
        reasons += _ends(place, one, other)
        ours, theirs = one.by_name(), other.by_name()
        reasons += [f"{place}: layer {name!r} is missing on one side" for name in sorted(ours.keys() ^ theirs.keys())]
        for name in (name for name in ours if name in theirs):
            inner, outer = ours[name], theirs[name]
            reasons += [f"{'/'.join((*path, name))}: {what}" for what in _layers(inner, outer)]
            if inner.model is not None and outer.model is not None:
                todo.append(((*path, name), inner.model, outer.model))
    return reasons


def _ends(place: str, one: Model, other: Model) -> list[str]:
    reasons = []
    if one.input_refs() != other.input_refs():
        reasons.append(f"{place}: the inputs differ")
    if one.output_refs() != other.output_refs():
        reasons.append(f"{place}: the outputs differ")
    return reasons


def _layers(one: Layer, other: Layer) -> list[str]:
    reasons = []
    if one.class_name != other.class_name:
        reasons.append(f"class {one.class_name} on one side, {other.class_name} on the other")
    elif one.entry | {"name": one.name} != other.entry | {"name": other.name} or one.spec != other.spec:  # or made up by place
        reasons.append("the configurations differ")
    if (one.model is None) != (other.model is None):
        reasons.append("a nested model on one side only")
    if len(one.calls) != len(other.calls):
        reasons.append(f"called {len(one.calls)} times on one side, {len(other.calls)} on the other")
    reasons += [
        f"call {number} takes other arguments"
        for number, (ours, theirs) in enumerate(zip(one.calls, other.calls, strict=False))
        if ours != theirs
    ]
    return reasons
