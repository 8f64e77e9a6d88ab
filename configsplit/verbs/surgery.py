"""The verbs of surgery on files that change the graph. Each gives an `Edited` model, which `Edited.save` writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from configsplit.boundaries.doubts import contradictions, dtype_notes, implied_notes, opened_shapes, own_graphs, unsure
from configsplit.boundaries.fixing import fixed
from configsplit.boundaries.mask_changes import check_extracted, mask_changes, said
from configsplit.boundaries.shapes import check_given, check_taken, name, same, told
from configsplit.boundaries.sizes import apart, given_sizes
from configsplit.dialects import emit, parse, to_text
from configsplit.errors import CutError, Json, ShapeError
from configsplit.graph.model import CallRef, LayerPath, Model, TensorRef, TensorSpec, walk
from configsplit.graph.references import layer_paths, places
from configsplit.graph.walking import grouped
from configsplit.hazards import hazards
from configsplit.inference import Inference, explain, keeps_float32
from configsplit.inference.tensor_kinds import check_kinds, with_kinds
from configsplit.models.configs import check_configs
from configsplit.models.document import Document, Said, by_names
from configsplit.models.fragments import check_dialect, layer_of_config, load_fragment
from configsplit.models.made import ModelLike, document_of
from configsplit.models.results import Edited
from configsplit.models.wrapped import DocumentWrapping, gives, told_shapes
from configsplit.rewrites.common import Rewritten, as_chain, as_functional, described
from configsplit.rewrites.extract import between, consumers
from configsplit.rewrites.insert import attach, put_in_place
from configsplit.rewrites.nested.surface import Surfaced, Told, surface
from configsplit.rewrites.part import in_order
from configsplit.rewrites.remove import remove_layers, stand_ins
from configsplit.telling import decided
from configsplit.verbs.reasons import reasons
from configsplit.weights.implied import told_by_weights
from configsplit.weights.placement import known_inside

Names = str | Iterable[str]
Donor: TypeAlias = ModelLike | Mapping[str, Json]
"""What is put into a model: a model, or the config of one layer as ``{"class_name": ..., "config": ...}``."""


def extract(
    model: ModelLike,
    *,
    from_: Names = (),
    to: Names = (),
    shapes: Said = (),
    opened: Iterable[str] = (),
    sizes: Iterable[str] | Mapping[str, Sequence[int | None]] = (),
    fix_size: bool = False,
) -> Edited:
    """The sub-network between any tensors.

    Args:
        model: a file, a loaded model, or the result of another verb; it is not changed.
        from_: tensors to start from, which become inputs; by default the model's own inputs, as far as needed.
        to: tensors to end at; the outputs of the model by default.
        shapes: ``LAYER=None,28,28,128`` for tensors whose shape is unknown otherwise.
        opened: ``LAYER`` or ``LAYER=1,2``: recorded sizes to ignore.
        sizes, fix_size: sizes of inputs that the document leaves open (``INPUT=1,224,224,3``), to be written into the result.

    Returns:
        The new model, not yet written.

    Raises:
        TensorReferenceError: a name is unknown or ambiguous.
        CutError: more is needed than what it starts from; what is missing is named. Or a start may be sparse or ragged, and
            the document does not tell.
        ShapeError: the shape of a start is unknown.

    Example:
        >>> configsplit.extract("model.keras", from_="activation", to="bn2")
        <extract of model.keras: 3 layers>
    """
    document = document_of(model)
    starts, ends = listed(from_), listed(to)
    if not starts and not ends:
        raise CutError("no tensor was given", code="extract-nothing", hint="say where to start or to end: --from, --to")
    asked = [str(each) for each in by_names(sizes)]
    document = fixed(document, given_sizes(document.infer(), asked)) if fix_size else document
    said = told_shapes(document, shapes) + told_shapes(document, opened_shapes(document, opened))
    implied = told_by_weights(document, said)
    known, _ = apart(document, [*said, *implied], ())
    whole = surfaced(document, *starts, *ends, told=known)
    inference, doubtful = with_kinds(document.infer_given(whole.given, whole.model))
    fed = flat(whole.boundaries[: len(starts)])
    _require_shapes(whole.model, fed, inference)
    check_kinds(fed, doubtful, inference)
    made = between(whole.model, fed, flat(whole.boundaries[len(starts) :]), inference.specs)
    check_extracted(made, inference)
    doubts = unsure(document, inference, (ref for ref in fed if ref not in whole.model.input_refs()), whole.provenance)
    entering = [each for each in implied if not each.place.inside and each.place.ref in fed]
    doubts += implied_notes(entering) + dtype_notes(entering)
    arguments = {"from": starts, "to": ends, **({"fix_size": asked} if asked else {})}
    return finish("extract", (document,), _from_document(made, whole), arguments, doubts)


def insert(model: ModelLike, donor: Donor, *, after: str, before: Names = (), donor_weights: Path | None = None) -> Edited:
    """Put a fragment between a tensor and all its consumers, or only some of them.

    Args:
        model: a file, a loaded model, or the result of another verb; it is not changed.
        donor: the fragment: a model with one input and one output, or a single layer, given by its config (a dict, or a
            ``.json`` file) or as a live layer without weights.
        after: the tensor that the fragment takes.
        before: the calls that take the fragment's output instead; by default all, and the model's own output.
        donor_weights: weights for an architecture-only fragment.

    Returns:
        The new model, not yet written.

    Raises:
        CutError: the fragment has several inputs or outputs, or another generation of Keras.
        ShapeError: shapes or dtypes do not fit.

    Example:
        >>> branch = configsplit.extract("model.keras", from_="activation", to="bn2")
        >>> configsplit.insert("model.keras", branch, after="bn1")
        <insert of model.keras: 13 layers>
        >>> noise = {"class_name": "GaussianNoise", "config": {"stddev": 0.1}}
        >>> configsplit.insert("model.keras", noise, after="bn1")
        <insert of model.keras: 12 layers>
    """
    document = document_of(model)
    given = _donor(document, donor, donor_weights)
    takers = listed(before)
    opened = surfaced(document, after, *takers)
    start = opened.boundaries[0]
    if len(start) != 1:
        raise CutError(
            f"{after!r} names {len(start)} tensors: a fragment goes behind one",
            code="insert-one-tensor",
            where=after,
            hint=f"name one of them: {', '.join(name(opened.model, ref) for ref in start)}",
        )
    only = _edges(opened, start[0], takers) if takers else None
    done = _put(document, given, opened, start, start, only)
    return finish("insert", (document, given), done, {"after": after, "before": takers, "model": given.path.name})


def replace(model: ModelLike, donor: Donor, *, from_: Names, to: Names, donor_weights: Path | None = None) -> Edited:
    """Replace what lies between tensors with a donor.

    Args:
        model: a file, a loaded model, or the result of another verb; it is not changed.
        donor: the replacement: a model, or a single layer, as for `insert`. Its inputs take ``from_`` and its
            outputs replace ``to``, by position.
        from_, to: tensors; layers that nothing needs any more are dropped.
        donor_weights: weights for an architecture-only donor.

    Returns:
        The new model, not yet written.

    Raises:
        CutError: the number of tensors does not match the donor, or a start is computed from an end.
        ShapeError: shapes or dtypes do not fit.

    Example:
        >>> branch = configsplit.extract("model.keras", from_="c1", to="bn1")
        >>> configsplit.replace("model.keras", branch, from_="c1", to="activation")
        <replace of model.keras: 10 layers>
    """
    document = document_of(model)
    other = _donor(document, donor, donor_weights)
    starts, ends = listed(from_), listed(to)
    opened = surfaced(document, *starts, *ends)
    fed, given = flat(opened.boundaries[: len(starts)]), flat(opened.boundaries[len(starts) :])
    done = _put(document, other, opened, fed, given, None)
    return finish("replace", (document, other), done, {"from": starts, "to": ends, "model": other.path.name})


def remove(model: ModelLike, layer: Names) -> Edited:
    """Remove layers; their consumers take their input instead. Patterns with ``*`` and ``OUTER/INNER`` work.

    Args:
        model: a file, a loaded model, or the result of another verb; it is not changed.
        layer: names of layers, or patterns.

    Returns:
        The new model, not yet written.

    Raises:
        CutError: a layer takes or gives several tensors.
        ShapeError: its output differs from its input in shape or dtype.

    Example:
        >>> configsplit.remove("model.keras", "bn*")
        <remove of model.keras: 9 layers>
    """
    document, patterns = document_of(model), listed(layer)
    paths = layer_paths(document.model, patterns)
    inference = document.infer()
    levels = grouped((path[:-1], path[-1]) for path in paths)
    doubts: list[str] = []
    for place, names in levels.items():
        doubts += _check_removal(place, names, known_inside(inference, place))
    spec = inference.specs[document.model.input_refs()[0]]
    made = remove_layers(as_functional(document.model, spec), paths)
    return finish("remove", (document,), made, {"layer": patterns}, doubts)


# ---------------------------------------------------------------- shared steps


def listed(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def flat(boundaries: Sequence[Sequence[TensorRef]]) -> list[TensorRef]:
    return [ref for boundary in boundaries for ref in boundary]


def surfaced(document: Document, *texts: str, told: Sequence[Told] = ()) -> Surfaced:
    """The model with every tensor that is named at its surface; a Sequential becomes the functional model that it is."""
    spec = document.infer().specs.get(document.model.input_refs()[0], TensorSpec())
    model = as_functional(document.model, spec)
    wanted = [places(document.model, text, gives=partial(gives, document)) for text in texts]
    whole = surface(model, wanted, DocumentWrapping(document), told=told)
    if whole.steps:
        decided(lambda: f"opened {', '.join(step.layer for step in whole.steps)}: a tensor that was named lies inside")
    return whole


def _from_document(made: Rewritten, opened: Surfaced) -> Rewritten:
    return Rewritten(made.model, made.provenance.after(opened.provenance))


def finish(
    verb: str, documents: tuple[Document, ...], made: Rewritten, arguments: Mapping[str, Any], doubts: Sequence[str] = ()
) -> Edited:
    """The last steps of every verb: arguments described, a chain a Sequential again, layers in Keras's order, read anew."""
    document = documents[0]
    specs = document.infer(model=made.model).specs
    model = as_chain(described(made.model, specs), document.model, specs)
    for layer in model.layers:
        if layer.spec is not None and layer.spec.shape is None and not layer.implicit:
            raise ShapeError(
                f"the document does not say what shape {layer.name!r} has",
                code="shape-unknown",
                where=layer.name,
                hint="build the model on a shape and save it again",
            )
    if model.kind == "functional":
        model = in_order(said(document, model))
    before, model = model, parse(to_text(_without_stale(model, document.model))).model
    provenance = made.provenance.renamed(_other_names(before, model))
    inference = document.infer(model=model)
    whole = [origin.path for origin in provenance.layers.values() if not origin.source]
    whole += [()] if model.entry.get("class_name") == document.model.entry.get("class_name") else []
    warnings = [*doubts, *own_graphs(document, whole)]
    warnings += [f"{hazard.where}: {hazard.message}" for hazard in hazards(emit(model), classes=document.registry.names())]
    edited = Edited(
        verb=verb,
        documents=documents,
        model=model,
        provenance=provenance,
        inference=inference,
        arguments=arguments,
        warnings=(*document.notes, *contradictions(document), *warnings, *mask_changes(documents, model, made, inference)),
    )
    decided(partial(reasons, edited))
    return edited.traced()


