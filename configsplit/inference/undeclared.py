"""Tensors whose shape goes by what only the document says, of a class of which nobody has declared what it gives.

Keras 3 records shapes as classes told them, layers keep what they were built on, a Lambda what its author wrote. Keras reads
none of this again, and there is nothing to hold it against; it may be false.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from configsplit.graph.model import CallRef, Layer, LayerPath, TensorRef
from configsplit.inference.known import RULE_ERRORS, Inference


class Culprit(NamedTuple):
    """A layer of an undeclared class: its path in the model that was looked at."""

    path: LayerPath
    class_name: str


def blamed(inference: Inference) -> dict[TensorRef, Culprit]:
    """The culprit for each tensor of a model that comes out of one, or is computed from what does. Of what the user says nobody
    is the culprit.
    """
    culprits: dict[int, dict[TensorRef, Culprit]] = {}
    for each in inference.innermost_first():
        culprits[id(each)] = _blamed(each, culprits)
    return culprits[id(inference)]


def _blamed(inference: Inference, within: Mapping[int, Mapping[TensorRef, Culprit]]) -> dict[TensorRef, Culprit]:
    layers, culprits = inference.model.by_name(), dict[TensorRef, Culprit]()
    for ref in inference.specs:  # they stand in the order of computing
        layer = layers[ref.layer]
        if layer.is_input or ref in inference.given:
            continue
        taken = layer.calls[ref.call].uses() if ref.call < len(layer.calls) else []
        source = next((culprits[use.ref] for use in taken if use.ref in culprits), None)
        if (whom := _itself(inference, layer, ref) or _inside(inference, ref, within) or source) is not None:
            culprits[ref] = whom
    return culprits


def _itself(inference: Inference, layer: Layer, ref: TensorRef) -> Culprit | None:
    """A layer whose outputs a record tells, or the author of its code."""
    facts, class_name = inference.facts(layer), layer.class_name
    recorded = ref in inference.by_record or ref in inference.by_build
    if facts is not None and facts.wraps and layer.model is None:
        try:
            call = inference.table.unwrap(facts, inference.call(layer, ref.call))[1]
        except RULE_ERRORS:
            return Culprit((layer.name,), class_name) if recorded else None
        facts, class_name = inference.table.named(call.class_name, call.dialect), call.class_name
    by_author = facts is not None and facts.code_key and inference.specs[ref].shape is not None
    return Culprit((layer.name,), class_name) if recorded or by_author else None


def _inside(inference: Inference, ref: TensorRef, within: Mapping[int, Mapping[TensorRef, Culprit]]) -> Culprit | None:
    """Who is to blame in a nested model for one of its outputs."""
    call = CallRef(ref.layer, ref.call)
    inner = inference.inner.get(call) or inference.wrapped.get(call)
    ends = [] if inner is None else inner.model.output_refs()
    if inner is None or ref.output >= len(ends):
        return None
    whom = within[id(inner)].get(ends[ref.output])
    return None if whom is None else whom._replace(path=(ref.layer, *whom.path))
