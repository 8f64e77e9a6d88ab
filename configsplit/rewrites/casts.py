"""Hand tensors over in another dtype: cast on the near side of a boundary, cast back on the far side.

Widening and narrowing again (float16 -> float32 -> float16) gives back the same bits, so the parts still equal the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from configsplit.errors import CutError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, Model, Node, TensorRef, TensorSpec, Use, free_name

Wider = Literal["bfloat16", "float16", "float32", "float64"]
"""Types in which tensors can be handed over."""

_EXACT = {
    ("float16", "float32"),
    ("float16", "float64"),
    ("bfloat16", "float32"),
    ("bfloat16", "float64"),
    ("float32", "float64"),
}
"""Pairs of dtypes between which the way there and back changes no bit."""


class Cast(NamedTuple):
    """One tensor that is handed over as ``dtype``; ``takers`` are the calls that take it, grouped by part."""

    ref: TensorRef
    dtype: str
    takers: tuple[tuple[CallRef, ...], ...]


class Widened(NamedTuple):
    """The model with its casts. ``near`` and ``far`` are the new calls: one beside the producer, one for each group."""

    model: Model
    near: tuple[CallRef, ...]
    far: tuple[tuple[CallRef, ...], ...]


def is_exact(narrow: str | None, wide: str) -> bool:
    """Whether values of dtype ``narrow`` survive the way to ``wide`` and back."""
    return (narrow, wide) in _EXACT


def widen(model: Model, casts: Sequence[Cast], specs: Mapping[TensorRef, TensorSpec]) -> Widened:
    """Insert the casts. Casts stand right behind their tensor, so nothing else in the graph changes. Raises CutError if Keras 1
    has no casts.
    """
    taken = {layer.name for layer in model.layers}
    made: list[Layer] = []
    instead: dict[tuple[CallRef, TensorRef], Use] = {}
    near, far = [], []
    for cast in casts:
        spec = specs[cast.ref]
        wide = cast_layer(model, cast.ref, spec, cast.dtype, taken)
        made.append(wide)
        near.append(CallRef(wide.name))
        backs = []
        for calls in cast.takers:
            back = cast_layer(model, TensorRef(wide.name), replace(spec, dtype=cast.dtype), str(spec.dtype), taken)
            made.append(back)
            backs.append(CallRef(back.name))
            instead |= {(call, cast.ref): Use(TensorRef(back.name), spec=spec) for call in calls}
        far.append(tuple(backs))
    layers = tuple(_rewired(layer, instead) for layer in model.layers)
    return Widened(model.with_layers((*layers, *made)), tuple(near), tuple(far))


def _rewired(layer: Layer, instead: Mapping[tuple[CallRef, TensorRef], Use]) -> Layer:
    calls = []
    for number, node in enumerate(layer.calls):
        call = CallRef(layer.name, number)

        def change(use: Use, call: CallRef = call) -> Use:
            new = instead.get((call, use.ref))
            return use if new is None else replace(use, ref=new.ref)

        calls.append(node.map_uses(change))
    return replace(layer, calls=tuple(calls))


def cast_layer(model: Model, ref: TensorRef, spec: TensorSpec, dtype: str, taken: set[str]) -> Layer:
    if model.dialect == "keras1":
        raise CutError("Keras 1 cannot cast a tensor", code="cut-no-cast", hint="leave out --boundary-dtype")
    return cast(model.dialect, free_name(f"{ref.layer}_{dtype}", taken), Use(ref, spec=spec), dtype)


# Layers that do one plain operation on one tensor, in the spelling of each generation of Keras that has such layers.


def cast(dialect: str, name: str, use: Use, dtype: str) -> Layer:
    """A layer that casts a tensor; in Keras 2 one that TF 2.4 and later read."""
    if dialect == "keras3":
        return _keras3("core", "Cast", name, use, {"dtype": dtype})
    return _keras2("cast", name, use, {"dtype": dtype, "name": None})


def squeeze(dialect: str, name: str, use: Use) -> Layer:
    """A layer that takes away the last axis, which is of size 1."""
    if dialect == "keras3":
        return _keras3("numpy", "Squeeze", name, use, {"axis": -1})
    return _keras2("compat.v1.squeeze", name, use, {"axis": -1, "name": None})


def expand(dialect: str, name: str, use: Use) -> Layer:
    """A layer that puts an axis of size 1 behind the last one."""
    if dialect == "keras3":
        return _keras3("numpy", "ExpandDims", name, use, {"axis": -1})
    return _keras2("expand_dims", name, use, {"axis": -1, "name": None})


def _keras3(module: str, class_name: str, name: str, use: Use, config: Mapping[str, Any]) -> Layer:
    entry: dict[str, Any] = {
        "module": f"keras.src.ops.{module}",
        "class_name": class_name,
        "config": FrozenDict(config),
        "registered_name": class_name,
        "name": name,
        "inbound_nodes": None,
    }
    return Layer(name=name, class_name=class_name, entry=FrozenDict(entry), calls=(Node((use,)),))


def _keras2(function: str, name: str, use: Use, arguments: Mapping[str, Any]) -> Layer:
    """Entries without ``module`` are read by every release since TF 2.4."""
    config = FrozenDict({"name": name, "trainable": True, "dtype": "float32", "function": function})
    entry = FrozenDict({"class_name": "TFOpLambda", "config": config, "name": name, "inbound_nodes": None})
    return Layer(name=name, class_name="TFOpLambda", entry=entry, calls=(Node((use,), FrozenDict(arguments), "bare"),))
