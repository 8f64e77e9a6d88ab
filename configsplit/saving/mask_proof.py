"""Proof that every call of the parts receives the mask that it received in the whole.

The whole is followed as Keras runs it, every mask behind the scenes. Each part is followed by itself, as Keras will load it,
with nothing arriving from outside but the tensors of the manifest; masks that cross are followed back through the operations
that compute them. Both come down to the same terms: which tensor is compared with which number, and how masks are combined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from configsplit.catalog.operations.layers import snake
from configsplit.errors import VerificationError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, Layer, Model, Node, TensorRef, Use, leaves
from configsplit.inference import Mask, Masks, attended, traced_masks
from configsplit.models.document import Document
from configsplit.records.manifest import FromPart, Manifest, Part
from configsplit.rewrites.nested.surface import Surfaced

_BITS = 256
_ALL = (1 << _BITS) - 1


class _Term(NamedTuple):
    """A mask (``tied`` to the tensor) or a tensor, in one of the models."""

    model: int
    ref: TensorRef
    tied: bool


@dataclass(slots=True)
class Reading:
    """One model, its masks, where each of its inputs comes from (a tensor of another model, or nothing), and what its calls and
    layers are called in the whole."""

    model: Model
    masks: Masks
    sources: Mapping[TensorRef, tuple[int, TensorRef]] = field(default_factory=dict)
    calls: Mapping[str, Sequence[int]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, Layer] = field(init=False)

    def __post_init__(self) -> None:
        self.layers = self.model.by_name()

    def number(self, call: CallRef) -> CallRef:
        """A call by the number and the name that it has in the whole."""
        number = self.calls[call.layer][call.call] if call.layer in self.calls else call.call
        return CallRef(self.name(call.layer), number)

    def name(self, layer: str) -> str:
        return self.renamed.get(layer, layer)


def prove_masks(document: Document, opened: Surfaced, parts: Sequence[Model], manifest: Manifest) -> None:
    """Hold the masks that the calls of the parts receive against those of the whole, which is the original with what was
    opened, and nothing put in. Raises VerificationError if a call would receive another mask, or none.
    """
    whole = opened.model
    masks = traced_masks(document.infer(opened.given, whole))
    if not masks.tensors:
        return
    readings = [_reading(document, model, part, parts) for model, part in zip(parts, manifest.parts, strict=True)]
    names = set(whole.by_name())
    wanted, given = Values([Reading(whole, masks)], names), Values(readings, names)
    homes = {
        reading.number(CallRef(layer.name, number)): place
        for place, reading in enumerate(readings)
        for layer in reading.model.layers
        if not layer.is_input
        for number in range(len(layer.calls))
    }
    for call, heard in wanted.received(0).items():
        if call.layer not in names or call not in homes:
            continue
        got = given.received(homes[call]).get(call, {})
        _compare(call, heard, got, wanted, given, homes)


def _compare(
    call: CallRef,
    heard: Mapping[int, _Term],
    got: Mapping[int, _Term],
    wanted: Values,
    given: Values,
    homes: Mapping[CallRef, int],
) -> None:
    for place, term in heard.items():
        beside = homes.get(CallRef(term.ref.layer, term.ref.call)) == homes[call]
        if place not in got and beside and wanted.doubtful(term):
            continue  # whatever the class before it does with masks, both are in one part
        if place not in got or wanted.of(term) != given.of(got[place]):
            raise VerificationError(
                f"{call.layer!r} would not receive the mask of {term.ref.layer!r} that it received in the whole",
                code="verify-masks",
                where=call.layer,
            )


def _reading(document: Document, model: Model, part: Part, parts: Sequence[Model]) -> Reading:
    sources = {
        ref: (tensor.source.part, parts[tensor.source.part].output_refs()[tensor.source.output])
        for ref, tensor in zip(model.input_refs(), part.inputs, strict=True)
        if isinstance(tensor.source, FromPart)
    }
    return Reading(model, traced_masks(document.infer(model=model)), sources, part.calls)


@dataclass(slots=True)
class Values:
    """Masks of one or several models as numbers: two are equal if they are the same on every input."""

    readings: Sequence[Reading]
    names: set[str]
    _done: dict[_Term, int] = field(default_factory=dict)
    _received: dict[int, dict[CallRef, dict[int, _Term]]] = field(default_factory=dict)

    def received(self, number: int) -> dict[CallRef, dict[int, _Term]]:
        """The masks that the calls of a model receive, by the place of their tensor among a call's arguments."""
        if number not in self._received:
            reading = self.readings[number]
            received: dict[CallRef, dict[int, _Term]] = {}
            for layer in reading.model.layers:
                for call, node in enumerate(layer.calls):
                    heard = _heard(number, reading.masks.used.get(CallRef(layer.name, call), ()), node)
                    if heard:
                        received[reading.number(CallRef(layer.name, call))] = heard
            self._received[number] = received
        return self._received[number]

    def doubtful(self, term: _Term) -> bool:
        mask = self._root(term)
        return mask is not None and mask.kind == "unknown"

    def self_made(self, term: _Term) -> bool:
        """Whether only a class that nobody declared, and that no mask reaches, could make it."""
        mask = self._root(term)
        return mask is not None and mask.kind == "unknown" and mask.own

    def _root(self, term: _Term) -> Mask | None:
        masks = self.readings[term.model].masks
        return masks.tensors.get(masks.root(term.ref)) if term.tied else None

    def of(self, term: _Term) -> int:
        todo = [term]
        while todo:
            rule, needed = self._rule(todo[-1])
            missing = [each for each in needed if each not in self._done]
            if missing:
                todo += missing
            else:
                current = todo.pop()
                self._done[current] = rule([self._done[each] for each in needed])
        return self._done[term]

    def _rule(self, term: _Term) -> tuple[Callable[[list[int]], int], list[_Term]]:
        """How a term follows from others."""
        reading = self.readings[term.model]
        if not term.tied and term.ref in reading.sources:
            return _first, [_Term(*reading.sources[term.ref], False)]
        return self._of_mask(term, reading) if term.tied else self._of_tensor(term, reading)

    def _of_mask(self, term: _Term, reading: Reading) -> tuple[Callable[[list[int]], int], list[_Term]]:
        mask = reading.masks.tensors.get(term.ref)
        if mask is None:
            return _constant("no mask"), []
        if mask.kind == "given":
            return _first, [_Term(term.model, mask.sources[0], False)]
        if mask.kind == "made":
            return self._made(term, reading)
        needed = [_Term(term.model, ref, True) for ref in mask.sources]
        if mask.kind in ("hidden", "unknown", "entry"):
            name = self._name(term.model, term.ref)
            return lambda values: _number("inside", name, *sorted(values)), needed
        return {
            "same": _first,
            "and": _and,
            "or": _or,
            "true": lambda values: _ALL,
            "any": lambda values: _number("any", values[0]),
            "joined": lambda values: _number("joined", mask.axis, *values),
        }[mask.kind], needed

    def _made(self, term: _Term, reading: Reading) -> tuple[Callable[[list[int]], int], list[_Term]]:
        """Embedding compares with 0, Masking every number of a step with its own; so do those in a wrapper."""
        layer = reading.layers[term.ref.layer]
        taken = self._name(term.model, layer.calls[term.ref.call].uses()[0].ref)
        inner = layer.config.get("layer")
        config = inner["config"] if isinstance(inner, FrozenDict) else layer.config
        if "input_dim" in config:
            return _constant("not_equal", taken, 0.0), []
        differs = _number("not_equal", taken, float(config.get("mask_value", 0.0)))
        return lambda values: _number("any", differs), []

    def _of_tensor(self, term: _Term, reading: Reading) -> tuple[Callable[[list[int]], int], list[_Term]]:
        layer = reading.layers[term.ref.layer]
        function = _function(layer)
        if function is None:
            return _constant("tensor", self._name(term.model, term.ref)), []
        node = layer.calls[term.ref.call]
        needed = [_Term(term.model, use.ref, False) for use in node.uses()]
        if function == "not_equal":
            others = [item for item in (*node.args[1:], node.kwargs.get("y")) if isinstance(item, (int, float))]
            value = float(others[0]) if others else None
            return _constant("not_equal", self._name(term.model, node.uses()[0].ref), value), []
        return {
            "and": _and,
            "or": _or,
            "not": lambda values: ~values[0] & _ALL,
            "any": lambda values: _number("any", values[0]),
            "joined": lambda values: _number("joined", int(_option(layer, node, "axis")), *values),
        }[function], needed

    def _name(self, model: int, ref: TensorRef) -> tuple[str, int, int]:
        """A tensor as the whole calls it: wires between parts are followed back, and what was put in to hand tensors over."""
        while True:
            reading = self.readings[model]
            layer = reading.layers[ref.layer]
            if ref in reading.sources:
                model, ref = reading.sources[ref]
            elif reading.name(layer.name) not in self.names and not layer.is_input:
                ref = layer.calls[ref.call].uses()[0].ref
            else:
                call = reading.number(CallRef(ref.layer, ref.call))
                return (call.layer, call.call, ref.output)


