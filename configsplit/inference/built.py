"""Shapes that a document tells by what its layers were built on: ``build_config.input_shape``, since TF 2.13 and in Keras 3.

It is that of the tensor a layer was first called with, so it tells what stands in front of a layer, and behind one that nobody
has declared. Asked are only built-in classes that multiply what they take with weights of their own: whatever floating type
arrives is cast to the one they compute in, and no other does, so that is what the tensor may be taken for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.rules import is_float, policy, policy_dtype
from configsplit.catalog.table import ships
from configsplit.errors import ShapeError
from configsplit.graph.model import Layer, Model, TensorRef, TensorSpec
from configsplit.inference.inputs import as_shape

FactsOf = Callable[[Layer], LayerFacts | None]


def built_on(model: Model, facts_of: FactsOf) -> Mapping[TensorRef, TensorSpec]:
    """The tensors of which all that takes them says the same; the batch stays open, whatever the first one was."""
    found: dict[TensorRef, set[TensorSpec | None]] = {ref: {None} for ref in model.output_refs()}
    for layer in model.layers:
        for node in layer.calls:
            uses = node.uses()
            told = _told(layer, facts_of) if len(uses) == 1 else None
            for use in uses:
                found.setdefault(use.ref, set()).add(told)
    return {ref: spec for ref, specs in found.items() if len(specs) == 1 and (spec := next(iter(specs))) is not None}


def _told(layer: Layer, facts_of: FactsOf) -> TensorSpec | None:
    build = layer.entry.get("build_config")
    shape = as_shape(build.get("input_shape")) if isinstance(build, Mapping) else None
    dtype = policy_dtype(policy(layer.config.get("dtype")))
    if not shape or len(layer.calls) != 1 or not is_float(dtype):
        return None
    spec = TensorSpec((None, *shape[1:]), dtype)
    facts = facts_of(layer)
    return spec if facts is not None and ships(facts) and _multiplies(layer, facts, spec) else None


def _multiplies(layer: Layer, facts: LayerFacts, spec: TensorSpec) -> bool:
    """Whether a class has weights of its own with which it computes; an Embedding looks numbers up, and takes whole ones."""
    if facts.numbers != "changed" or facts.limit_key or facts.weights is None:
        return False
    try:
        weights = facts.weights(CallFacts(layer.class_name, layer.config, (spec,)))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, ShapeError):
        return False
    return bool(weights) and all(is_float(weight.dtype) for weight in weights)
