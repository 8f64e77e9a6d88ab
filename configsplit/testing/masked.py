"""Random models with masks in them, to be built by Keras itself, for tests of code that handles Keras files.

    from configsplit.testing import masked_models
    from configsplit.testing.masked_building import Workshop

    @given(masked_models("keras3"))
    def test_something(recipe):
        model = Workshop(keras).build(recipe)

A recipe is plain JSON: no document code of configsplit takes part, so that a mistake in it cannot hide itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from configsplit.errors import check_choice
from configsplit.testing.masked_layers import embedding, masking, one_input, recurrent_layer
from configsplit.testing.masked_sketch import (
    FEATURES,
    SENTENCES,
    STEPS,
    UNCHANGING,
    Generation,
    Made,
    Sketch,
    Spec,
    Tensor,
    named,
)


def masked_models(dialect: Generation = "keras3", *, operations: bool = True, custom: float = 0.2) -> st.SearchStrategy[Spec]:
    """Recipes of masked models, which `configsplit.testing.masked_building.Workshop` builds.

    Makers, users and stoppers of masks, layers that hand them on, functional and Sequential models in each other and shared,
    wrappers, merges of masked and unmasked tensors, masks given by hand, and classes that nobody has declared.

    Args:
        dialect: "keras3" or "keras2" (for tf_keras).
        operations: False for files that cannot hold operations, as ``.h5`` of Keras 3.
        custom: how often a class that nobody has declared is taken where one would fit.

    Returns:
        A strategy; the same draw gives the same recipe.

    Raises:
        OptionError: there is no such dialect.
    """
    check_choice("dialect", dialect, Generation)
    return st.randoms(use_true_random=False).map(lambda chance: recipe(chance, dialect, operations=operations, custom=custom))


def recipe(chance: Random, dialect: Generation, *, operations: bool = True, custom: float = 0.2) -> Spec:
    """One recipe from any source of random numbers: the same numbers give the same recipe."""
    sketch = Sketch(chance, dialect, operations, custom)
    if sketch.often(0.35 if operations else 0.75):
        model, _ = sequential(sketch, _start(sketch), depth=2, most=5, top=True)
    else:
        starts = [_start(sketch) for _ in range(sketch.pick((1, 1, 1, 2, 2, 3)))]
        starts += [Tensor((STEPS,), "bool")] if sketch.often(0.15) else []
        model, _ = functional(sketch, starts, depth=2, most=6, top=True)
    return {"model": model, "values": sorted(sketch.values), "float64": sketch.often(0.05), "policy": sketch.often(0.05)}


def _start(sketch: Sketch) -> Tensor:
    """Words, documents of words, vectors in a row, documents of vectors."""
    starts = (
        *(Tensor((STEPS,), "ids"),) * 5,
        *(Tensor((SENTENCES, STEPS), "ids"),) * 2,
        *(Tensor((STEPS, FEATURES)),) * 4,
        *(Tensor((SENTENCES, STEPS, FEATURES)),) * 2,
    )
    return sketch.pick(starts)


# ---------------------------------------------------------------- models


def sequential(sketch: Sketch, start: Tensor, *, depth: int, most: int, top: bool = False) -> tuple[Spec, Tensor]:
    """A chain, and what comes out of it. Sometimes without an InputLayer: built on a shape, or when it is called."""
    tensor, layers = start, []
    if top and tensor.kind == "float" and sketch.often(0.8):
        spec, (tensor,) = masking(sketch, tensor)
        layers.append(spec)
    for _ in range(sketch.chance.randint(2 if top else 1, most)):
        spec, tensor = _link(sketch, tensor, depth)
        layers.append(spec)
    begin = sketch.pick(("input", "input", "input", "input", "build" if top else "call"))
    name = sketch.name("seq")
    class_name = _model_class(sketch, "Sequential")
    return {"class": class_name, "name": name, "input": sketch.input(start), "begin": begin, "layers": layers}, tensor


def _link(sketch: Sketch, tensor: Tensor, depth: int) -> tuple[Spec, Tensor]:
    """A layer of a chain, or a model in its place."""
    if depth and tensor.kind != "bool" and sketch.often(0.25):
        return _nested(sketch, tensor, depth - 1)
    if depth and tensor.rank > 1 and tensor.kind != "bool" and sketch.often(0.15):
        return _model_at_every_step(sketch, tensor, depth - 1)
    spec, outputs = one_input(sketch, tensor)
    return spec, outputs[0]


def _nested(sketch: Sketch, tensor: Tensor, depth: int) -> tuple[Spec, Tensor]:
    if sketch.often(0.5):
        return sequential(sketch, tensor, depth=depth, most=3)
    spec, outputs = functional(sketch, [tensor], depth=depth, most=3, ends=1)
    return spec, replace(outputs[0], ref="")


def _model_at_every_step(sketch: Sketch, tensor: Tensor, depth: int) -> tuple[Spec, Tensor]:
    """TimeDistributed around a model, as in networks for documents: words to sentences."""
    step = replace(tensor, shape=tensor.shape[1:], ref="")
    spec, out = _nested(sketch, step, depth)
    return sketch.wrapper("TimeDistributed", spec), tensor.like(tensor.shape[0], *out.shape)


def functional(
    sketch: Sketch, starts: Sequence[Tensor], *, depth: int, most: int, ends: int = 2, top: bool = False
) -> tuple[Spec, list[Tensor]]:
    """A graph, and what comes out of it."""
    graph = Graph(sketch)
    inputs = [sketch.input(start) for start in starts]
    graph.tensors += [replace(start, ref=f"{record['name']}@0:0") for start, record in zip(starts, inputs, strict=True)]
    for tensor in list(graph.tensors) if top else []:
        _begin(graph, tensor)
    for _ in range(sketch.chance.randint(2, most)):
        _step(graph, depth)
    outputs = _outputs(graph, len(inputs), ends)
    spec = {
        "class": _model_class(sketch, "Model"),
        "name": sketch.name("model"),
        "inputs": inputs,
        "steps": graph.steps,
        "outputs": [each.ref for each in outputs],
    }
    return spec, outputs


def _model_class(sketch: Sketch, plain: str) -> str:
    """Now and then a class of one's own that inherits from it."""
    return sketch.pick((f"My{plain}", f"RegMy{plain}")) if sketch.often(sketch.custom * 0.2) else plain


