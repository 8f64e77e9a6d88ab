"""Proof from the files on disk, with no framework: the parts recompose to the original graph, every weight bit for bit.

What is proven: each part's document is read anew; put together along the wires of the manifest they give the original graph;
the layers of each part stand in the order in which Keras rebuilds them; and at the address that Keras will compute for each
layer lie exactly the bytes that the source has for that layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from configsplit.algorithms.equivalence import differences
from configsplit.algorithms.order import rebuild_order
from configsplit.dialects import parse, to_text
from configsplit.documents.document import Document, load
from configsplit.documents.steps import reopened
from configsplit.documents.transplant import Weights, weights_in
from configsplit.errors import StoreError, VerificationError
from configsplit.inference import traced_masks
from configsplit.ir.graph import CallRef, LayerPath, Model, TensorRef
from configsplit.ir.provenance import Provenance
from configsplit.report import manifest as record
from configsplit.rewrites.join import Piece, join
from configsplit.rewrites.masks import explicit_masks
from configsplit.rewrites.open import described
from configsplit.rewrites.split import Source as Wire
from configsplit.rewrites.widen import Cast, widen
from configsplit.stores import Source, Task, Workers, digest, open_source

if TYPE_CHECKING:
    from configsplit.runtime.numeric import NumericReport


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven: counts of parts, layers and weights, and the bytes that were compared."""

    parts: int
    layers: int
    weights: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of `verify`: the proof, and what Keras computed if it was asked."""

    manifest: record.Manifest
    proof: Proof
    numeric: NumericReport | None = None


def verify(
    directory: str | Path,
    *,
    source: str | Path | None = None,
    numeric: bool = False,
    samples: int = 4,
    seed: int = 0,
    custom_objects: tuple[str, ...] = (),
) -> Verified:
    """Prove a folder of parts against the file that they were cut from.

    Args:
        directory: what `split` wrote.
        source: the original; by default where the manifest says, or beside the folder.
        numeric: also run original and parts in Keras, fed through numpy, and demand bit-identical outputs.
        samples: samples of random input for that, of the given ``seed``.
        custom_objects: plug-ins for it.

    Raises:
        VerificationError: the parts do not equal the whole, or a file was changed since the split.
        StoreError: a file is missing.
    """
    folder = Path(directory)
    manifest = read_manifest(folder)
    original, weights = _find(folder, manifest.source, source)
    document = load(original, weights=weights, custom_objects=custom_objects)
    with open_source(original, weights) as opened:
        _check_digests(folder, manifest, opened, weights)
        proof = prove(folder, manifest, opened, document)
    report = run(folder, manifest, document, samples=samples, seed=seed, specs=custom_objects) if numeric else None
    return Verified(manifest, proof, report)


def read_manifest(folder: Path) -> record.Manifest:
    """The manifest of a folder of parts.

    Raises:
        StoreError: there is none.
    """
    place = folder / record.NAME
    try:
        return record.from_text(place.read_text("utf-8"), str(place))
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"no manifest can be read there: {error}",
            code="manifest-missing",
            where=str(place),
            hint="give the folder that `configsplit split` wrote",
        ) from None


def _find(folder: Path, source: record.Source, given: str | Path | None) -> tuple[Path, Path | None]:
    """The original file, and its separate weights."""
    weights = None
    if source.weights is not None:
        weights = _first([folder / (source.weights_path or ""), folder.parent / source.weights], source.weights)
    if given is not None:
        return Path(given), weights
    return _first([folder / (source.path or ""), folder.parent / source.file, Path(source.file)], source.file), weights


def _first(places: list[Path], name: str) -> Path:
    for place in places:
        if place.is_file() or (place / "config.json").is_file():
            return place
    raise StoreError(
        f"the original {name!r} is not where it was",
        code="source-missing",
        where=str(places[0]),
        hint="say where it is: --source FILE",
    )


def _check_digests(folder: Path, manifest: record.Manifest, source: Source, weights: Path | None) -> None:
    """Raises VerificationError if a file is not the one that the manifest speaks of."""
    wanted: dict[Path, str] = {}
    if weights is not None and manifest.source.weights_sha256:
        wanted[weights] = manifest.source.weights_sha256
    for part in manifest.parts:
        wanted[folder / part.file] = part.sha256
        if part.weights and part.weights_sha256:
            wanted[folder / part.weights] = part.weights_sha256
    with Workers() as workers:
        found = {path: workers.submit(partial(digest, path)) for path in wanted}
        found[source.path] = workers.submit(source.sha256)
    for path, value in {**wanted, source.path: manifest.source.sha256}.items():
        if found[path].result() != value:
            raise VerificationError(
                "the file was changed since the split: its SHA-256 is not that of the manifest",
                code="verify-changed-file",
                where=str(path),
            )


# ---------------------------------------------------------------- the proof


def prove(folder: Path, manifest: record.Manifest, source: Source, document: Document, weights: Weights | None = None) -> Proof:
    """Hold the parts in a folder against their source; ``weights`` are its own, where they have been found already.

    Raises:
        VerificationError: with the first thing that differs.
    """
    models: list[Model] = []
    tasks: list[Task[list[int]]] = []
    with Workers() as workers:  # bytes are compared while the graphs are; what is wrong with a graph is said first
        proof_of = _weight_proof(folder, manifest, source, document, weights)
        for part in manifest.parts:
            models.append(_read(folder, part))
            tasks += [workers.submit(partial(proof_of, part, models[-1]))] if proof_of else []
        whole = whole_model(document, manifest)
        prove_graph(whole, models, manifest)
        _prove_order(models, manifest)
    compared = [size for task in tasks for size in task.result()]
    return Proof(len(models), len(whole.layers), len(compared), sum(compared))


def whole_model(document: Document, manifest: record.Manifest) -> Model:
    """The original as it was cut, in the spelling of a document: nested models open, masks and casts in the graph."""
    if not manifest.opened and not manifest.explicit_masks and not manifest.casts:
        return document.model
    model = reopened(document, manifest).model
    inference = document.infer(model=model)
    if manifest.explicit_masks:
        model = explicit_masks(model, traced_masks(inference).tensors)
        inference = document.infer(model=model)
    if manifest.casts:
        model = widen(model, [_cast(cast) for cast in manifest.casts], inference.specs).model
        inference = document.infer(model=model)
    return parse(to_text(described(model, inference.specs))).model


def _cast(cast: record.Casting) -> Cast:
    takers = tuple(tuple(CallRef(*call) for call in calls) for calls in cast.takers)
    return Cast(TensorRef(*cast.tensor), cast.dtype, takers)


def _read(folder: Path, part: record.Part) -> Model:
    with open_source(folder / part.file) as opened:
        return parse(opened.config_text).model


def prove_graph(whole: Model, models: list[Model], manifest: record.Manifest) -> None:
    pieces = [
        Piece(model, tuple(wire(tensor) for tensor in part.inputs), part.calls)
        for part, model in zip(manifest.parts, models, strict=True)
    ]
    joined = join(pieces, [wire(tensor) for tensor in manifest.outputs], whole)
    found = differences(whole, joined)
    if found:
        more = f" (and {len(found) - 1} more differences)" if len(found) > 1 else ""
        raise VerificationError(f"the parts do not give the original graph: {found[0]}{more}", code="verify-graph")


def wire(tensor: record.WiredTensor) -> Wire:
    source = tensor.source
    if isinstance(source, record.FromInput):
        return Wire(None, source.input)
    return Wire(source.part, source.output)


def _prove_order(models: list[Model], manifest: record.Manifest) -> None:
    for part, model in zip(manifest.parts, models, strict=True):
        if rebuild_order(model) != tuple(layer.name for layer in model.layers):
            raise VerificationError(
                "the layers do not stand in the order in which Keras rebuilds them, so weights would go astray",
                code="verify-order",
                where=part.file,
            )


def _weight_proof(
    folder: Path, manifest: record.Manifest, source: Source, document: Document, weights: Weights | None
) -> Callable[[record.Part, Model, Event], list[int]] | None:
    """What proves the weights of a part and gives the size of each; None where the parts have none."""
    if not any(part.weights or Path(part.file).suffix != ".json" for part in manifest.parts) or source.weights is None:
        return None
    theirs = weights or weights_in(document.model, source.weights)
    origins = reopened(document, manifest).provenance if any(step.pieces for step in manifest.opened) else Provenance({})
    return partial(_prove_weights, folder, theirs, origins)


def _prove_weights(
    folder: Path, theirs: Weights, origins: Provenance, part: record.Part, model: Model, stop: Event
) -> list[int]:
    with open_source(folder / part.file, folder / part.weights if part.weights else None) as opened:
        if opened.weights is None:
            raise VerificationError("the part has no weights", code="verify-weights", where=part.file)
        ours = weights_in(model, opened.weights)
        layers = [layer.name for layer in model.layers if not layer.is_input]
        pairs = [pair for name in layers for pair in _pairs(name, part, origins, ours, theirs)]
        if (found := ours.file.first_difference(pairs, theirs.file, stop)) is not None:
            raise VerificationError(
                f"the weight {found[0]!r} is not bit for bit the original's {found[1]!r}",
                code="verify-weights",
                where=part.file,
            )
        return [ours.file.datasets[mine].nbytes for mine, _ in pairs]


def _pairs(name: str, part: record.Part, origins: Provenance, ours: Weights, theirs: Weights) -> list[tuple[str, str]]:
    """The datasets of a layer of a part, each with the one of the source that it must equal."""
    if (name,) in origins.told_apart():
        return _piece_pairs(name, part, origins, ours, theirs)
    origin: LayerPath = part.layers.get(name, (name,))
    if (name,) not in ours.groups or (origin not in theirs.groups and origin[:1] not in theirs.groups):
        return []
    mine, its = ours.datasets((name,)), theirs.datasets(origin)
    if len(mine) != len(its):
        raise VerificationError(
            f"layer {name!r} has {len(mine)} weights, the original {len(its)}", code="verify-weights", where=part.file
        )
    return list(zip(mine, its, strict=True))


def _piece_pairs(name: str, part: record.Part, origins: Provenance, ours: Weights, theirs: Weights) -> list[tuple[str, str]]:
    """The same for a wrapper that holds a part of what it held: layer by layer, and nothing besides."""
    pairs: list[tuple[str, str]] = []
    apart = origins.told_apart()
    for path, origin in origins.layers.items():
        leaf = path[0] == name and len(path) > 1 and path not in apart
        if leaf and path in _addressed(ours) and origin.path in _addressed(theirs):
            pairs += zip(ours.datasets(path), theirs.datasets(origin.path), strict=True)
    if sorted(mine for mine, _ in pairs) != sorted(ours.datasets((name,))):
        raise VerificationError(f"not every weight in {name!r} has an origin", code="verify-weights", where=part.file)
    return pairs


def _addressed(weights: Weights) -> Collection[LayerPath]:
    """Layers that have weights of their own: operations have none; a legacy file has one group for all in a wrapper."""
    return weights.layers if weights.file.layout.kind == "legacy" else weights.groups


def run(
    folder: Path,
    manifest: record.Manifest,
    document: Document,
    *,
    samples: int = 4,
    seed: int = 0,
    specs: tuple[str, ...] = (),
) -> NumericReport:
    """Run original and parts in Keras and demand bit-identical outputs.

    Raises:
        VerificationError: an output differs.
        RuntimeUnavailableError: the framework is not installed.
    """
    from configsplit.runtime.numeric import verify_numeric

    plain = json.loads(record.to_text(manifest))
    report = verify_numeric(
        folder, plain, document.path, source_weights=document.weights, samples=samples, seed=seed, custom_objects=specs
    )
    if not report.identical:
        worst = max((output.max_abs_difference or 0.0 for output in report.outputs), default=0.0)
        raise VerificationError(
            f"the parts do not compute what the original computes: outputs differ by up to {worst:g}",
            code="verify-numeric",
            where=str(folder),
        )
    return report
