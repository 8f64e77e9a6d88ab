"""Implicit masks at the boundaries of a split: which are needed on the far side, and handing them over there.

Nothing in a document shows that a tensor carries a mask, and nothing in a part shows that one is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from configsplit.catalog.layers.attention import HEEDS_MASKS
from configsplit.catalog.table import class_facts
from configsplit.errors import CutError
from configsplit.graph.calls import call_graph
from configsplit.graph.model import CallRef, Model, TensorRef, TensorSpec
from configsplit.inference import Inference, Masks, traced_masks
from configsplit.inference.mask_rules import in_words
from configsplit.inference.tensor_kinds import with_kinds
from configsplit.models.document import Document
from configsplit.models.wrapped import release_of
from configsplit.rewrites.common import as_functional, described
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.split import Split, assemble

if TYPE_CHECKING:
    from configsplit.rewrites.masks import Handover


def needed(done: Split, masks: Masks) -> tuple[Handover, ...]:
    """Every tensor that crosses and whose mask is used, or may be, behind the boundary, with the calls there that take it."""
    check_order(masks)
    handovers = _heeded_behind(done, masks, masks.used)
    crossing = {handover.ref for handover in handovers}
    for call in masks.hanging_on_casts():
        if crossing.intersection(masks.behind(masks.unsure[call])):
            raise CutError(
                f"{call.layer!r} loses the mask of a tensor whose dtype differs from that of its input, and that dtype is "
                "unknown",
                code="cut-mask-unknown",
                where=call.layer,
                hint="declare the classes before it in a plug-in, or cut before the layer that makes the mask",
            )
    return handovers


def check_order(masks: Masks) -> None:
    """Raises CutError where Keras's order of running decides whether a mask is found: a part may be run in another one."""
    for call in masks.hanging_on_order():
        raise CutError(
            f"{call.layer!r} finds a mask only if Keras runs it before an attention layer that takes the mask off the same "
            "tensor, and a part may be run in another order than the whole",
            code="cut-mask-lost",
            where=call.layer,
            hint=f"give {call.layer!r} its mask as an argument when the model is built: layer(x, mask=...)",
        )


def doubts(done: Split, inference: Inference) -> tuple[str, ...]:
    """What nobody can rule out: a class that nobody declared makes a mask, and another behind a boundary uses it."""
    masks = traced_masks(inference)
    return doubtful(masks, (each.ref for each in _heeded_behind(done, masks, masks.doubted)), "layers behind the cut miss it")


def doubtful(masks: Masks, tensors: Iterable[TensorRef], lost: str) -> tuple[str, ...]:
    """One sentence for each undeclared class that may have made the mask of one of some tensors, and what is lost if so."""
    roots = [masks.tensors[masks.root(each)] for each in tensors]
    return tuple(
        f"masks: no plug-in declares whether {class_name} ({name!r}) {does}; if so, {lost}: declare the class in a plug-in"
        for (name, class_name), does in dict.fromkeys((each.why, in_words(each)) for each in roots)
    )


def _heeded_behind(done: Split, masks: Masks, used: Mapping[CallRef, tuple[TensorRef, ...]]) -> tuple[Handover, ...]:
    handovers: list[Handover] = []
    for ref, takers in done.crossing().items():
        if ref not in masks.tensors:
            continue
        heeding = [tuple(calls) for number, calls in takers.items() if _heeded(ref, calls, number, done, masks, used)]
        if heeding:
            from configsplit.rewrites.masks import Handover

            handovers.append(Handover(ref, tuple(heeding)))
    return tuple(handovers)


def _heeded(
    ref: TensorRef,
    calls: Iterable[CallRef],
    part: int,
    done: Split,
    masks: Masks,
    used: Mapping[CallRef, tuple[TensorRef, ...]],
) -> bool:
    """Whether the mask of a tensor is used in a part that takes it, by a call that takes it or behind one that hands it on."""
    graph = call_graph(done.model)
    handed: dict[CallRef, list[TensorRef]] = {}
    for each, mask in masks.tensors.items():
        if mask.kind != "given":
            handed.setdefault(CallRef(each.layer, each.call), []).append(each)
    todo = [(ref, call) for call in calls]
    seen = set(todo)
    while todo:
        taken, call = todo.pop()
        if taken in used.get(call, ()):
            return True
        for out in handed.get(call, ()):
            if taken in masks.tensors[out].sources:
                following = [(out, graph.calls[each]) for each in graph.consumers.get(out, ())]
                fresh = [pair for pair in following if pair not in seen and done.homes[pair[1]] == part]
                seen.update(fresh)
                todo += fresh
    return False


def closed_sources(whole: Surfaced, masks: Masks, handovers: Iterable[Handover]) -> tuple[str, ...]:
    """Nested models that compute a mask which has to be handed over: opened, their layers can be followed one by one."""
    layers = whole.model.by_name()
    behind = [masks.tensors[ref] for ref in masks.behind(handover.ref for handover in handovers)]
    hidden = [mask.why[0] for mask in behind if mask.kind == "hidden"]
    return tuple(dict.fromkeys(name for name in hidden if layers[name].model is not None))


