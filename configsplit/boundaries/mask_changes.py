"""Implicit masks in models that a verb rewired: no rewrite may lose one unsaid, for nothing in the document would show it."""

from __future__ import annotations

from collections.abc import Sequence

from configsplit.boundaries.masks import doubtful
from configsplit.errors import CutError
from configsplit.graph.model import CallRef, Model, TensorRef, leaves
from configsplit.inference import Inference, Masks, traced_masks
from configsplit.models.document import Document
from configsplit.rewrites.common import Rewritten
from configsplit.rewrites.mask_arguments import with_mask_arguments


def check_extracted(made: Rewritten, whole: Inference) -> None:
    """Raises CutError if a layer that was taken out would use a mask that begins outside, or may."""
    masks = traced_masks(whole)
    kept = {CallRef(origin.path[0], call) for origin in made.provenance.layers.values() for call in origin.calls}
    for call, tensors in masks.used.items():
        outside = _outside(tensors, masks, kept) if call in kept else None
        if outside is not None:
            raise CutError(
                f"{call.layer!r} uses the mask that {outside.layer!r} makes or hands on, and files carry no masks",
                code="cut-mask-lost",
                where=call.layer,
                hint=f"start before {outside.layer!r}, or behind the last layer that uses its mask; or cut there with `split`, "
                "which hands the mask over",
            )


def _outside(tensors: Sequence[TensorRef], masks: Masks, kept: set[CallRef]) -> TensorRef | None:
    """The first tensor, back to where these masks begin, that is not made by a call that is kept."""
    return next((ref for ref in masks.behind(tensors) if CallRef(ref.layer, ref.call) not in kept), None)


def said(document: Document, model: Model) -> Model:
    """A functional model of Keras 3 with the masks in its calls that Keras 3 would find there by itself."""
    if model.dialect != "keras3" or model.kind != "functional":
        return model
    inference = document.infer(model=model)
    return with_mask_arguments(model, traced_masks(inference), inference)


def mask_changes(documents: Sequence[Document], model: Model, made: Rewritten, inference: Inference) -> tuple[str, ...]:
    """Layers of any source that used a mask there and use none any more, or the other way round, as warnings."""
    befores, after = [traced_masks(each.infer()) for each in documents], traced_masks(inference)
    hads = [_heeding(each.model, masks) for each, masks in zip(documents, befores, strict=True)]
    has = _heeding(model, after)
    there = [
        (befores[origin.source], CallRef(origin.path[0], old) in hads[origin.source], CallRef(origin.path[0], old), new)
        for path, origin in made.provenance.layers.items()
        if len(path) == len(origin.path) == 1
        for new, old in ((CallRef(path[0], number), call) for number, call in enumerate(origin.calls))
    ]
    loose = [new.layer for before, _, old, new in there if old in before.loose or new in after.loose]
    unsure = [new.layer for before, _, old, new in there if (old in before.unsure) != (new in after.unsure)]
    lost = [new.layer for _, had, _, new in there if had and new not in has]
    gained = [new.layer for _, had, _, new in there if not had and new in has]
    doubts = [
        warning
        for before, _, old, new in there
        if new not in has and new not in after.doubted
        for warning in doubtful(before, before.doubted.get(old, ()), f"{new.layer!r} misses it")
    ]
    return tuple(
        [f"{name}: it used a mask, and none arrives any more" for name in dict.fromkeys(lost)]
        + [f"{name}: a mask arrives at it now, which it uses" for name in dict.fromkeys(gained)]
        + list(dict.fromkeys(doubts))
        + [
            f"{name}: it finds a mask only if Keras runs it before the attention layer that unties it, and the order may have "
            "changed"
            for name in dict.fromkeys(loose)
        ]
        + [
            f"{name}: it loses the mask of a tensor whose dtype differs from that of its input, and that dtype is unknown "
            "before or after the change"
            for name in dict.fromkeys(unsure)
        ]
    )


def _heeding(model: Model, masks: Masks) -> set[CallRef]:
    """The calls that use a mask, whether it is given to them or tied to what they take."""
    given = {
        CallRef(layer.name, number)
        for layer in model.layers
        for number, node in enumerate(layer.calls)
        if any(leaves((value,)) for key, value in node.kwargs.items() if key == "mask" or key.endswith("_mask"))
    }
    return given | set(masks.used)
