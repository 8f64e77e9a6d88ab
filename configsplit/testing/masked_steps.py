"""Steps of a functional masked model that take several tensors: merges, attention, shared layers, masks given by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from configsplit.testing.masked_layers import recurrent_layer
from configsplit.testing.masked_sketch import FEATURES, STEPS, UNCHANGING, Made, Sketch, Spec, Tensor, named


@dataclass(slots=True)
class Graph:
    """The tensors that may be taken, and the calls so far."""

    sketch: Sketch
    tensors: list[Tensor] = field(default_factory=list)
    steps: list[Spec] = field(default_factory=list)

    def call(self, made: Made, args: str | list[str], **kwargs: str | bool) -> None:
        """A new layer and its first call."""
        self.steps.append({"layer": made[0], "args": args, "kwargs": kwargs})
        self.tensors += named(made)

    def choose(self) -> Tensor:
        """Any tensor; masked and late ones more often."""
        live = [each for each in self.tensors if each.masked]
        if live and self.sketch.often(0.6):
            return self.sketch.pick(live[-4:])
        return self.sketch.pick(self.tensors[-3:] if self.sketch.often(0.5) else self.tensors)

    def alike(self, tensor: Tensor) -> list[Tensor]:
        return [each for each in self.tensors if (each.shape, each.kind) == (tensor.shape, tensor.kind)]


def merge(graph: Graph) -> None:
    """Masked with masked and with unmasked, along time and along features."""
    sketch, first = graph.sketch, graph.choose()
    if first.kind != "float":
        return
    others = graph.alike(first)
    unlike = [each for each in others if each.masked != first.masked]
    second = sketch.pick(unlike if unlike and sketch.often(0.5) else others)
    taken = [first, second] if sketch.often(0.5) else [second, first]
    if sketch.often(0.3):
        taken.append(sketch.pick(others))
    graph.call(_merged(sketch, taken), [each.ref for each in taken])


def _merged(sketch: Sketch, taken: Sequence[Tensor]) -> Made:
    first, live = taken[0], any(each.masked for each in taken)
    kinds = ["Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Concatenate"]
    if len(taken) == 2:
        kinds += ["Subtract"] + (["Dot", "PairMean"] if first.rank == 2 else [])
    kind = sketch.pick(kinds)
    if kind == "Concatenate":
        axis = sketch.pick((1, -1, -1) if first.rank > 1 else (-1,))
        shape = list(first.shape)
        shape[0 if axis == 1 else -1] *= len(taken)
        return sketch.layer(kind, axis=axis), [first.like(*shape, masked=live)]
    if kind == "Dot":
        return sketch.layer(kind, axes=2), [first.like(first.shape[0], first.shape[0], masked=False)]
    if kind == "PairMean":
        return sketch.layer(kind), [first.like(first.shape[1], masked=False)]
    return sketch.layer(kind), [first.like(masked=live)]


def attention(graph: Graph) -> None:
    """Query, value and key with masks of their own; by position, by name or as a list, as the class wants it."""
    sketch, query = graph.sketch, graph.choose()
    if query.kind != "float" or query.rank != 2:
        return
    values = [each for each in graph.tensors if each.kind == "float" and each.rank == 2 and each.shape[1] == query.shape[1]]
    value = sketch.pick(values)
    taken = [query, value]
    if sketch.often(0.2):
        taken.append(sketch.pick(graph.alike(value)))
    spec = _attention_layer(sketch)
    causal = {"use_causal_mask": True} if spec["class"] in _CAUSAL and sketch.often(0.15) else {}
    made = spec, [query.like(masked=query.masked and spec["class"] != "CrossPool")]
    graph.call(made, [each.ref for each in (taken[:2] if spec["class"] == "CrossPool" else taken)], **causal)


_CAUSAL = frozenset({"Attention", "MultiHeadAttention", "GroupQueryAttention"})


def _attention_layer(sketch: Sketch) -> Spec:
    if sketch.often(sketch.custom * 0.5):
        return sketch.layer("CrossPool")
    heads: dict[str, Any] = {"num_heads": 1, "key_dim": 2}
    groups: dict[str, Any] = {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}
    kinds = [("Attention", {}), ("AdditiveAttention", {}), ("MultiHeadAttention", heads), ("MultiHeadAttention", heads)]
    if sketch.generation == "keras3":
        kinds.append(("GroupQueryAttention", groups))
    class_name, config = sketch.pick(kinds)
    return {**sketch.layer(class_name, **config), "by_position": sketch.often(0.7)}


def again(graph: Graph) -> None:
    """A layer or model of one input called once more: with a mask where there was none, or the other way round."""
    known = [step for step in graph.steps if "layer" in step and isinstance(step["args"], str)]
    if not known:
        return
    step = graph.sketch.pick(known)
    name = step["layer"]["name"]
    first = next(each for each in graph.tensors if each.ref == step["args"])
    new = graph.sketch.pick([each for each in graph.alike(first) if each.ref != first.ref] or [first])
    number = 1 + sum(each.get("again") == name for each in graph.steps)
    graph.steps.append({"again": name, "args": new.ref, "kwargs": {}})
    outputs = [each for each in graph.tensors if each.ref.startswith(f"{name}@0:")]
    graph.tensors += [replace(each, ref=each.ref.replace("@0:", f"@{number}:"), masked=new.masked) for each in outputs]


def by_hand(graph: Graph) -> None:
    """A mask that the user gives: an input of its own, or computed from ids by an operation."""
    masks = [each for each in graph.tensors if each.kind == "bool" and each.shape == (STEPS,)]
    ids = [each for each in graph.tensors if each.kind == "ids" and each.shape == (STEPS,)]
    sequences = [each for each in graph.tensors if each.kind == "float" and each.rank == 2 and each.shape[0] == STEPS]
    if ids and graph.sketch.operations and (not masks or graph.sketch.often(0.3)):
        source = graph.sketch.pick(ids)
        graph.call((graph.sketch.layer("not_equal"), [replace(source, kind="bool", ref="")]), source.ref)
    elif masks and sequences:
        tensor, mask = graph.sketch.pick(sequences), graph.sketch.pick(masks)
        graph.call(_user(graph.sketch, tensor), tensor.ref, mask=mask.ref)


def operate(graph: Graph) -> None:
    """An operation that changes nothing. Some give back the very tensor that they take, and with it a mask that others stop."""
    tensor = graph.choose()
    if tensor.kind == "float" and graph.sketch.operations:
        graph.call((graph.sketch.layer(graph.sketch.pick(UNCHANGING)), [tensor.like()]), tensor.ref)


def _user(sketch: Sketch, tensor: Tensor) -> Made:
    if sketch.often(sketch.custom):
        return sketch.layer("MaskedMean"), [tensor.like(tensor.shape[1], masked=False)]
    if sketch.often(0.3):
        return sketch.layer("GlobalAveragePooling1D"), [tensor.like(tensor.shape[1], masked=False)]
    return recurrent_layer(sketch, True), [tensor.like(STEPS, FEATURES, masked=True)]