def check_sayable(document: Document, model: Model, masks: Masks, tensors: Iterable[TensorRef]) -> None:
    """Raises CutError if the release that wrote the document has no means to hand a mask over."""
    release = release_of(document)
    first = next(iter(tensors)).layer
    hint = "cut before the layer that makes the mask, or behind the last one that uses it"
    if document.dialect == "keras1" or (document.dialect == "keras2" and () < release < (2, 4)):
        raise CutError(
            f"a mask reaches the boundary, and Keras {document.release or 1} has no operation layers to carry it across",
            code="cut-mask-lost",
            where=first,
            hint=f"{hint}; or convert the model to Keras 3 first (`configsplit convert`), where masks can cross",
        )
    names = {call.layer for call in masks.used}
    attends = any(layer.name in names and class_facts(layer.class_name).attention == "named" for layer in model.layers)
    if attends and document.dialect == "keras2" and () < release < HEEDS_MASKS:
        raise CutError(
            f"a mask reaches MultiHeadAttention, which uses it since TF 2.10, but did not in {document.release}",
            code="cut-mask-lost",
            where=first,
            hint="cut before the layer that makes the mask, or behind the attention",
        )


def handed_over(
    document: Document, whole: Surfaced, done: Split, inference: Inference, masks: Masks
) -> tuple[Surfaced, Split, Inference]:
    """The same split with every mask that is needed behind a boundary handed over there."""
    from configsplit.rewrites.masks import hand_over, may_come_out

    handovers = needed(done, masks)
    for each in handovers:
        if (root := masks.tensors[masks.root(each.ref)]).kind == "unknown":
            raise may_come_out(root)
    check_sayable(document, done.model, masks, [each.ref for each in handovers])
    made = hand_over(done.model, handovers, masks, inference)
    inferred, _ = with_kinds(document.infer(kept_specs(whole, handovers, inference), made.model))
    model = described(made.model, inferred.specs)
    graph = call_graph(model)
    parts = [list(calls) for calls in done.calls]
    for call, beside in (*made.near, *made.far):
        _home(parts, beside).append(call)
    numbered = [sorted(graph.number[call] for call in calls) for calls in parts]
    split = assemble(model, graph, numbered, inferred.specs)
    return replace(whole, model=model, masks=handovers), split, inferred


def kept_specs(whole: Surfaced, handovers: Iterable[Handover], inference: Inference) -> dict[TensorRef, TensorSpec]:
    """What is known of the tensors that are handed over: what takes them now is new, and records nothing."""
    return {**whole.given, **{each.ref: inference.specs[each.ref] for each in handovers}}


def _home(parts: list[list[CallRef]], call: CallRef) -> list[CallRef]:
    return next(calls for calls in parts if call in calls)


def functional(document: Document, whole: Surfaced, inference: Inference) -> Surfaced:
    """A Sequential as the functional model that it is: a part of one may need a second input, for a mask."""
    made = as_functional(whole.model, inference.specs[whole.model.input_refs()[0]])
    return written(document, replace(whole, model=described(made, inference.specs), functional=True))


def prepared(document: Document, whole: Surfaced) -> Surfaced:
    """A model in which something was opened, with the masks in its calls that Keras 3 would write there."""
    return written(document, whole) if whole.steps else whole


def written(document: Document, whole: Surfaced) -> Surfaced:
    if document.dialect != "keras3" or whole.model.kind == "sequential":
        return whole
    inference = document.infer(whole.given, whole.model)
    masks = traced_masks(inference)
    from configsplit.rewrites.mask_arguments import with_mask_arguments

    return replace(whole, model=with_mask_arguments(whole.model, masks, inference))


def masked_again(
    document: Document, whole: Surfaced, handovers: tuple[Handover, ...], is_functional: bool
) -> tuple[Model, Inference]:
    """The model of an earlier split with its handovers put in again, and what is known of it."""
    inference = document.infer(whole.given, whole.model)
    if is_functional and whole.model.kind == "sequential":
        whole = functional(document, whole, inference)
        inference = document.infer(whole.given, whole.model)
    if not handovers:
        return whole.model, inference
    from configsplit.rewrites.masks import hand_over

    made = hand_over(whole.model, handovers, traced_masks(inference), inference)
    inferred = document.infer(kept_specs(whole, handovers, inference), made.model)
    return described(made.model, inferred.specs), inferred


# A model in parts, and the loop that hands over the masks which are needed behind its boundaries.


class Sliced(NamedTuple):
    """The form of a model that was cut, its parts, and what is known of its tensors."""

    whole: Surfaced
    split: Split
    inference: Inference


def with_masks(
    document: Document,
    sliced: Sliced,
    deeper: Callable[[Surfaced, tuple[str, ...]], Sliced | None],
    again: Callable[[Surfaced], Sliced],
) -> Sliced:
    """The same with every mask handed over that is needed behind a boundary. ``deeper`` cuts it with nested models opened too,
    which compute such a mask (None where nothing is left to open); ``again`` cuts another form of it.
    """
    while handovers := needed(sliced.split, masks := traced_masks(sliced.inference)):
        whole, done, inference = sliced
        if (opened := deeper(whole, closed_sources(whole, masks, handovers))) is not None:
            sliced = opened
        elif whole.model.kind == "sequential":
            sliced = again(functional(document, whole, inference))
        else:
            return Sliced(*handed_over(document, whole, done, inference, masks))
    return sliced
