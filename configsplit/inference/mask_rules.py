"""What becomes of masks at one call of a plain layer, by what is declared of its class: where they begin, how those of several
tensors are combined, and which outputs carry them.

`configsplit.inference.masks` goes through the calls of a model and of those nested in it by these rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from configsplit.catalog.classes import class_in
from configsplit.catalog.facts import UNDECLARED, CallFacts, LayerFacts
from configsplit.catalog.layers.keras1 import merge_hands_masks_on
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CHAINED, CallRef, Layer, Node, Structure, TensorRef, Use, leaves
from configsplit.graph.walking import reached
from configsplit.inference.known import RULE_ERRORS, Inference, called

Kind = Literal["made", "same", "given", "and", "or", "true", "joined", "any", "entry", "hidden", "unknown"]


class Mask(NamedTuple):
    """How the mask of a tensor comes about.

    Attributes:
        kind: "made" from the first argument of the tensor's own call; the "same" as that of ``sources[0]``; an ordinary tensor
            of the graph that was "given" as a mask, ``sources[0]``; the masks of ``sources`` combined ("and", "or"), "joined"
            along ``axis``, all "true" in the shape of that of ``sources[0]``, or "any" along its last axis; that of an "entry"
            of a nested model; "hidden" in a layer that computes it by itself; "unknown" behind a class that nobody declared.
        sources: tensors of the model whose masks it depends on; for "given", the mask itself.
        axis: for "joined".
        why: for "hidden" and "unknown", the layer and its class.
        seen: whether Keras 3 sees it when it builds the model from its document, and not only when the model runs.
        own: for "unknown": no mask arrives at the class that nobody declared, nor do its settings ask for one, but it may make
            one itself.
        doubt: for "unknown" where the class is declared: why nobody can tell.
    """

    kind: Kind
    sources: tuple[TensorRef, ...] = ()
    axis: int = 0
    why: tuple[str, str] = ("", "")
    seen: bool = True
    own: bool = False
    doubt: str = ""


def in_words(mask: Mask) -> str:
    """What a class that nobody declared does if a mask comes out of it."""
    return "makes one" if mask.own or not mask.sources else "hands on the mask that arrives there"


Taken: TypeAlias = tuple[TensorRef, Mask | None]
"""A tensor of a call's first argument, and the mask that arrives with it or is given in its place."""


# --------------------------------------------------------------------------------------------------------- what is declared


def declared(inference: Inference, layer: Layer) -> LayerFacts:
    return inference.facts(layer) or UNDECLARED


def inside(inference: Inference, class_name: str) -> LayerFacts:
    """What is declared of a class inside a wrapper."""
    return inference.table.named(class_name, inference.dialect) or UNDECLARED


def unwrapped(inference: Inference, facts: LayerFacts, call: CallFacts) -> tuple[LayerFacts, CallFacts]:
    """What SpectralNormalization wraps: it gives the very tensor that its layer gives, with its mask."""
    inner = call.config.get("layer")
    while facts.wraps == "whole" and isinstance(inner, FrozenDict):
        config = inner.get("config")
        config = config if isinstance(config, FrozenDict) else FrozenDict()
        call = replace(call, class_name=class_in(inner), config=config)
        facts, inner = inside(inference, call.class_name), call.config.get("layer")
    return facts, call


def may_begin(inference: Inference, layer: Layer) -> bool:
    """Whether a layer makes a mask, or may, or is given one."""
    for node in layer.calls:
        if node.kwargs and node.kwargs.get("mask") is not None:
            return True
    if layer.is_input or layer.model is not None:
        return False
    facts = declared(inference, layer)
    if (facts.mask not in ("unknown", "makes") and not facts.wraps) or layer.is_operation:
        return False
    config = layer.config
    inner = config.get("layer")
    while isinstance(inner, FrozenDict) and facts.wraps in ("steps", "whole"):
        if inner.get("class_name") in ("Functional", "Model", "Sequential"):
            return False  # a level of its own
        facts, config = inside(inference, class_in(inner)), inner.get("config", FrozenDict())
        inner = config.get("layer") if isinstance(config, FrozenDict) else None
    return facts.mask == "unknown" or (facts.mask == "makes" and facts.makes_mask(config))