def _other_names(before: Model, after: Model) -> dict[LayerPath, LayerPath]:
    """Layers of a Sequential whose classes write no name, and that are called by their place where they are read anew."""
    pairs = zip(walk(before), walk(after), strict=True)
    return {old: new for (old, _), (new, _) in pairs if old != new}


def _without_stale(model: Model, before: Model) -> Model:
    """What the document says of the whole stays as far as it is true: not how it was built on other inputs, nor the losses of
    other outputs."""
    stale = []
    if [ref.layer for ref in model.input_refs()] != [ref.layer for ref in before.input_refs()]:
        stale += ["build_config", "build_input_shape"]
    if [ref.layer for ref in model.output_refs()] != [ref.layer for ref in before.output_refs()]:
        stale += ["compile_config"]
    return dataclasses.replace(model, entry=model.entry.without(*stale), config=model.config.without(*stale))


def _donor(document: Document, given: Donor, weights: Path | None) -> Document:
    if isinstance(given, Mapping):
        return layer_of_config(given, document)
    file = Path(given) if isinstance(given, (str, PathLike)) else None
    donor = document_of(given) if file is None else load_fragment(file, document, weights=weights)
    check_dialect(donor, document)
    check_configs(donor.path.name, donor.model, document.registry, release=donor.release or document.release)
    return donor


