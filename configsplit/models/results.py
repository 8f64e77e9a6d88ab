"""What verbs give: the parts of a split, or a rewritten model with the files that its layers came from. Not yet written.

`save` is the one door upward: it loads the writer when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from configsplit.containers.container import Format
from configsplit.graph.model import LayerPath, Model
from configsplit.graph.provenance import Origin, Provenance
from configsplit.inference import Inference
from configsplit.models.document import Document
from configsplit.records.provenance import ProvenanceRecord
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.part import Extracted
from configsplit.rewrites.split import Split

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.saving.parts import Saved

Verify = Literal["none", "proof", "numeric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Sequence[Extracted]):
    """The parts of one split: a sequence in which each runs after those before it.

    ``whole`` is the model that was cut, with nested models opened as far as the cuts needed; ``origins`` gives, per part,
    where its layers came from in the document; ``inference`` describes the tensors of ``whole``. Where the choice of boundaries
    goes by sizes that are open, ``tried`` are the smallest and the largest for which it was the same.
    """

    document: Document
    whole: Surfaced
    split: Split
    origins: tuple[Provenance, ...]
    inference: Inference
    tried: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.split.parts)

    @overload
    def __getitem__(self, index: int) -> Extracted: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Extracted, ...]: ...
    def __getitem__(self, index: int | slice) -> Extracted | tuple[Extracted, ...]:
        return self.split.parts[index]

    @property
    def models(self) -> tuple[Model, ...]:
        """The graph of each part."""
        return tuple(part.model for part in self.split.parts)

    def save(
        self,
        directory: str | Path,
        *,
        to: Format | None = None,
        weights: bool = True,
        verify: Verify = "proof",
        force: bool = False,
        specs: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> Saved:
        """Write the parts and their manifest into a folder, whole or not at all.

        Args:
            directory, to, weights, verify, force, specs, limits: as for `configsplit.saving.parts.save`.

        Returns:
            The folder, its manifest, and what was proven.

        Raises:
            OptionError, StoreError, WeightsError, VerificationError: as `configsplit.saving.parts.save` does.
        """
        from configsplit.saving.parts import save

        return save(self, directory, to=to, weights=weights, verify=verify, force=force, specs=specs, limits=limits)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.models.notebook import parts_html

        return parts_html(self)

    def __repr__(self) -> str:
        return f"<{len(self)} parts of {self.document.path.name}: {', '.join(str(len(m.layers)) for m in self.models)} layers>"


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

    def save(
        self,
        path: str | Path,
        *,
        format: Format | None = None,
        weights: bool = True,
        verify: Literal["none", "proof"] = "proof",
        force: bool = False,
    ) -> SavedFile:
        """Write it, with a record beside it, whole or not at all.

        Args:
            path, format, weights, verify, force: as for `configsplit.saving.model.save`.

        Returns:
            The files, the record, and how much was proven.

        Raises:
            OptionError, StoreError, WeightsError, VerificationError: as `configsplit.saving.model.save` does.
        """
        from configsplit.saving.model import save

        return save(self, path, format=format, weights=weights, verify=verify, force=force)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.models.notebook import edited_html

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