# ------------------------------------------------------------------------------------------------------- masks of outputs


@dataclass(frozen=True, slots=True)
class MaskedCall:
    """One call of a plain layer, and the masks that reach it.

    Attributes:
        facts, call: what is declared of the class, and the call as rules see it; of what SpectralNormalization wraps.
        taken: the tensors of the first argument.
        used: the tensors whose masks the call uses, or may.
        doubted: whether a mask that nobody knows of may reach a class that nobody declared.
        tensors: the masks so far; ``layers`` those of the model.
    """

    inference: Inference
    layer: Layer
    ref: CallRef
    facts: LayerFacts
    call: CallFacts
    taken: list[Taken]
    used: tuple[TensorRef, ...]
    doubted: bool
    tensors: Mapping[TensorRef, Mask]
    layers: Mapping[str, Layer]

    @property
    def here(self) -> tuple[str, str]:
        return self.ref.layer, self.call.class_name

    @property
    def keras3(self) -> bool:
        return self.inference.dialect == "keras3"

    def count(self) -> int:
        """How many outputs are known."""
        number = 1
        while TensorRef(*self.ref, number) in self.inference.specs:
            number += 1
        return number


def output_masks(it: MaskedCall) -> dict[int, Mask]:
    """The masks of a call's outputs, by the number of the output."""
    try:
        return _outputs(it)
    except RULE_ERRORS:  # its config is odd
        met = refs_of((each, mask) for each, mask in it.taken if mask is not None)
        return dict.fromkeys(range(it.count()), Mask("unknown", met, why=(it.layer.name, it.layer.class_name)))


def _outputs(it: MaskedCall) -> dict[int, Mask]:
    facts = it.facts
    if facts.mask == "makes" or _made_inside(it.inference, facts, it.call):
        return _beginning(it)
    arriving = [(ref, mask) for ref, mask in it.taken if mask is not None]
    if facts.attention == "named" and it.keras3 and it.used:
        return _attended(it)
    if facts.mask == "unknown" or (facts.mask == "may_pass" and arriving):
        return _unknown(it, arriving)
    if not arriving:
        return {}
    if facts.mask == "stops":
        return {number: mask._replace(seen=False) for number, mask in _given_back(it, arriving).items()}
    if facts.merge == "mode":
        return {0: Mask("hidden", refs_of(arriving), why=it.here)} if merge_hands_masks_on(it.call) else {}
    if facts.merge:
        merged = _merged(it)
        return {} if merged is None else {0: merged}
    if (first := handed_on(it.tensors, *it.taken[0])) is None:
        return {}
    if facts.wraps == "steps" and not it.keras3:
        first = _of_steps(it, it.taken[0][0], first)
    return dict.fromkeys(facts.masked_outputs(it.call.config), first)


def _attended(it: MaskedCall) -> dict[int, Mask]:
    """The output has the mask of the query; the scores one that the layer computes."""
    scores = {1: Mask("hidden", it.used, why=it.here)} if it.count() > 1 else {}
    first = handed_on(it.tensors, *it.taken[0])
    return scores if first is None else {0: first, **scores}


_GIVEN_BACK = "where a backend gives back the very tensor that it took, the mask stays on it"
_BUILT_OTHERWISE = "Keras 3 finds another mask when it builds the model than when it runs it"


def _given_back(it: MaskedCall, arriving: list[tuple[TensorRef, Mask]]) -> dict[int, Mask]:
    """Keras ties masks to tensors: what gives back the very tensor that it takes stops none, whatever its class says."""
    same = it.facts.same_tensor(it.call)
    if same is None:
        return {number: mask._replace(doubt=_GIVEN_BACK) for number, mask in _unknown(it, arriving).items()}
    first = handed_on(it.tensors, *it.taken[0]) if same else None
    return {} if first is None else {0: first}


def _unknown(it: MaskedCall, arriving: list[tuple[TensorRef, Mask]]) -> dict[int, Mask]:
    """Of a class that nobody declared. Lambda makes a mask only where it was given one, or a function for that."""
    met = arriving or it.used or it.doubted
    if it.facts.mask_key and not met and not it.facts.makes_mask(it.call.config):
        return {}
    known = [mask for _, mask in arriving if not mask.own]
    seen = all(it.tensors[each].seen for each in it.used) and all(mask.seen for _, mask in arriving)
    sources = tuple(dict.fromkeys((*refs_of(arriving), *it.used)))
    return dict.fromkeys(range(it.count()), Mask("unknown", sources, why=it.here, seen=seen, own=not known))


