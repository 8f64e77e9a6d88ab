"""A rewritten model on its way into a file: weights from every source, a provenance record beside it, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Literal

from configsplit import __version__
from configsplit.dialects import to_text
from configsplit.documents.document import Document
from configsplit.documents.gathering import Gathering, check_copies, check_frozen, inside
from configsplit.documents.saving import Format, relative, versions
from configsplit.documents.transplant import Weights, check_shapes, weights_in
from configsplit.errors import StoreError, WeightsError
from configsplit.inference import Inference, weights_of
from configsplit.ir.graph import LayerPath, Model, walk
from configsplit.ir.provenance import Origin, Provenance
from configsplit.ir.values import dumps
from configsplit.report import provenance as record
from configsplit.report.manifest import Source as SourceRecord
from configsplit.stores import (
    Asset,
    Job,
    Move,
    Source,
    Staging,
    Workers,
    Written,
    is_stored,
    open_source,
    prepare_archive,
    prepare_h5,
    prepare_text,
    prepare_weights,
)

_SUFFIXES: dict[str, Format] = {".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".json": "json"}

Check = Literal["none", "proof"]


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
        """Write it; see `configsplit.documents.edited.save` for the options."""
        return save(self, path, **options)

    def __repr__(self) -> str:
        return f"<{self.verb} of {self.documents[0].path.name}: {len(self.model.layers)} layers>"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """What was written: the file, its weights if they are apart, and the record; and how much of it was proven."""

    path: Path
    weights: Path | None
    record: record.ProvenanceRecord
    layers: int
    compared: int | None = None
    bytes: int = 0


def save(
    edited: Edited,
    path: str | Path,
    *,
    format: Format | None = None,
    weights: bool = True,
    verify: Check = "proof",
    force: bool = False,
) -> SavedFile:
    """Write a rewritten model into a file, with a provenance record beside it (``FILE.provenance.json``).

    Args:
        edited: what a verb gave.
        path: the file; its suffix tells the format (``.keras``, ``.h5``, ``.json``).
        format: the format, where the suffix does not tell it.
        weights: False leaves the weights behind; the file is ``.json`` then.
        verify: "proof" reads the file anew and compares every weight with its origin, before it appears.
        force: replace existing files.

    Raises:
        StoreError: the output exists or cannot be written, or a source cannot be read.
        WeightsError: weights do not fit, are missing, or cannot be placed for certain.
        VerificationError: what was written is not what it should be.
    """
    path = Path(path)
    with Staging(path, folder=False, force=force) as staging, ExitStack() as stack:
        sources = [stack.enter_context(open_source(each.path, each.weights)) for each in edited.documents]
        plan = _plan(edited, sources, path, format, weights)
        with Workers() as workers:
            digests = [workers.submit(partial(_digests, each)) for each in edited.documents]
            model, apart = _write(edited, plan, path, staging, workers)
        written, beside = model.result(), None if apart is None else apart.result()
        made = _record(edited, written, beside, [digest.result() for digest in digests], path, plan)
        prepare_text(staging.path(f"{path.name}{record.SUFFIX}"), record.to_text(made)).run()
        counts = None
        if verify == "proof":
            from configsplit.documents.provenance import compare

            counts = compare(written.path, None if beside is None else beside.path, made, sources, edited.documents)
        for source in sources:
            source.check_unchanged()
        staging.commit()
    number, size = counts or (None, 0)
    weights_path = None if beside is None else path.with_name(beside.path.name)
    return SavedFile(path, weights_path, made, len(edited.model.layers), number, size)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The format, the opened sources, and the weights to gather (None: leave them behind)."""

    format: Format
    sources: Sequence[Source]
    gathering: Gathering | None


def _plan(edited: Edited, sources: Sequence[Source], path: Path, wanted: Format | None, with_weights: bool) -> _Plan:
    chosen = wanted or _SUFFIXES.get(path.suffix.lower())
    if chosen is None:
        raise StoreError(
            f"the suffix {path.suffix!r} does not tell a format",
            code="output-suffix",
            where=str(path),
            hint="name the output .keras, .h5 or .json, or give --format",
        )
    found = [
        _weights(document, source) if with_weights else None for document, source in zip(edited.documents, sources, strict=True)
    ]
    if not any(found):
        if chosen != "json":
            raise StoreError(
                f"a .{chosen} file needs weights, and there are none",
                code="format-needs-weights",
                where=str(path),
                hint="name the output .json, or give weights with --weights FILE",
            )
        return _Plan(chosen, sources, None)
    flags = {number: document.model for number, document in enumerate(edited.documents)}
    gathering = Gathering(edited.model, edited.provenance, found, edited.inference, flags)
    _check_complete(edited, found)
    _check_lost(edited.model, edited.provenance, edited.inference)
    check_copies(gathering, edited.copies)
    _check_layouts(gathering, chosen, path)
    return _Plan(chosen, sources, gathering)


def _weights(document: Document, source: Source) -> Weights | None:
    if source.weights is None:
        return None
    found = weights_in(document.model, source.weights)
    check_shapes(document.model, document.infer(), found)
    return found


def _check_complete(edited: Edited, found: Sequence[Weights | None]) -> None:
    """Raises WeightsError if a layer has weights, but came from nowhere or from a source without any."""
    for path, layer in walk(edited.model):
        origin = edited.provenance.origin(path)
        if layer.is_input or layer.model is not None or (origin is not None and found[origin.source] is not None):
            continue
        if len(path) > 1 or not is_stored(edited.model, layer):
            continue
        declared = weights_of(edited.inference, layer)
        if declared is None or declared:
            where = "" if origin is None else f" of {edited.documents[origin.source].path.name}"
            need = "may have weights (nobody has declared its class)" if declared is None else "has weights"
            raise WeightsError(
                f"layer {layer.name!r} ({layer.class_name}){where} {need}, and there are none to put there",
                code="surgery-no-weights",
                where=layer.name,
                hint="give them (a .keras or .h5 file, or --donor-weights FILE), or write the architecture alone: --no-weights",
            )


