"""Masks that attention takes off: MultiHeadAttention of Keras 3 unties them from the very tensors that it takes.

Whatever runs behind it takes these tensors without a mask. Layers that give back the tensor that they take hand on the same
object, and so does a nested model at its inputs, unless it casts them: what runs inside it shows outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from configsplit.catalog.facts import UNDECLARED
from configsplit.graph.model import CallRef, Layer, TensorRef, TensorSpec
from configsplit.graph.walking import reached
from configsplit.inference.counts import weights_of
from configsplit.inference.inputs import input_spec
from configsplit.inference.known import Inference, called
from configsplit.inference.mask_rules import attended, taken_first


@dataclass(frozen=True, slots=True)
class Through:
    """What shows outside of a nested model.

    Attributes:
        unties: the numbers of the inputs whose masks it takes off.
        same: for each output that is the very tensor of an input, the number of that.
    """

    unties: frozenset[int]
    same: Mapping[int, int]


@dataclass(slots=True)
class Untying:
    """Which calls of a Keras 3 model take a tensor after attention has untied its mask; ``inside`` has the models nested in it,
    by the identity of their inference."""

    inference: Inference
    inside: Mapping[int, Through]
    layers: Mapping[str, Layer]
    attention: dict[TensorRef, list[CallRef]] = field(default_factory=dict)

    @classmethod
    def of(cls, inference: Inference, inside: Mapping[int, Through]) -> Untying:
        untying = cls(inference, inside, inference.model.by_name())
        for layer in inference.model.layers if inference.dialect == "keras3" else ():
            for number in range(len(called(layer))):
                call = CallRef(layer.name, number)
                for ref in {untying.object(ref) for ref in untying._unties(layer, call)}:
                    untying.attention.setdefault(ref, []).append(call)
        return untying

    def through(self) -> Through:
        inputs = {ref: number for number, ref in enumerate(self.inference.model.input_refs())}
        outputs = [self.object(ref) for ref in self.inference.model.output_refs()]
        same = {number: inputs[ref] for number, ref in enumerate(outputs) if ref in inputs}
        return Through(frozenset(inputs[ref] for ref in self.attention if ref in inputs), same)

    def _unties(self, layer: Layer, call: CallRef) -> Iterator[TensorRef]:
        """The tensors whose masks a call takes off."""
        node = called(layer)[call.call]
        if layer.model is None:
            if (self.inference.facts(layer) or UNDECLARED).unties_masks:
                yield from (ref for refs in attended(node).values() for ref in refs)
        elif (inner := self.inference.inner.get(call)) is not None:
            taken, unties = taken_first(node), self.inside[id(inner)].unties
            yield from (
                ref for number, ref in enumerate(taken) if number in unties and casts(self.inference, call, number) is False
            )

    def object(self, ref: TensorRef) -> TensorRef:
        """The tensor that a tensor is the same object as."""
        while (taken := self._given_back(self.layers[ref.layer], ref)) is not None:
            ref = taken
        return ref

    def _given_back(self, layer: Layer, ref: TensorRef) -> TensorRef | None:
        """The tensor that a call takes and gives back as ``ref``; None where it makes a new one."""
        call = CallRef(ref.layer, ref.call)
        taken = taken_first(called(layer)[ref.call])
        if layer.model is None:
            return taken[0] if taken and self.inference.gives_back(layer, ref.call) else None
        inner = self.inference.inner.get(call)
        number = None if inner is None else self.inside[id(inner)].same.get(ref.output)
        if number is None or number >= len(taken) or casts(self.inference, call, number) is not False:
            return None
        return taken[number]

    def untied(self, call: CallRef, ref: TensorRef) -> bool | None:
        """Whether a tensor has lost its mask when a call takes it; None where the order of running decides, which no
        dependency fixes."""
        certain: bool | None = False
        for attention in self.attention.get(self.object(ref), ()) if self.attention else ():
            if attention == call or self._needs(attention, call):
                continue
            if self._needs(call, attention):
                return True
            certain = None
        return certain

    def _needs(self, call: CallRef, other: CallRef) -> bool:
        """Whether a call needs what another gives."""

        def before(call: CallRef) -> list[CallRef]:
            return [CallRef(use.ref.layer, use.ref.call) for use in called(self.layers[call.layer])[call.call].uses()]

        return other in reached(before(call), before)


def untyings(inference: Inference) -> dict[int, Untying]:
    """Those of a model and of all models in it, by the identity of their inference; innermost first."""
    by_level: dict[int, Untying] = {}
    inside: dict[int, Through] = {}
    for current in inference.innermost_first():
        by_level[id(current)] = made = Untying.of(current, inside)
        inside[id(current)] = made.through()
    return by_level


def casts(inference: Inference, call: CallRef, number: int) -> bool | None:
    """Whether a nested model, or one in TimeDistributed, casts what it takes at an input: it works with a new tensor then.

    None where nobody knows the dtype of what it takes, or (Keras 2) it is only taken for granted.
    """
    inner = inference.inner.get(call) or inference.wrapped.get(call)
    inputs = () if inner is None else inner.model.input_refs()
    taken = taken_first(called(inference.model.by_name()[call.layer])[call.call])
    if inner is None or number >= min(len(inputs), len(taken)):
        return False
    declared = input_spec(inner.model, inner.model.by_name()[inputs[number].layer]).dtype
    guessed = inference.dialect == "keras2" and _is_guessed(inference, taken[number])
    given = None if guessed else inference.specs.get(taken[number], TensorSpec()).dtype
    return declared is not None and (None if given is None else declared != given)


def _is_guessed(inference: Inference, ref: TensorRef) -> bool:
    """Whether the dtype of a tensor goes back to what is said of one that no rule tells, through layers without weights: what
    has weights computes in its own."""
    layers = inference.model.by_name()

    def taken(each: TensorRef) -> list[TensorRef]:
        layer = layers[each.layer]
        plain = not layer.is_input and layer.model is None and weights_of(inference, layer) == ()
        return [use.ref for use in called(layer)[each.call].uses()] if plain else []

    return any(each in inference.given and not layers[each.layer].is_input for each in reached([ref], taken))
