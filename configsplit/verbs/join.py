"""`join`: parts become again what they were cut from; or models in a row become one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from configsplit.boundaries.shapes import fits, told
from configsplit.containers.system.named_files import stamp
from configsplit.dialects import Detection, dialect_of, emit, parse, read_entry
from configsplit.dialects.parse import LIST
from configsplit.errors import CutError, ShapeError, VerificationError, check_choice
from configsplit.graph.json import FrozenDict, dumps, freeze
from configsplit.graph.model import LayerPath, Model, TensorSpec, walk
from configsplit.graph.provenance import Origin, Provenance, identity
from configsplit.hazards import hazards
from configsplit.inference.tensor_kinds import with_kinds
from configsplit.models.configs import check_configs
from configsplit.models.document import Document, load
from configsplit.models.fragments import check_dialect
from configsplit.models.made import ModelLike, document_of
from configsplit.models.results import Edited, Part, Parts
from configsplit.models.wrapped import held_by
from configsplit.records.manifest import Manifest
from configsplit.rewrites.common import as_functional
from configsplit.rewrites.compose import By, compose
from configsplit.rewrites.join import Piece, filled, join_pieces
from configsplit.rewrites.part import in_order
from configsplit.saving.mask_proof import prove_masks
from configsplit.saving.proof import prove_graph, wire
from configsplit.saving.whole import check_parts, whole_of
from configsplit.telling import decided
from configsplit.verbs.surgery import finish
from configsplit.verbs.verify import read_manifest


def join(*models: ModelLike | Parts, by: By = "position", custom_objects: Iterable[str | Path] = ()) -> Edited:
    """Undo a split: give the folder that it wrote. Or compose several models into one flat graph, each feeding the next.

    Args:
        models: a folder with a ``manifest.json``, or the result of `split`; or two or more models, each a file, a loaded model
            or the result of another verb.
        by: for composition, whether outputs are matched with inputs by position or by name.
        custom_objects: plug-ins, in addition to the installed ones.

    Returns:
        The whole model, not yet written.

    Raises:
        OptionError: an option has an unknown value.
        StoreError: there is no manifest, or a file cannot be read.
        VerificationError: the parts do not recompose to the graph that was cut.
        CutError: the models do not fit together.
        ShapeError: an output does not match the next model's input.

    Example:
        >>> parts = configsplit.split("model.keras", at="res")
        >>> configsplit.join(*parts)
        <join of model.keras: 11 layers>
    """
    check_choice("by", by, By)
    specs = tuple(custom_objects)
    if (parts := _all_parts(models)) is not None:
        return _undone(parts)
    if len(models) == 1 and isinstance(models[0], (str, PathLike)):
        return rejoin(Path(models[0]), specs)
    if len(models) < 2:
        raise CutError("one model alone cannot be joined", code="join-counts", hint="give a folder of parts, or several models")
    return _composed([document_of(each, custom_objects=specs) for each in models], by)  # type: ignore[arg-type]


def _all_parts(models: Sequence[ModelLike | Parts]) -> Parts | None:
    """The split of which these are all the parts, in their order."""
    first = models[0] if models else None
    if isinstance(first, Parts):
        return first if len(models) == 1 else None
    if isinstance(first, Part) and len(first.parts) > 1:
        return first.parts if [*models] == [*first.parts] else None
    return None


def _undone(parts: Parts) -> Edited:
    """What was cut: parts that were never written are what they were."""
    document = parts.document
    return Edited(
        verb="join",
        documents=(document,),
        model=document.model,
        provenance=identity(document.model),
        inference=document.infer(),
        warnings=document.notes,
    ).traced()


def _composed(documents: Sequence[Document], by: By) -> Edited:
    for document in documents:
        check_dialect(document, documents[0])
        check_configs(document.path.name, document.model, document.registry, release=document.release)
    traced = [with_kinds(document.infer())[0] for document in documents]
    graphs = [
        as_functional(document.model, inference.specs[document.model.input_refs()[0]])
        for document, inference in zip(documents, traced, strict=True)
    ]
    made = compose(graphs, by)
    specs = with_kinds(documents[0].infer(model=made.rewritten.model))[0].specs
    for seam in made.seams:
        given, wanted = specs.get(seam.fed_by, TensorSpec()), traced[seam.model].specs.get(seam.input, TensorSpec())
        if not fits(given, wanted):
            raise ShapeError(
                f"{seam.fed_by.layer!r} gives {told(given)}, but {seam.input.layer!r} of {documents[seam.model].path.name} "
                f"takes {told(wanted)}",
                code="surgery-shape",
                where=seam.input.layer,
                hint="are the models in the right order? Put a layer between them that converts one to the other",
            )
    decided(
        lambda: "\n".join(
            f"{seam.input.layer} of {documents[seam.model].path.name} takes {seam.fed_by.layer}, "
            f"{told(specs.get(seam.fed_by, TensorSpec()))} (by {by})"
            for seam in made.seams
        )
    )
    return finish("join", tuple(documents), made.rewritten, {"models": [each.path.name for each in documents], "by": by})


# ---------------------------------------------------------------- the inverse of split


def rejoin(folder: Path, custom_objects: Sequence[str | Path] = ()) -> Edited:
    """The model that the parts in a folder were cut from: the same graph, names, and weights.

    The parts may have been trained since; a layer that stands in several of them must have the same weights in all.

    Raises:
        VerificationError: the parts do not recompose to the graph that was cut.
    """
    manifest = read_manifest(folder)
    for name in (name for part in manifest.parts for name in (part.file, part.weights) if name):
        stamp(folder / name, follow=False)  # nothing that a manifest names is followed or waited for
    parts = [
        load(folder / part.file, weights=folder / part.weights if part.weights else None, custom_objects=custom_objects)
        for part in manifest.parts
    ]
    _check_inputs(manifest, parts)
    homes = _homes(manifest, parts)
    model = _closed(manifest, parts, homes) if _layers_of(manifest) else _plain(manifest, parts)
    text = dumps(emit(in_order(model) if model.kind == "functional" else model))
    read = parse(text)
    first = parts[0]
    whole = replace(first, model=read.model, detection=Detection(read.detection.dialect, read.detection.evidence), path=folder)
    cut = whole_of(whole, manifest)
    prove_graph(cut.model, [part.model for part in parts], manifest)
    prove_masks(whole, cut.opened, [part.model for part in parts], manifest)
    check_parts(cut, [part.model for part in parts], manifest)
    _add_pieces(homes, cut.opened.provenance, parts)
    provenance = _provenance(read.model, homes)
    inference = first.infer(model=read.model)
    fed = {(ref.layer,) for ref in read.model.input_refs()}
    several = ["/".join(path) for path, origins in homes.items() if len(origins) > 1 and path not in fed]
    decided(
        lambda: (
            f"{len(parts)} parts, wired as the manifest says, have the graph of {manifest.source.file}; "
            + (f"{', '.join(several)} must have the same weights in each part" if several else "no layer stands in two of them")
        )
    )
    return Edited(
        verb="join",
        documents=tuple(parts),
        model=read.model,
        provenance=provenance,
        inference=inference,
        arguments={"models": [folder.name]},
        warnings=tuple(
            f"{hazard.where}: {hazard.message}" for hazard in hazards(emit(read.model), classes=first.registry.names())
        ),
        text=text,
        copies=tuple((path, origin) for path, origins in homes.items() for origin in origins),
    )


def _layers_of(manifest: Manifest) -> Sequence[Any]:
    config = manifest.frame.get("config", ())
    layers = config if isinstance(config, (tuple, list)) else config.get("layers", ())
    return layers if isinstance(layers, (tuple, list)) else ()


def _check_inputs(manifest: Manifest, parts: Sequence[Document]) -> None:
    for part, document in zip(manifest.parts, parts, strict=True):
        if len(part.inputs) != (count := len(document.model.input_refs())):
            raise VerificationError(
                f"the manifest lists {len(part.inputs)} inputs, the file has {count}", code="verify-wiring", where=part.file
            )


def _homes(manifest: Manifest, parts: Sequence[Document]) -> dict[LayerPath, list[Origin]]:
    """Where each layer of the original stands in the parts: its path there -> layers of parts."""
    pieces = {name for step in manifest.opened for name in step.pieces}
    homes: dict[LayerPath, list[Origin]] = {}
    for number, (part, document) in enumerate(zip(manifest.parts, parts, strict=True)):
        fresh = {
            ref.layer
            for ref, tensor in zip(document.model.input_refs(), part.inputs, strict=True)
            if wire(tensor).part is not None
        }
        for layer in document.model.layers:
            if layer.name not in fresh and layer.name not in pieces:
                path = part.layers.get(layer.name, (layer.name,))
                homes.setdefault(path, []).append(Origin((layer.name,), (), number))
    return homes


def _add_pieces(homes: dict[LayerPath, list[Origin]], origins: Provenance, parts: Sequence[Document]) -> None:
    """Enter what stands in the pieces of wrappers that were divided, layer by layer."""
    apart = origins.told_apart()
    for number, document in enumerate(parts):
        names = {layer.name for layer in document.model.layers if not layer.is_input}
        for path, origin in origins.layers.items():
            if len(path) > 1 and path[0] in names and path not in apart:
                homes.setdefault(origin.path, []).append(Origin(path, (), number))


def _frame(manifest: Manifest) -> Model:
    """The manifest's frame as a model: without layers, or with their wiring."""
    document = freeze(manifest.frame)
    dialect = dialect_of(manifest.source.dialect)
    emptied = document | {"config": None}
    if _layers_of(manifest):
        read = read_entry(document, dialect.name)
        return replace(read, entry=emptied, form=dialect.form(read))
    written = document.get("config")
    if not isinstance(written, FrozenDict) and type(written) is not tuple:
        raise VerificationError(
            "the frame of the whole model has no config",
            code="manifest-invalid",
            where="manifest.json",
            hint="edited by hand, or damaged: split again",
        )
    config = written if isinstance(written, FrozenDict) else FrozenDict()
    keys = [key for key in ("layers", "input_layers", "output_layers") if key in config]
    listed = type(written) is tuple
    return Model(
        name="sequential" if listed else str(config.get("name") or document.get("name") or "sequential"),
        kind="functional" if "output_layers" in config else "sequential",
        layers=(),
        inputs=(),
        outputs=(),
        config=config | dict.fromkeys(keys),
        entry=emptied,
        dialect=dialect.name,
        form=LIST if listed else "",
    )


