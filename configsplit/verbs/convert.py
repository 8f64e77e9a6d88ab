"""Bring a model to another Keras: read it, migrate its graph, lay its weights out anew; no framework is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from configsplit.boundaries.doubts import SIGN, implied_notes
from configsplit.boundaries.sizes import beside_inputs
from configsplit.containers.source import Source
from configsplit.conversion import Layout, Migration, Note, Request, migrate
from configsplit.conversion.convert import opened
from configsplit.conversion.keras3 import renewed
from configsplit.conversion.known_bugs import cautions, may_need_caution
from configsplit.conversion.lambdas.reading import reading_facts
from configsplit.dialects import emit, read_entry
from configsplit.errors import ConversionError, OptionError, check_choice
from configsplit.graph.model import LayerPath, Model, TensorRef, TensorSpec, walk
from configsplit.graph.references import Place
from configsplit.inference import trace
from configsplit.models.document import Document, Said, by_names, given_shapes, reading
from configsplit.models.made import ModelLike, document_of
from configsplit.models.wrapped import held_by, release_of
from configsplit.rewrites.nested.surface import Told
from configsplit.saving.conversion import Converted, Target
from configsplit.saving.converted_masks import changed_masks
from configsplit.telling import decided, doing
from configsplit.verbs.older import for_release, release_named, stays_as_it_is, written_back
from configsplit.verbs.reasons import of_conversion
from configsplit.verbs.replaced_code import declared, matched, replacements
from configsplit.weights.accounts import Absent, absent, completed
from configsplit.weights.conversion import OldWeights
from configsplit.weights.implied import told_by_weights, within
from configsplit.weights.parts import check_shapes

Backend = Literal["tensorflow", "theano", "cntk"]
MissingWeights = Literal["refuse", "initialize"]

_SAVED_ALL = (3, 15)
"""The first release of Keras 3 whose archives hold all weights, also those of layers in a list of lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What was asked for, as `convert` takes it."""

    to: Target
    target: str | None
    lambdas: Mapping[str, str] | Sequence[str]
    read_lambda: bool
    shapes: Said
    backend: Backend | None
    missing_weights: MissingWeights

    def check(self) -> None:
        """Raises OptionError where an option is none of the words that it may be, or goes with another."""
        check_choice("missing_weights", self.missing_weights, MissingWeights)
        check_choice("to", self.to, Target)
        if self.backend is not None:
            check_choice("backend", self.backend, Backend)
        if self.target is not None:
            release_named(self.target)
            if self.to != "keras3":
                raise OptionError(
                    f"target names a release of Keras 3, but the model is converted to {self.to}",
                    code="option-unknown",
                    where="target",
                    hint="leave it out: what is written for Keras 2 is read by TF 2.4 to 2.15",
                )

    def given(self, document: Document) -> Mapping[TensorRef, TensorSpec]:
        """The shapes that the user says."""
        said = by_names(self.shapes)
        return said if isinstance(said, Mapping) else given_shapes(document.model, said)

    def arguments(self) -> dict[str, Any]:
        """As a record has it and as `convert` takes it again."""
        pairs = self.lambdas.items() if isinstance(self.lambdas, Mapping) else None
        code = list(self.lambdas) if pairs is None else [f"{name}={target}" for name, target in pairs]
        said = by_names(self.shapes)
        told = list(map(_shape, said.items())) if isinstance(said, Mapping) else list(said)
        asked = {"lambdas": code, "shapes": told, "backend": self.backend, "missing_weights": self.missing_weights}
        more = {"read_lambda": self.read_lambda, "to": self.to, "target": self.target}
        usual = {"read_lambda": True, "to": "keras3", "target": None}
        return {**asked, **{name: value for name, value in more.items() if value != usual[name]}}


def convert(
    model: ModelLike,
    *,
    to: Target = "keras3",
    target: str | None = None,
    weights: str | Path | None = None,
    lambdas: Mapping[str, str] | Sequence[str] = (),
    read_lambda: bool = True,
    shapes: Said = (),
    backend: Backend | None = None,
    missing_weights: MissingWeights = "refuse",
    custom_objects: Sequence[str | Path] = (),
) -> Converted:
    """Convert a model, config and weights, to Keras 3, or back to an older Keras. Nothing is written yet.

    A model that has the target generation already keeps its layers and weights, and is rewritten as that Keras reads it.

    Args:
        model: a file, a loaded model, or the result of another verb.
        to: "keras3"; "keras2", as tf_keras and TF 2.4 to 2.15 read it; "tfjs", a layers model of TensorFlow.js.
        target: an older release of Keras 3 to write for ("3.3").
        weights: weights for an architecture.
        lambdas: what replaces the code of Lambda layers: ``{"lam": "module:function"}`` or ``["lam=module:function"]``;
            a name may be a pattern (``"*_scale"``).
        read_lambda: whether to read the code of other Lambdas, as data.
        shapes: shapes that are unknown otherwise, as for `split`.
        backend: the backend of the weights, if the file does not say: Theano flips convolution kernels.
        missing_weights: what to do with a custom layer whose weights the file may lack: refuse it, or name it in the
            notes and let it begin with fresh ones.
        custom_objects: plug-in files or modules.

    Returns:
        The conversion; look at its ``refusals`` before `Converted.save`, which raises if there are any.

    Raises:
        OptionError: an option has an unknown value.
        ConversionError: an option was given that does not apply to a Keras 3 model.
        StoreError, DocumentError, WeightsError: the file cannot be read, or is damaged.

    Example:
        >>> made = configsplit.convert("old.h5")
        >>> made.refusals
        ()
        >>> saved = made.save("new.keras")
    """
    asked = _Asked(
        to=to,
        target=target,
        lambdas=lambdas,
        read_lambda=read_lambda,
        shapes=shapes,
        backend=backend,
        missing_weights=missing_weights,
    )
    asked.check()
    with ExitStack() as stack:
        if isinstance(model, (str, PathLike)):
            read = stack.enter_context(reading(Path(model), weights=weights, custom_objects=custom_objects))
        else:
            read = document_of(model)
        doing("converting layers")
        made = _converted(read, asked, stack)
        decided(partial(of_conversion, made))
        return made


def _converted(document: Document, asked: _Asked, stack: ExitStack) -> Converted:
    """The conversion, on to where it is to go."""
    if document.dialect != "keras3":
        document = replace(document, model=opened(document.model, read_entry))
    source = stack.enter_context(document.opened())
    if document.dialect == "keras3":
        _check_unasked(document, asked)
        made = _kept(document, source, asked, renewed(document.model))
    elif document.dialect == "keras2" and asked.to != "keras3" and stays_as_it_is(source):
        made = _kept(document, source, asked, document.model)
    else:
        made = _renewed(document, source, asked)
    if asked.to != "keras3":
        return written_back(made, source, asked.given(document) if document.dialect == "keras3" else {})
    return made if asked.target is None else for_release(made, asked.target)


def _renewed(document: Document, source: Source, asked: _Asked) -> Converted:
    """A model of Keras 1 or 2 as one of today's Keras 3."""
    old = None
    if source.weights is not None:
        document = completed(document, source.weights)
        old = OldWeights(document, source.weights)
    made_by = asked.backend or str(source.metadata.get("backend") or document.model.entry.get("backend") or "")
    given = asked.given(document)
    told = told_by_weights(document, [Told(Place((), ref), spec) for ref, spec in given.items()], everywhere=True)
    given = {**given, **{each.place.ref: each.spec for each in told if not each.place.inside}}
    request = _request(document, old, asked, given, told, made_by)
    migration = _with_implied(_with_matched(_migrated(document, request), document, old), told)
    lost = () if source.weights is None else absent(document, migration, source.weights)
    migration, lost = _without_weights(migration, lost, asked.missing_weights)
    return Converted(
        document=document,
        migration=migration,
        backend=made_by,
        arguments=asked.arguments(),
        to=asked.to,
        absent=lost,
        old=old,
        request=request,
    )


