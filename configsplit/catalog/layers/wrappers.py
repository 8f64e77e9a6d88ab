"""Layers around a layer: TimeDistributed, SpectralNormalization and Bidirectional.

A wrapper is no rule of its own but a step inwards and one outwards, so that `Table` can go through any depth of them, and
through plug-ins, without recursion. Bidirectional knows what it may hold and stays a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from configsplit.catalog.facts import CallFacts, LayerFacts, WeightSpec
from configsplit.catalog.layers import recurrent
from configsplit.catalog.layers.keras1 import modern
from configsplit.catalog.rules import (
    MODELS,
    Outputs,
    Weights,
    check_rank,
    class_of_keras,
    compute_dtype,
    declare,
    first_shape,
    impossible,
    known,
    shape_of,
    unknown,
    wrapped,
)
from configsplit.catalog.values import LAYER, Values, one_of, or_none, several
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import INPUT, Shape, TensorSpec

_RECURRENT = {facts.class_name: facts for facts in recurrent.LAYERS}


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The call of the inner layer, and what becomes of the inner layer's outputs, weights and operations."""

    inner: Callable[[CallFacts], CallFacts]
    outputs: Callable[[CallFacts, Outputs], Outputs]
    weights: Callable[[CallFacts, Weights], Weights]
    macs: Callable[[CallFacts, int], int]


def inner_call(call: CallFacts, key: str = "layer") -> CallFacts:
    """The same arguments, to the layer in the config. Raises KeyError where there is none."""
    class_name, config = wrapped(call, key)
    return replace(call, class_name=class_name, config=config)


def _one_step(call: CallFacts) -> CallFacts:
    """Every sequence among the arguments without its time axis."""

    def leaf(value: object) -> object:
        if not isinstance(value, TensorSpec):
            return value
        shape = shape_of(value)
        return replace(value, shape=(*shape[:1], *shape[2:])) if len(shape) > 2 else value

    return replace(inner_call(call), args=rebuild(call.args, leaf), kwargs=rebuild(call.kwargs, leaf))


def _all_steps(call: CallFacts, outputs: Outputs) -> Outputs:
    batch, time = first_shape(call)[:2]
    shapes = (shape_of(spec) for spec in outputs)
    return tuple(replace(spec, shape=(batch, time, *shape[1:])) for spec, shape in zip(outputs, shapes, strict=True))


def _steps_macs(call: CallFacts, inner: int) -> int:
    return known(first_shape(call)[1], "the number of time steps") * inner


def _prefixed(prefix: str, weights: Weights) -> Weights:
    return tuple(replace(spec, name=f"{prefix}/{spec.name}") for spec in weights)


def _spectral_weights(call: CallFacts, inner: Weights) -> Weights:
    """The power iteration's vector, which Keras 3 lists behind the kernel, tf.keras behind all of the layer's weights."""
    matrix = next((spec for spec in inner if spec.name in ("kernel", "embeddings")), None)
    if matrix is None:
        raise impossible("the layer in it has no kernel")
    vector = WeightSpec("vector_u", (1, matrix.shape[-1]), matrix.dtype, False)
    if call.dialect != "keras3":
        return (*_prefixed("layer", inner), vector)
    rest = tuple(spec for spec in inner if spec is not matrix)
    return (*_prefixed("layer", (matrix,)), vector, *_prefixed("layer", rest))


WRAPPERS = {
    "TimeDistributed": Wrapper(_one_step, _all_steps, lambda call, inner: _prefixed("layer", inner), _steps_macs),
    "SpectralNormalization": Wrapper(inner_call, lambda call, outputs: outputs, _spectral_weights, lambda call, inner: inner),
}


def _directions(call: CallFacts) -> tuple[tuple[LayerFacts, CallFacts], tuple[LayerFacts, CallFacts]]:
    """The rules and calls of the two layers; the backward one has the forward one's config where none is given."""
    forward = inner_call(call)
    backward = inner_call(call, "backward_layer") if call.config.get("backward_layer") else forward
    forward, backward = modern(forward), modern(backward)
    for side in (forward, backward):
        if side.class_name not in _RECURRENT:
            raise unknown(f"there is no rule for {side.class_name!r} inside a Bidirectional")
    return (_RECURRENT[forward.class_name], forward), (_RECURRENT[backward.class_name], backward)


def bidirectional_outputs(call: CallFacts) -> Outputs:
    (forward, inner), _ = _directions(call)
    check_rank(forward, inner)
    output, *states = forward.outputs(inner)
    mode, dtype = call.config.get("merge_mode", "concat"), compute_dtype(call)
    shape = shape_of(output)
    merged: tuple[Shape, ...] = (shape, shape) if mode is None else (shape,)
    if mode == "concat":
        merged = ((*shape[:-1], 2 * known(shape[-1])),)
    return (*(TensorSpec(each, dtype) for each in merged), *states, *states)