def handed_on(tensors: Mapping[TensorRef, Mask], ref: TensorRef, mask: Mask | None) -> Mask | None:
    """The mask of an output that has it from a tensor, or from what was given for that."""
    if mask is None or (mask.kind == "given" and tensors.get(ref) != mask):
        return mask
    if mask.kind in ("hidden", "unknown"):
        return mask._replace(sources=(ref,))
    return Mask("same", (ref,), seen=mask.seen)


def refs_of(taken: Iterable[Taken]) -> tuple[TensorRef, ...]:
    return tuple(dict.fromkeys(ref for ref, _ in taken))


# ------------------------------------------------------------------------------------------------------- class by class


def _beginning(it: MaskedCall) -> dict[int, Mask]:
    if not it.taken:
        return {}  # there is nothing to compare
    if it.facts.wraps != "steps" and not it.facts.makes_mask(it.call.config):
        return {}
    outer = declared(it.inference, it.layer)
    return {0: Mask("made") if outer.mask_made or outer.wraps == "steps" else Mask("hidden", why=it.here)}


def _made_inside(inference: Inference, facts: LayerFacts, call: CallFacts) -> bool:
    """Before Keras 3 TimeDistributed hands out the mask that its layer makes at each step."""
    if facts.wraps != "steps" or inference.dialect == "keras3":
        return False
    try:
        _, inner = inference.table.unwrap(facts, call)
    except RULE_ERRORS:
        return False
    declared = inside(inference, inner.class_name)
    return declared.mask == "makes" and declared.makes_mask(inner.config)


def _merged(it: MaskedCall) -> Mask | None:
    """How a merging layer combines the masks of what it takes."""
    there = [(ref, mask) for ref, mask in it.taken if mask is not None]
    refs, seen = refs_of(there), all(mask.seen for _, mask in there)
    if (doubt := next((mask for _, mask in there if mask.kind == "unknown"), None)) is not None:
        return doubt._replace(sources=refs)
    if it.facts.merge == "joined" and it.keras3 and 0 < sum(mask.seen for _, mask in there) < len(there):
        return Mask("unknown", refs, why=it.here, doubt=_BUILT_OTHERWISE)
    if it.call.kwargs.get("mask") is not None or any(mask.kind == "hidden" for _, mask in there):
        return Mask("hidden", refs, why=it.here)
    if it.facts.merge == "joined":
        return _joined(it, [ref for ref, _ in there], seen)
    if it.keras3:
        return Mask("or", refs, seen=seen) if len(there) == len(it.taken) else None
    return Mask("and", refs, seen=seen)


def _joined(it: MaskedCall, masked: Sequence[TensorRef], seen: bool) -> Mask:
    """``Concatenate.compute_mask`` of tf_keras 2.21 and Keras 3.15, for masks of steps; one tensor may be there twice."""
    refs = tuple(dict.fromkeys(masked))
    shape, count = it.call.first.shape, len(it.taken)
    axis = int(it.call.config.get("axis", -1))
    last = axis == -1 or (shape is not None and axis == len(shape) - 1)
    if last and it.keras3 and len(masked) < count:
        return Mask("true", refs[:1], seen=seen)
    if last:
        return Mask("or" if it.keras3 else "and", refs, seen=seen)
    if axis == 1 and len(masked) == count:
        return Mask("joined", tuple(masked), axis=1, seen=seen)
    return Mask("hidden", refs, why=it.here)


def _of_steps(it: MaskedCall, ref: TensorRef, mask: Mask) -> Mask:
    """What TimeDistributed makes of the mask that reaches it: its layer is asked at every step, of a mask of several numbers.

    Where the layer hands none on, a step counts if anything in it did.
    """
    inner = it.call.config.get("layer")
    facts = inside(it.inference, class_in(inner) if isinstance(inner, FrozenDict) else "")
    if facts.mask in ("unknown", "may_pass"):
        return Mask("unknown", (ref,), why=it.here)
    config = inner["config"] if isinstance(inner, FrozenDict) else FrozenDict()
    if mask.kind != "same":
        return Mask("hidden", (ref,), why=it.here) if mask.kind != "unknown" else mask
    if facts.uses_mask and not (facts.mask == "passes" and facts.keeps_steps(config)):
        return Mask("any", (ref,))
    return Mask("hidden", (ref,), why=it.here) if _made_at_steps(it, mask.sources[0]) else mask


