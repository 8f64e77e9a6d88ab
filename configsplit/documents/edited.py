"""The result of a verb of surgery: a rewritten model, and the files that its layers came from. Not yet written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configsplit.documents.document import Document
from configsplit.inference import Inference
from configsplit.ir.graph import LayerPath, Model
from configsplit.ir.provenance import Origin, Provenance
from configsplit.report.provenance import ProvenanceRecord


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

    def save(self, path: str | Path, **options: Any) -> SavedFile:
        """Write it; see `configsplit.documents.writing.save` for the options."""
        from configsplit.documents.writing import save

        return save(self, path, **options)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.documents.notebook import edited_html

        return edited_html(self)

    def __repr__(self) -> str:
        return f"<{self.verb} of {self.documents[0].path.name}: {len(self.model.layers)} layers>"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """What was written: the file, its weights if they are apart, and the record; and how much of it was proven."""

    path: Path
    weights: Path | None
    record: ProvenanceRecord
    layers: int
    compared: int | None = None
    bytes: int = 0
