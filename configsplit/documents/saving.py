"""Write the parts of a split: every file whole or none, weights streamed from the source, digests in the manifest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from configsplit.dialects import to_text
from configsplit.documents.cutting import Parts
from configsplit.documents.transplant import Weights, check_shapes, legacy_layers, moves, weights_in
from configsplit.errors import StoreError
from configsplit.ir.graph import Model
from configsplit.ir.provenance import Provenance
from configsplit.ir.values import dumps
from configsplit.stores import (
    Ahead,
    Asset,
    Empty,
    Job,
    Move,
    Staging,
    Task,
    Workers,
    Written,
    digest,
    open_source,
    prepare_archive,
    prepare_h5,
    prepare_text,
    prepare_weights,
)

if TYPE_CHECKING:
    from configsplit.documents.proof import Proof
    from configsplit.report.manifest import Manifest
    from configsplit.runtime.numeric import NumericReport
    from configsplit.stores import Source

Format = Literal["keras", "h5", "json"]
Verify = Literal["none", "proof", "numeric"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: the folder, its manifest, what was proven of it, and seconds by step."""

    directory: Path
    manifest: Manifest
    proof: Proof | None = None
    numeric: NumericReport | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def save(
    parts: Parts,
    directory: str | Path,
    *,
    to: Format | None = None,
    weights: bool = True,
    verify: Verify = "proof",
    force: bool = False,
    specs: Sequence[str] = (),
    ahead: Ahead | None = None,
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
        ahead: the digest of the source file, if it was begun before.

    Raises:
        StoreError: the output exists or cannot be written, or the source cannot be read.
        WeightsError: weights do not fit the architecture, or cannot be placed for certain.
        VerificationError: the parts do not equal the whole.
    """
    clock = _Clock()
    document = parts.document
    with Staging(directory, folder=True, force=force) as staging, open_source(document.path, document.weights) as source:
        with clock.step("write"), Workers() as workers:
            digests = _SourceDigests(workers, source, document.weights, ahead)
            plan = _plan(parts, source, to, weights)
            files = _write_parts(parts, plan, staging, workers)
            if plan.weights is not None:  # checked while the bytes move: nothing appears before all is well
                check_shapes(document.model, document.infer(), plan.weights)
            from configsplit.documents import manifesting

            rest = manifesting.rest(parts)
        made = manifesting.manifest(
            parts,
            manifesting.source(document, digests.source(), digests.weights() if plan.weights else None, Path(directory)),
            [file.written() for file in files],
            rest,
        )
        folder = prepare_text(staging.path(manifesting.NAME), manifesting.to_text(made)).run().path.parent
        proof = numeric = None
        if verify != "none":
            from configsplit.documents.proof import prove, run

            with clock.step("proof"):
                proof = prove(folder, made, source, document, plan.weights)
            if verify == "numeric":
                with clock.step("numeric"):
                    numeric = run(folder, made, document, specs=tuple(specs))
        with clock.step("commit"):
            source.check_unchanged()
            staging.commit()
    return Saved(Path(directory), made, proof, numeric, clock.seconds)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


class _SourceDigests:
    """Digests of the source and of its separate weights, computed while parts are written."""

    def __init__(self, workers: Workers, source: Source, weights: Path | None, ahead: Ahead | None) -> None:
        self.source: Callable[[], str] = partial(ahead.sha256, source) if ahead else workers.submit(source.sha256).result
        self.weights: Callable[[], str | None] = lambda: None
        if weights is not None:
            self.weights = workers.submit(partial(digest, weights)).result


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the parts are written: their format, and the weights to take along."""

    source: Source
    format: Format
    weights: Weights | None


def _plan(parts: Parts, source: Source, to: Format | None, with_weights: bool) -> _Plan:
    """Decide on the format, and find all weights of the source.

    Raises:
        StoreError: the weights of the source cannot be put into that format.
    """
    document = parts.document
    file = source.weights if with_weights else None
    wanted: Format = to or _natural_format(source.kind, file is not None)
    if file is None:
        if wanted != "json" and to is not None:
            raise StoreError(
                f"a .{wanted} part needs weights, and the source has none",
                code="format-needs-weights",
                where=str(document.path),
                hint="give them with --weights FILE, or write --to json",
            )
        return _Plan(source, "json", None)
    layout = file.layout.kind
    if (wanted == "keras" and layout == "legacy") or (wanted == "h5" and layout != "legacy"):
        raise StoreError(
            f"the weights of the source are in the {'old HDF5' if layout == 'legacy' else 'Keras 3'} layout",
            code="format-layout",
            where=str(document.path),
            hint=f"write --to {'h5' if layout == 'legacy' else 'keras'}, or --to json for architecture and weights apart",
        )
    return _Plan(source, wanted, weights_in(document.model, file))


def _natural_format(kind: str, has_weights: bool) -> Format:
    if kind == "json" or not has_weights:
        return "json"
    return "h5" if kind == "h5" else "keras"


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one part."""

    model: Task[Written]
    weights: Task[Written] | None = None

    def written(self) -> tuple[Written, Written | None]:
        return self.model.result(), None if self.weights is None else self.weights.result()


def _write_parts(parts: Parts, plan: _Plan, staging: Staging, workers: Workers) -> list[_Files]:
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


def _write_part(parts: Parts, number: int, plan: _Plan, staging: Staging, workers: Workers) -> _Files:
    part, origins, name = parts.split.parts[number], parts.origins[number], f"part-{number}"
    text = to_text(part.model)
    if plan.weights is None:
        return _Files(workers.submit(prepare_text(staging.path(f"{name}.json"), text).run))
    if plan.format == "json":
        apart = _weights_job(staging.path(f"{name}.weights.h5"), part.model, origins, plan)
        job = prepare_text(staging.path(f"{name}.json"), text)
        return _Files(workers.submit(job.run), workers.submit(apart.run))
    if plan.format == "h5":
        attributes = {"model_config": text, **versions(plan.source)}
        layers = legacy_layers(part.model, origins, plan.weights)
        job = prepare_h5(staging.path(f"{name}.h5"), attributes=attributes, layers=layers, like=plan.weights.file)
        return _Files(workers.submit(job.run))
    items = moves(part.model, origins, plan.weights)
    job = prepare_archive(
        staging.path(f"{name}.keras"),
        config_text=text,
        metadata_text=_metadata(plan.source),
        items=items,
        assets=_assets(plan, items),
    )
    return _Files(workers.submit(job.run))


def _weights_job(path: Path, part: Model, origins: Provenance, plan: _Plan) -> Job:
    if plan.weights is None:
        raise StoreError("there are no weights to write", code="format-needs-weights", where=str(path))
    file = plan.weights.file
    if file.layout.kind != "legacy":
        return prepare_weights(path, items=moves(part, origins, plan.weights))
    layers = legacy_layers(part, origins, plan.weights)
    return prepare_weights(path, layers=layers, attributes=versions(plan.source), like=file)


def versions(source: Source) -> dict[str, str]:
    return {key: str(value) for key, value in source.metadata.items() if key in ("keras_version", "backend")}


def _metadata(source: Source) -> str:
    """The source's own ``metadata.json``: the parts are its weights, and the same input gives the same bytes."""
    return source.metadata_text or dumps({"keras_version": "3.0.0", "date_saved": "1980-01-01@00:00:00"})


def _assets(plan: _Plan, items: Sequence[Move | Empty]) -> list[Asset]:
    """Vocabularies and the like go with the layer whose group they lie under."""
    moved = {item.src: item.dst for item in items if isinstance(item, Move)}
    found: list[Asset] = []
    for name in plan.source.assets:
        group = name.removeprefix("assets/")
        while group and group not in moved:
            group = group.rpartition("/")[0]
        if group:
            rest = name.removeprefix("assets/").removeprefix(group)
            found.append(Asset.of(plan.source, name, f"assets/{moved[group]}{rest}"))
    return found
