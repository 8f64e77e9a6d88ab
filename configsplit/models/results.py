"""What verbs give: the parts of a split, or a rewritten model with the files that its layers came from. Not yet written.

`save` goes through the one door upward (`door`), which loads the writer when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload
from warnings import warn

from configsplit.containers.container import Format
from configsplit.dialects import parse, to_text
from configsplit.errors import Json, check_choice
from configsplit.graph.model import LayerPath, Model, TensorRef
from configsplit.graph.provenance import Origin, Provenance
from configsplit.inference import Inference
from configsplit.models import door
from configsplit.models.document import Document
from configsplit.models.frozen import Frozen, frozen
from configsplit.models.made import Made
from configsplit.models.shown import Shown
from configsplit.rewrites.nested.surface import Surfaced
from configsplit.rewrites.part import Extracted
from configsplit.rewrites.split import Split

if TYPE_CHECKING:
    from configsplit.records.provenance import ProvenanceRecord
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.saving.parts import Saved

Verify = Literal["none", "proof", "numeric"]

Check = Literal["none", "proof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Shown, Sequence["Part"]):
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
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Part, ...]: ...
    def __getitem__(self, index: int | slice) -> Part | tuple[Part, ...]:
        if isinstance(index, slice):
            return tuple(Part(self, number) for number in range(*index.indices(len(self))))
        return Part(self, range(len(self))[index])

    @property
    def models(self) -> tuple[Model, ...]:
        """The graph of each part."""
        return tuple(part.model for part in self.split.parts)

    def save(
        self,
        directory: str | Path,
        *,
        format: Format | None = None,
        weights: bool = True,
        verify: Verify = "proof",
        force: bool = False,
        specs: Sequence[str] = (),
        limits: Limits | None = None,
        to: Format | None = None,
    ) -> Saved:
        """Write the parts and their manifest into a folder, whole or not at all.

        Args:
            directory, weights, verify, force, specs, limits: as for `configsplit.saving.parts.save`.
            format: the format of the parts, as the source by default.
            to: what ``format`` was called in earlier releases.

        Returns:
            The folder, its manifest, and what was proven.

        Raises:
            OptionError, StoreError, WeightsError, VerificationError: as `configsplit.saving.parts.save` does.
        """
        if format is not None:
            check_choice("format", format, Format)
        elif to is not None:
            check_choice("to", to, Format)
            warn("save(to=...) is called format= now", DeprecationWarning, stacklevel=2)
            format = to
        return door.save_parts(
            self, directory, to=format, weights=weights, verify=verify, force=force, specs=specs, limits=limits
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.models.notebook import parts_html

        return parts_html(self)

    def __repr__(self) -> str:
        return f"<{len(self)} parts of {self.document.path.name}: {', '.join(str(len(m.layers)) for m in self.models)} layers>"


@dataclass(frozen=True, slots=True)
class Part(Shown):
    """One part of a split, which every verb takes like a model of its own.

    ``inputs`` and ``outputs`` are tensors of the original, in the order of the part's own.
    """

    parts: Parts
    number: int

    @property
    def _extracted(self) -> Extracted:
        return self.parts.split.parts[self.number]

    @property
    def model(self) -> Model:
        """Its graph."""
        return self._extracted.model

    @property
    def provenance(self) -> Provenance:
        """Where its layers came from in the model that was cut, nested models opened as far as the cuts needed."""
        return self._extracted.provenance

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """What it takes, as the original calls it."""
        return self._extracted.inputs

    @property
    def outputs(self) -> tuple[TensorRef, ...]:
        """What it gives, as the original calls it."""
        return self._extracted.outputs

    def edited(self) -> Edited:
        """The part as a model by itself.

        Returns:
            What `save` writes; its weights stay where they are until then.
        """
        document, model = self.parts.document, parse(to_text(self.model)).model
        return Edited(
            verb="split",
            documents=(document,),
            model=model,
            provenance=self.parts.origins[self.number],
            inference=document.infer(model=model),
            arguments={"part": self.number},
            warnings=document.notes,
        ).traced()

    def as_document(self) -> Document:
        """The part as a document, as verbs take it.

        Returns:
            A document that stands in no file.
        """
        return self.edited().as_document()

    def save(
        self,
        path: str | Path,
        *,
        format: Format | None = None,
        weights: bool = True,
        verify: Check = "proof",
        force: bool = False,
    ) -> SavedFile:
        """Write this part alone, with a record beside it; `Parts.save` writes all of them, and how they are wired.

        Args:
            path, format, weights, verify, force: as for `Edited.save`.

        Returns:
            The files, the record, and how much was proven.

        Raises:
            OptionError, StoreError, WeightsError, VerificationError: as `Edited.save` does.
        """
        check_choice("verify", verify, Check)
        if format is not None:
            check_choice("format", format, Format)
        return self.edited().save(path, format=format, weights=weights, verify=verify, force=force)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return self.edited()._repr_html_()

    def __repr__(self) -> str:
        return f"<part {self.number} of {self.parts.document.path.name}: {len(self.model.layers)} layers>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(Shown):
    """The result of a verb of surgery, not yet written.

    Attributes:
        verb, arguments: what was asked for.
        documents: the sources; `Origin.source` is a number in it. The first is the model that was worked on.
        model: the rewritten model.
        provenance: where each of its layers came from.
        inference: shape and dtype of its tensors.
        text: its document, where that is known to the letter; else it is written from ``model``.
        copies: layers that stand in several sources, which must agree: the path in ``model``, and each place.
        steps: verbs that were carried out before on what this one was given, and their arguments.
    """

    verb: str
    documents: tuple[Document, ...]
    model: Model
    provenance: Provenance
    inference: Inference
    arguments: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    text: str | None = None
    copies: tuple[tuple[LayerPath, Origin], ...] = ()
    steps: tuple[tuple[str, Mapping[str, Json]], ...] = ()

    def traced(self) -> Edited:
        """The same, told by the files that hold the weights: for a source that a verb has made, what that was made of.

        Returns:
            A result whose sources are files, or made by a verb that lays weights out anew.
        """
        if not any(isinstance(document, Made) for document in self.documents):
            return self
        documents: list[Document] = []
        earlier: dict[int, tuple[Provenance | None, int]] = {}
        steps, copies, warnings = list(self.steps), list(self.copies), list[str]()
        for number, document in enumerate(self.documents):
            start, made = len(documents), getattr(document, "result", None)
            if isinstance(made, Edited):
                earlier[number] = made.provenance, start
                documents += made.documents
                steps += [*made.steps, (made.verb, made.arguments)]
                copies += [copy for each in made.copies if (copy := self._moved(number, *each, start)) is not None]
                warnings += made.warnings
            else:
                earlier[number] = None, start
                documents.append(document)
        return replace(
            self,
            documents=tuple(documents),
            provenance=self.provenance.through(earlier),
            warnings=tuple(dict.fromkeys([*warnings, *self.warnings])),
            copies=tuple(copies),
            steps=tuple(steps),
        )

    @property
    def frozen(self) -> Frozen:
        """How many of its layers and parameters training leaves alone."""
        return frozen(self.inference)

    def _moved(self, number: int, path: LayerPath, origin: Origin, start: int) -> tuple[LayerPath, Origin] | None:
        """A copy in what was source ``number``, as far as it is here still."""
        places = self.provenance.moved(number)
        above = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in places), None)
        if above is None:
            return None
        return (*places[above], *path[len(above) :]), replace(origin, source=start + origin.source)

    def as_document(self) -> Document:
        """The result as a document, as verbs take it.

        Returns:
            A document that stands in no file.
        """
        first = self.documents[0]
        return Made(
            model=self.model,
            detection=first.detection,
            path=Path(f"{self.verb} of {first.path.name}"),
            kind=first.kind,
            release=first.release,
            registry=first.registry,
            notes=self.warnings,
            result=self,
            write=self._write,
        )

    def _write(self, folder: Path, name: str, *, home: Path, verify: bool) -> tuple[Path, Path | None]:
        """Write it in the format in which its weights are, for a verb that needs them in a file."""
        format_ = door.native_format(self)
        saved = door.save_edited(
            self, folder / f"{name}.{format_}", format=format_, verify="proof" if verify else "none", home=home
        )
        return saved.path, saved.weights

    def save(
        self,
        path: str | Path,
        *,
        format: Format | None = None,
        weights: bool = True,
        verify: Check = "proof",
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
        return door.save_edited(self, path, format=format, weights=weights, verify=verify, force=force)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.models.notebook import edited_html

        return edited_html(self)

    def __repr__(self) -> str:
        count = f"{self.frozen} frozen" if self.verb == "freeze" else f"{len(self.model.layers)} layers"
        return f"<{self.verb} of {self.documents[0].path.name}: {count}>"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """What was written: the file, its weights if they are apart, and the record; and how much of it was proven."""

    path: Path
    weights: Path | None
    record: ProvenanceRecord
    layers: int
    compared: int | None = None
    bytes: int = 0

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<{self.path}: {self.layers} layers, {self.compared or 0} weights proven>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.models.notebook import record_html

        return record_html(self.record, f"{self.layers} layers", f"{self.compared or 0} weights proven")
