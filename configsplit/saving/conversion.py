"""A conversion and the writing of it: the file, its record beside it, the proof; whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from configsplit import __version__
from configsplit.catalog.table import Table
from configsplit.containers.container import FileFormat
from configsplit.containers.relayout import Relaying
from configsplit.containers.source import Source, open_source
from configsplit.containers.staging import Staging
from configsplit.containers.system.threads import Workers
from configsplit.containers.writing import Written, prepare_text
from configsplit.conversion import Migration, Note, Refusal, Request
from configsplit.dialects import Detection, dialect_of, emit, parse, to_text
from configsplit.errors import ConversionError, Json, check_choice
from configsplit.graph.json import FrozenDict, rebuild, spelled
from configsplit.graph.model import walk
from configsplit.models.document import Document
from configsplit.models.made import Made
from configsplit.models.wrapped import held_by
from configsplit.records import provenance
from configsplit.records.provenance import SUFFIX, Accounts, Came, ProvenanceRecord, Result
from configsplit.saving import manifesting
from configsplit.saving.conversion_format import check_kept, file_format, in_folder
from configsplit.saving.conversion_proof import accounts, prove
from configsplit.saving.file_proof import reread
from configsplit.saving.writer import Content, begin, content_like, metadata_of
from configsplit.telling import doing
from configsplit.weights.accounts import Absent
from configsplit.weights.conversion import NewWeights, OldWeights
from configsplit.weights.kept import KeptWeights
from configsplit.weights.keras2 import Keras2Weights
from configsplit.weights.layouts import no_weights

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.converted import ConvertedReport
    from configsplit.saving.conversion_numeric import Run

WRITTEN_FOR = "3.15.1"
"""The release of Keras whose spelling is written."""

WRITTEN_BACK = "2.15.0"
"""What files of Keras 2 say of their release: the last that TensorFlow brought along."""

Target = Literal["keras3", "keras2", "tfjs"]
"""What a model is brought to."""

_BACKEND = "tensorflow"
"""What an ``.h5`` file says of the backend; Keras 3 keeps the same numbers for all of them."""

Check = Literal["none", "proof", "numeric"]


@dataclass(frozen=True, slots=True)
class SavedConversion:
    """What was written: how many layers and weights, and how many of those were laid out anew.

    ``compared`` weights were read anew and held against what they were made of; ``numeric`` is what both models computed.
    """

    path: Path
    sha256: str
    layers: int
    weights: int = 0
    relaid: int = 0
    compared: int | None = None
    record: ProvenanceRecord | None = None
    numeric: ConvertedReport | None = None

    def __repr__(self) -> str:
        return f"<{self.path}: {self.layers} layers, {self.weights} weights, {self.relaid} of them in a new layout>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.display.html import box, title
        from configsplit.models.notebook import record_html

        facts = (f"{self.layers} layers", f"{self.weights} weights", f"{self.relaid} in a new layout")
        return box(title(self.path, *facts)) if self.record is None else record_html(self.record, *facts)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A conversion: the new model, or what was refused. Not yet written.

    Attributes:
        document: the old model.
        migration: the new graph, where its layers and weights come from, what was refused.
        backend: the backend that the weights are taken to be made with; empty where nothing tells.
        arguments: what was asked for, as the record has it.
        to: what it is brought to; ``release`` is that which the file says to be of.
        absent: layers that begin with fresh weights, since the file does not hold all of theirs.
        old: the old weights, while the file is open that they are in.
        request: what was migrated; None for a model of Keras 3, which keeps its layers.
    """

    document: Document
    migration: Migration
    backend: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    to: Target = "keras3"
    release: str = WRITTEN_FOR
    absent: tuple[Absent, ...] = ()
    old: OldWeights | None = field(default=None, repr=False, compare=False)
    request: Request | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        refused = f", {len(self.refusals)} refusals" if self.refusals else ""
        return f"<convert of {self.document.path.name}: {len(self.notes)} notes{refused}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.display.html import box, table, title

        refused = [("refused", each.layer, each.reason, each.remedy) for each in self.refusals]
        noted = [("note", each.layer, each.what, "") for each in self.notes]
        facts = (f"{len(noted)} notes", f"{len(refused)} refusals") if refused else (f"{len(noted)} notes",)
        return box(title(f"convert of {self.document.path.name}", *facts), table([*refused, *noted]))

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What stands in the way, each with its remedy; nothing can be written while there is any."""
        return self.migration.refusals

    @property
    def notes(self) -> tuple[Note, ...]:
        """What there is to know of the result, layer by layer."""
        return self.migration.notes

    @cached_property
    def changes_nothing(self) -> bool:
        """Whether Keras 3.15 reads the old document as it reads the new one: what it is trained with apart."""
        old, new = self.document, self.migration.model
        if old.dialect != "keras3" or old.notes or new is None:
            return False
        return _untrained(emit(old.model)) == _untrained(emit(new))

    @cached_property
    def needs(self) -> dict[str, str]:
        """The custom classes that whoever loads the result has to have -> where each is, or ``not shipped``."""
        model, known = self.migration.model, self.document.facts
        layers = [] if model is None else [layer for _, layer in walk(model, held_by(model.dialect)) if layer.model is None]
        if self.to == "keras3":
            names = {str(layer.entry.get("registered_name")) for layer in layers if layer.entry.get("module", "") is None}
        else:
            table = Table({})
            names = {layer.class_name for layer in layers if not layer.is_input and table.of(layer, "keras2") is None}
        facts = {name: known.get(name) or known.get(name.rpartition(">")[2]) for name in sorted(names)}
        places = {
            name: each and (each.keras_class if self.to == "keras3" else each.tf_keras_class) for name, each in facts.items()
        }
        return {name: place or "not shipped" for name, place in places.items()}

    def as_document(self) -> Document:
        """The new model as a document, as verbs take it.

        Returns:
            A document that stands in no file.

        Raises:
            ConversionError: something was refused.
        """
        model = self.migration.model
        if model is None:
            raise refused(self)
        return Made(
            model=parse(to_text(model)).model,
            detection=Detection(dialect_of(model.dialect), ()),
            path=Path(f"convert of {self.document.path.name}"),
            kind="keras" if self.to == "keras3" else "h5",
            release=self.release,
            registry=self.document.registry,
            notes=tuple(f"{note.layer}: {note.what}" for note in self.notes),
            result=self,
            write=self._write,
        )

    def _write(self, folder: Path, name: str, *, home: Path, verify: bool) -> tuple[Path, Path | None]:
        """Write it for a verb that needs it in a file."""
        with self.document.opened() as source:
            suffix = ".json" if source.weights is None else ".keras" if self.to == "keras3" else ".h5"
        path = folder / f"{name}{suffix}"
        _save(self, path, False, True, "proof" if verify else "none", None, home)
        return path, None

    def save(
        self,
        path: str | Path,
        *,
        force: bool = False,
        weights: bool = True,
        verify: Check = "proof",
        samples: int = 4,
        seed: int = 0,
        inputs: str | Path | None = None,
        sizes: Iterable[str] = (),
        custom_objects: Sequence[str | Path] = (),
        limits: Limits | None = None,
    ) -> SavedConversion:
        """Write it: a ``.keras`` archive, an ``.h5`` file of what was Keras 3 before or is Keras 2 now, ``model.json`` and
        shards for TensorFlow.js, or the architecture alone as ``.json``; and a record beside it.

        Args:
            path: the file; its suffix tells the format. For TensorFlow.js a folder, or the ``.json`` in it.
            force: replace existing files.
            weights: False leaves the weights behind; the file is ``.json`` then.
            verify: "proof" reads the file anew and holds every weight against what it was made of; "numeric" also runs the old
                model and the new one, each in its own framework, before the file appears.
            samples, seed: of the input for that, which is drawn.
            inputs: an ``.npz`` file with your own samples instead, named like the inputs or in their order.
            sizes: sizes of inputs that the model leaves open, as for `verify`.
            custom_objects: the plug-ins that the models need to run.
            limits: what Keras may take.

        Returns:
            What was written: the file, its digest, its layers and weights, and how many of these were held against the old.

        Raises:
            OptionError: an option has an unknown value.
            ConversionError: something was refused; nothing is written then.
            StoreError: the output exists or cannot be written, or the source cannot be read.
            WeightsError: the weights do not fit the layers.
            ShapeError: a size names no input, or does not fit.
            VerificationError: what was written is not what Keras would rebuild, or it computes something else than the old
                model, or one of the two does not run; or ``inputs`` do not fit.
            RuntimeUnavailableError: "numeric" needs a framework that is not there, or that nobody has for Keras 1.
        """
        check_choice("verify", verify, Check)
        plugins = tuple(map(str, custom_objects))
        run = None
        if verify == "numeric":
            from configsplit.saving.conversion_numeric import Run

            run = Run(samples, seed, inputs, tuple(sizes), plugins, limits)
        return _save(self, Path(path), force, weights, verify, run, in_folder(self, Path(path)).parent)


def _untrained(document: FrozenDict) -> FrozenDict:
    made: FrozenDict = rebuild(document, lambda leaf: leaf, whole=lambda item: item.without("compile_config"))
    return made


def _save(
    made: Converted, path: Path, force: bool, with_weights: bool, verify: Check, run: Run | None, home: Path
) -> SavedConversion:
    model = made.migration.model
    if model is None:
        raise refused(made)
    named, path = path, in_folder(made, path)
    document, chosen = made.document, file_format(made, path)
    with ExitStack() as stack:
        staging = stack.enter_context(Staging(named, folder=named != path, force=force))
        if isinstance(document, Made):  # by its file the new one is verified later
            document = stack.enter_context(document.stored(staging.path(path.name).parent, f"{path.stem}.source", home))
            made = replace(made, document=document, old=None)
        source = stack.enter_context(document.opened())
        doing(f"writing {path.name}" + ("" if verify == "none" else ", and proving it"))
        content = Content(text=to_text(model))
        new = None
        if chosen != "json" and with_weights:
            if (new := new_weights(made, source, chosen)) is None:
                raise no_weights(f"a .{chosen} file", str(path), "give them with --weights FILE, or name the output .json")
            check_kept(made, source, chosen)
            relaying = stack.enter_context(Relaying(staging.path(path.name).parent))
            content = replace(
                content_like(source, content.text, new.placed(relaying)),
                metadata=metadata_of(made.release),
                versions={"keras_version": made.release, "backend": _BACKEND},
            )
        with Workers() as workers:
            digests = workers.submit(source.sha256), workers.submit(source.weights_sha256)
            files = begin(workers, staging, path.name, chosen, content)
            written, _ = files.written()
            if chosen == "tfjs":
                written = written._replace(sha256=_with_shards(written.path))
            told = _record(made, written, (digests[0].result(), digests[1].result()), home, new)
        prepare_text(staging.path(f"{path.name}{SUFFIX}"), provenance.to_text(told)).run()
        with open_source(written.path) as anew:
            reread(anew, document.facts, today=made.release == WRITTEN_FOR or made.to != "keras3")
            compared = None if verify == "none" else prove(anew, content.text, new).weights
        numeric = None
        if run is not None:
            from configsplit.saving.conversion_numeric import run_both

            doing("running both models in their frameworks")
            numeric = run_both(made, written.path, run)
        source.check_unchanged()
        staging.commit()
    counts = told.weights or Accounts()
    number = len(counts.relaid)
    return SavedConversion(path, written.sha256, len(model.layers), counts.copied + number, number, compared, told, numeric)


def _with_shards(path: Path) -> str:
    """The digest of a model that lies in several files."""
    with open_source(path) as source:
        return source.sha256()


def new_weights(made: Converted, source: Source, chosen: FileFormat) -> NewWeights | KeptWeights | Keras2Weights | None:
    """What the weights of the new model are made of; None where nothing was made, or the source has none. Raises WeightsError
    if the source lacks one.
    """
    if made.migration.model is None or source.weights is None:
        return None
    if made.document.dialect == "keras3" and made.to == "keras3":
        return KeptWeights(made.migration.model, made.document, source.weights, chosen)
    old = made.old
    if old is None or old.file is not source.weights:
        old = OldWeights(made.document, source.weights)
    return (
        NewWeights(made.migration.model, made.migration, old)
        if made.to == "keras3"
        else Keras2Weights(made.migration, old, chosen)
    )


def _record(
    made: Converted,
    written: Written,
    digests: tuple[str, str | None],
    home: Path,
    new: NewWeights | KeptWeights | Keras2Weights | None,
) -> ProvenanceRecord:
    return ProvenanceRecord(
        configsplit=__version__,
        verb="convert",
        arguments=dict(made.arguments),
        result=Result(file=spelled(written.path.name), sha256=written.sha256),
        sources=(manifesting.source(made.document, home, weights=True, digests=digests),),
        layers=tuple(came(made.migration)),
        weights=Accounts() if new is None else accounts(new, made.absent),
        needs=made.needs,
        warnings=tuple(spelled(f"{note.layer}: {note.what}") for note in made.notes),
    )


def came(migration: Migration) -> Iterator[Came]:
    """Every layer of the new model, and the old one that it comes from."""
    if migration.model is None:
        return
    for path, layer in walk(migration.model, held_by(migration.model.dialect)):
        origin = migration.origins.get(path)
        if layer.implicit or (origin is None and len(path) > 1):
            continue
        if origin is None:
            yield Came(layer=path)
        else:
            yield Came(layer=path, source=0, origin=origin)


def refused(made: Converted) -> ConversionError:
    """The error of a conversion that cannot be written; it carries every refusal."""
    first, *rest = made.refusals
    more = f" (and {len(rest)} more)" if rest else ""
    return ConversionError(
        f"{first.reason}{more}",
        code=first.code,
        where=first.layer,
        hint=first.remedy,
        refusals=tuple(refusal.as_json() for refusal in made.refusals),
    )
