"""Proof from the files on disk, with no framework: the parts recompose to the original graph, every weight bit for bit.

What is proven: each part's document is read anew; put together along the wires of the manifest they give the original graph;
the layers of each part stand in the order in which Keras rebuilds them; and at the address that Keras will compute for each
layer lie exactly the bytes that the source has for that layer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event

from configsplit.containers.container import SUFFIXES
from configsplit.containers.source import Asset, Source, open_source
from configsplit.containers.system.threads import Workers
from configsplit.dialects import parse
from configsplit.errors import VerificationError
from configsplit.graph.equality import differences
from configsplit.graph.model import LayerPath, Model
from configsplit.graph.provenance import Provenance
from configsplit.models.document import Document
from configsplit.models.read_as_today import today
from configsplit.records.manifest import FromInput, Manifest, Part, WiredTensor
from configsplit.rewrites.join import Piece, join_pieces
from configsplit.rewrites.split import Wire
from configsplit.saving.buildable import check_buildable, check_order
from configsplit.saving.mask_proof import prove_masks
from configsplit.saving.whole import check_parts, fixed_as, whole_of
from configsplit.weights.layouts import as_format
from configsplit.weights.parts import Weights, weights_in


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven: counts of parts, layers and weights, and the bytes that were compared."""

    parts: int
    layers: int
    weights: int
    bytes: int

    def with_weights(self, compared: Iterable[Sequence[int]]) -> Proof:
        """The same with the weights of every part, given as bytes of each."""
        sizes = [size for part in compared for size in part]
        return replace(self, weights=len(sizes), bytes=sum(sizes))


def prove(folder: Path, manifest: Manifest, source: Source, document: Document) -> Proof:
    """Hold the parts in a folder against their source. Raises VerificationError for the first difference."""
    proving = Proving(manifest, source, document)
    with Workers() as workers:  # bytes are compared while the graphs are; what is wrong with a graph is said first
        texts = [_text(folder / part.file) for part in manifest.parts]
        proving.read(texts)
        tasks = [workers.submit(partial(proving.part, number, folder)) for number in range(len(texts))]
        proof = proving.graphs()
    return proof.with_weights(task.result() for task in tasks)


class Proving:
    """A proof in steps: `read` the documents of the parts, then hold the `graphs` against the original and the bytes of each
    `part`, in any order and in any thread.

    The documents may be read before the files are there: `part` makes sure that its file holds the very text.
    """

    def __init__(self, manifest: Manifest, source: Source, document: Document, weights: Weights | None = None) -> None:
        """``weights`` are those of the source, where they have been found already."""
        if Path(manifest.parts[0].file).suffix == ".keras":
            document = _archived(document)
        self._manifest, self._document = manifest, fixed_as(document, manifest)
        self._texts: Sequence[str] = ()
        self._models: list[Model] = []
        self._source, self._whole = source, whole_of(document, manifest)
        self._theirs = weights
        if source.weights is not None and any(part.weights or Path(part.file).suffix != ".json" for part in manifest.parts):
            wanted = SUFFIXES.get(Path(manifest.parts[0].file).suffix, "json")
            self._theirs = weights or weights_in(document.model, as_format(document, source.weights, wanted))

    def read(self, texts: Sequence[str]) -> None:
        """The documents of all parts. Raises DocumentError where one is none."""
        self._texts, self._models = texts, [parse(text).model for text in texts]

    def graphs(self) -> Proof:
        """Prove that the parts recompose to the original graph, and that their layers stand in the order of rebuilding."""
        whole = self._whole
        prove_graph(whole.model, self._models, self._manifest)
        prove_masks(self._document, whole.opened, self._models, self._manifest)
        for part, model in zip(self._manifest.parts, self._models, strict=True):
            check_order(part.file, model)
            check_buildable(part.file, model, weights=part.weights is not None or Path(part.file).suffix != ".json")
        check_parts(whole, self._models, self._manifest)
        return Proof(len(self._models), len(whole.model.layers), 0, 0)

    def part(self, number: int, folder: Path, stop: Event | None = None) -> list[int]:
        """Prove that a part's file holds the document that was read, and that every weight in it is the original's. The bytes
        of each.
        """
        part, model = self._manifest.parts[number], self._models[number]
        with open_source(folder / part.file, folder / part.weights if part.weights else None) as opened:
            if opened.config_text != self._texts[number]:
                raise VerificationError("the file holds another document than was proven", code="verify-graph", where=part.file)
            if self._theirs is None:
                if opened.kind != "json":
                    raise VerificationError("it is unknown whose weights these are", code="verify-weights", where=part.file)
                return []
            prove_surroundings(part.file, opened, self._source)
            if opened.weights is None:
                raise VerificationError("the part has no weights", code="verify-weights", where=part.file)
            ours, origins = weights_in(model, opened.weights), self._whole.opened.provenance
            prove_assets(part.file, opened, self._source, model, origins, ours, self._theirs)
            return _compare(part, model, ours, self._theirs, origins, stop)