def _heard(model: int, used: Sequence[TensorRef], node: Node) -> dict[int, _Term]:
    masks = {name: value for name, value in node.kwargs.items() if name == "mask" or name.endswith("_mask")}
    plain = [use.ref for use in Node(node.args, node.kwargs.without(*masks)).uses()]
    heard = {place: _Term(model, ref, True) for place, ref in enumerate(plain) if ref in used}
    for name, value in masks.items():
        if name == "mask":
            given = value if type(value) is tuple else (value,)
            heard |= {place: _Term(model, use.ref, False) for place, use in enumerate(given) if type(use) is Use}
        elif type(value) is Use and (taken := attended(node).get(name.removesuffix("_mask"))):
            heard.setdefault(plain.index(taken[0]), _Term(model, value.ref, False))
    return heard


def _number(*key: Any) -> int:
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=_BITS // 8).digest(), "big")


def _constant(*key: Any) -> Callable[[list[int]], int]:
    value = _number(*key)
    return lambda values: value


def _first(values: list[int]) -> int:
    return values[0]


def _and(values: list[int]) -> int:
    result = _ALL
    for value in values:
        result &= value
    return result


def _or(values: list[int]) -> int:
    result = 0
    for value in values:
        result |= value
    return result


_FUNCTIONS = {
    "NotEqual": "not_equal", "math.not_equal": "not_equal", "Any": "any", "math.reduce_any": "any",
    "LogicalAnd": "and", "math.logical_and": "and", "LogicalOr": "or", "math.logical_or": "or",
    "LogicalNot": "not", "math.logical_not": "not",
}  # fmt: skip


def _function(layer: Layer) -> str | None:
    """What an operation does, where it is one that masks are computed with."""
    if layer.is_operation:
        name = "joined" if snake(layer.class_name) == "concatenate" else _FUNCTIONS.get(layer.class_name)
    elif layer.class_name == "TFOpLambda":
        function = str(layer.config.get("function"))
        name = "joined" if function == "concat" else _FUNCTIONS.get(function)
    else:
        return None
    node = layer.calls[0]
    if name == "any" and _option(layer, node, "axis") != -1:
        return None
    constants = [item for item in (*node.args[1:], node.kwargs.get("y")) if isinstance(item, (int, float))]
    return None if name == "not_equal" and len(leaves(node.args)) + len(constants) != 2 else name


def _option(layer: Layer, node: Node, key: str) -> Any:
    value = node.kwargs.get(key, layer.config.get(key, -1))
    return value[0] if type(value) is tuple and len(value) == 1 else value
