"""Convert a model of Keras 1 or 2 to Keras 3: read it, migrate its graph, lay its weights out anew; no framework is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from configsplit.containers import Empty, Move, Staging, Workers, open_source
from configsplit.containers.relayout import Relaying
from configsplit.conversion import Migration, Note, Refusal, Replacement, Request, migrate
from configsplit.conversion.convert import opened
from configsplit.conversion.known_bugs import cautions, may_need_caution
from configsplit.dialects import emit, read_entry, to_text
from configsplit.errors import ConversionError, StoreError
from configsplit.graph.model import TensorRef, TensorSpec, walk
from configsplit.inference import trace
from configsplit.models.document import Document, given_shapes, load
from configsplit.models.wrapped import inside, release_of
from configsplit.saving.converted_masks import changed_masks
from configsplit.saving.reread import reread
from configsplit.saving.writer import Content, begin, content_like, metadata_of
from configsplit.weights.complete import no_weights
from configsplit.weights.conversion import OldWeights
from configsplit.weights.parts import check_shapes

WRITTEN_FOR = "3.15.1"
"""The release of Keras whose spelling is written."""

Backend = Literal["tensorflow", "theano", "cntk"]


SUFFIXES = (".keras", ".json")

_HINT_KERAS3 = "Keras 3 loads it; `configsplit validate` says what is wrong with it if not"
_HINT_OLDER = "Keras 3.15 may not load it as it is; any verb that writes it, `configsplit extract` say, puts it right"


@dataclass(frozen=True, slots=True)
class SavedConversion:
    """What was written: how many layers and weights, and how many of those were laid out anew."""

    path: Path
    sha256: str
    layers: int
    weights: int = 0
    relaid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A conversion: the new model, or what was refused. Not yet written.

    Attributes:
        document: the old model.
        migration: the new graph, where its layers and weights come from, what was refused.
        backend: the backend that the weights are taken to be made with; empty where nothing tells.
    """

    document: Document
    migration: Migration
    backend: str

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return self.migration.refusals

    @property
    def notes(self) -> tuple[Note, ...]:
        return self.migration.notes

    def save(self, path: str | Path, *, force: bool = False, weights: bool = True) -> SavedConversion:
        """Write it: a ``.keras`` archive, or the architecture alone as ``.json``.

        Raises:
            ConversionError: something was refused; nothing is written then.
            StoreError: the output exists or cannot be written, or the source cannot be read.
            WeightsError: the weights do not fit the layers.
        VerificationError: what was written is not what Keras would rebuild.
        """
        return _save(self, Path(path), force, weights)


def convert(
    document: Document | str | Path,
    *,
    weights: str | Path | None = None,
    lambdas: Mapping[str, str] | Sequence[str] = (),
    shapes: Mapping[TensorRef, TensorSpec] | Sequence[str] = (),
    backend: Backend | None = None,
    custom_objects: Sequence[str | Path] = (),
) -> Converted:
    """Convert a model of Keras 1 or 2 to Keras 3, configuration and weights; nothing is written yet.

    Args:
        document: a model file, or what `load` gave.
        weights: a file of weights that goes with an architecture.
        lambdas: what takes the place of Lambda layers' code: ``{"lam": "module:function"}`` or ``["lam=module:function"]``.
        shapes: shapes that nothing else tells, as for `split`.
        backend: the backend of the weights, where the file does not say it: Theano turns convolution kernels round.
        custom_objects: plug-in files or modules.

    Returns:
        The conversion; look at its ``refusals`` before `Converted.save`, which raises if there are any.

    Raises:
        ConversionError: the model is of Keras 3 already.
        StoreError, DocumentError, WeightsError: the file cannot be read, or is damaged.
    """
    if not isinstance(document, Document):
        document = load(document, weights=weights, custom_objects=custom_objects)
    if document.dialect == "keras3":
        raise ConversionError(
            "this is a model of Keras 3 already",
            code="convert-keras3",
            where=str(document.path),
            hint=_HINT_OLDER if document.notes else _HINT_KERAS3,
        )
    document = replace(document, model=opened(document.model, read_entry))
    given = shapes if isinstance(shapes, Mapping) else given_shapes(document.model, shapes)
    inference = document.infer_given(given)
    with open_source(document.path, document.weights) as source:
        old = None if source.weights is None else OldWeights(document, source.weights)
        if old is not None:
            check_shapes(document.model, inference, old.found)
        found = backend or str(source.metadata.get("backend") or document.model.entry.get("backend") or "")
        request = Request(
            model=document.model,
            inference=inference,
            stored={} if old is None else old.stored,
            facts=document.facts,
            lambdas={**_declared(document), **_replacements(lambdas)},
            backend=found,
            release=release_of(document),
            read=read_entry,
            write=emit,
        )
        migration = _with_cautions(_with_backend(migrate(request), document, found), document)
        if not migration.refusals and (changed := changed_masks(document, request.inference, migration)):
            migration = replace(migration, refusals=changed, model=None)
        return Converted(document=document, migration=migration, backend=found)


