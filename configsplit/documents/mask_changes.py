"""Implicit masks before Keras 3: no rewrite may lose one unsaid, for nothing in the document would show it."""

from __future__ import annotations

from configsplit.documents.document import Document
from configsplit.errors import CutError
from configsplit.inference import Inference, traced_masks
from configsplit.ir.graph import CallRef, Model
from configsplit.rewrites.masks import makers, users
from configsplit.rewrites.rewritten import Rewritten


def check_extracted(document: Document, made: Rewritten, whole: Inference) -> None:
    """Raises CutError if a layer that was taken out would use a mask that begins outside."""
    if document.dialect == "keras3":
        return
    masks = traced_masks(whole)
    kept = {CallRef(origin.path[0], call) for origin in made.provenance.layers.values() for call in origin.calls}
    begins = makers(whole.model, masks.tensors)
    for call, tensors in users(whole.model, masks.tensors).items():
        outside = sorted({maker.layer for ref in tensors for maker in begins[ref] if maker not in kept})
        if call in kept and outside:
            raise CutError(
                f"{call.layer!r} uses the mask that {outside[0]!r} makes, and a mask does not cross a file",
                code="cut-mask-lost",
                where=call.layer,
                hint=f"start before {outside[0]!r}, or behind the last layer that uses its mask",
            )


def mask_changes(document: Document, model: Model, made: Rewritten, inference: Inference) -> tuple[str, ...]:
    """Layers that used a mask and use none any more, or the other way round, as warnings."""
    if document.dialect == "keras3":
        return ()
    before = document.infer()
    had = set(users(document.model, traced_masks(before).tensors))
    there = {
        CallRef(origin.path[0], old): CallRef(path[0], new)
        for path, origin in made.provenance.layers.items()
        if len(path) == len(origin.path) == 1 and not origin.source
        for new, old in enumerate(origin.calls)
    }
    has = set(users(model, traced_masks(inference).tensors))
    lost = [new.layer for old, new in there.items() if old in had and new not in has]
    gained = [new.layer for old, new in there.items() if old not in had and new in has]
    return tuple(
        [f"{name}: it used a mask, and none arrives any more" for name in dict.fromkeys(lost)]
        + [f"{name}: a mask arrives at it now, which it uses" for name in dict.fromkeys(gained)]
    )