def _edges(opened: Surfaced, start: TensorRef, takers: Sequence[str]) -> list[CallRef]:
    """The calls that are named, all of which must take the tensor."""
    real = consumers(opened.model, start)
    wanted = [CallRef(ref.layer, ref.call) for ref in flat(opened.boundaries[1:])]
    for call in wanted:
        if call not in real:
            raise CutError(
                f"{call.layer!r} does not take {name(opened.model, start)!r}",
                code="insert-no-edge",
                where=", ".join(takers),
                hint=f"it is taken by {', '.join(dict.fromkeys(each.layer for each in real)) or 'nothing'}",
            )
    return wanted


def _put(
    document: Document,
    donor: Document,
    opened: Surfaced,
    starts: Sequence[TensorRef],
    ends: Sequence[TensorRef],
    only: list[CallRef] | None,
) -> Rewritten:
    """Attach the donor, hold both seams, and let it stand for the ends."""
    _check_counts(donor, starts, ends)
    before, its = with_kinds(document.infer(model=opened.model))[0], with_kinds(donor.infer())[0]
    exact = check_taken(before, starts, its)
    attached = attach(opened.model, donor.model, starts, recorded=exact)
    takers = [_takers(opened.model, ref) for ref in ends]
    as_built = {ref: before.specs[ref] for ref in starts if ref in before.by_build}  # by takers, beside which the donor stands
    after = with_kinds(document.infer_given(as_built, attached.model))[0]
    check_given(before, ends, after, attached.outputs, takers)
    return _from_document(put_in_place(attached, starts, ends, only), opened)


