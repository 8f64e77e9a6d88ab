"""Bring a model to today's Keras 3: read it, migrate its graph, lay its weights out anew; no framework is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from configsplit.boundaries.records import SIGN, implied_notes
from configsplit.boundaries.sizes import beside_inputs
from configsplit.catalog.table import class_facts
from configsplit.containers import Source
from configsplit.conversion import Layout, Migration, Note, Replacement, Request, migrate
from configsplit.conversion.convert import opened
from configsplit.conversion.keras3 import renewed
from configsplit.conversion.known_bugs import cautions, may_need_caution
from configsplit.conversion.lambdas.reading import reading_facts
from configsplit.dialects import emit, read_entry
from configsplit.errors import ConversionError, check_choice
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import LayerPath, TensorRef, TensorSpec, walk
from configsplit.graph.references import Place
from configsplit.inference import trace
from configsplit.models.document import Document, Said, by_names, given_shapes, reading
from configsplit.models.made import ModelLike, document_of
from configsplit.models.wrapped import held_by, release_of
from configsplit.rewrites.nested.surface import Told
from configsplit.saving.conversion import Converted
from configsplit.saving.converted_masks import changed_masks
from configsplit.telling import doing
from configsplit.weights.accounts import Absent, absent
from configsplit.weights.conversion import OldWeights
from configsplit.weights.implied import told_by_weights, within
from configsplit.weights.left_out import completed
from configsplit.weights.parts import check_shapes

Backend = Literal["tensorflow", "theano", "cntk"]
MissingWeights = Literal["refuse", "initialize"]

_SAVED_ALL = (3, 15)
"""The first release of Keras 3 whose archives hold all weights, also those of layers in a list of lists."""


def convert(
    model: ModelLike,
    *,
    weights: str | Path | None = None,
    lambdas: Mapping[str, str] | Sequence[str] = (),
    read_lambda: bool = True,
    shapes: Said = (),
    backend: Backend | None = None,
    missing_weights: MissingWeights = "refuse",
    custom_objects: Sequence[str | Path] = (),
) -> Converted:
    """Bring a model to today's Keras 3, configuration and weights; nothing is written yet.

    One of Keras 3 keeps its layers and weights: it is spelt as Keras 3.15 reads it, and can be written as any kind of file.

    Args:
        model: a file, what `load` gave, or the result of another verb.
        weights: a file of weights that goes with an architecture.
        lambdas: what takes the place of Lambda layers' code: ``{"lam": "module:function"}`` or ``["lam=module:function"]``;
            a name may be a pattern (``"*_scale"``).
        read_lambda: whether other Lambdas' code is read, as data, for what it computes.
        shapes: shapes that nothing else tells, as for `split`.
        backend: the backend of the weights, where the file does not say it: Theano turns convolution kernels round.
        missing_weights: what becomes of a custom layer of which the file does not hold all weights, or may not: refused, or
            named in the notes and left to begin with fresh ones.
        custom_objects: plug-in files or modules.

    Returns:
        The conversion; look at its ``refusals`` before `Converted.save`, which raises if there are any.

    Raises:
        OptionError: an option is none of the words that it may be.
        ConversionError: something was asked for that a model of Keras 3 has no use for.
        StoreError, DocumentError, WeightsError: the file cannot be read, or is damaged.
    """
    check_choice("missing_weights", missing_weights, MissingWeights)
    if backend is not None:
        check_choice("backend", backend, Backend)
    with ExitStack() as stack:
        if isinstance(model, (str, PathLike)):
            read = stack.enter_context(reading(Path(model), weights=weights, custom_objects=custom_objects))
        else:
            read = document_of(model)
            doing("converting layers")
        if read.dialect == "keras3":
            _check_unasked(read, lambdas, backend)
            return _kept(read, stack.enter_context(read.opened()), shapes, missing_weights)
        document = replace(read, model=opened(read.model, read_entry))
        source, old = stack.enter_context(document.opened()), None
        if source.weights is not None:
            document = completed(document, source.weights)
            old = OldWeights(document, source.weights)
        made_by = backend or str(source.metadata.get("backend") or document.model.entry.get("backend") or "")
        said = by_names(shapes)
        given = said if isinstance(said, Mapping) else given_shapes(document.model, said)
        told = told_by_weights(document, [Told(Place((), ref), spec) for ref, spec in given.items()], everywhere=True)
        given = {**given, **{each.place.ref: each.spec for each in told if not each.place.inside}}
        request = _request(document, old, lambdas, read_lambda, given, told, made_by, missing_weights)
        migration = _with_implied(_with_matched(_migrated(document, request), document, old), told)
        lost = () if source.weights is None else absent(document, migration, source.weights)
        return Converted(
            document=document,
            migration=_without_weights(migration, lost, missing_weights),
            backend=made_by,
            arguments=_arguments(lambdas, read_lambda, shapes, backend, missing_weights),
            absent=lost,
            old=old,
            request=request,
        )


def _check_unasked(document: Document, lambdas: object, backend: Backend | None) -> None:
    """Raises ConversionError where something is to be changed that stays what it is in a model of Keras 3."""
    if lambdas or backend is not None:
        raise ConversionError(
            "this is a model of Keras 3 already: its Lambdas and its kernels stay what they are",
            code="convert-keras3",
            where=str(document.path),
            hint="leave --lambda and --backend out",
        )


def _kept(
    document: Document,
    source: Source,
    shapes: Said,
    missing_weights: MissingWeights,
) -> Converted:
    """A model of Keras 3 as Keras 3.15 writes it."""
    model = renewed(document.model)
    origins = {path: path for path, layer in walk(model, held_by("keras3")) if not layer.implicit}
    lost: tuple[Absent, ...] = ()
    layouts: dict[LayerPath, Layout] = {}
    if source.weights is not None:
        said = by_names(shapes)
        given = said if isinstance(said, Mapping) else given_shapes(document.model, said)
        old = OldWeights(document, source.weights)
        check_shapes(document.model, document.infer_given(beside_inputs(document, given)[0]), old.found)
        layouts = {path: old.as_it_is(path) for path in old.stored}
    migration = Migration(model, origins, layouts, (), tuple(Note(model.name, note) for note in document.notes))
    if source.weights is not None and source.weights.layout.kind != "legacy" and release_of(document) < _SAVED_ALL:
        lost = absent(document, migration, source.weights)
    return Converted(
        document=document,
        migration=_without_weights(migration, lost, missing_weights),
        backend=str(source.metadata.get("backend") or ""),
        arguments=_arguments((), True, shapes, None, missing_weights),
        absent=lost,
    )


def _request(
    document: Document,
    old: OldWeights | None,
    lambdas: Mapping[str, str] | Sequence[str],
    read_lambda: bool,
    given: Mapping[TensorRef, TensorSpec],
    told: Sequence[Told],
    backend: str,
    missing_weights: MissingWeights,
) -> Request:
    """What a migration is to know. Raises WeightsError where the weights do not fit the layers."""
    inference = document.infer_given(
        beside_inputs(document, given)[0],
        facts=reading_facts(alone=not lambdas) if read_lambda else {},
        within=within(document.model, told),
    )
    if old is not None:
        check_shapes(document.model, inference, old.found)
    return Request(
        model=document.model,
        inference=inference,
        stored={} if old is None else old.stored,
        facts=document.facts,
        lambdas={**_declared(document), **_matched(document, _replacements(lambdas))},
        read_lambda=read_lambda,
        backend=backend,
        release=release_of(document),
        initialize=missing_weights == "initialize",
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
    notes = () if old is None else old.found.notes()
    return replace(migration, notes=(*migration.notes, *(Note(document.model.name, note) for note in notes)))


def _with_implied(migration: Migration, told: Sequence[Told]) -> Migration:
    """Say which shapes go by weights."""
    notes = [
        Note("/".join((*(call.layer for call in each.place.inside), each.place.ref.layer)), note.removeprefix(SIGN))
        for each, note in zip(told, implied_notes(told), strict=True)
    ]
    return replace(migration, notes=(*migration.notes, *notes))


def _without_weights(migration: Migration, lost: Sequence[Absent], wanted: MissingWeights) -> Migration:
    """Refuse layers whose weights are not in the file, or name them."""
    if lost and wanted == "refuse":
        return replace(migration, refusals=tuple(each.refusal() for each in lost), model=None)
    notes = (Note("/".join(each.path), f"begins with fresh weights: {each.reason}") for each in lost)
    return replace(migration, notes=(*migration.notes, *notes))


def _arguments(
    lambdas: Mapping[str, str] | Sequence[str],
    read_lambda: bool,
    shapes: Said,
    backend: Backend | None,
    missing_weights: MissingWeights,
) -> dict[str, Any]:
    """What was asked for, as a record has it and as `convert` takes it again."""
    code = [f"{name}={target}" for name, target in lambdas.items()] if isinstance(lambdas, Mapping) else list(lambdas)
    said = by_names(shapes)
    told = list(map(_shape, said.items())) if isinstance(said, Mapping) else list(said)
    asked = {"lambdas": code, "shapes": told, "backend": backend, "missing_weights": missing_weights}
    return asked if read_lambda else {**asked, "read_lambda": False}


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
    """Say what Keras itself will compute wrongly; only models with their channels first can be such."""
    model = migration.model
    if model is None or not any(map(may_need_caution, (layer for _, layer in walk(model, held_by("keras3"))))):
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


def _matched(document: Document, given: Mapping[str, Replacement]) -> dict[str, Replacement]:
    """The replacements by the titles of the layers that are meant: by their names, or by patterns of those.

    Raises:
        ConversionError: one matches no layer with code.
    """
    found: dict[str, Replacement] = {}
    known = list(_with_code(document))
    for wish, replacement in given.items():
        titles = [title for title, names in known if wish in names]
        titles = titles or [title for title, names in known if any(fnmatchcase(name, wish) for name in names)]
        if not titles:
            listed = ", ".join(title for title, _ in known[:8]) or "none"
            raise ConversionError(
                f"{wish!r} names no Lambda of the model",
                code="convert-lambda-unknown",
                where=wish,
                hint=f"it has these: {listed}{' ...' if len(known) > 8 else ''}",
            )
        found |= dict.fromkeys(titles, replacement)
    return found


def _with_code(document: Document) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every layer that holds code, by its title, with all that it is called; wrapped ones by the wrapper's title."""
    for path, layer in walk(document.model, held_by(document.dialect)):
        entry, names = layer.entry, [layer.name]
        while isinstance(config := entry.get("config"), FrozenDict) and isinstance(config.get("layer"), FrozenDict):
            entry = config["layer"]
            held = entry.get("config")
            names.append(str(held.get("name") if isinstance(held, FrozenDict) else None))
        if class_facts(str(entry.get("class_name") or layer.class_name)).code_key or layer.class_name == "Merge":
            title = "/".join(path)
            yield title, (title, *names, "/".join((title, *names[1:])))


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
