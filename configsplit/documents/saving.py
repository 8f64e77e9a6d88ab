"""Write the parts of a split: every file whole or none, weights streamed from the source, digests in the manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configsplit import __version__
from configsplit.dialects import emit, to_text
from configsplit.documents.cutting import Parts
from configsplit.documents.transplant import Weights, check_shapes, legacy_layers, moves, weights_in
from configsplit.errors import StoreError
from configsplit.ir.graph import Model, TensorRef, TensorSpec
from configsplit.ir.provenance import Provenance
from configsplit.ir.references import outputs_used, tensor_name
from configsplit.ir.values import dumps
from configsplit.report import manifest as record
from configsplit.rewrites.extract import Extracted
from configsplit.rewrites.skeleton import skeleton
from configsplit.rewrites.split import Source as Wire
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
    from configsplit.runtime.numeric import NumericReport
    from configsplit.stores import Source

Format = Literal["keras", "h5", "json"]
Verify = Literal["none", "proof", "numeric"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: the folder, its manifest, what was proven of it, and seconds by step."""

    directory: Path
    manifest: record.Manifest
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
            files = [_write_part(parts, number, plan, staging, workers) for number in range(len(parts))]
            frame = _frame(parts)
        made = _manifest(parts, plan, files, digests, Path(directory), frame)
        folder = prepare_text(staging.path(record.NAME), record.to_text(made)).run().path.parent
        proof = numeric = None
        if verify != "none":
            from configsplit.documents.proof import prove, run

            with clock.step("proof"):
                proof = prove(folder, made, source, document)
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
        self.weights: Task[str] | None = None
        if weights is not None:
            self.weights = workers.submit(partial(digest, weights))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the parts are written: their format, and the weights to take along."""

    source: Source
    format: Format
    weights: Weights | None


def _plan(parts: Parts, source: Source, to: Format | None, with_weights: bool) -> _Plan:
    """Decide on the format, and hold all weights of the source against its architecture.

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
    found = weights_in(document.model, file)
    check_shapes(document.model, document.infer(), found)
    return _Plan(source, wanted, found)


def _natural_format(kind: str, has_weights: bool) -> Format:
    if kind == "json" or not has_weights:
        return "json"
    return "h5" if kind == "h5" else "keras"


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one part."""

    model: Task[Written]
    weights: Task[Written] | None = None


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


# ---------------------------------------------------------------- manifest


def _manifest(
    parts: Parts, plan: _Plan, files: list[_Files], digests: _SourceDigests, directory: Path, frame: dict[str, Any]
) -> record.Manifest:
    model, specs = parts.split.model, parts.inference.specs
    layers, used = model.by_name(), outputs_used(model)

    def tensor(ref: TensorRef) -> dict[str, Any]:
        spec = specs.get(ref, TensorSpec())
        return {"shape": spec.shape, "dtype": spec.dtype}

    def part(number: int) -> record.Part:
        made: Extracted = parts.split.parts[number]
        written = files[number].model.result()
        waiting = files[number].weights
        apart = None if waiting is None else waiting.result()
        names = [ref.layer for ref in made.model.input_refs()]
        return record.Part(
            file=written.path.name,
            sha256=written.sha256,
            inputs=tuple(
                _wired(name, wire, tensor(ref))
                for name, wire, ref in zip(names, parts.split.wires[number], made.inputs, strict=True)
            ),
            outputs=tuple(
                record.GivenTensor(name=new.layer, tensor=tensor_name(ref, layers, used), **tensor(ref))
                for new, ref in zip(made.model.output_refs(), made.outputs, strict=True)
            ),
            weights=None if apart is None else apart.path.name,
            weights_sha256=None if apart is None else apart.sha256,
            calls=_calls(made),
            layers=_risen(parts.origins[number]),
        )

    return record.Manifest(
        configsplit=__version__,
        source=_source(parts, plan, digests, directory),
        inputs=tuple(record.Tensor(name=ref.layer, **tensor(ref)) for ref in model.input_refs()),
        outputs=tuple(
            _wired(ref.layer, wire, tensor(ref)) for ref, wire in zip(model.output_refs(), parts.split.outputs, strict=True)
        ),
        parts=tuple(part(number) for number in range(len(files))),
        shared_layers=parts.split.shared,
        opened=tuple(record.Opening(layer=layer, calls=calls) for layer, calls in parts.whole.steps),
        explicit_masks=parts.whole.explicit_masks,
        casts=tuple(record.Casting(tensor=cast.ref, dtype=cast.dtype, takers=cast.takers) for cast in parts.whole.casts),
        warnings=parts.warnings,
        frame=frame,
    )


def _wired(name: str, wire: Wire, tensor: Mapping[str, Any]) -> record.WiredTensor:
    return record.WiredTensor.model_validate({"name": name, "from": record.wire(wire.part, wire.number), **tensor})


def _calls(part: Extracted) -> dict[str, tuple[int, ...]]:
    """The numbers that calls had in the whole, where they are others now."""
    return {
        path[0]: origin.calls
        for path, origin in part.provenance.layers.items()
        if origin.calls != tuple(range(len(origin.calls)))
    }


def _risen(origins: Provenance) -> dict[str, tuple[str, ...]]:
    """The layers that had another place or name in the document."""
    return {path[0]: origin.path for path, origin in origins.layers.items() if origin.path != path}


def _frame(parts: Parts) -> dict[str, Any]:
    """The document without its layers: with it, `join` gives back the very document that was cut.

    Where a nested model was opened, or masks and casts were put in, the wiring of the layers stands in it too.
    """
    model = parts.document.model
    if parts.whole.steps or parts.whole.explicit_masks or parts.whole.casts:
        known = {origin.path for origins in parts.origins for origin in origins.layers.values()}
        return dict(emit(skeleton(model, known)))
    document = emit(model)
    config = document["config"]
    bare = () if isinstance(config, tuple) else config | {"layers": ()}
    return dict(document | {"config": bare})


def _source(parts: Parts, plan: _Plan, digests: _SourceDigests, directory: Path) -> record.Source:
    document = parts.document
    weights, apart = document.weights if plan.weights else None, digests.weights
    return record.Source(
        file=document.path.name,
        sha256=digests.source(),
        format=document.kind,
        dialect=document.dialect,
        path=relative(document.path, directory),
        weights=None if weights is None else weights.name,
        weights_path=None if weights is None else relative(weights, directory),
        weights_sha256=None if weights is None or apart is None else apart.result(),
    )


def relative(path: Path, directory: Path) -> str:
    """The way from the manifest's folder to a file: it says nothing of the machine beyond what lies between the two."""
    return Path(os.path.relpath(path.resolve(), directory.resolve())).as_posix()
