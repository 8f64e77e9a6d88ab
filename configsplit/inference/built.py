"""Shapes that a document tells by what its layers were built on: ``build_config.input_shape``, since TF 2.13 and in Keras 3.

It is that of the tensor a layer was first called with, so it tells what stands in front of a layer, and behind one that nobody
has declared. Which type that tensor has is told by built-in classes alone that multiply what they take with weights of their
own: whatever floating type arrives is cast to the one they compute in, and no other does. Layers in between that only hand
numbers on (Flatten, MaxPooling, a ReLU) give the same, whether that cast is made before or behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from configsplit.catalog.facts import CallFacts, LayerFacts, WeightSpec
from configsplit.catalog.rules import is_float, policy, policy_dtype
from configsplit.catalog.table import ships
from configsplit.errors import ShapeError
from configsplit.graph.json import config_kind
from configsplit.graph.model import CallRef, Layer, Model, Shape, TensorRef, TensorSpec
from configsplit.inference.inputs import as_shape
from configsplit.inference.recorded import agree, in_words

FactsOf = Callable[[Layer], LayerFacts | None]

_NOTHING: Mapping[str, Shape] = MappingProxyType({})
_ERRORS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, ShapeError)
_PROBES = tuple(TensorSpec((None, *(7, 11, 13, 17)[:rank]), "float32") for rank in range(1, 5))


@dataclass(frozen=True, slots=True)
class Built:
    """What those that take a tensor were built on.

    ``specs`` has the tensors of which all takers say the same; ``shapes`` what each taker says alone, where its weights
    would be others if that were not so; ``disputed`` are tensors of which two takers say what cannot both be true.
    """

    specs: dict[TensorRef, TensorSpec] = field(default_factory=dict)
    shapes: dict[TensorRef, list[_Taker]] = field(default_factory=dict)
    disputed: dict[TensorRef, str] = field(default_factory=dict)

    def against(self, ref: TensorRef, told: TensorSpec) -> str:
        """What contradicts that a tensor is of this shape; empty where nothing does, as where a layer is used again at another
        size."""
        for each in self.shapes.get(ref, ()):
            if not agree(each.shape, told.shape) and each.weighs(told) != each.weighs(TensorSpec(each.shape, each.dtype)):
                return f"{in_words(TensorSpec(told.shape))}, but {each.name!r} was built on {in_words(TensorSpec(each.shape))}"
        return ""


class _Taker(NamedTuple):
    """What one layer that takes a tensor says of it."""

    name: str
    shape: Shape | None = None
    dtype: str | None = None
    sure: bool = False
    weighs: Callable[[TensorSpec], Sequence[Shape]] = lambda spec: ()


def built_on(model: Model, order: Iterable[CallRef], facts_of: FactsOf, implied: Mapping[str, Shape] = _NOTHING) -> Built:
    """What is told of each tensor by all that takes it; the batch stays open, whatever the first one was.

    Args:
        model: its own layers are looked at.
        order: its calls, each behind those whose outputs it takes.
        facts_of: what is declared of the class of a layer.
        implied: what layers take, by name, where something else than their ``build_config`` tells it.
    """
    built, takers, layers = Built(), dict[TensorRef, deque[_Taker]](), model.by_name()
    natures: dict[Any, _Nature] = {}
    ends = {*model.output_refs()}
    for call in reversed([*order]):
        layer = layers[call.layer]
        behind = _together(takers.get(ref := TensorRef(*call), deque()), ref, built)
        uses = layer.calls[call.call].uses() if call.call < len(layer.calls) else []
        shape = _shape(layer, implied.get(layer.name))
        taker = _Taker(layer.name)
        if len(uses) == 1:
            facts = facts_of(layer)
            key = id(facts), layer.class_name, config_kind(layer.config), shape
            nature = natures.get(key) or natures.setdefault(key, _nature(layer, facts, shape))
            taker = _taker(layer, facts, nature, _Taker("") if ref in ends else behind)
        for use in uses:
            takers.setdefault(use.ref, deque()).appendleft(taker)
    for ref, told in takers.items():
        both = _together(told, ref, built)
        if both.shape and both.dtype and ref not in ends:
            built.specs[ref] = TensorSpec(both.shape, both.dtype)
        built.shapes[ref] = [each for each in told if each.sure and each.shape is not None]
    return built


def _together(takers: deque[_Taker], ref: TensorRef, built: Built) -> _Taker:
    """What all say: of shapes what any tells, of types what all agree on. Contradictions are entered."""
    if len(takers) == 1:
        return takers[0]
    told = [each for each in takers if each.shape is not None]
    odd = next((each for each in told if not agree(each.shape, told[0].shape)), None)
    if odd is not None:
        one, other = in_words(TensorSpec(told[0].shape)), in_words(TensorSpec(odd.shape))
        built.disputed[ref] = f"{told[0].name!r} was built on {one}, but {odd.name!r} on {other}"
        return _Taker("")
    dtypes = {each.dtype for each in takers}
    shape = None if not told else told[0].shape
    for each in told[1:]:
        shape = tuple(a if b is None else b for a, b in zip(shape or (), each.shape or (), strict=True))
    return _Taker("", shape, next(iter(dtypes)) if len(dtypes) == 1 else None)


def _shape(layer: Layer, implied: Shape | None) -> Shape | None:
    build = layer.entry.get("build_config")
    shape = as_shape(build.get("input_shape")) if isinstance(build, Mapping) else None
    return (None, *shape[1:]) if shape and len(layer.calls) == 1 else implied


class _Nature(NamedTuple):
    """What a kind of layer that takes one tensor says of it: its shape; the dtype that it multiplies in; whether it hands
    numbers on, and in the shape that it takes."""

    shape: Shape | None = None
    dtype: str | None = None
    hands_on: bool = False
    keeps_shape: bool = False


def _nature(layer: Layer, facts: LayerFacts | None, shape: Shape | None) -> _Nature:
    if facts is None or not ships(facts):
        return _Nature()
    dtype = policy_dtype(policy(layer.config.get("dtype")))
    if is_float(dtype) and shape is not None and _multiplies(layer, facts, TensorSpec(shape, dtype)):
        return _Nature(shape, dtype)
    if not hands_on(layer, facts):
        return _Nature(shape)
    return _Nature(shape, hands_on=True, keeps_shape=shape is None and keeps_shape(layer, facts))


def _taker(layer: Layer, facts: LayerFacts | None, nature: _Nature, behind: _Taker) -> _Taker:
    """What a layer says of the one tensor that it takes; ``behind`` is what is said of the one that it gives."""
    if facts is not None and nature.dtype is not None:
        return _Taker(layer.name, nature.shape, nature.dtype, True, partial(_shapes_of_weights, layer, facts))
    if not nature.hands_on:
        return _Taker(layer.name, nature.shape)
    return _Taker(layer.name, behind.shape if nature.keeps_shape else nature.shape, behind.dtype)


def _multiplies(layer: Layer, facts: LayerFacts, spec: TensorSpec) -> bool:
    """Whether a class has weights of its own with which it computes; an Embedding looks numbers up, and takes whole ones."""
    if facts.numbers != "changed" or facts.limit_key or facts.weights is None:
        return False
    weights = _weights(layer, facts, spec)
    return bool(weights) and all(is_float(weight.dtype) for weight in weights)


def _weights(layer: Layer, facts: LayerFacts, spec: TensorSpec) -> Sequence[WeightSpec]:
    """Those that a layer has for a tensor; none where its class takes no such tensor."""
    try:
        return () if facts.weights is None else facts.weights(CallFacts(layer.class_name, layer.config, (spec,)))
    except _ERRORS:
        return ()


def _shapes_of_weights(layer: Layer, facts: LayerFacts, spec: TensorSpec) -> Sequence[Shape]:
    return [weight.shape for weight in _weights(layer, facts, spec)]


def hands_on(layer: Layer, facts: LayerFacts) -> bool:
    """Whether numbers are handed on: that a cast comes before or behind makes no difference to those, or to a ReLU."""
    if facts.numbers not in ("kept", "moved") and layer.config.get("activation") not in ("relu", "linear"):
        return False
    try:
        return facts.weights is not None and not facts.weights(CallFacts(layer.class_name, layer.config, _PROBES[-1:]))
    except _ERRORS:
        return False


def keeps_shape(layer: Layer, facts: LayerFacts) -> bool:
    """Whether what a class gives has the shape of what it takes, of whatever rank."""
    return [given.shape for given in _probed(layer, facts)] == [probe.shape for probe in _PROBES]


def keeps_float32(layer: Layer, facts: LayerFacts | None) -> bool:
    """Whether a layer gives float32 of the shape that it takes for float32 of whatever rank."""
    return facts is not None and tuple(_probed(layer, facts)) == _PROBES


def _probed(layer: Layer, facts: LayerFacts) -> list[TensorSpec]:
    """What a layer gives for tensors of one to four axes; nothing where its class takes none of one of these ranks."""
    try:
        return [facts.outputs(CallFacts(layer.class_name, layer.config, (probe,)))[0] for probe in _PROBES]
    except _ERRORS:
        return []