def _check_lost(model: Model, provenance: Provenance, inference: Inference) -> None:
    """Raises WeightsError if a layer with weights stands in no part: no output needed it when the model was cut."""
    for path, layer in walk(model):
        around = inside(inference, path[:-1])
        plain = layer.model is None and not layer.is_input and provenance.origin(path) is None
        if plain and around is not None and weights_of(around, layer):
            raise WeightsError(
                f"the weights of {'/'.join(path)!r} are in none of the parts",
                code="join-lost-layer",
                where="/".join(path),
                hint="nothing needed it when the model was cut; join the architecture alone: --no-weights --out FILE.json",
            )


def _check_layouts(gathering: Gathering, chosen: Format, path: Path) -> None:
    files = [weights.file for weights in gathering.sources if weights is not None]
    kinds = {file.layout.kind for file in files}
    if len(kinds) > 1:
        raise StoreError(
            f"{files[0].where} and {files[-1].where} keep their weights in different layouts",
            code="surgery-layouts",
            where=files[-1].where,
            hint="load one of them in Keras and save it in the other's format",
        )
    legacy = kinds == {"legacy"}
    if (chosen == "keras" and legacy) or (chosen == "h5" and not legacy):
        raise StoreError(
            f"the weights of the source are in the {'old HDF5' if legacy else 'Keras 3'} layout",
            code="format-layout",
            where=str(path),
            hint=f"name the output .{'h5' if legacy else 'keras'}, or .json for architecture and weights apart",
        )
    if legacy:
        check_frozen(gathering)


def _write(
    edited: Edited, plan: _Plan, path: Path, staging: Staging, workers: Workers
) -> tuple[Future[Written], Future[Written] | None]:
    text = edited.text or to_text(edited.model)
    gathering, place = plan.gathering, staging.path(path.name)
    if gathering is None:
        return workers.submit(prepare_text(place, text).run), None
    like = gathering.first.file
    source = next(source for source in plan.sources if source.weights is like)
    if plan.format == "json":
        apart = _weights_job(staging.path(f"{path.stem}.weights.h5"), gathering, source)
        return workers.submit(prepare_text(place, text).run), workers.submit(apart.run)
    if plan.format == "h5":
        attributes = {"model_config": text, **versions(source)}
        return workers.submit(prepare_h5(place, attributes=attributes, layers=gathering.legacy(), like=like).run), None
    items = gathering.moves()
    metadata = source.metadata_text or dumps({"keras_version": "3.0.0", "date_saved": "1980-01-01@00:00:00"})
    assets = _assets(plan.sources, [item for item in items if isinstance(item, Move)])
    return workers.submit(
        prepare_archive(place, config_text=text, metadata_text=metadata, items=items, assets=assets).run
    ), None


def _weights_job(place: Path, gathering: Gathering, source: Source) -> Job:
    if gathering.first.file.layout.kind != "legacy":
        return prepare_weights(place, items=gathering.moves())
    like = gathering.first.file
    return prepare_weights(place, layers=gathering.legacy(), attributes=versions(source), like=like)


def _assets(sources: Sequence[Source], moves: Sequence[Move]) -> list[Asset]:
    """Vocabularies and the like go with the layer whose group they lie under."""
    found: list[Asset] = []
    for source in sources:
        moved = {item.src: item.dst for item in moves if item.source is source.weights}
        for name in source.assets:
            group = name.removeprefix("assets/")
            while group and group not in moved:
                group = group.rpartition("/")[0]
            if group:
                rest = name.removeprefix("assets/").removeprefix(group)
                found.append(Asset.of(source, name, f"assets/{moved[group]}{rest}"))
    return found


# ---------------------------------------------------------------- the record


def _digests(document: Document, stop: Event) -> tuple[str, str | None]:
    with open_source(document.path) as opened:
        own = opened.sha256(stop)
    if document.weights is None:
        return own, None
    from configsplit.documents.provenance import file_digest

    return own, file_digest(document.weights, stop)


def _record(
    edited: Edited,
    written: Written,
    beside: Written | None,
    digests: Sequence[tuple[str, str | None]],
    path: Path,
    plan: _Plan,
) -> record.ProvenanceRecord:
    sources = []
    for document, (own, weights) in zip(edited.documents, digests, strict=True):
        taken = document.weights if plan.gathering is not None else None
        sources.append(
            SourceRecord(
                file=document.path.name,
                sha256=own,
                format=document.kind,
                dialect=document.dialect,
                path=relative(document.path, path.parent),
                weights=None if taken is None else taken.name,
                weights_path=None if taken is None else relative(taken, path.parent),
                weights_sha256=None if taken is None else weights,
            )
        )
    return record.ProvenanceRecord(
        configsplit=__version__,
        verb=edited.verb,
        arguments=dict(edited.arguments),
        result=record.Result(
            file=path.name,
            sha256=written.sha256,
            weights=None if beside is None else beside.path.name,
            weights_sha256=None if beside is None else beside.sha256,
        ),
        sources=tuple(sources),
        layers=tuple(_came(edited)),
        warnings=edited.warnings,
    )


def _came(edited: Edited) -> list[record.Came]:
    told = []
    for path, layer in walk(edited.model):
        origin = edited.provenance.layers.get(path)
        if layer.implicit:
            continue
        if origin is not None:
            told.append(record.Came(layer=path, source=origin.source, origin=origin.path))  # type: ignore[call-arg]
        elif len(path) == 1:
            told.append(record.Came(layer=path))
    return told