def _archived(document: Document) -> Document:
    """The original as archives spell it, where every entry says where its class stands."""
    bare = document.dialect == "keras3" and "module" not in document.model.entry
    return replace(document, model=today(document.model)) if bare else document


def _text(file: Path) -> str:
    with open_source(file) as opened:
        return opened.config_text


def prove_graph(whole: Model, models: list[Model], manifest: Manifest) -> None:
    pieces = [
        Piece(model, tuple(wire(tensor) for tensor in part.inputs), part.calls)
        for part, model in zip(manifest.parts, models, strict=True)
    ]
    joined = join_pieces(pieces, [wire(tensor) for tensor in manifest.outputs], whole)
    faults = differences(whole, joined)
    if faults:
        more = f" (and {len(faults) - 1} more differences)" if len(faults) > 1 else ""
        raise VerificationError(f"the parts do not give the original graph: {faults[0]}{more}", code="verify-graph")


def wire(tensor: WiredTensor) -> Wire:
    source = tensor.source
    if isinstance(source, FromInput):
        return Wire(None, source.input)
    return Wire(source.part, source.output)


def _compare(part: Part, model: Model, ours: Weights, theirs: Weights, origins: Provenance, stop: Event | None) -> list[int]:
    """Compare every weight of a part with its origin; the bytes of each."""
    layers = [layer.name for layer in model.layers if not layer.is_input]
    apart = origins.told_apart()
    pairs = [pair for name in layers for pair in _pairs(name, part, origins, apart, ours, theirs)]
    if (unequal := ours.file.first_difference(pairs, theirs.file, stop)) is not None:
        raise VerificationError(
            f"the weight {unequal[0]!r} is not bit for bit the original's {unequal[1]!r}",
            code="verify-weights",
            where=part.file,
        )
    return [ours.file.datasets[mine].nbytes for mine, _ in pairs]


def _pairs(
    name: str, part: Part, origins: Provenance, apart: Collection[LayerPath], ours: Weights, theirs: Weights
) -> list[tuple[str, str]]:
    """The datasets of a layer of a part, each with the one of the source that it must equal."""
    if (name,) in apart:
        return _piece_pairs(name, part, origins, ours, theirs)
    origin = origins.layers.get((name,))
    mine = ours.datasets((name,)) if (name,) in ours.groups else ()
    its: tuple[str, ...] = ()
    legacy = theirs.file.layout.kind == "legacy"  # there one group holds all that is in a nested model
    if origin is not None and (origin.path in theirs.groups or (legacy and origin.path[:1] in theirs.groups)):
        its = theirs.datasets(origin.path)
    if len(mine) != len(its):
        raise VerificationError(
            f"layer {name!r} has {len(mine)} weights, the original {len(its)}", code="verify-weights", where=part.file
        )
    return list(zip(mine, its, strict=True))


