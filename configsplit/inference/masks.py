"""Implicit masks: which tensors carry one while Keras runs the model, how each comes about, and which calls may use it.

A mask begins at an Embedding with ``mask_zero`` or at Masking. Keras ties it to the tensor, behind the scenes, and so it goes
through every layer that hands it on, into and out of nested models. Keras 2 documents say nothing of it. Keras 3 writes the
masks that layers take into the calls of a functional model; those inside a Sequential, those that come out of nested models
or go into them, and those that merging and attention layers read off the tensor itself stay unseen there too.

A cut through a masked tensor loses its mask, since no file and no array carries it across.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from configsplit.catalog.facts import LayerFacts
from configsplit.graph.model import INPUT, CallRef, Layer, Node, TensorRef
from configsplit.graph.walking import reached
from configsplit.inference.known import Inference, called
from configsplit.inference.mask_rules import (
    Mask,
    MaskedCall,
    Taken,
    attended,
    declared,
    given_masks,
    handed_on,
    may_begin,
    output_masks,
    refs_of,
    seen_to_make,
    taken_first,
    unwrapped,
)
from configsplit.inference.unlikely import is_computed, is_likely, makes_none, told_of_none

if TYPE_CHECKING:
    from configsplit.inference.untying import Untying

Arriving: TypeAlias = tuple[str, ...]
"""For each input of a nested model what arrives there: "" for no mask, "entry" for one, "unknown" where nobody can say."""

MaskKey: TypeAlias = tuple[int, Arriving]


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of a model's own tensors.

    Attributes:
        tensors: every tensor that carries a mask, or may.
        used: every call that uses, or may use, masks that no argument hands it, with the tensors whose masks those are.
        unknown: the layers which a mask meets and whose class nobody has declared, ``OUTER/INNER`` in nested models: name ->
            class.
        entries: for a nested model, the numbers of its inputs whose masks are used inside.
        nested: the key in `every_mask` of what each call of a nested model runs.
        doubted: calls with tensors behind classes that nobody declared: no mask is known of there, but one might be made and
            used.
        unsure: the calls of nested models, and of models in TimeDistributed, of Keras 2 that lose the masks of these tensors if
            they cast them, and nobody knows the dtypes of these.
        computed: whether all outputs of the model depend on its inputs through layers that compute with weights alone.
        loose: the calls of Keras 3 that find a mask only if they run before an attention layer unties it, which no dependency
            fixes.
    """

    tensors: Mapping[TensorRef, Mask] = field(default_factory=dict)
    used: Mapping[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    entries: frozenset[int] = frozenset()
    nested: Mapping[CallRef, MaskKey] = field(default_factory=dict)
    doubted: Mapping[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    unsure: Mapping[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    loose: frozenset[CallRef] = frozenset()
    computed: bool = False

    def heeded(self) -> set[TensorRef]:
        """All tensors whose masks have a part in those that are used."""
        return {*self.behind(ref for refs in self.used.values() for ref in refs)}

    def behind(self, refs: Iterable[TensorRef]) -> list[TensorRef]:
        """All tensors whose masks have a part in those of some tensors, these included."""

        def sources(ref: TensorRef) -> Iterable[TensorRef]:
            mask = self.tensors.get(ref)
            return () if mask is None or mask.kind == "given" else mask.sources

        return [ref for ref in reached(refs, sources) if ref in self.tensors]

    def hanging_on_order(self) -> list[CallRef]:
        """The ``loose`` calls on whose mask a number hangs."""
        return sorted(self.loose & self._counting())

    def hanging_on_casts(self) -> list[CallRef]:
        """The ``unsure`` calls on whose mask a number hangs."""
        return sorted(self.unsure.keys() & self._counting())

    def _counting(self) -> set[CallRef]:
        """The calls that use masks, or make or hand on such as are used."""
        return {CallRef(ref.layer, ref.call) for ref in self.heeded()} | self.used.keys()

    def root(self, ref: TensorRef) -> TensorRef:
        """The tensor whose mask it is that a tensor carries."""
        while (mask := self.tensors.get(ref)) is not None and mask.kind == "same":
            ref = mask.sources[0]
        return ref


@dataclass(slots=True)
class _Frame:
    inference: Inference
    todo: list[CallRef]
    layers: dict[str, Layer]
    tensors: dict[TensorRef, Mask]
    untying: Untying
    makers: frozenset[str]
    used: dict[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    nested: dict[CallRef, MaskKey] = field(default_factory=dict)
    doubted: dict[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    unsure: dict[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    loose: set[CallRef] = field(default_factory=set)
    computed: set[CallRef] = field(default_factory=set)

    def finished(self) -> Masks:
        masks = Masks(
            self.tensors,
            self.used,
            self.unknown,
            nested=self.nested,
            doubted=self.doubted,
            unsure=self.unsure,
            loose=frozenset(self.loose),
            computed=all(CallRef(ref.layer, ref.call) in self.computed for ref in self.inference.model.output_refs()),
        )
        begun = {ref: number for number, ref in enumerate(self.inference.model.input_refs())}
        return replace(masks, entries=frozenset(begun[ref] for ref in masks.heeded() if ref in begun))


def _frame(inference: Inference, arriving: Arriving, untying: Untying, makers: frozenset[str]) -> _Frame:
    inputs = inference.model.input_refs()
    start = {
        ref: Mask("unknown", why=(ref.layer, INPUT), seen=False) if kind == "unknown" else Mask("entry", seen=False)
        for ref, kind in zip(inputs, arriving, strict=False)
        if kind
    }
    calls = dict.fromkeys(CallRef(ref.layer, ref.call) for ref in inference.specs)
    return _Frame(inference, list(reversed(calls)), inference.model.by_name(), start, untying, makers)


def traced_masks(inference: Inference) -> Masks:
    """Masks of what has been inferred already."""
    return next(reversed(every_mask(inference).values()))[1]


MaskLevels: TypeAlias = dict[MaskKey, tuple[Inference, Masks]]
"""A model and those nested in it, each once for each way in which masks reach it; the model itself is the last."""


def every_mask(inference: Inference) -> MaskLevels:
    """The masks of a model and of those nested in it; an explicit stack goes through nested models."""
    done: dict[MaskKey, Masks] = {}
    levels: MaskLevels = {}
    root: MaskKey = (id(inference), ())
    if not any(may_begin(level, layer) for _, level in inference.levels() for layer in level.model.layers):
        return {root: (inference, Masks())}
    from configsplit.inference.untying import untyings

    untying = untyings(inference)
    makers = frozenset(name for _, level in inference.levels() for name in seen_to_make(level))
    stack: list[tuple[MaskKey, _Frame]] = [(root, _frame(inference, (), untying[id(inference)], makers))]
    while stack:
        key, frame = stack[-1]
        missing = _advance(frame, done)
        if missing is None:
            done[key] = frame.finished()
            levels[key] = (frame.inference, done[key])
            stack.pop()
        else:
            ref = frame.todo[-1]
            inner = frame.inference.inner.get(ref) or frame.inference.wrapped[ref]
            stack.append((missing, _frame(inner, missing[1], untying[id(inner)], makers)))
    return levels


def _advance(frame: _Frame, done: Mapping[MaskKey, Masks]) -> MaskKey | None:
    """Work through a model's calls, up to a nested model whose masks have to be known first: that one, or None at the end."""
    while frame.todo:
        ref = frame.todo[-1]
        layer = frame.layers[ref.layer]
        inner = _inner(frame, layer, ref)
        if inner is None:
            if layer.model is None and not layer.is_input:
                _settle(frame, layer, ref)
            within = False
        else:
            key = frame.nested[ref] = (id(inner), _arriving(frame, layer, ref))
            if key not in done:
                return key
            _settle_nested(frame, layer, ref, inner, done[key])
            within = done[key].computed
        if within or is_computed(frame.inference, layer, ref, frame.computed):
            frame.computed.add(ref)
        frame.todo.pop()
    return None


def _inner(frame: _Frame, layer: Layer, ref: CallRef) -> Inference | None:
    """The model that a call runs: a nested one, or one in TimeDistributed."""
    if layer.model is not None:
        return frame.inference.inner.get(ref)
    return frame.inference.wrapped.get(ref) if declared(frame.inference, layer).wraps == "steps" else None


def _taken(frame: _Frame, layer: Layer, ref: CallRef) -> list[Taken]:
    """The tensors of a call's first argument, each with the mask that arrives with it or is given in its place."""
    node = called(layer)[ref.call]
    tensors = taken_first(node)
    given = given_masks(node, len(tensors))
    taken: list[Taken] = []
    for number, each in enumerate(tensors):
        if layer.model is not None and _lost(frame, ref, number):
            taken.append((each, None))
            continue
        told = None if given is None else given[number]
        tied = given is None or (layer.model is not None and not _cast_away(frame, ref, number))
        taken.append((each, Mask("given", (told,)) if told is not None else _tied(frame, ref, each) if tied else None))
    return taken


def _lost(frame: _Frame, call: CallRef, number: int) -> bool:
    """Whether Keras 2 casts what a nested model takes, which `Functional._conform_to_reference_input` does: the mask is not on
    the new tensor. Where nobody knows, it is entered as unsure."""
    from configsplit.inference.untying import casts

    if frame.inference.dialect != "keras2" or (cast := casts(frame.inference, call, number)) is False:
        return False
    ref = taken_first(called(frame.layers[call.layer])[call.call])[number]
    if cast is None and ref in frame.tensors:
        frame.unsure[call] = tuple(dict.fromkeys((*frame.unsure.get(call, ()), ref)))
    return cast is True


def _cast_away(frame: _Frame, call: CallRef, number: int) -> bool:
    """Whether a nested model of Keras 3 that is given no mask for a tensor casts it, and so loses the one that is tied to it.

    Where it is given nothing at all as ``mask``, Keras looks for the masks before the cast (`Functional.call`, Keras 3.15).
    """
    from configsplit.inference.untying import casts

    return frame.inference.dialect == "keras3" and casts(frame.inference, call, number) is not False


def _tied(frame: _Frame, call: CallRef, ref: TensorRef) -> Mask | None:
    """The mask that is tied to a tensor when a call takes it."""
    mask = frame.tensors.get(ref)
    if mask is None or (untied := frame.untying.untied(call, ref)) is False:
        return mask
    if untied:
        return None
    frame.loose.add(call)
    return Mask("hidden", why=(ref.layer, frame.layers[ref.layer].class_name))


def _arriving(frame: _Frame, layer: Layer, ref: CallRef) -> Arriving:
    taken = _taken(frame, layer, ref)
    if layer.model is None:  # TimeDistributed
        lost = _lost(frame, ref, 0)
        return tuple("unknown" if mask is not None and not lost else "" for _, mask in taken)
    return tuple("" if mask is None else "unknown" if mask.kind == "unknown" else "entry" for _, mask in taken)


def _settle_nested(frame: _Frame, layer: Layer, ref: CallRef, inner: Inference, masks: Masks) -> None:
    taken = _taken(frame, layer, ref)
    frame.unknown.update({f"{ref.layer}/{name}": kind for name, kind in masks.unknown.items()})
    wanted = [each for number, (each, _) in enumerate(taken) if number in masks.entries]
    _use(frame, layer, ref, wanted)
    if layer.model is None:
        _hand_out(frame, layer, ref, inner, masks, taken)
        return
    inputs = {each: number for number, each in enumerate(inner.model.input_refs())}
    for number, out in enumerate(inner.model.output_refs()):
        if out not in masks.tensors:
            continue
        root = masks.root(out)
        kind = masks.tensors[root].kind
        behind = sorted(inputs[each] for each in masks.behind([out]) if each in inputs)
        sources = tuple(taken[number][0] for number in behind if number < len(taken) and taken[number][1] is not None)
        if root in inputs and inputs[root] < len(taken) and kind == "entry":
            made = handed_on(frame.tensors, *taken[inputs[root]])
        else:
            made = Mask("hidden", sources, why=(layer.name, layer.class_name))
            if kind == "unknown":  # what is to be declared is the class inside, or the one that the mask arrives from
                arrived = taken[inputs[root]][1] if root in inputs and inputs[root] < len(taken) else None
                why = _within(layer, masks.tensors[root]) if arrived is None else arrived.why
                made = made._replace(kind="unknown", why=why)
        if made is not None:
            frame.tensors[TensorRef(*ref, number)] = made._replace(seen=False)


def _within(layer: Layer, mask: Mask) -> tuple[str, str]:
    """Where in a nested model an unknown mask comes from: its path, and the class there."""
    name, class_name = mask.why
    return f"{layer.name}/{name}", class_name


def _hand_out(
    frame: _Frame,
    layer: Layer,
    ref: CallRef,
    inner: Inference,
    masks: Masks,
    taken: Sequence[Taken],
) -> None:
    """TimeDistributed hands on the mask that reaches it; before Keras 3 also what its model makes at every step."""
    arriving = [(each, mask) for each, mask in taken if mask is not None]
    if frame.inference.dialect == "keras3":
        if arriving and (handed := handed_on(frame.tensors, *arriving[0])) is not None:
            frame.tensors[TensorRef(*ref)] = handed
        return
    made = [masks.tensors[out] for out in inner.model.output_refs() if out in masks.tensors]
    if not arriving and made and all(mask.kind == "unknown" for mask in made):
        frame.tensors[TensorRef(*ref)] = made[0]._replace(sources=(), seen=False, why=_within(layer, made[0]))
    elif arriving or made:
        frame.tensors[TensorRef(*ref)] = Mask("hidden", refs_of(arriving), why=(layer.name, layer.class_name))


def _settle(frame: _Frame, layer: Layer, ref: CallRef) -> None:
    """Enter which masks a plain layer's call uses, and those of its outputs."""
    facts, call = unwrapped(frame.inference, declared(frame.inference, layer), frame.inference.call(layer, ref.call))
    taken = _taken(frame, layer, ref)
    if facts.uses_mask is None:
        _meet(frame, layer, ref, facts)
    elif facts.uses_mask or facts.reads_masks:
        _use(frame, layer, ref, _looked_at(frame, layer, ref, facts))
    used, doubted = frame.used.get(ref, ()), ref in frame.doubted
    it = MaskedCall(frame.inference, layer, ref, facts, call, taken, used, doubted, frame.tensors, frame.layers)
    masks = output_masks(it)
    if facts.merge == "joined" and any(mask.kind in ("joined", "hidden") or mask.why == it.here for mask in masks.values()):
        _use(frame, layer, ref, [each for each, _ in taken])  # it fails where it finds some of its masks, but not all
    for number, mask in masks.items():
        frame.tensors[TensorRef(*ref, number)] = mask


def _use(frame: _Frame, layer: Layer, ref: CallRef, tensors: Sequence[TensorRef]) -> None:
    """Enter that a call uses the masks tied to tensors, those that have one."""
    node = called(layer)[ref.call]
    masks = {each: mask for each in tensors if (mask := _tied(frame, ref, each)) is not None and _listens(frame, layer, mask)}
    doubted = tuple(
        each
        for each, mask in masks.items()
        if told_of_none(frame.inference, node, mask, frame.makers)
        or makes_none(each, frame.tensors, frame.layers, frame.computed, frame.makers)
    )
    there = tuple(each for each in masks if each not in doubted)
    if doubted:
        frame.doubted[ref] = (*frame.doubted.get(ref, ()), *doubted)
    if there:
        frame.used[ref] = there


def _listens(frame: _Frame, layer: Layer, mask: Mask) -> bool:
    """Whether a class that uses masks uses this one, when nothing is trained."""
    facts = declared(frame.inference, layer)
    return mask.kind != "unknown" or not facts.mask_in_training or (facts.reads_masks and not mask.own)


def _meet(frame: _Frame, layer: Layer, ref: CallRef, facts: LayerFacts) -> None:
    """A class of which nobody has said whether it uses masks may use that of anything it takes; hardly where Keras 3 gives it
    one as an argument."""
    node = called(layer)[ref.call]
    tensors = [use.ref for use in node.uses() if use.ref in frame.tensors]
    given = given_masks(node, 1) is not None and frame.inference.dialect == "keras3"
    doubted = tuple(
        each
        for each in tensors
        if (given and frame.tensors[each].kind == "unknown" and each in taken_first(node))
        or (frame.tensors[each].own and not is_likely(each, frame.tensors, frame.inference, frame.makers, node))
    )
    if doubted:
        frame.doubted[ref] = doubted
    _use(frame, layer, ref, [each for each in tensors if each not in doubted])
    if facts.mask in ("unknown", "may_pass") and ref in frame.used:
        frame.unknown[layer.name] = layer.class_name


def _looked_at(frame: _Frame, layer: Layer, ref: CallRef, facts: LayerFacts) -> list[TensorRef]:
    """The tensors whose masks a call looks at, where no argument gives them."""
    node = called(layer)[ref.call]
    if facts.attention == "named":
        return _queried(frame.inference.dialect, node)
    if any(name.endswith("_mask") for name in facts.uses_mask or ()):  # Keras 3 fills in `value_mask` with that of `value`
        return [use.ref for use in node.uses()]
    if given_masks(node, 1) is not None:
        return []
    return taken_first(node)


def _queried(dialect: str, node: Node) -> list[TensorRef]:
    """Query, value and key. Keras 3 reads the mask of the query off the tensor, whatever is given for it."""
    given = {name for name in ("value", "key") if dialect == "keras3" and node.kwargs.get(f"{name}_mask") is not None}
    return [ref for name, refs in attended(node).items() if name not in given for ref in refs]
