"""Which tensors carry an implicit mask when Keras 2 runs the model: nothing in the document says so.

A mask begins at an Embedding with ``mask_zero`` or at Masking, goes through every layer that supports masking, and ends where a
layer does not. A cut through a masked tensor changes the numbers, since the mask does not cross the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from configsplit.inference.infer import NOTHING, RULE_ERRORS, Inference, called, trace
from configsplit.inference.keras1 import merge_hands_masks_on
from configsplit.inference.wrappers import returns_sequences
from configsplit.ir.facts import CallFacts, LayerFacts
from configsplit.ir.graph import CallRef, Layer, Model, TensorRef, TensorSpec, leaves

_RECURRENT = frozenset({"RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"})

_FIRST_ONLY = _RECURRENT | {"Attention", "AdditiveAttention", "MultiHeadAttention"}
"""Layers that hand on the mask of their first input alone: the sequence and not its initial state, or the query."""


@dataclass(frozen=True, slots=True)
class Masks:
    """The masked tensors of a model's own layers, and the layers a mask meets whose class nobody has declared: name -> class.

    Behind such a layer the mask is taken as lost.
    """

    tensors: frozenset[TensorRef] = frozenset()
    unknown: Mapping[str, str] = field(default_factory=dict)


def masked(
    model: Model,
    facts: Mapping[str, LayerFacts] = NOTHING,
    given: Mapping[TensorRef, TensorSpec] = NOTHING,
    dialect: str | None = None,
) -> Masks:
    """The tensors that carry an implicit mask; arguments as for `infer`. Nested models hand masks through their own graph."""
    return traced_masks(trace(model, facts, given, dialect))


@dataclass(slots=True)
class _Frame:
    inference: Inference
    todo: list[CallRef]
    layers: dict[str, Layer]
    masked: set[TensorRef]
    unknown: dict[str, str]


def _frame(inference: Inference, arriving: tuple[bool, ...]) -> _Frame:
    inputs = inference.model.input_refs()
    start = {ref for ref, there in zip(inputs, arriving, strict=False) if there}
    calls = dict.fromkeys(CallRef(ref.layer, ref.call) for ref in inference.specs)
    return _Frame(inference, list(reversed(calls)), inference.model.by_name(), start, {})


def traced_masks(inference: Inference) -> Masks:
    """Masks of what has been inferred already; an explicit stack goes through nested models."""
    done: dict[tuple[int, tuple[bool, ...]], Masks] = {}
    root = (id(inference), ())
    stack: list[tuple[tuple[int, tuple[bool, ...]], _Frame]] = [(root, _frame(inference, ()))]
    while stack:
        key, frame = stack[-1]
        missing = _advance(frame, done)
        if missing is None:
            done[key] = Masks(frozenset(frame.masked), frame.unknown)
            stack.pop()
        else:
            ref = frame.todo[-1]
            inner = frame.inference.inner.get(ref) or frame.inference.wrapped[ref]
            stack.append((missing, _frame(inner, missing[1])))
    return done[root]


def _advance(frame: _Frame, done: Mapping[tuple[int, tuple[bool, ...]], Masks]) -> tuple[int, tuple[bool, ...]] | None:
    while frame.todo:
        ref = frame.todo[-1]
        layer = frame.layers[ref.layer]
        arriving = tuple(use.ref in frame.masked for use in leaves(called(layer)[ref.call].args[:1]))
        if layer.model is not None and ref in frame.inference.inner:
            key = (id(frame.inference.inner[ref]), arriving)
            if key not in done:
                return key
            _hand_through(frame, ref, done[key])
        elif ref in frame.inference.wrapped and layer.class_name == "TimeDistributed":
            key = (id(frame.inference.wrapped[ref]), ())
            if key not in done:
                return key
            _hand_out(frame, ref, any(arriving), done[key])
        elif layer.model is None:
            try:
                _pass(frame, layer, ref, arriving)
            except RULE_ERRORS:  # its config is odd
                frame.unknown[layer.name] = layer.class_name
        frame.todo.pop()
    return None


def _hand_through(frame: _Frame, ref: CallRef, inner: Masks) -> None:
    outputs = frame.inference.inner[ref].model.output_refs()
    frame.masked.update(TensorRef(*ref, number) for number, out in enumerate(outputs) if out in inner.tensors)
    frame.unknown.update({f"{ref.layer}/{name}": kind for name, kind in inner.unknown.items()})


def _hand_out(frame: _Frame, ref: CallRef, arriving: bool, inner: Masks) -> None:
    """TimeDistributed hands on the mask that reaches it, and hands out one that its model makes at every step."""
    outputs = frame.inference.wrapped[ref].model.output_refs()
    if arriving or any(out in inner.tensors for out in outputs):
        frame.masked.add(TensorRef(*ref))


def _pass(frame: _Frame, layer: Layer, ref: CallRef, arriving: tuple[bool, ...]) -> None:
    facts = frame.inference.facts(layer)
    rule = facts.mask if facts is not None else "unknown"
    call = frame.inference.call(layer, ref.call)
    if (rule == "makes" and _makes(call)) or _makes_inside(frame.inference, facts, call):
        frame.masked.add(TensorRef(*ref))
    elif rule == "unknown" and any(arriving) and not layer.is_input:
        frame.unknown[layer.name] = layer.class_name
    elif rule == "passes" and any(arriving[:1] if call.class_name in _FIRST_ONLY else arriving):
        frame.masked.update(TensorRef(*ref, number) for number in _masked_outputs(call))


def _makes_inside(inference: Inference, facts: LayerFacts | None, call: CallFacts) -> bool:
    """TimeDistributed hands out the mask that its layer makes at each step."""
    if facts is None or call.class_name != "TimeDistributed":
        return False
    try:
        _, inner = inference.table.unwrap(facts, call)
    except RULE_ERRORS:
        return False
    found = inference.table.named(inner.class_name)
    return found is not None and found.mask == "makes" and _makes(inner)


def _makes(call: CallFacts) -> bool:
    """Embedding only makes a mask when it is told to."""
    return bool(call.config.get("mask_zero")) if "input_dim" in call.config else True


def _masked_outputs(call: CallFacts) -> range:
    """The states of a recurrent layer are never masked, and its output only where it is a sequence."""
    if call.class_name == "Merge":
        return range(1 if merge_hands_masks_on(call) else 0)
    if call.class_name not in _RECURRENT:
        return range(1)
    if not returns_sequences(call):
        return range(0)
    return range(2 if call.class_name == "Bidirectional" and call.config.get("merge_mode", "concat") is None else 1)