def _piece_pairs(name: str, part: Part, origins: Provenance, ours: Weights, theirs: Weights) -> list[tuple[str, str]]:
    """The same for a wrapper that holds a part of what it held: layer by layer, and nothing besides."""
    pairs: list[tuple[str, str]] = []
    apart = origins.told_apart()
    for path, origin in origins.layers.items():
        leaf = path[0] == name and len(path) > 1 and path not in apart
        if leaf and path in _addressed(ours) and origin.path in _addressed(theirs):
            pairs += zip(ours.datasets(path), theirs.datasets(origin.path), strict=True)
    if sorted(mine for mine, _ in pairs) != sorted(ours.datasets((name,))):
        raise VerificationError(f"not every weight in {name!r} has an origin", code="verify-weights", where=part.file)
    if ours.file.layout.kind == "legacy" and pairs:
        _prove_place(name, part, origins, ours, theirs, dict(pairs))
    return pairs


def _prove_place(name: str, part: Part, origins: Provenance, ours: Weights, theirs: Weights, pairs: dict[str, str]) -> None:
    """A legacy file is loaded by position: each weight stands where Keras will look for it."""
    from configsplit.weights.legacy_groups import legacy_piece_names

    wrapper = origins.layers[name,].path
    group = theirs.groups[wrapper[:1]]
    wanted = [f"{group}/{each}" for each in legacy_piece_names(ours.layers[name,], origins, wrapper, theirs)]
    if [pairs[mine] for mine in ours.datasets((name,))] != wanted:
        raise VerificationError(
            f"the weights in {name!r} are not in the order in which Keras loads them",
            code="verify-weights",
            where=part.file,
        )


def _addressed(weights: Weights) -> Collection[LayerPath]:
    """Layers that have weights of their own: operations have none; a legacy file has one group for all in a wrapper."""
    return weights.layers if weights.file.layout.kind == "legacy" else weights.groups


# What stands in a part's file beside document and weights, and changes what Keras makes of them: releases and assets.


_CONVERTED_BY = ("keras_version", "backend")
"""By these attributes Keras decides whether kernels are turned around when it loads a legacy file."""


def prove_surroundings(where: str, opened: Source, source: Source) -> None:
    """Raises VerificationError where a part says another release or backend of its weights than the original."""
    if opened.kind == "keras" and source.metadata_text:
        same = opened.metadata == source.metadata
    elif opened.kind == "h5" and source.kind == "h5":
        same = all(opened.metadata.get(key) == source.metadata.get(key) for key in _CONVERTED_BY)
    else:
        same = all(_said(opened, key) in (None, _said(source, key), source.metadata.get(key)) for key in _CONVERTED_BY)
    if not same:
        raise VerificationError(
            "the part names another release or backend than the original, by which Keras would convert its weights",
            code="verify-weights",
            where=where,
        )


def _said(source: Source, key: str) -> str | None:
    return None if source.weights is None else source.weights.text("", key)


def prove_assets(
    where: str, opened: Source, source: Source, model: Model, origins: Provenance, ours: Weights, theirs: Weights
) -> None:
    """Raises VerificationError where an asset of a part (a vocabulary, say) is not the original's."""
    if opened.kind != "keras" or not (opened.assets or source.assets):
        return
    names = {layer.name for layer in model.layers if not layer.is_input}
    moved = {
        theirs.groups[origin.path]: ours.groups[path]
        for path, origin in origins.layers.items()
        if path[0] in names and path in ours.groups and origin.path in theirs.groups
    }
    wanted = {asset.name: _digest(asset) for asset in Asset.moved(source, moved)}
    digests: Mapping[str, str] = {name: _digest(Asset.of(opened, name)) for name in opened.assets}
    if digests != wanted:
        wrong = sorted(name for name in digests.keys() | wanted.keys() if digests.get(name) != wanted.get(name))
        raise VerificationError(f"the asset {wrong[0]!r} is not bit for bit the original's", code="verify-weights", where=where)


def _digest(asset: Asset) -> str:
    made = hashlib.sha256()
    for piece in asset.chunks():
        made.update(piece)
    return made.hexdigest()
