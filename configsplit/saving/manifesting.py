"""The manifest of a split: how the parts are wired, where each layer came from, and the digests of all files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from configsplit import __version__
from configsplit.boundaries.doubts import contradictions, dtype_notes, implied_notes, own_graphs, unsure
from configsplit.boundaries.masks import doubts
from configsplit.containers.fetched import address_of, is_skimmed
from configsplit.containers.writing import Written
from configsplit.dialects import emit
from configsplit.graph.json import spelled
from configsplit.graph.model import LayerPath, TensorRef, TensorSpec, walk
from configsplit.graph.provenance import Provenance
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.hazards import hazards
from configsplit.models.document import Document
from configsplit.models.results import Parts
from configsplit.models.wrapped import held_by
from configsplit.records.manifest import (
    Casting,
    GivenTensor,
    Manifest,
    Masked,
    Part,
    SourceFile,
    Tensor,
    WiredTensor,
    wire_from,
)
from configsplit.rewrites.join import skeleton
from configsplit.rewrites.part import Extracted
from configsplit.rewrites.split import Wire
from configsplit.saving.divisions import opening_of, shape_of

if TYPE_CHECKING:
    from configsplit.weights.parts import Weights


class Rest(NamedTuple):
    """What the manifest says of the whole document, and what takes a while to find out."""

    frame: dict[str, Any]
    warnings: tuple[str, ...]


def rest(parts: Parts, weights: Weights | None = None) -> Rest:
    """Look through the whole document: its frame, what had to be put right to read it, and what in it is a hazard."""
    matched = () if weights is None else weights.notes()
    whole = emit(parts.document.model)
    dangers = (f"{hazard.where}: {hazard.message}" for hazard in hazards(whole, classes=parts.document.registry.names()))
    notes = (*parts.document.notes, *matched, *doubts_of(parts), *contradictions(parts.document))
    return Rest(_frame(parts, whole), (*notes, *dangers))


def doubts_of(parts: Parts) -> tuple[str, ...]:
    """What nobody can say of parts, since they hold classes that nobody has declared: of masks, shapes, dtypes and graphs."""
    originals = set(parts.split.model.input_refs())
    crossing = (ref for taken in parts.split.inputs for ref in taken if ref not in originals)
    graphs = own_graphs(parts.document, {origin.path for each in parts.origins for origin in each.layers.values()})
    return (
        *doubts(parts.split, parts.inference),
        *unsure(parts.document, parts.inference, crossing, parts.whole.provenance),
        *implied_notes(parts.whole.told),
        *dtype_notes(parts.whole.told),
        *graphs,
    )


PENDING = "0" * 64
"""Stands for a digest in a draft."""


def draft(parts: Parts, source: SourceFile, names: Sequence[tuple[str, str | None]], rest: Rest) -> Manifest:
    """The manifest of parts that are still being written, without digests of them; ``names`` are those of each part's model,
    and of its weights if they stand apart."""
    model, specs = parts.split.model, parts.inference.specs
    layers, used = model.by_name(), outputs_used(model)

    def tensor(ref: TensorRef) -> dict[str, Any]:
        spec = specs.get(ref, TensorSpec())
        return {"shape": spec.shape, "dtype": spec.dtype}

    def part(number: int) -> Part:
        made: Extracted = parts.split.parts[number]
        file, apart = names[number]
        inputs = [ref.layer for ref in made.model.input_refs()]
        return Part(
            file=file,
            sha256=PENDING,
            inputs=tuple(
                _wired(name, wire, tensor(ref))
                for name, wire, ref in zip(inputs, parts.split.wires[number], made.inputs, strict=True)
            ),
            outputs=tuple(
                GivenTensor(name=new.layer, tensor=tensor_name(ref, layers, used), **tensor(ref))
                for new, ref in zip(made.model.output_refs(), made.outputs, strict=True)
            ),
            weights=apart,
            weights_sha256=None if apart is None else PENDING,
            calls=_calls(made),
            layers=_risen(parts.origins[number]),
        )

    return Manifest(
        configsplit=__version__,
        source=source,
        inputs=tuple(Tensor(name=ref.layer, **tensor(ref)) for ref in model.input_refs()),
        outputs=tuple(
            _wired(ref.layer, wire, tensor(ref)) for ref, wire in zip(model.output_refs(), parts.split.outputs, strict=True)
        ),
        parts=tuple(part(number) for number in range(len(names))),
        shared_layers=shared(parts),
        opened=tuple(map(opening_of, parts.whole.steps)),
        functional=parts.whole.functional,
        masks=tuple(Masked(tensor=each.ref, takers=each.takers) for each in parts.whole.masks),
        casts=tuple(Casting(tensor=cast.ref, dtype=cast.dtype, takers=cast.takers) for cast in parts.whole.casts),
        shapes=tuple(map(shape_of, parts.whole.told)),
        fixed=tuple(Tensor(name=name, shape=spec.shape, dtype=spec.dtype) for name, spec in parts.document.fixed.items()),
        warnings=rest.warnings,
        frame=rest.frame,
    )


def complete(draft: Manifest, digests: tuple[str, str | None], written: Sequence[tuple[Written, Written | None]]) -> Manifest:
    """A draft with all digests: of the source, of its weights that stand apart, and of every file of the parts."""
    source = draft.source.but(sha256=digests[0], weights_sha256=digests[1])
    parts = tuple(
        part.but(sha256=model.sha256, weights_sha256=None if apart is None else apart.sha256)
        for part, (model, apart) in zip(draft.parts, written, strict=True)
    )
    return draft.but(source=source, parts=parts)


def shared(parts: Parts) -> tuple[str, ...]:
    """The layers that stand in several parts; by their path in the document where they were in something that was opened or
    divided, and stand by themselves in one part and inside of something in another, or inside of two pieces."""
    if not parts.whole.steps:
        return parts.split.shared
    known = {parts.whole.provenance.layers[name,].path for name in parts.split.shared}
    kept = [_held_whole(origins) for origins in parts.origins]
    reach, names = held_by(parts.document.dialect), []
    for path, layer in walk(parts.document.model, reach):
        above = {path[:length] for length in range(1, len(path) + 1)}
        if reach(layer) is None and not layer.is_input and not above & known:
            names += ["/".join(path)] if sum(not above.isdisjoint(each) for each in kept) > 1 else []
    return (*parts.split.shared, *sorted(names))


def _held_whole(origins: Provenance) -> set[LayerPath]:
    """The layers of the document that a part has with all that is in them."""
    apart = origins.told_apart()
    return {origin.path for path, origin in origins.layers.items() if path not in apart}


def _wired(name: str, wire: Wire, tensor: Mapping[str, Any]) -> WiredTensor:
    return WiredTensor(name=name, source=wire_from(wire.part, wire.number), **tensor)


def _calls(part: Extracted) -> dict[str, tuple[int, ...]]:
    """The numbers that calls had in the whole, where they are others now."""
    return {
        path[0]: origin.calls
        for path, origin in part.provenance.layers.items()
        if len(path) == 1 and origin.calls != tuple(range(len(origin.calls)))
    }


def _risen(origins: Provenance) -> dict[str, tuple[str, ...]]:
    """The layers that had another place or name in the document; those in a divided wrapper where that shows nothing."""
    top = {path[0]: origin.path for path, origin in origins.layers.items() if len(path) == 1}
    deep = {path: origin.path for path, origin in origins.layers.items() if len(path) > 1}
    moved = {"/".join(path): came for path, came in deep.items() if came != (*top.get(path[0], ()), *path[1:])}
    return {name: came for name, came in top.items() if came != (name,)} | moved


def _frame(parts: Parts, whole: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its layers: with it, `join` gives back the very document that was cut.

    Where a nested model was opened, or masks and casts were put in, the wiring of the layers stands in it too.
    """
    cut = parts.whole
    if not cut.is_original:
        known = {
            origin.path
            for origins in parts.origins
            for path, origin in origins.layers.items()
            if path[:1] not in origins.told_apart()
        }
        return dict(emit(skeleton(parts.document.model, known)))
    config = whole["config"]
    bare = () if isinstance(config, tuple) else config | {"layers": ()}
    return {**whole, "config": bare}


def source(
    document: Document, directory: Path, *, weights: bool, digests: tuple[str, str | None] = (PENDING, PENDING)
) -> SourceFile:
    """The source as a record in ``directory`` names it, and with ``weights`` what its weights stand in."""
    apart = document.weights if weights else None
    return SourceFile(
        file=spelled(document.path.name),
        sha256=digests[0],
        sha256_of="architecture" if is_skimmed(document.path) else None,
        format=document.kind,
        dialect=document.dialect,
        path=relative(document.path, directory),
        address=address_of(document.path),
        weights=None if apart is None else spelled(apart.name),
        weights_path=relative(apart, directory),
        weights_address=address_of(apart),
        weights_sha256=None if apart is None else digests[1],
        weights_by_name=True if apart is not None and document.by_name else None,
        weights_match="order" if apart is not None and document.match == "order" else None,
        dequantized=True if weights and document.dequantize else None,
    )


def relative(path: Path | None, directory: Path) -> str | None:
    """The way from the manifest's folder to a file: it says nothing of the machine beyond what lies between the two. None leads
    to what was fetched: it is gone when the record is read."""
    if path is None or address_of(path) is not None:
        return None
    return spelled(Path(os.path.relpath(path.resolve(), directory.resolve())).as_posix())