def bidirectional_weights(call: CallFacts) -> Weights:
    weights: list[WeightSpec] = []
    for prefix, (facts, inner) in zip(("forward_layer", "backward_layer"), _directions(call), strict=True):
        weights += _prefixed(prefix, facts.weights(inner) if facts.weights else ())
    return tuple(weights)


def bidirectional_macs(call: CallFacts) -> int:
    return sum(facts.macs(inner) if facts.macs else 0 for facts, inner in _directions(call))


_ALIKE = ("stateful", "return_sequences", "return_state")


def _one_way(config: FrozenDict) -> str:
    """Why two layers cannot run over the same steps, one forward and one backward."""
    sides = {key: config[key] for key in ("layer", "backward_layer") if config.get(key) is not None}
    for key, entry in sides.items():
        name = class_of_keras(entry)
        if name and not (name in _RECURRENT and _RECURRENT[name].recurrent):
            return f"{key!r} is a {name}, which does not go step by step"
    if len(sides) < 2 or not all(map(class_of_keras, sides.values())):
        return ""
    forward, backward = (entry["config"] for entry in sides.values())
    if bool(forward.get("go_backwards")) == bool(backward.get("go_backwards")):
        return "both of its layers go the same way"
    other = next((key for key in _ALIKE if bool(forward.get(key)) != bool(backward.get(key))), "")
    return f"its two layers are not alike in {other!r}" if other else ""


def without_more(config: FrozenDict) -> str:
    """Why the layers that a class holds cannot be called with one tensor and nothing else."""
    inner = config.get("layer", config.get("layers"))
    for entry in inner if isinstance(inner, tuple) else (inner,):
        name = class_of_keras(entry)
        input_of_keras3 = name == INPUT and "batch_shape" in entry["config"]
        if input_of_keras3 or len([word for word in _call_of(name).split() if "=" not in word and "*" not in word]) > 1:
            return f"a {name} does not take one tensor alone"
    return ""


def _call_of(name: str) -> str:
    from configsplit.catalog.constructors import constructor

    taken = constructor(name, "keras3") or constructor(name, "keras2")
    return "" if taken is None else taken.call


def without_kernel(config: FrozenDict) -> str:
    """Why the kernel of a layer cannot be normalised; a recurrent one keeps it in its cell."""
    name = class_of_keras(config["layer"])
    if name in MODELS or (name in _RECURRENT and _RECURRENT[name].recurrent):
        return f"a {name} has no kernel of its own"
    return without_more(config)


# ------------------------------------------------------------------------------------------------------------- pipelines

_SEVERAL = several(LAYER, 1)

Find: TypeAlias = Callable[[str], LayerFacts]


def pipeline(find: Find) -> LayerFacts:
    """``Pipeline`` runs layers one after the other; ``find`` gives the rules of each, or raises KeyError."""
    return LayerFacts(
        class_name="Pipeline",
        outputs=lambda call: _last_step(find, call)[1],
        weights=lambda call: tuple(
            replace(spec, name=f"layers/{number}/{spec.name}")
            for number, (facts, inner) in enumerate(_steps(find, call))
            for spec in (facts.weights(inner) if facts.weights else ())
        ),
        macs=lambda call: sum(facts.macs(inner) if facts.macs else 0 for facts, inner in _steps(find, call)),
        mask="stops",
        uses_mask=(),
        training=False,
        values=FrozenDict({"layers": Values(_SEVERAL.wish, lambda value: isinstance(value, tuple) and _SEVERAL.takes(value))}),
        conflict=without_more,
        keras3={"training": True},
    )


def _steps(find: Find, call: CallFacts) -> list[tuple[LayerFacts, CallFacts]]:
    return [(facts, inner) for facts, inner, _ in _run_through(find, call)]


def _last_step(find: Find, call: CallFacts) -> tuple[LayerFacts | None, Outputs]:
    done = _run_through(find, call)
    return (done[-1][0], done[-1][2]) if done else (None, (call.first,))


def _run_through(find: Find, call: CallFacts) -> list[tuple[LayerFacts, CallFacts, Outputs]]:
    """Every layer with its call and outputs, pipelines inside pipelines laid out flat."""
    todo, done, args = [*reversed(call.config["layers"])], [], call.args
    while todo:
        entry = todo.pop()
        if entry["class_name"] == "Pipeline":
            todo.extend(reversed(entry["config"]["layers"]))
            continue
        facts = find(str(entry["class_name"]))
        inner = replace(call, class_name=str(entry["class_name"]), config=entry["config"], args=args)
        check_rank(facts, inner)
        outputs = facts.outputs(inner)
        done.append((facts, inner, outputs))
        args = tuple(outputs)
    return done


LAYERS = (
    *declare(
        "Bidirectional",
        bidirectional_outputs,
        bidirectional_weights,
        bidirectional_macs,
        "passes",
        ("mask",),
        wraps="directions",
        recurrent=True,
        training=True,
        of_ragged="ragged",
        ranks=(3, None),
        values={
            "merge_mode": one_of("sum mul ave concat", none=True, case=False),
            "layer": LAYER,
            "backward_layer": or_none(LAYER),
        },
        conflict=_one_way,
    ),
)
