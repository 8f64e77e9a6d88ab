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
from typing import Literal, NamedTuple, TypeAlias

from configsplit.catalog.facts import UNDECLARED, CallFacts, LayerFacts
from configsplit.catalog.layers.keras1 import merge_hands_masks_on
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT, CallRef, Layer, Model, Node, TensorRef, TensorSpec
from configsplit.inference.infer import NOTHING, RULE_ERRORS, Inference, called, trace
from configsplit.inference.inputs import input_spec
from configsplit.inference.masked_calls import Untying, attended, given_masks, says_masks, taken_first

Kind = Literal["made", "same", "given", "and", "or", "true", "joined", "any", "entry", "hidden", "unknown"]


Arriving: TypeAlias = tuple[str, ...]
"""For each input of a nested model what arrives there: "" for no mask, "entry" for one, "unknown" where nobody can say."""

MaskKey: TypeAlias = tuple[int, Arriving]


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
        own: for "unknown": no mask arrives at the class that nobody declared, but it may make one itself.
    """

    kind: Kind
    sources: tuple[TensorRef, ...] = ()
    axis: int = 0
    why: tuple[str, str] = ("", "")
    seen: bool = True
    own: bool = False


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
        doubted: the calls of classes that nobody declared, with tensors behind others that nobody declared: no mask is known
            of there, but one might be made and used.
        loose: the calls of Keras 3 that find a mask only if they run before an attention layer unties it, which no dependency
            fixes.
    """

    tensors: Mapping[TensorRef, Mask] = field(default_factory=dict)
    used: Mapping[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    entries: frozenset[int] = frozenset()
    nested: Mapping[CallRef, MaskKey] = field(default_factory=dict)
    doubted: Mapping[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    loose: frozenset[CallRef] = frozenset()

    def heeded(self) -> set[TensorRef]:
        """All tensors whose masks have a part in those that are used."""
        return self.behind(ref for refs in self.used.values() for ref in refs)

    def behind(self, refs: Iterable[TensorRef]) -> set[TensorRef]:
        """All tensors whose masks have a part in those of some tensors, these included."""
        todo = list(refs)
        found: set[TensorRef] = set()
        while todo:
            ref = todo.pop()
            if ref not in found and (mask := self.tensors.get(ref)) is not None:
                found.add(ref)
                todo += mask.sources if mask.kind != "given" else ()
        return found

    def root(self, ref: TensorRef) -> TensorRef:
        """The tensor whose mask it is that a tensor carries."""
        while (mask := self.tensors.get(ref)) is not None and mask.kind == "same":
            ref = mask.sources[0]
        return ref


def masked(
    model: Model,
    facts: Mapping[str, LayerFacts] = NOTHING,
    given: Mapping[TensorRef, TensorSpec] = NOTHING,
    dialect: str | None = None,
) -> Masks:
    """The masks of a model; arguments as for `infer`."""
    return traced_masks(trace(model, facts, given, dialect))


@dataclass(slots=True)
class _Frame:
    inference: Inference
    todo: list[CallRef]
    layers: dict[str, Layer]
    tensors: dict[TensorRef, Mask]
    untying: Untying
    used: dict[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    nested: dict[CallRef, MaskKey] = field(default_factory=dict)
    doubted: dict[CallRef, tuple[TensorRef, ...]] = field(default_factory=dict)
    loose: set[CallRef] = field(default_factory=set)

    def finished(self) -> Masks:
        masks = Masks(
            self.tensors, self.used, self.unknown, nested=self.nested, doubted=self.doubted, loose=frozenset(self.loose)
        )
        begun = {ref: number for number, ref in enumerate(self.inference.model.input_refs())}
        return replace(masks, entries=frozenset(begun[ref] for ref in masks.heeded() if ref in begun))


def _frame(inference: Inference, arriving: Arriving) -> _Frame:
    inputs = inference.model.input_refs()
    start = {
        ref: Mask("unknown", why=(ref.layer, INPUT), seen=False) if kind == "unknown" else Mask("entry", seen=False)
        for ref, kind in zip(inputs, arriving, strict=False)
        if kind
    }
    calls = dict.fromkeys(CallRef(ref.layer, ref.call) for ref in inference.specs)
    untying = Untying.of(inference)
    return _Frame(inference, list(reversed(calls)), inference.model.by_name(), start, untying)


def traced_masks(inference: Inference) -> Masks:
    """Masks of what has been inferred already."""
    return next(reversed(every_mask(inference).values()))[1]


MaskLevels: TypeAlias = dict[MaskKey, tuple[Inference, Masks]]
"""A model and those nested in it, each once for each way in which masks reach it; the model itself is the last."""


def every_mask(inference: Inference) -> MaskLevels:
    """The masks of a model and of those nested in it; an explicit stack goes through nested models."""
    done: dict[MaskKey, Masks] = {}
    found: MaskLevels = {}
    root: MaskKey = (id(inference), ())
    if not _begins_anywhere(inference):
        return {root: (inference, Masks())}
    stack: list[tuple[MaskKey, _Frame]] = [(root, _frame(inference, ()))]
    while stack:
        key, frame = stack[-1]
        missing = _advance(frame, done)
        if missing is None:
            done[key] = frame.finished()
            found[key] = (frame.inference, done[key])
            stack.pop()
        else:
            ref = frame.todo[-1]
            inner = frame.inference.inner.get(ref) or frame.inference.wrapped[ref]
            stack.append((missing, _frame(inner, missing[1])))
    return found


def _begins_anywhere(inference: Inference) -> bool:
    """Whether a layer of a model, or of one nested in it, makes a mask, or may, or is given one."""
    todo, seen = [inference], {id(inference)}
    while todo:
        level = todo.pop()
        if any(_may_begin(level, layer) for layer in level.model.layers):
            return True
        held = {id(each): each for each in (*level.inner.values(), *level.wrapped.values())}
        todo += [each for key, each in held.items() if key not in seen]
        seen |= held.keys()
    return False


def _may_begin(inference: Inference, layer: Layer) -> bool:
    if any(node.kwargs.get("mask") is not None for node in layer.calls if node.kwargs):
        return True
    if layer.is_input or layer.model is not None or layer.is_operation:
        return False
    facts, config = _declared(inference, layer), layer.config
    inner = config.get("layer")
    while isinstance(inner, FrozenDict) and facts.wraps in ("steps", "whole"):
        if inner.get("class_name") in ("Functional", "Model", "Sequential"):
            return False  # a level of its own
        facts, config = _inside(inference, str(inner.get("class_name"))), inner.get("config", FrozenDict())
        inner = config.get("layer") if isinstance(config, FrozenDict) else None
    return facts.mask == "unknown" or (facts.mask == "makes" and facts.makes_mask(config))


def _declared(inference: Inference, layer: Layer) -> LayerFacts:
    return inference.facts(layer) or UNDECLARED


def _inside(inference: Inference, class_name: str) -> LayerFacts:
    """What is declared of a class inside a wrapper."""
    return inference.table.named(class_name, inference.dialect) or UNDECLARED


def _advance(frame: _Frame, done: Mapping[MaskKey, Masks]) -> MaskKey | None:
    """Work through a model's calls, up to a nested model whose masks have to be known first: that one, or None at the end."""
    while frame.todo:
        ref = frame.todo[-1]
        layer = frame.layers[ref.layer]
        inner = _inner(frame, layer, ref)
        if inner is None:
            if layer.model is None and not layer.is_input:
                _settle(frame, layer, ref)
        else:
            key = frame.nested[ref] = (id(inner), _arriving(frame, layer, ref))
            if key not in done:
                return key
            _settle_nested(frame, layer, ref, inner, done[key])
        frame.todo.pop()
    return None


def _inner(frame: _Frame, layer: Layer, ref: CallRef) -> Inference | None:
    """The model that a call runs: a nested one, or one in TimeDistributed."""
    if layer.model is not None:
        return frame.inference.inner.get(ref)
    return frame.inference.wrapped.get(ref) if _declared(frame.inference, layer).wraps == "steps" else None


def _taken(frame: _Frame, layer: Layer, ref: CallRef) -> list[tuple[TensorRef, Mask | None]]:
    """The tensors of a call's first argument, each with the mask that arrives with it or is given in its place."""
    node = called(layer)[ref.call]
    tensors = taken_first(node)
    given = given_masks(node, len(tensors))
    found: list[tuple[TensorRef, Mask | None]] = []
    for number, each in enumerate(tensors):
        told = None if given is None else given[number]
        tied = given is None or (layer.model is not None and not _cast_away(frame, ref, number, each))
        found.append((each, Mask("given", (told,)) if told is not None else _tied(frame, ref, each) if tied else None))
    return found


def _cast_away(frame: _Frame, call: CallRef, number: int, ref: TensorRef) -> bool:
    """Whether a nested model of Keras 3 that is given no mask for a tensor casts it, and so loses the one that is tied to it.

    Where it is given nothing at all as ``mask``, Keras looks for the masks before the cast (`Functional.call`, Keras 3.15).
    """
    inner = frame.inference.inner.get(call)
    inputs = () if inner is None or frame.inference.dialect != "keras3" else inner.model.input_refs()
    if inner is None or number >= len(inputs):
        return False
    declared = input_spec(inner.model, inner.model.by_name()[inputs[number].layer]).dtype
    return declared not in (None, frame.inference.specs.get(ref, TensorSpec()).dtype)


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
        return tuple("unknown" if mask is not None else "" for _, mask in taken)
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
            made = _handed_on(frame, *taken[inputs[root]])
        else:
            made = Mask("unknown" if kind == "unknown" else "hidden", sources, why=(layer.name, layer.class_name))
        if made is not None:
            frame.tensors[TensorRef(*ref, number)] = made._replace(seen=False)


def _hand_out(
    frame: _Frame,
    layer: Layer,
    ref: CallRef,
    inner: Inference,
    masks: Masks,
    taken: Sequence[tuple[TensorRef, Mask | None]],
) -> None:
    """TimeDistributed hands on the mask that reaches it; before Keras 3 also what its model makes at every step."""
    arriving = [(each, mask) for each, mask in taken if mask is not None]
    if frame.inference.dialect == "keras3":
        if arriving and (handed := _handed_on(frame, *arriving[0])) is not None:
            frame.tensors[TensorRef(*ref)] = handed
        return
    made = [masks.tensors[out] for out in inner.model.output_refs() if out in masks.tensors]
    if not arriving and made and all(mask.kind == "unknown" for mask in made):
        frame.tensors[TensorRef(*ref)] = made[0]._replace(sources=(), seen=False)
    elif arriving or made:
        frame.tensors[TensorRef(*ref)] = Mask("hidden", _refs(arriving), why=(layer.name, layer.class_name))


def _handed_on(frame: _Frame, ref: TensorRef, mask: Mask | None) -> Mask | None:
    """The mask of an output that has it from a tensor, or from what was given for that."""
    if mask is None or (mask.kind == "given" and frame.tensors.get(ref) != mask):
        return mask
    if mask.kind in ("hidden", "unknown"):
        return mask._replace(sources=(ref,))
    return Mask("same", (ref,), seen=mask.seen)


def _refs(taken: Iterable[tuple[TensorRef, Mask | None]]) -> tuple[TensorRef, ...]:
    return tuple(dict.fromkeys(ref for ref, _ in taken))


def _settle(frame: _Frame, layer: Layer, ref: CallRef) -> None:
    """Enter which masks a plain layer's call uses, and those of its outputs."""
    facts, call = _unwrapped(frame.inference, _declared(frame.inference, layer), frame.inference.call(layer, ref.call))
    taken = _taken(frame, layer, ref)
    if facts.uses_mask is None:
        _meet(frame, layer, ref, facts)
    elif facts.uses_mask or facts.reads_masks:
        _use(frame, layer, ref, _looked_at(frame, layer, ref, facts))
    try:
        found = _outputs(frame, facts, call, ref, taken)
    except RULE_ERRORS:  # its config is odd
        met = _refs((each, mask) for each, mask in taken if mask is not None)
        found = dict.fromkeys(range(_count(frame, ref)), Mask("unknown", met, why=(layer.name, layer.class_name)))
    if facts.merge == "joined" and any(mask.kind in ("joined", "hidden") for mask in found.values()):
        _use(frame, layer, ref, [each for each, _ in taken])  # it fails where it finds some of its masks, but not all
    for number, mask in found.items():
        frame.tensors[TensorRef(*ref, number)] = mask


def _unwrapped(inference: Inference, facts: LayerFacts, call: CallFacts) -> tuple[LayerFacts, CallFacts]:
    """What SpectralNormalization wraps: it gives the very tensor that its layer gives, with its mask."""
    inner = call.config.get("layer")
    while facts.wraps == "whole" and isinstance(inner, FrozenDict):
        config = inner.get("config")
        config = config if isinstance(config, FrozenDict) else FrozenDict()
        call = replace(call, class_name=str(inner.get("class_name")), config=config)
        facts, inner = _inside(inference, call.class_name), call.config.get("layer")
    return facts, call


def _use(frame: _Frame, layer: Layer, ref: CallRef, tensors: Sequence[TensorRef]) -> None:
    """Enter that a call uses the masks tied to tensors, those that have one."""
    node = called(layer)[ref.call]
    there = tuple(dict.fromkeys(each for each in tensors if _may_arrive(frame, layer, node, _tied(frame, ref, each))))
    if there:
        frame.used[ref] = there


def _may_arrive(frame: _Frame, layer: Layer, node: Node, mask: Mask | None) -> bool:
    """Whether there may be a mask. Where Keras 3 has written down that a call takes none, a class that nobody declared has
    given none."""
    if mask is None or mask.kind != "unknown":
        return mask is not None
    facts = _declared(frame.inference, layer)
    told = frame.inference.dialect == "keras3" and mask.seen and says_masks(node)
    return not (told or facts.mask_in_training) or (facts.reads_masks and not mask.own)


def _meet(frame: _Frame, layer: Layer, ref: CallRef, facts: LayerFacts) -> None:
    """A class of which nobody has said whether it uses masks may use that of anything it takes."""
    node = called(layer)[ref.call]
    tensors = [use.ref for use in node.uses() if use.ref in frame.tensors]
    doubted = tuple(each for each in tensors if frame.tensors[each].own)
    if doubted and any(_may_arrive(frame, layer, node, frame.tensors[each]) for each in doubted):
        frame.doubted[ref] = doubted
    _use(frame, layer, ref, [each for each in tensors if each not in doubted])
    if facts.mask == "unknown" and ref in frame.used:
        frame.unknown[layer.name] = layer.class_name


def _looked_at(frame: _Frame, layer: Layer, ref: CallRef, facts: LayerFacts) -> list[TensorRef]:
    """The tensors whose masks a call looks at, where no argument gives them."""
    node = called(layer)[ref.call]
    if facts.attention == "named":
        return _queried(frame.inference.dialect, node)
    if given_masks(node, 1) is not None:
        return []
    return taken_first(node)


def _queried(dialect: str, node: Node) -> list[TensorRef]:
    """Query, value and key. Keras 3 reads the mask of the query off the tensor, whatever is given for it."""
    given = {name for name in ("value", "key") if dialect == "keras3" and node.kwargs.get(f"{name}_mask") is not None}
    return [ref for name, refs in attended(node).items() if name not in given for ref in refs]


def _outputs(
    frame: _Frame,
    facts: LayerFacts,
    call: CallFacts,
    ref: CallRef,
    taken: list[tuple[TensorRef, Mask | None]],
) -> dict[int, Mask]:
    """The masks of a call's outputs, by the number of the output."""
    here = (ref.layer, call.class_name)
    if facts.mask == "makes" or _made_inside(frame.inference, facts, call):
        return _beginning(frame, facts, call, here)
    arriving = [(ref, mask) for ref, mask in taken if mask is not None]
    if facts.attention == "named" and frame.inference.dialect == "keras3" and ref in frame.used:
        scores = {1: Mask("hidden", frame.used[ref], why=here)} if _count(frame, ref) > 1 else {}
        first = _handed_on(frame, *taken[0])
        return scores if first is None else {0: first, **scores}
    met = bool(arriving) or ref in frame.used or ref in frame.doubted
    if facts.mask == "unknown" and facts.mask_key and not met and not facts.makes_mask(call.config):
        return {}  # Lambda makes a mask only where it was given one, or a function for that
    if facts.mask == "unknown":
        known = [mask for _, mask in arriving if not mask.own]
        seen = all(frame.tensors[each].seen for each in frame.used.get(ref, ())) and all(mask.seen for _, mask in arriving)
        sources = tuple(dict.fromkeys((*_refs(arriving), *frame.used.get(ref, ()))))
        return dict.fromkeys(range(_count(frame, ref)), Mask("unknown", sources, why=here, seen=seen, own=not known))
    if not arriving or facts.mask == "stops":
        return {}
    if facts.merge == "mode":
        return {0: Mask("hidden", _refs(arriving), why=here)} if merge_hands_masks_on(call) else {}
    if facts.merge:
        found = _merged(frame.inference.dialect, facts, call, taken, here)
        return {} if found is None else {0: found}
    if (first := _handed_on(frame, *taken[0])) is None:
        return {}
    if facts.wraps == "steps" and frame.inference.dialect != "keras3":
        first = _of_steps(frame, call, taken[0][0], first, here)
    return dict.fromkeys(facts.masked_outputs(call.config), first)


def _count(frame: _Frame, call: CallRef) -> int:
    """How many outputs of a call are known."""
    number = 1
    while TensorRef(*call, number) in frame.inference.specs:
        number += 1
    return number


def _beginning(frame: _Frame, facts: LayerFacts, call: CallFacts, here: tuple[str, str]) -> dict[int, Mask]:
    if facts.wraps != "steps" and not facts.makes_mask(call.config):
        return {}
    outer = _declared(frame.inference, frame.layers[here[0]])
    return {0: Mask("made") if outer.mask_made or outer.wraps == "steps" else Mask("hidden", why=here)}


def _made_inside(inference: Inference, facts: LayerFacts, call: CallFacts) -> bool:
    """Before Keras 3 TimeDistributed hands out the mask that its layer makes at each step."""
    if facts.wraps != "steps" or inference.dialect == "keras3":
        return False
    try:
        _, inner = inference.table.unwrap(facts, call)
    except RULE_ERRORS:
        return False
    found = _inside(inference, inner.class_name)
    return found.mask == "makes" and found.makes_mask(inner.config)


def _merged(
    dialect: str, facts: LayerFacts, call: CallFacts, taken: list[tuple[TensorRef, Mask | None]], here: tuple[str, str]
) -> Mask | None:
    """How a merging layer combines the masks of what it takes."""
    there = [(ref, mask) for ref, mask in taken if mask is not None]
    refs, seen = tuple(ref for ref, _ in there), all(mask.seen for _, mask in there)
    if (doubt := next((mask for _, mask in there if mask.kind == "unknown"), None)) is not None:
        return doubt._replace(sources=refs)
    if call.kwargs.get("mask") is not None or any(mask.kind == "hidden" for _, mask in there):
        return Mask("hidden", refs, why=here)
    if facts.merge == "joined":
        return _concatenated(dialect, call, refs, len(taken), seen, here)
    if dialect == "keras3":
        return Mask("or", refs, seen=seen) if len(there) == len(taken) else None
    return Mask("and", refs, seen=seen)


def _concatenated(
    dialect: str, call: CallFacts, refs: tuple[TensorRef, ...], count: int, seen: bool, here: tuple[str, str]
) -> Mask:
    """``Concatenate.compute_mask`` of tf_keras 2.21 and Keras 3.15, for masks of steps."""
    shape = call.first.shape
    axis = int(call.config.get("axis", -1))
    last = axis == -1 or (shape is not None and axis == len(shape) - 1)
    if last and dialect == "keras3" and len(refs) < count:
        return Mask("true", refs[:1], seen=seen)
    if last:
        return Mask("or" if dialect == "keras3" else "and", refs, seen=seen)
    if axis == 1 and len(refs) == count:
        return Mask("joined", refs, axis=1, seen=seen)
    return Mask("hidden", refs, why=here)


def _of_steps(frame: _Frame, call: CallFacts, ref: TensorRef, mask: Mask, here: tuple[str, str]) -> Mask:
    """What TimeDistributed makes of the mask that reaches it: its layer is asked at every step, of a mask of several numbers.

    Where the layer hands none on, a step counts if anything in it did.
    """
    inner = call.config.get("layer")
    facts = _inside(frame.inference, str(inner.get("class_name")) if isinstance(inner, FrozenDict) else "")
    if facts.mask == "unknown":
        return Mask("unknown", (ref,), why=here)
    config = inner["config"] if isinstance(inner, FrozenDict) else FrozenDict()
    if mask.kind != "same":
        return Mask("hidden", (ref,), why=here) if mask.kind != "unknown" else mask
    if facts.uses_mask and not (facts.mask == "passes" and facts.keeps_steps(config)):
        return Mask("any", (ref,))
    return Mask("hidden", (ref,), why=here) if _made_at_steps(frame, mask.sources[0]) else mask


def _made_at_steps(frame: _Frame, ref: TensorRef) -> bool:
    """Whether a mask that TimeDistributed took from its layer, step by step, goes on: it has an axis more than others."""
    return frame.tensors[ref].kind == "made" and _declared(frame.inference, frame.layers[ref.layer]).wraps == "steps"