def _check_counts(donor: Document, starts: Sequence[TensorRef], ends: Sequence[TensorRef]) -> None:
    for what, ours, its in (("input", starts, donor.model.input_refs()), ("output", ends, donor.model.output_refs())):
        if len(ours) != len(its):
            names = ", ".join(ref.layer for ref in its)
            raise CutError(
                f"{donor.path.name} has {len(its)} {what}s ({names}), {len(ours)} are given",
                code="surgery-counts",
                where=str(donor.path),
                hint=f"name as many tensors as the donor has {what}s, in its order",
            )


def _takers(model: Model, ref: TensorRef) -> str:
    names = list(dict.fromkeys(call.layer for call in consumers(model, ref)))
    return " and ".join(map(repr, names[:3]))


def _require_shapes(model: Model, refs: Sequence[TensorRef], inference: Inference) -> None:
    for ref in refs:
        spec = inference.specs.get(ref, TensorSpec())
        if spec.shape is None or spec.dtype is None:
            raise ShapeError(
                f"the shape of {name(model, ref)} is not recorded and cannot be inferred: {explain(inference, ref)}",
                code="shape-unknown",
                where=name(model, ref),
                hint=f"give it: --shape {name(model, ref)}=None,28,28,128",
            )


def _check_removal(place: LayerPath, names: Sequence[str], inference: Inference | None) -> list[str]:
    """Raises ShapeError where a layer's output cannot be replaced by its input. Where nobody knows what that is, but the
    classes that go give back whatever they take, what is taken for granted is returned."""
    if inference is None:
        return []
    doubts, layers = [], inference.model.by_name()
    keeping = all(keeps_float32(layers[each], inference.facts(layers[each])) for each in names)
    for ref, source in stand_ins(inference.model, names).items():
        gone, instead = inference.specs.get(ref, TensorSpec()), inference.specs.get(source, TensorSpec())
        where = "/".join((*place, ref.layer))
        if keeping and gone.shape is None and instead.shape is None and instead.dtype in (None, "float32"):
            doubts.append(f"{where!r} is taken out, though nobody has said that {source.layer!r} gives float32, as it does")
        elif gone.shape is None or instead.shape is None or not same(gone, instead):
            raise ShapeError(
                f"{where!r} gives {told(gone)}, what it takes is {told(instead)}: its input cannot replace its output",
                code="remove-shape",
                where=where,
                hint="put something in its place: configsplit replace --from ... --to ... --donor DONOR",
            )
    return doubts
