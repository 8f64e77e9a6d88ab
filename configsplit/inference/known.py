"""What is known of the tensors of a model, and why nothing is known of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from configsplit.catalog.facts import CallFacts, LayerFacts, nobody_said
from configsplit.catalog.layers.keras1 import modern, with_ordering
from configsplit.catalog.table import Table, ships
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict, config_kind, rebuild
from configsplit.graph.model import CallRef, Layer, LayerPath, Model, Node, TensorRef, TensorSpec, Use

NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""An empty mapping that nobody can fill, for defaults."""


RULE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration, ShapeError)
"""What a rule may meet in a config that is odd. The tensor is unknown then; everything else is a defect and is raised."""


ReadModel: TypeAlias = Callable[[FrozenDict, str], Model]
"""Reads the entry (``class_name`` and ``config``) of a model inside a layer's config, in the dialect that is named."""


Told = TypeVar("Told")
Rule: TypeAlias = Callable[[Table, LayerFacts, CallFacts], Told]


def called(layer: Layer) -> tuple[Node, ...]:
    """A layer's calls. An input has one, whether or not whoever made the graph has entered it."""
    return layer.calls or ((Node(),) if layer.is_input else ())


@dataclass(frozen=True, slots=True)
class Inference:
    """What is known of one model for one set of inputs.

    ``specs`` has every output of every call of the model's own layers; ``reasons`` says of each unknown one why,
    ``contradictions`` what the document records of a tensor that cannot be true, and ``clashes`` which calls take what cannot
    stand together. ``by_record`` are the tensors that only the document tells of, ``by_build`` those whose shape their
    takers were built on (their dtype is what these compute in), ``given`` what the user says, ``corrected`` those of which that
    is something else than what is recorded, and all that is computed from them. ``inner`` holds the same for each call of a
    nested model, ``wrapped`` for each call of a wrapper around one.
    """

    model: Model
    table: Table
    dialect: str
    specs: dict[TensorRef, TensorSpec] = field(default_factory=dict)
    reasons: dict[TensorRef, str] = field(default_factory=dict)
    contradictions: dict[TensorRef, str] = field(default_factory=dict)
    clashes: dict[CallRef, str] = field(default_factory=dict)
    by_record: set[TensorRef] = field(default_factory=set)
    by_build: set[TensorRef] = field(default_factory=set)
    given: Mapping[TensorRef, TensorSpec] = field(default_factory=lambda: NOTHING)
    corrected: set[TensorRef] = field(default_factory=set)
    inner: dict[CallRef, Inference] = field(default_factory=dict)
    wrapped: dict[CallRef, Inference] = field(default_factory=dict)
    ordering: str | None = None
    """The order of dimensions that a Keras 1 document writes, for those of its layers that do not write it."""

    def levels(self) -> Iterator[tuple[LayerPath, Inference]]:
        """What is known of this model, and of each that is nested in it or that it wraps, once, with its path."""
        seen: set[int] = set()
        todo: list[tuple[LayerPath, Inference]] = [((), self)]
        while todo:
            path, each = todo.pop()
            if id(each) not in seen:
                seen.add(id(each))
                yield path, each
                todo += [((*path, call.layer), inner) for call, inner in reversed([*each.inner.items(), *each.wrapped.items()])]

    def innermost_first(self) -> list[Inference]:
        """The same, each behind all that are in it."""
        order, todo, seen = list[Inference](), [(self, False)], set[int]()
        while todo:
            each, looked_in = todo.pop()
            if looked_in:
                order.append(each)
            elif id(each) not in seen:
                seen.add(id(each))
                todo += [(each, True), *((inner, False) for inner in (*each.inner.values(), *each.wrapped.values()))]
        return order

    def call(self, layer: Layer, number: int) -> CallFacts:
        """One call as a rule sees it."""
        node = called(layer)[number]

        def leaf(value: Any) -> Any:
            return self.specs.get(value.ref, TensorSpec()) if type(value) is Use else value

        args, kwargs = rebuild(node.args, leaf), rebuild(node.kwargs, leaf)
        config = with_ordering(layer.class_name, layer.config, self.ordering)
        return modern(CallFacts(layer.class_name, config, args, kwargs, self.dialect))

    def told(self, rule: Rule[Told], facts: LayerFacts, layer: Layer, number: int) -> Told:
        """What a rule of the table (`Table.outputs`, `Table.weights`, `Table.macs`) tells of a call; it is asked once for each
        kind of layer on each kind of tensor.

        That of a plug-in is asked for every call: who wrote it may look at anything, the name too.

        Raises:
            ShapeError: or whatever a rule raises on a config that it does not expect.
        """
        args, kwargs = (node := called(layer)[number]).args, node.kwargs
        if kwargs or len(args) != 1 or type(use := args[0]) is not Use:
            return rule(self.table, facts, self.call(layer, number))
        key = rule, id(facts), layer.class_name, config_kind(layer.config), self.specs.get(use.ref), self.ordering
        known: Told | None = self.table.outcomes.get(key)
        if known is None:
            known = rule(self.table, facts, self.call(layer, number))
            if ships(facts):
                self.table.outcomes[key] = known
        return known

    def facts(self, layer: Layer) -> LayerFacts | None:
        return self.table.of(layer, self.dialect)

    def shape_undeclared(self, layer: Layer) -> bool:
        """Whether nobody declares what a layer's class gives; other things may be declared of it."""
        facts = self.facts(layer)
        return facts is None or facts.outputs is nobody_said

    def gives_back(self, layer: Layer, number: int) -> bool | None:
        """Whether a call gives back the very tensor that it takes; None where that hangs on the backend, or nobody can tell."""
        facts = self.facts(layer)
        try:
            return facts is not None and facts.same_tensor(self.call(layer, number))
        except RULE_ERRORS:
            return None

    def outputs(self) -> list[TensorSpec]:
        return [self.specs.get(ref, TensorSpec()) for ref in self.model.output_refs()]


def explain(inference: Inference, ref: TensorRef) -> str:
    """Why a tensor's shape is unknown, back to the layer where the trouble starts; empty where it is known."""
    steps = [f"{each.layer!r}: {inference.reasons[each]}" for each in trail(inference, ref)]
    return "; ".join(steps if len(steps) < 4 else [steps[0], "...", steps[-1]])


def trail(inference: Inference, ref: TensorRef) -> list[TensorRef]:
    """The tensors through which a shape is lost, the last one where the trouble starts; empty where it is known."""
    passed: dict[TensorRef, None] = {}
    layers = inference.model.by_name()
    while ref in inference.reasons and ref not in passed:
        passed[ref] = None
        layer = layers[ref.layer]
        uses = layer.calls[ref.call].uses() if layer.model is None else []
        ref = next((use.ref for use in uses if use.ref in inference.reasons), ref)
    return list(passed)
