"""Shapes and dtypes of every tensor of a model: what the user says, what the document records, what rules tell.

Nested models are inferred from an explicit stack, once for each distinct set of inputs, so the work is linear in the calls of
the graph however deep it nests and however often a nested model is shared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.layers.keras1 import ordering
from configsplit.catalog.layers.wrappers import WRAPPERS
from configsplit.catalog.table import OPAQUE, Table, class_facts, outwards
from configsplit.errors import DocumentError, ShapeError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, Model, Shape, TensorRef, TensorSpec, leaves, walk
from configsplit.inference.built import Built, built_on
from configsplit.inference.inputs import input_spec, is_possible
from configsplit.inference.known import NOTHING, RULE_ERRORS, Inference, ReadModel, called
from configsplit.inference.recorded import Recorded, described_as, recorded_in, weighed

_Key: TypeAlias = tuple[int, tuple[TensorSpec, ...] | None]

_UNKNOWN = TensorSpec()


class _Nested(NamedTuple):
    """A nested model, what it is called with, and the wrappers around it."""

    model: Model
    inputs: tuple[TensorSpec, ...]
    outer: list[CallFacts]

    @property
    def key(self) -> _Key:
        return id(self.model), self.inputs


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads models that stand inside the config of a layer, each once."""

    read: ReadModel
    models: dict[int, Model] = field(default_factory=dict)

    def model(self, entry: FrozenDict, dialect: str) -> Model | None:
        """The model of an entry, None for a plain layer. Raises DocumentError where it is damaged."""
        if entry.get("class_name") not in ("Functional", "Model", "Sequential"):
            return None
        if id(entry) not in self.models:
            self.models[id(entry)] = self.read(entry, dialect)
        return self.models[id(entry)]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A model being worked on. ``as_recorded`` tells whether it is called with what was recorded in it."""

    result: Inference
    todo: deque[CallRef]
    layers: dict[str, Layer]
    counts: dict[CallRef, int]
    given: Mapping[TensorRef, TensorSpec]
    recorded: Mapping[TensorRef, Recorded]
    built: Built
    as_recorded: bool
    bound: Mapping[TensorRef, TensorSpec]
    reader: _Reader | None
    believed: dict[tuple[int, int, bool], tuple[Recorded, TensorSpec, TensorSpec, str]] = field(default_factory=dict)
    """What was weighed already, which are few pairs of objects for many tensors; by these, and with them, so that they stay."""


def trace(
    model: Model,
    facts: Mapping[str, LayerFacts] = NOTHING,
    given: Mapping[TensorRef, TensorSpec] = NOTHING,
    dialect: str | None = None,
    read: ReadModel | None = None,
    within: Mapping[int, Mapping[TensorRef, TensorSpec]] = NOTHING,
) -> Inference:
    """Shape and dtype of every tensor of a model and of all that are nested in it; never raises for one that is well formed.

    Args:
        facts: plug-ins, by class name or registered name; they win over the built-in rules.
        given: what the user says of tensors; wins over everything.
        dialect: whose habits the rules follow where generations differ; the document's own by default.
        read: reads models that stand inside wrappers (``TimeDistributed(Model)``); they are unknown without it.
        within: what is said of tensors of nested models, by the `id` of each; it holds for all calls of that model.

    Returns:
        ``specs`` with one entry for every output of every call. Where nothing is known it is empty; `explain` tells why.
    """
    table, language = Table(facts), dialect or model.dialect or "keras3"
    reader = None if read is None else _Reader(read)
    done: dict[_Key, Inference] = {}
    written = ordering(layer for _, layer in walk(model)) if language == "keras1" else None
    root: _Key = (id(model), None)
    stack = [(root, _frame(Inference(model, table, language, given=given, ordering=written), (), given, reader))]
    while stack:
        key, frame = stack[-1]
        nested = _advance(frame, done)
        if nested is None:
            done[key] = frame.result
            stack.pop()
        else:
            inner = Inference(nested.model, table, language, ordering=written)
            stack.append((nested.key, _frame(inner, nested.inputs, within.get(id(nested.model), NOTHING), reader)))
    return done[root]


def takers(inference: Inference, implied: Mapping[str, Shape]) -> Built:
    """What those that take the tensors of a model tell of them; ``implied`` has what layers take, by name, where something else
    than the document tells it.
    """
    return built_on(inference.model, _ordered(inference.model), inference.facts, implied)


def _frame(
    result: Inference, inputs: tuple[TensorSpec, ...], given: Mapping[TensorRef, TensorSpec], reader: _Reader | None
) -> _Frame:
    model = result.model
    layers = model.by_name()
    bound = dict(zip(model.input_refs(), inputs, strict=False))
    if bound and result.dialect != "keras1":
        from configsplit.inference.conforming import conformed

        bound = {ref: conformed(spec, _declared(model, layers, ref)) for ref, spec in bound.items()}
    as_recorded = all(_fits(spec, _declared(model, layers, ref)) for ref, spec in bound.items())
    counts, recorded, order = _output_counts(model), recorded_in(model), _ordered(model)
    # takers are asked where a tensor is not recorded: of few in Keras 3
    asked = as_recorded and any(
        use.ref not in recorded for layer in model.layers for node in layer.calls for use in node.uses()
    )
    built = built_on(model, order, result.facts) if asked else Built()
    return _Frame(result, deque(order), layers, counts, given, recorded, built, as_recorded, bound, reader)


def _declared(model: Model, layers: dict[str, Layer], ref: TensorRef) -> TensorSpec:
    layer = layers.get(ref.layer)
    return TensorSpec() if layer is None else input_spec(model, layer)


def _fits(spec: TensorSpec, declared: TensorSpec) -> bool:
    """Whether what is recorded inside a nested model holds for this call of it."""
    return spec.shape is None or spec.shape == declared.shape


def _output_counts(model: Model) -> dict[CallRef, int]:
    """How many outputs of each call are used somewhere: the least number it has."""
    counts: dict[CallRef, int] = {}
    uses = (use.ref for layer in model.layers for node in layer.calls for use in node.uses())
    for ref in (*uses, *model.input_refs(), *model.output_refs()):
        call = CallRef(ref.layer, ref.call)
        counts[call] = max(counts.get(call, 0), ref.output + 1)
    return counts


def _ordered(model: Model) -> list[CallRef]:
    """All calls, each after the calls whose outputs it takes; calls in a cycle come last, in document order."""
    calls = {CallRef(layer.name, number): node for layer in model.layers for number, node in enumerate(called(layer))}
    consumers: dict[CallRef, list[CallRef]] = {}
    waiting: dict[CallRef, int] = {}
    for ref, node in calls.items():
        sources = {CallRef(use.ref.layer, use.ref.call) for use in node.uses()} & calls.keys()
        waiting[ref] = len(sources)
        for source in sources:
            consumers.setdefault(source, []).append(ref)
    ready, order = deque(ref for ref, count in waiting.items() if count == 0), []
    while ready:
        order.append(ready.popleft())
        for consumer in consumers.get(order[-1], ()):
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                ready.append(consumer)
    return order + [ref for ref, count in waiting.items() if count > 0]


def _advance(frame: _Frame, done: Mapping[_Key, Inference]) -> _Nested | None:
    """Work through a model's calls, up to a nested model that has to be inferred first: that one, or None at the end."""
    while frame.todo:
        ref = frame.todo[0]
        layer = frame.layers[ref.layer]
        nested = _nested(frame, layer, ref.call)
        if nested is None:
            _settle(frame, ref, *_apply(frame, layer, ref.call))
        elif nested.key not in done:
            return nested
        else:
            _settle(frame, ref, *_from_within(frame, ref, nested.outer, done[nested.key]))
        frame.todo.popleft()
    return None


