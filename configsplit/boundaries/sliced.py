"""A model in parts, and the loop that hands over the masks which are needed behind its boundaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from configsplit.boundaries.masks import closed_sources, functional, handed_over, needed
from configsplit.inference import Inference, traced_masks
from configsplit.models.document import Document
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.split import Split


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
    """The same with every mask handed over that is needed behind a boundary.

    Args:
        document: the model.
        sliced: how it was cut.
        deeper: cuts it with these nested models opened too, which compute such a mask; None where nothing is left to open.
        again: cuts another form of it.

    Raises:
        CutError: a mask cannot be handed over.
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