def _plain(manifest: Manifest, parts: Sequence[Document]) -> Model:
    """The parts put together, where nothing was opened."""
    models = [part.model for part in parts]
    pieces = [
        Piece(model, tuple(wire(tensor) for tensor in part.inputs), part.calls)
        for part, model in zip(manifest.parts, models, strict=True)
    ]
    frame = _frame(manifest)
    joined = join_pieces(pieces, [wire(tensor) for tensor in manifest.outputs], frame)
    if joined.kind == "sequential":
        return replace(joined, form=joined.form or dialect_of(joined.dialect).form(joined))
    ends = freeze(manifest.frame)["config"]
    structured = read_entry(FrozenDict({"class_name": "Functional", "config": _with_ends(joined, ends)}), joined.dialect)
    made = replace(joined, inputs=structured.inputs, outputs=structured.outputs)
    return replace(made, form=dialect_of(made.dialect).form(made))


def _with_ends(joined: Model, ends: FrozenDict) -> FrozenDict:
    """The document of the joined graph with inputs and outputs as the original nests them."""
    config: FrozenDict = emit(joined)["config"]
    return config | {key: ends[key] for key in ("input_layers", "output_layers")}


def _closed(manifest: Manifest, parts: Sequence[Document], homes: dict[LayerPath, list[Origin]]) -> Model:
    """The original wiring with the layers of the parts: what was opened is closed, and masks and casts are gone again."""
    entries: dict[LayerPath, FrozenDict] = {}
    for path, origins in homes.items():
        layer = parts[origins[0].source].model.by_name()[origins[0].path[0]]
        entries[path] = layer.entry
        if layer.model is not None:
            entries |= {(*path, *inner): each.entry for inner, each in walk(layer.model) if each.entry}
    return filled(_frame(manifest), entries)


def _provenance(model: Model, homes: dict[LayerPath, list[Origin]]) -> Provenance:
    """Layers as they stand in the parts; of a nested model that was opened, those inside."""
    origins: dict[LayerPath, Origin] = {}
    for path, _ in walk(model, held_by(model.dialect)):
        whole = any(path[:length] in origins for length in range(1, len(path)))
        if path in homes and not whole:
            origins[path] = homes[path][0]
    return Provenance(origins)
