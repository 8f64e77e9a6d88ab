"""Write a rewritten model: weights from every source, a provenance record beside the file, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from configsplit import __version__
from configsplit.containers.container import SUFFIXES, Format, whole_format
from configsplit.containers.source import Source
from configsplit.containers.staging import Staging
from configsplit.containers.system.threads import Workers
from configsplit.containers.writing import Written, prepare_text
from configsplit.errors import StoreError, check_choice
from configsplit.graph.json import spelled
from configsplit.graph.model import Layer, LayerPath, walk
from configsplit.models.configs import check_configs
from configsplit.models.document import Document
from configsplit.models.made import Made
from configsplit.models.read_as_today import text_for
from configsplit.models.results import Check, Edited, SavedFile
from configsplit.models.wrapped import held_by
from configsplit.records import provenance
from configsplit.records.provenance import SUFFIX, Came, ProvenanceRecord, Result, Step
from configsplit.saving.buildable import check_buildable
from configsplit.saving.file_proof import compare
from configsplit.saving.manifesting import source
from configsplit.saving.writer import Content, Files, begin, content_like
from configsplit.telling import doing
from configsplit.weights.complete import check_complete, check_layouts
from configsplit.weights.layouts import as_format, check_assets, no_weights
from configsplit.weights.parts import Weights, check_shapes, weights_in
from configsplit.weights.placement import Gathering, check_copies


def save(
    edited: Edited,
    path: str | Path,
    *,
    format: Format | None = None,
    weights: bool = True,
    verify: Check = "proof",
    force: bool = False,
    home: Path | None = None,
) -> SavedFile:
    """Write a rewritten model into a file, with a provenance record beside it (``FILE.provenance.json``).

    Args:
        edited: what a verb gave.
        path: the file; its suffix tells the format (``.keras``, ``.h5``, ``.json``).
        format: the format, where the suffix does not tell it.
        weights: False leaves the weights behind; the file is ``.json`` then.
        verify: "proof" reads the file anew and compares every weight with its origin, before it appears.
        force: replace existing files.
        home: the folder that the file will lie in, where it is moved there by whoever has it written.

    Raises:
        OptionError: an option has an unknown value.
        StoreError: the output exists or cannot be written, or a source cannot be read.
        WeightsError: weights do not fit, are missing, or cannot be placed for certain.
        VerificationError: what was written is not what it should be.
    """
    check_choice("verify", verify, Check)
    if format is not None:
        check_choice("format", format, Format)
    path = Path(path)
    home = home or path.parent
    with Staging(path, folder=False, force=force) as staging, ExitStack() as stack:
        edited = _with_files(edited, staging, path, home, stack)
        sources = [stack.enter_context(each.opened()) for each in edited.documents]
        plan = _plan(edited, sources, path, format, weights)
        doing(f"writing {path.name}" + ("" if verify == "none" else ", and proving it"))
        with Workers() as workers:
            digests = [(workers.submit(each.sha256), workers.submit(each.weights_sha256)) for each in sources]
            files = _write(edited, plan, path, staging, workers)
        written, beside = files.written()
        made = _record(edited, written, beside, [(own.result(), beside.result()) for own, beside in digests], path, plan, home)
        prepare_text(staging.path(f"{path.name}{SUFFIX}"), provenance.to_text(made)).run()
        counts = None
        if verify == "proof":
            counts = compare(written.path, None if beside is None else beside.path, made, sources, edited.documents)
        for source in sources:
            source.check_unchanged()
        staging.commit()
    number, size = counts or (None, 0)
    weights_path = None if beside is None else path.with_name(beside.path.name)
    return SavedFile(path, weights_path, made, len(edited.model.layers), number, size)


def native(edited: Edited) -> Format:
    """The format in which the weights of a result are; of one that has none, JSON."""
    for document in edited.documents:
        with document.opened() as source:
            if source.weights is not None:
                return whole_format(source.weights.layout.kind)
    return "json"


def _with_files(edited: Edited, staging: Staging, path: Path, home: Path, stack: ExitStack) -> Edited:
    """The same with a file for each source that has none, beside the result: by it the result is verified later."""
    documents = list(edited.documents)
    for number, document in enumerate(documents):
        if isinstance(document, Made):
            folder, name = staging.path(path.name).parent, f"{path.stem}.source{number or ''}"
            documents[number] = stack.enter_context(document.stored(folder, name, home))
    return replace(edited, documents=tuple(documents))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The format, the opened sources, and the weights to gather (None: leave them behind)."""

    format: Format
    sources: Sequence[Source]
    gathering: Gathering | None


