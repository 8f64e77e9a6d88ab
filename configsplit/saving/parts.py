"""Write the parts of a split: every file whole or none, weights streamed from the source, digests in the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from configsplit.containers.container import Format
from configsplit.containers.early_digest import EarlyDigest
from configsplit.containers.staging import WHOLE, Staging
from configsplit.containers.system.threads import Workers
from configsplit.containers.writing import prepare_text
from configsplit.errors import check_choice
from configsplit.graph.provenance import Provenance
from configsplit.models.made import Made
from configsplit.models.read_as_today import text_for
from configsplit.models.results import Parts, Verify
from configsplit.saving.buildable import check_buildable, check_metrics
from configsplit.saving.writer import Files, begin, content_like
from configsplit.telling import doing
from configsplit.weights.layouts import as_format, check_assets, check_format, no_weights
from configsplit.weights.parts import Weights, check_shapes, weights_in
from configsplit.weights.placement import Gathering

if TYPE_CHECKING:
    from configsplit.containers.source import Source
    from configsplit.models.document import Document
    from configsplit.records.manifest import Manifest
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.reports import NumericReport
    from configsplit.saving.proof import Proof, Proving


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: the folder, its manifest, and what was proven of it."""

    directory: Path
    manifest: Manifest
    proof: Proof | None = None
    numeric: NumericReport | None = None

    def __fspath__(self) -> str:
        return str(self.directory)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.display.html import box, shape, table, title

        rows = [
            (part.file, word, item.name, shape(item.shape), item.dtype or "")
            for part in self.manifest.parts
            for word, items in (("takes", part.inputs), ("gives", part.outputs))
            for item in items
        ]
        proven = "proven" if self.proof else "not verified"
        return box(
            title(self.directory, f"{len(self.manifest.parts)} parts of {self.manifest.source.file}", proven), table(rows)
        )

    def __repr__(self) -> str:
        return f"<{self.directory}: {len(self.manifest.parts)} parts, {'proven' if self.proof else 'not verified'}>"


def save(
    parts: Parts,
    directory: str | Path,
    *,
    to: Format | None = None,
    weights: bool = True,
    verify: Verify = "proof",
    force: bool = False,
    specs: Sequence[str] = (),
    early: EarlyDigest | None = None,
    limits: Limits | None = None,
) -> Saved:
    """Write the parts and ``manifest.json`` into a folder, whole or not at all.

    Args:
        parts: what `split` gave.
        directory: a folder that does not exist or is empty.
        to: "keras" or "h5" for whole models, "json" for the architecture with weights beside it; as the source by default.
        weights: False leaves the weights behind; the parts are ``.json`` then.
        verify: "proof" holds the files against the source before they appear; "numeric" also runs them in Keras.
        force: replace the output of an earlier split.
        specs: plug-ins for the numeric verification, besides the installed ones.
        early: the source that the document was read from, if its digest was begun before.
        limits: time and memory for the numeric verification, and whether the operating system confines it.

    Raises:
        OptionError: an option has an unknown value.
        StoreError: the output exists or cannot be written, or the source cannot be read.
        WeightsError: weights do not fit the architecture, or cannot be placed for certain.
        VerificationError: the parts do not equal the whole.
    """
    check_choice("verify", verify, Verify)
    if to is not None:
        check_choice("to", to, Format)
    with (
        Staging(directory, folder=True, force=force) as staging,
        _with_file(parts, staging, Path(directory)) as parts,
        parts.document.opened() as source,
    ):
        document = parts.document
        doing(f"writing {len(parts.models)} parts" + ("" if verify == "none" else ", and proving them"))
        with Workers() as workers:
            own = early.sha256 if early is not None and early.source is source else workers.submit(source.sha256).result
            beside = workers.submit(source.weights_sha256)
            plan = _plan(parts, source, to, weights)
            files = _write_parts(parts, plan, staging, workers)
            if plan.weights is not None:  # checked while the bytes move: nothing appears before all is well
                check_shapes(document.model, document.infer(), plan.weights)
            draft = _draft(parts, plan, files, Path(directory))
            proving = None if verify == "none" else _begin_proof(draft, plan, document, files, workers)
        made, folder = _sealed(draft, (own(), beside.result() if draft.source.weights else None), files, staging)
        numeric = None
        if verify == "numeric":
            from configsplit.saving.numeric import run

            doing("running original and parts in Keras")
            numeric = run(folder, made, document, specs=tuple(specs), limits=limits)
        source.check_unchanged()
        staging.commit()
    return Saved(Path(directory), made, None if proving is None else proving(), numeric)


