"""The result of a verb of surgery: a rewritten model, and the files that its layers came from. Not yet written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from configsplit.documents.document import Document
from configsplit.inference import Inference
from configsplit.ir.graph import LayerPath, Model
from configsplit.ir.provenance import Origin, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The result of a verb of surgery, not yet written.

    Attributes:
        verb, arguments: what was asked for.
        documents: the sources; `Origin.source` is a number in it. The first is the model that was worked on.
        model: the rewritten model.
        provenance: where each of its layers came from.
        inference: shape and dtype of its tensors.
        text: its document, where that is known to the letter; else it is written from ``model``.
        copies: layers that stand in several sources, which must agree: the path in ``model``, and each place.
    """

    verb: str
    documents: tuple[Document, ...]
    model: Model
    provenance: Provenance
    inference: Inference
    arguments: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    text: str | None = None
    copies: tuple[tuple[LayerPath, Origin], ...] = ()