def _nested(frame: _Frame, layer: Layer, number: int) -> _Nested | None:
    """The model that a call runs, directly or inside wrappers; None for a plain layer."""
    if layer.model is not None:
        return _Nested(layer.model, _first_argument(frame.result.call(layer, number)), [])
    if frame.reader is None or layer.class_name not in WRAPPERS or (facts := frame.result.facts(layer)) is None:
        return None
    try:
        outer, call = frame.result.table.unwrap(facts, frame.result.call(layer, number))
        model = frame.reader.model(outer[-1].config["layer"], frame.result.dialect)
    except (*RULE_ERRORS, DocumentError):
        return None  # the rule will meet the same trouble, and its reason is kept
    return None if model is None else _Nested(model, _first_argument(call), outer)


def _first_argument(call: CallFacts) -> tuple[TensorSpec, ...]:
    return tuple(leaves(call.args[:1], TensorSpec))


def _apply(frame: _Frame, layer: Layer, number: int) -> tuple[tuple[TensorSpec, ...], str, bool]:
    """Outputs of a plain layer's call, why they are unknown if they are, and whether their dtypes can be relied upon."""
    if layer.is_input and not called(layer)[number].uses():
        return (_input(frame, layer),), "the document does not say what this input is", True
    facts = frame.result.facts(layer)
    if facts is None:
        return (), f"there is no rule for the class {layer.class_name!r}{_by_nature(layer)}", False
    try:
        outputs = frame.result.told(Table.outputs, facts, layer, number)
    except RULE_ERRORS as error:
        if isinstance(error, ShapeError) and error.code == "shape-contradicted":
            frame.result.clashes[CallRef(layer.name, number)] = error.message
        return (), _why(frame, layer, number, error), False
    sure = layer.class_name not in WRAPPERS and facts is class_facts(layer.class_name, frame.result.dialect)
    ref = CallRef(layer.name, number)
    if sure and 0 < len(outputs) < (taken := frame.counts.get(ref, 0)):
        frame.result.clashes[ref] = f"it gives {len(outputs)} tensors, of which the document takes {taken}"
    return outputs, "the rule of its class does not tell", sure


def _by_nature(layer: Layer) -> str:
    return f": {OPAQUE[layer.class_name]}" if layer.class_name in OPAQUE else ""