def _begin(graph: Graph, tensor: Tensor) -> None:
    """A mask for nearly every input."""
    if tensor.kind == "ids":
        graph.call(embedding(graph.sketch, tensor), tensor.ref)
    elif tensor.kind == "float" and graph.sketch.often(0.7):
        graph.call(masking(graph.sketch, tensor), tensor.ref)


def _step(graph: Graph, depth: int) -> None:
    steps = (*(_layer,) * 12, *(merge,) * 4, *(attention,) * 3, *(again,) * 2, *(by_hand,) * 2, operate)
    if depth and graph.sketch.often(0.25):
        _model(graph, depth - 1)
    else:
        graph.sketch.pick(steps)(graph)


def _layer(graph: Graph) -> None:
    tensor = graph.choose()
    graph.call(one_input(graph.sketch, tensor, several=True), tensor.ref)


def _model(graph: Graph, depth: int) -> None:
    """A nested model with one or two tensors in and out, or one at every step."""
    sketch, tensor = graph.sketch, graph.choose()
    if tensor.kind == "bool":
        return
    if tensor.rank > 1 and sketch.often(0.2):
        spec, out = _model_at_every_step(sketch, tensor, depth)
        graph.call((spec, [out]), tensor.ref)
    elif sketch.often(0.45):
        spec, out = sequential(sketch, tensor, depth=depth, most=3)
        graph.call((spec, [out]), tensor.ref)
    else:
        starts = [tensor] + [each for each in (graph.choose(),) if each.kind != "bool" and sketch.often(0.4)]
        made = functional(sketch, starts, depth=depth, most=4, ends=sketch.pick((1, 1, 2)))
        graph.call(made, [each.ref for each in starts] if len(starts) > 1 else tensor.ref)


def _outputs(graph: Graph, inputs: int, ends: int) -> list[Tensor]:
    """What nothing takes, and now and then something from the middle."""
    taken = {ref for step in graph.steps for ref in ([step["args"]] if isinstance(step["args"], str) else step["args"])}
    taken |= {value for step in graph.steps for value in step["kwargs"].values() if isinstance(value, str)}
    made = graph.tensors[inputs:]
    loose = [each for each in made if each.ref not in taken and each.kind == "float"]
    outputs = (loose or made or graph.tensors)[-ends:]
    if ends > 1 and made and graph.sketch.often(0.25) and (extra := graph.sketch.pick(made)) not in outputs:
        outputs = [*outputs, extra]
    return outputs


__all__ = ["masked_models", "recipe"]


# Steps of a functional masked model that take several tensors: merges, attention, shared layers, masks given by hand.


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