def _check_unasked(document: Document, asked: _Asked) -> None:
    """Raises ConversionError where something is to be changed that stays what it is in a model of Keras 3."""
    if asked.lambdas or asked.backend is not None:
        raise ConversionError(
            "this is a Keras 3 model already: its Lambdas and kernels stay unchanged",
            code="convert-keras3",
            where=str(document.path),
            hint="leave --lambda and --backend out",
        )


def _kept(document: Document, source: Source, asked: _Asked, model: Model) -> Converted:
    """A model that keeps its layers: of Keras 3 as Keras 3.15 writes it, or of Keras 2 in another kind of file."""
    lost: tuple[Absent, ...] = ()
    migration = _with_old_weights(document, source, asked, model)
    stored = source.weights
    if stored is not None and stored.layout.kind != "legacy" and release_of(document) < _SAVED_ALL:
        lost = absent(document, migration, stored)
    migration, lost = _without_weights(migration, lost, asked.missing_weights)
    return Converted(
        document=document,
        migration=migration,
        backend=str(source.metadata.get("backend") or ""),
        arguments=asked.arguments(),
        to=asked.to,
        absent=lost,
    )


def _with_old_weights(document: Document, source: Source, asked: _Asked, model: Model) -> Migration:
    """A model that keeps its layers, and all weights of each."""
    origins = {path: path for path, layer in walk(model, held_by(model.dialect)) if not layer.implicit}
    layouts: dict[LayerPath, Layout] = {}
    if source.weights is not None:
        old = OldWeights(document, source.weights)
        inference = document.infer_given(beside_inputs(document, asked.given(document))[0])
        check_shapes(document.model, inference, old.weights)
        layouts = {path: old.as_it_is(path) for path in old.stored}
    return Migration(model, origins, layouts, (), tuple(Note(model.name, note) for note in document.notes))