def _with_backend(migration: Migration, document: Document, backend: str) -> Migration:
    """Say what was taken for granted: files of Keras 1 do not tell the backend, which matters to convolutions alone."""
    turned = any("Convolution" in layer.class_name for _, layer in walk(document.model))
    if backend or document.dialect != "keras1" or not turned or not migration.layouts:
        return migration
    what = "the file does not say which backend made it; TensorFlow is assumed (--backend theano turns kernels round)"
    return replace(migration, notes=(*migration.notes, Note(document.model.name, what)))


def _with_cautions(migration: Migration, document: Document) -> Migration:
    """Say what Keras itself will compute wrongly; only models with their channels first can be such."""
    model = migration.model
    if model is None or not any(map(may_need_caution, (layer for _, layer in walk(model, inside("keras3"))))):
        return migration
    inference = trace(model, document.facts, dialect="keras3", read=read_entry)
    return replace(migration, notes=(*migration.notes, *dict.fromkeys(cautions(inference))))


def _declared(document: Document) -> dict[str, Replacement]:
    """The functions that plug-ins declare: one of the name of a Lambda layer takes the place of its code."""
    functions = [each.facts for each in document.registry.functions]
    return {
        each.name: Replacement(each.keras_function.partition(":")[0], each.name) for each in functions if each.keras_function
    }


def _replacements(lambdas: Mapping[str, str] | Sequence[str]) -> dict[str, Replacement]:
    pairs = list(lambdas.items()) if isinstance(lambdas, Mapping) else [_pair(text) for text in lambdas]
    found: dict[str, Replacement] = {}
    for name, target in pairs:
        module, colon, function = target.rpartition(":")
        if not name or not colon or not function.isidentifier() or not module:
            raise _syntax(f"{name}={target}")
        found[name] = Replacement(module, function)
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    if not equals:
        raise _syntax(text)
    return name, target


def _syntax(text: str) -> ConversionError:
    return ConversionError(
        f"{text!r} does not say what takes the place of a Lambda layer",
        code="convert-lambda-syntax",
        hint="write NAME=module:function",
    )


# --------------------------------------------------------------------------------------------------------------- writing


def _save(made: Converted, path: Path, force: bool, with_weights: bool) -> SavedConversion:
    model = made.migration.model
    if model is None:
        raise refused(made)
    document = made.document
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise StoreError(
            f"the suffix {path.suffix!r} does not tell a format of Keras 3",
            code="output-suffix",
            where=str(path),
            hint="name the output .keras, or .json for the architecture alone",
        )
    with ExitStack() as stack:
        staging = stack.enter_context(Staging(path, folder=False, force=force))
        source = stack.enter_context(open_source(document.path, document.weights))
        document.check_same(source)
        content = Content(text=to_text(model))
        if suffix == ".keras" and with_weights:
            if source.weights is None:
                raise no_weights("a .keras file", str(path), "give them with --weights FILE, or name the output .json")
            relaying = stack.enter_context(Relaying(staging.path(path.name).parent))
            placed = OldWeights(document, source.weights).placed(made.migration, relaying)
            content = replace(content_like(source, content.text, placed), metadata=metadata_of(WRITTEN_FOR))
        with Workers() as workers:
            files = begin(workers, staging, path.name, "keras", content)
        written, _ = files.written()
        reread(written.path, document.facts)
        source.check_unchanged()
        staging.commit()
    items = [] if content.placed is None else [item for item in content.placed.items if not isinstance(item, Empty)]
    relaid = sum(not isinstance(item, Move) for item in items)
    return SavedConversion(path, written.sha256, len(model.layers), len(items), relaid)


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