def _plan(edited: Edited, sources: Sequence[Source], path: Path, wanted: Format | None, with_weights: bool) -> _Plan:
    chosen = wanted or SUFFIXES.get(path.suffix.lower())
    if chosen is None:
        raise StoreError(
            f"the suffix {path.suffix!r} belongs to no format",
            code="output-suffix",
            where=str(path),
            hint="name the output .keras, .h5 or .json, or give --format",
        )
    weights = [
        _weights(document, source, chosen) if with_weights else None
        for document, source in zip(edited.documents, sources, strict=True)
    ]
    if not any(weights):
        if chosen != "json":
            hint = "name the output .json, or give weights with --weights FILE"
            raise no_weights(f"a .{chosen} file", str(path), hint)
        return _Plan(chosen, sources, None)
    flags = {number: document.model for number, document in enumerate(edited.documents)}
    gathering = Gathering(edited.model, edited.provenance, weights, edited.inference, flags)
    check_complete(edited, weights)
    check_copies(gathering, edited.copies)
    check_layouts(gathering, chosen, path)
    return _Plan(chosen, sources, gathering)


def _weights(document: Document, source: Source, chosen: Format) -> Weights | None:
    if source.weights is None:
        return None
    check_assets(document, source, chosen)
    weights = weights_in(document.model, as_format(document, source.weights, chosen))
    check_shapes(document.model, document.infer(), weights, partly=document.by_name)
    return weights


def _write(edited: Edited, plan: _Plan, path: Path, staging: Staging, workers: Workers) -> Files:
    check_buildable(path.name, edited.model, weights=plan.gathering is not None)
    first = edited.documents[0]
    check_configs(path.name, edited.model, first.registry, _before(edited), release=first.release)
    text, gathering = text_for(edited.model, plan.format, edited.text), plan.gathering
    if gathering is None:
        return begin(workers, staging, path.name, plan.format, Content(text=text))
    source = plan.sources[next(number for number, each in enumerate(gathering.sources) if each is gathering.first)]
    content = content_like(source, text, gathering.placed(), plan.sources)
    return begin(workers, staging, path.name, plan.format, content)


def _before(edited: Edited) -> dict[LayerPath, Layer]:
    """What each layer was in the file that it came from."""
    reach = held_by(edited.model.dialect)
    theirs = [dict(walk(document.model, reach)) for document in edited.documents]
    before = {}
    for path, _ in walk(edited.model, reach):
        origin = edited.provenance.origin(path)
        if origin is not None and origin.path in theirs[origin.source]:
            before[path] = theirs[origin.source][origin.path]
    return before


# ---------------------------------------------------------------- the record


def _record(
    edited: Edited,
    written: Written,
    beside: Written | None,
    digests: Sequence[tuple[str, str | None]],
    path: Path,
    plan: _Plan,
    home: Path,
) -> ProvenanceRecord:
    with_weights = plan.gathering is not None
    sources = (
        source(document, home, weights=with_weights, digests=each)
        for document, each in zip(edited.documents, digests, strict=True)
    )
    return ProvenanceRecord(
        configsplit=__version__,
        verb=edited.verb,
        arguments=dict(edited.arguments),
        steps=tuple(Step(verb=verb, arguments=dict(arguments)) for verb, arguments in edited.steps),
        result=Result(
            file=spelled(path.name),
            sha256=written.sha256,
            weights=None if beside is None else spelled(beside.path.name),
            weights_sha256=None if beside is None else beside.sha256,
        ),
        sources=tuple(sources),
        layers=tuple(_came(edited)),
        warnings=tuple(map(spelled, (*edited.warnings, *_matched(plan)))),
    )


def _matched(plan: _Plan) -> list[str]:
    sources = () if plan.gathering is None else plan.gathering.sources
    return [note for weights in sources if weights is not None for note in weights.notes()]


def _came(edited: Edited) -> list[Came]:
    told = []
    for path, layer in walk(edited.model, held_by(edited.model.dialect)):
        origin = edited.provenance.layers.get(path)
        if layer.implicit:
            continue
        if origin is not None:
            told.append(Came(layer=path, source=origin.source, origin=origin.path))
        elif len(path) == 1:
            told.append(Came(layer=path))
    return told