def _request(
    document: Document,
    old: OldWeights | None,
    asked: _Asked,
    given: Mapping[TensorRef, TensorSpec],
    told: Sequence[Told],
    backend: str,
) -> Request:
    """What a migration is to know. Raises WeightsError where the weights do not fit the layers."""
    inference = document.infer_given(
        beside_inputs(document, given)[0],
        facts=reading_facts(alone=not asked.lambdas) if asked.read_lambda else {},
        within=within(document.model, told),
    )
    if old is not None:
        check_shapes(document.model, inference, old.weights)
    return Request(
        model=document.model,
        inference=inference,
        stored={} if old is None else old.stored,
        facts=document.facts,
        lambdas={**declared(document), **matched(document, replacements(asked.lambdas))},
        read_lambda=asked.read_lambda,
        backend=backend,
        release=release_of(document),
        initialize=asked.missing_weights == "initialize",
        read=read_entry,
        write=emit,
    )


def _migrated(document: Document, request: Request) -> Migration:
    """The new graph with what there is to say of it, or what is refused: also where a call would receive other masks."""
    migration = _with_cautions(_with_backend(migrate(request), document, request.backend), document)
    changed = () if migration.refusals else changed_masks(document, request.inference, migration)
    return replace(migration, refusals=changed, model=None) if changed else migration


def _with_matched(migration: Migration, document: Document, old: OldWeights | None) -> Migration:
    """Say which weights were found though the file calls their layers otherwise."""
    notes = () if old is None else old.weights.notes()
    return replace(migration, notes=(*migration.notes, *(Note(document.model.name, note) for note in notes)))


def _with_implied(migration: Migration, told: Sequence[Told]) -> Migration:
    """Say which shapes go by weights."""
    notes = [
        Note("/".join((*(call.layer for call in each.place.inside), each.place.ref.layer)), note.removeprefix(SIGN))
        for each, note in zip(told, implied_notes(told), strict=True)
    ]
    return replace(migration, notes=(*migration.notes, *notes))


def _without_weights(
    migration: Migration, absent: Sequence[Absent], wanted: MissingWeights
) -> tuple[Migration, tuple[Absent, ...]]:
    """Refuse layers whose weights are not in the file, or name them; and those that begin anew. Of what no Keras saved, and
    begins anew itself, it is only said."""
    untold = [each for each in absent if each.anew and wanted == "refuse"]
    lost = tuple(each for each in absent if each not in untold)
    if lost and wanted == "refuse":
        return replace(migration, refusals=tuple(each.refusal() for each in lost), model=None), lost
    notes = [Note("/".join(each.path), f"begins with fresh weights: {each.reason}") for each in lost]
    for name, each in {each.class_name: each for each in reversed(untold)}.items():
        what = (
            f"the file holds no weights of the {name}: layers that its class keeps in a list of lists, if any, were never saved"
        )
        notes.append(Note("/".join(each.path), f"{what}, and begin anew wherever the file is loaded"))
    return replace(migration, notes=(*migration.notes, *notes)), lost


def _shape(given: tuple[TensorRef, TensorSpec]) -> str:
    ref, spec = given
    sizes = ",".join(map(str, spec.shape or ()))
    return f"{ref.layer}@{ref.call}:{ref.output}={sizes}:{spec.dtype or 'float32'}"


def _with_backend(migration: Migration, document: Document, backend: str) -> Migration:
    """Say what was taken for granted: files of Keras 1 do not tell the backend, which matters to convolutions alone."""
    turned = any("Convolution" in layer.class_name for _, layer in walk(document.model))
    if backend or document.dialect != "keras1" or not turned or not migration.layouts:
        return migration
    what = "the file does not say which backend made it; TensorFlow is assumed (--backend theano turns kernels round)"
    return replace(migration, notes=(*migration.notes, Note(document.model.name, what)))


def _with_cautions(migration: Migration, document: Document) -> Migration:
    """Say what Keras itself will compute wrongly or refuse; few models have a layer that can be such."""
    model = migration.model
    if model is None or not any(map(may_need_caution, (layer for _, layer in walk(model, held_by("keras3"))))):
        return migration
    inference = trace(model, document.facts, dialect="keras3", read=read_entry)
    return replace(migration, notes=(*migration.notes, *dict.fromkeys(cautions(inference))))