def _made_at_steps(it: MaskedCall, ref: TensorRef) -> bool:
    """Whether a mask that TimeDistributed took from its layer, step by step, goes on: it has an axis more than others."""
    return it.tensors[ref].kind == "made" and declared(it.inference, it.layers[ref.layer]).wraps == "steps"


# What a call says of masks: the tensors whose masks count, and the masks that are given as arguments.


def taken_first(node: Node) -> list[TensorRef]:
    """The tensors of a call's first argument, whose masks Keras hands on."""
    if node.args:
        return [use.ref for use in leaves(node.args[:1])]
    return next(([use.ref for use in uses] for value in node.kwargs.values() if (uses := leaves((value,)))), [])


def given_masks(node: Node, count: int) -> list[TensorRef | None] | None:
    """The masks that a call is given as arguments, for each of ``count`` tensors; None where Keras finds them by itself."""
    mask = node.kwargs.get("mask")
    if mask is None:
        return None
    masks = [item.ref if type(item) is Use else None for item in (mask if type(mask) is tuple else (mask,))]
    return [*masks, *(None,) * (count - len(masks))][:count]


def seen_to_make(inference: Inference) -> Iterator[str]:
    """Classes that nobody declared of which the document says that they make a mask: one is set to, as an Embedding is, or in
    Keras 3 a call that takes what it gives is given a mask, computed from what it takes. So do others of the class."""
    layers = inference.model.by_name()
    for layer in inference.model.layers:
        if layer.config.get("mask_zero") is True and _is_undeclared(inference, layer):
            yield layer.class_name
        for node in layer.calls:
            taken = taken_first(node) if node.kwargs.get("mask") is not None else []
            for ref, mask in zip(taken, given_masks(node, len(taken)) or (), strict=False):
                maker = layers[ref.layer]
                if mask is None or not _is_undeclared(inference, maker):
                    continue
                if _computed_from(mask, called(maker)[ref.call].uses(), layers):
                    yield maker.class_name


def _is_undeclared(inference: Inference, layer: Layer) -> bool:
    return layer.model is None and not layer.is_input and declared(inference, layer).mask == "unknown"


def _computed_from(mask: TensorRef, uses: Iterable[Use], layers: Mapping[str, Layer]) -> bool:
    """Whether operations alone compute a mask from one of some tensors."""

    def taken(ref: TensorRef) -> list[TensorRef]:
        layer = layers[ref.layer]
        return [use.ref for use in called(layer)[ref.call].uses()] if layer.is_operation else []

    behind = {*reached([mask], taken)}
    return any(use.ref in behind for use in uses)


def says_masks(node: Node) -> bool:
    """Whether the document of a functional model of Keras 3 tells which masks a call takes.

    Since 3.7 or so it does if the call takes one tensor and nothing else: what Keras then fills in as ``mask`` it also writes
    down. Of calls with several arguments it says nothing, whatever masks they find when they run.
    """
    masks = [name for name in node.kwargs if name == "mask" or name.endswith("_mask")]
    return node.form != CHAINED and not node.opened and (bool(masks) or fills_mask(node))


def fills_mask(node: Node) -> bool:
    """Whether a call of Keras 3 takes one tensor and nothing else, but a mask."""
    others = [name for name, value in node.kwargs.items() if name != "mask" and value is not None]
    return not others and len(node.args) == 1 and type(node.args[0]) is Use


def attended(node: Node) -> dict[str, list[TensorRef]]:
    """The tensors of an attention call: query, value and, where it is given, key."""
    places = ("query", "value", "key")
    given: dict[str, Structure] = dict(zip(places, node.args, strict=False))
    given |= {name: node.kwargs[name] for name in places if name in node.kwargs}
    return {name: [use.ref for use in leaves((value,))] for name, value in given.items()}