@contextmanager
def _with_file(parts: Parts, staging: Staging, home: Path) -> Iterator[Parts]:
    """The same with a file for the model that was cut, among the parts, if it has none: by it they are verified later."""
    if not isinstance(parts.document, Made):
        yield parts
        return
    with parts.document.stored(staging.path(WHOLE).parent, WHOLE, home) as document:
        yield replace(parts, document=document)


def _draft(parts: Parts, plan: _Plan, files: Sequence[Files], home: Path) -> Manifest:
    """The manifest without digests, begun while the bytes move: loading what it is made of takes a while."""
    from configsplit.saving import manifesting

    taken = manifesting.source(parts.document, home, weights=plan.weights is not None)
    return manifesting.draft(parts, taken, [file.names for file in files], manifesting.rest(parts, plan.weights))


def _sealed(
    draft: Manifest, digests: tuple[str, str | None], files: Sequence[Files], staging: Staging
) -> tuple[Manifest, Path]:
    """The manifest with the digests of the source and of all files, written beside these; and the folder."""
    from configsplit.records import manifest
    from configsplit.saving.manifesting import complete

    made = complete(draft, digests, [file.written() for file in files])
    return made, prepare_text(staging.path(manifest.NAME), manifest.to_text(made)).run().path.parent


def _begin_proof(
    draft: Manifest, plan: _Plan, document: Document, files: Sequence[Files], workers: Workers
) -> Callable[[], Proof]:
    """Prove the graphs while bytes move, and let the bytes of each part be compared as soon as it is written."""
    from configsplit.saving.proof import Proving

    proving = Proving(draft, plan.source, document, plan.weights)
    proving.read([file.text for file in files])
    tasks = [workers.submit(partial(_proven, proving, number, file)) for number, file in enumerate(files)]
    whole = proving.graphs()
    return lambda: whole.with_weights(task.result() for task in tasks)


def _proven(proving: Proving, number: int, file: Files, stop: Event) -> list[int]:
    model, _ = file.written()
    return proving.part(number, model.path.parent, stop)


class _Plan(NamedTuple):
    """How the parts are written: their format, and the weights to take along."""

    source: Source
    format: Format
    weights: Weights | None


def _plan(parts: Parts, source: Source, to: Format | None, with_weights: bool) -> _Plan:
    """Decide on the format, and find all weights of the source."""
    document = parts.document
    file = source.weights if with_weights else None
    wanted: Format = to or (source.written_as if file is not None else "json")
    where = str(document.path)
    if file is None:
        if wanted != "json" and to is not None:
            raise no_weights(f"a .{wanted} part", where, "give them with --weights FILE, or write --format json")
        return _Plan(source, "json", None)
    check_assets(document, source, wanted)
    file = as_format(document, file, wanted)
    check_format(wanted, file.layout.kind, where, "write --format {0}, or --format json for architecture and weights apart")
    return _Plan(source, wanted, weights_in(document.model, file))


def _write_parts(parts: Parts, plan: _Plan, staging: Staging, workers: Workers) -> list[Files]:
    """Begin with the part that has the most bytes: the others, and all that is left to do, then cost no time."""
    sizes = [_bytes(origins, plan.weights) for origins in parts.origins]
    begun = {number: _write_part(parts, number, plan, staging, workers) for number in _largest_first(sizes)}
    return [begun[number] for number in range(len(parts))]


def _largest_first(sizes: Sequence[int]) -> list[int]:
    return sorted(range(len(sizes)), key=lambda number: -sizes[number])


def _bytes(origins: Provenance, weights: Weights | None) -> int:
    """Bytes of the weights of a part's layers, near enough to put parts in order."""
    if weights is None:
        return 0
    groups = {weights.groups.get(origin.path[:1], "") for origin in origins.layers.values()} - {""}
    return sum(weights.file.datasets[name].nbytes for group in groups for name in weights.file.datasets_below(group))


def _write_part(parts: Parts, number: int, plan: _Plan, staging: Staging, workers: Workers) -> Files:
    part = parts.split.parts[number].model
    check_buildable(f"part-{number}.{plan.format}", part, weights=plan.weights is not None)
    if plan.weights is not None and plan.format == "keras" and part.dialect == "keras2":
        check_metrics(f"part-{number}.{plan.format}", part)
    placed = None
    if plan.weights is not None:
        placed = Gathering(part, parts.origins[number], [plan.weights], is_part=True).placed()
    content = content_like(plan.source, text_for(part, plan.format), placed)
    return begin(workers, staging, f"part-{number}.{plan.format}", plan.format, content)