def _why(frame: _Frame, layer: Layer, number: int, error: Exception) -> str:
    """The tensor that is missing, if one is: it has a reason of its own. Else what the rule said."""
    for use in layer.calls[number].uses():
        if frame.result.specs.get(use.ref, TensorSpec()).shape is None:
            return f"it needs {use.ref.layer!r}, whose shape is unknown"
    said = error.message if isinstance(error, ShapeError) else f"its config is not as expected ({error!r})"
    return f"the rule of {layer.class_name!r} cannot tell: {said}"


def _input(frame: _Frame, layer: Layer) -> TensorSpec:
    """A nested model's input is what it is called with, in the dtype that it declares."""
    declared = input_spec(frame.result.model, layer)
    bound = frame.bound.get(TensorRef(layer.name), TensorSpec())
    return replace(declared, shape=declared.shape if bound.shape is None else bound.shape, dtype=declared.dtype or bound.dtype)


def _from_within(
    frame: _Frame, ref: CallRef, outer: list[CallFacts], inner: Inference
) -> tuple[tuple[TensorSpec, ...], str, bool]:
    """Outputs of a nested model's call; those of a model inside wrappers go through the wrappers."""
    refs = inner.model.output_refs()
    why = next((f"inside it, {ref.layer!r}: {inner.reasons[ref]}" for ref in refs if ref in inner.reasons), "")
    if not outer:
        frame.result.inner[ref] = inner
        return tuple(inner.outputs()), why, True
    frame.result.wrapped[ref] = inner
    try:
        return outwards(outer, tuple(inner.outputs())), why, True
    except RULE_ERRORS:
        return (), why or "the wrapper around its model does not tell", False


def _settle(frame: _Frame, ref: CallRef, outputs: tuple[TensorSpec, ...], reason: str, exact: bool) -> None:
    """Enter a call's outputs: known ones as they are, others as inferred, else as recorded, else as unknown."""
    result = frame.result
    taken = called(frame.layers[ref.layer])[ref.call].uses() if result.corrected else []
    follows = any(use.ref in result.corrected for use in taken)
    for number in range(max(len(outputs), frame.counts.get(ref, 0))):
        tensor = TensorRef(*ref, number)
        told = outputs[number] if number < len(outputs) else _UNKNOWN
        known, given = _recorded(frame, tensor, told, exact, follows), frame.given.get(tensor)
        spec = known if given is None else replace(given, dtype=given.dtype or known.dtype or "float32")
        if given is not None:
            result.by_record.discard(tensor)
        if follows if given is None else _is_corrected(frame, tensor, spec):
            result.corrected.add(tensor)
        if tensor not in frame.recorded and not follows and (given is None or given.shape is None):
            spec, reason = _as_built(frame, tensor, spec, reason)
        if not is_possible(spec.shape):
            spec, reason = replace(spec, shape=None), f"no tensor has the shape {spec.shape}"
        result.specs[tensor] = spec
        if spec.shape is None:
            result.reasons[tensor] = reason


def _is_corrected(frame: _Frame, tensor: TensorRef, given: TensorSpec) -> bool:
    """Whether the user says something else of a tensor than the document does, or leaves open what is told there."""
    recorded = frame.recorded.get(tensor)
    said = frame.built.specs.get(tensor, TensorSpec()).shape if recorded is None else recorded.spec.shape
    if said is None or given.shape is None:
        return False
    return len(said) != len(given.shape) or any(size not in (None, now) for size, now in zip(said, given.shape, strict=True))


def _as_built(frame: _Frame, tensor: TensorRef, spec: TensorSpec, reason: str) -> tuple[TensorSpec, str]:
    """What those that take a tensor were built on, where nothing else tells its shape; and the reason why it is unknown."""
    built, contradictions = frame.built, frame.result.contradictions
    if spec.shape is not None:
        if why := built.against(tensor, spec):
            contradictions[tensor] = why
    elif tensor in built.disputed:
        contradictions[tensor] = reason = built.disputed[tensor]
    elif tensor in built.specs:
        spec = built.specs[tensor]
        frame.result.by_build.add(tensor)
    return spec, reason


def _recorded(frame: _Frame, tensor: TensorRef, told: TensorSpec, exact: bool, follows: bool) -> TensorSpec:
    """What the rule told and what is recorded, weighed, if the record holds for this call of the model. It does not for what
    follows from a tensor that the user has corrected, where a rule tells of that."""
    recorded = frame.recorded.get(tensor)
    if recorded is None or (told.shape is not None and not frame.as_recorded):
        return told
    key = id(recorded), id(told), exact
    if key not in frame.believed:
        frame.believed[key] = recorded, told, *weighed(recorded, told, exact)
    *_, spec, why = frame.believed[key]
    if told.shape is not None and (follows or frame.layers[tensor.layer].is_input):
        spec = replace(spec, shape=told.shape)  # an input says itself what it takes; what is left open there is open
    if told.shape is None and spec.shape is not None:
        frame.result.by_record.add(tensor)
    if why and not follows:
        frame.result.contradictions[tensor] = described_as(recorded, why)
    return spec
