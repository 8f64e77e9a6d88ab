"""`split` for live models, and what it gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from configsplit.cutting.minimum_cut import Choice
from configsplit.errors import CutError, DocumentError, TensorReferenceError, WeightsError, check_choice
from configsplit.graph.model import LayerPath, walk
from configsplit.graph.provenance import Origin, Provenance
from configsplit.keras.models import Classes, Live, build, leaves_of, read
from configsplit.models.results import Parts
from configsplit.models.wrapped import held_by
from configsplit.rewrites.casts import Wider
from configsplit.runtime.live.kinds import Inputs, LiveModel
from configsplit.runtime.live.layers import framework_of, layer_at
from configsplit.runtime.live.transfer import same_weights
from configsplit.runtime.trace.cut import TracedParts, cut_graph
from configsplit.runtime.trace.trace import can_trace
from configsplit.saving.manifesting import doubts_of
from configsplit.verbs.split import split as split_document
from configsplit.verbs.surgery import listed


class LiveParts(tuple[LiveModel, ...]):
    """The parts of a live model, which run one after another: a tuple of live models.

    ``parts`` says how they are wired and where their layers came from; `join` puts them together again.
    """

    parts: Parts
    whole: Live

    def _repr_html_(self) -> str:
        """For notebooks."""
        return self.parts._repr_html_()

    @classmethod
    def of(cls, models: Iterable[LiveModel], parts: Parts, whole: Live) -> LiveParts:
        """The parts with what they come from.

        Args:
            models: the live parts.
            parts: the same as documents.
            whole: the model that was cut.

        Returns:
            A tuple of the live parts.
        """
        made = cls(models)
        made.parts, made.whole = parts, whole
        return made


def split(
    model: LiveModel,
    at: str | Iterable[str],
    *,
    boundary: Choice = "smallest",
    shapes: Iterable[str] = (),
    opened: Iterable[str] = (),
    sizes: Iterable[str] = (),
    fix_size: bool = False,
    boundary_dtype: Wider | None = None,
    inputs: Inputs | None = None,
    trace: bool | None = None,
    custom_objects: Classes = None,
) -> LiveParts | TracedParts:
    """Cut a live model into live models, which run one after another.

    A model whose class hides its graph is cut in a functional graph that Keras traces and that computes the same. Where there
    is none, or it has no layer of that name, the TensorFlow graph is cut, and the parts are modules, not models (`cut_trace`).
    A Python warning says what a manifest would of classes that nobody has declared.

    Args:
        model: a model of Keras 3 or tf_keras, built.
        at, boundary, shapes, opened, boundary_dtype, sizes, fix_size: as for `configsplit.split`.
        inputs: for a model whose class hides its graph: what it is called on (arrays, shapes with None for the batch, or a
            list or dict of these), where Keras itself does not remember.
        trace: True cuts the TensorFlow graph in any case, False in no case.
        custom_objects: classes of the user's own that the model uses, as in Keras. Classes of its layers, and registered
            ones, are known already.

    Returns:
        The parts. The inputs of each are the original's own inputs that it needs, in their order, then what earlier parts
        give it; its layers carry copies of the original's weights.

    Raises:
        OptionError, CutError, ShapeError, TensorReferenceError: as `configsplit.split` does.
        DocumentError: no functional graph of the model can be had, and the TensorFlow graph is not to be cut, or Keras runs on
            another backend.

    Example:
        >>> head, tail = configsplit.keras.split(model, at="sum")
        >>> tail(head(images)).shape
        TensorShape([2, 2])
    """
    check_choice("boundary", boundary, Choice)
    if boundary_dtype is not None:
        check_choice("boundary_dtype", boundary_dtype, Wider)
    given = {"shapes": tuple(shapes), "opened": tuple(opened), "sizes": tuple(sizes)}
    asked_of_graphs = bool(boundary_dtype or any(given.values()))
    if trace:
        _refuse_for_trace(asked_of_graphs)
        return cut_trace(model, at, boundary=boundary, inputs=inputs)
    try:
        whole = read(model, custom_objects, inputs)
        parts = split_document(whole.document, at, boundary=boundary, fix_size=fix_size, boundary_dtype=boundary_dtype, **given)
    except (DocumentError, TensorReferenceError) as error:
        hidden = error.code == "live-no-graph" or (isinstance(error, TensorReferenceError) and whole.live is not model)
        if not hidden or trace is False or asked_of_graphs or not can_trace(framework_of(model)):
            raise
        return cut_trace(model, at, boundary=boundary, inputs=inputs)
    for doubt in doubts_of(parts):
        warnings.warn(doubt, stacklevel=2)
    models = (build(part.model, origins, [whole]) for part, origins in zip(parts, parts.origins, strict=True))
    return LiveParts.of(models, parts, whole)


def _refuse_for_trace(asked_of_graphs: bool) -> None:
    if asked_of_graphs:
        raise CutError(
            "shapes, opened, sizes, boundary_dtype are for Keras graphs only: a TensorFlow graph knows shapes and keeps dtypes",
            code="trace-options",
            hint="leave them out, or trace=True",
        )


def rejoin(halves: LiveParts) -> LiveModel:
    """The model that was cut, with the weights that the parts have now.

    Raises:
        WeightsError: a layer that stands in several parts has different weights in them.
    """
    whole, model = halves.whole, halves.whole.document.model
    placed = homes(halves)
    for path, places in placed.items():
        _check_copies(path, [layer_at(halves[number], place) for number, place in places])
    apart = {path[:length] for path in placed for length in range(1, len(path))}
    origins = {path: Origin(places[0][1], (), places[0][0] + 1) for path, places in placed.items()}
    for path, _ in walk(model, held_by(model.dialect)):  # what no part needed is as it was
        if path not in apart and not any(path[:length] in placed for length in range(1, len(path) + 1)):
            origins[path] = Origin(path)
    return build(model, Provenance(origins), [whole, *(replace(whole, live=part) for part in halves)])


def homes(halves: LiveParts) -> dict[LayerPath, list[tuple[int, LayerPath]]]:
    """Where each layer of the original stands: numbers of parts, and its path there."""
    placed: dict[LayerPath, list[tuple[int, LayerPath]]] = {}
    for number, (part, origins) in enumerate(zip(halves.parts, halves.parts.origins, strict=True)):
        for path, origin in leaves_of(part.model, origins):
            placed.setdefault(origin.path, []).append((number, path))
    return placed


def _check_copies(path: LayerPath, copies: Sequence[Any]) -> None:
    if not all(same_weights(copies[0], copy) for copy in copies[1:]):
        raise WeightsError(
            f"{'/'.join(path)!r} has other weights in one part than in another",
            code="join-weights-differ",
            where="/".join(path),
            hint="a shared layer was trained in one part only; it is unknown which weights to keep",
        )


# Models without a functional graph: cut what TensorFlow traces of them.


def cut_trace(
    model: LiveModel, at: str | Iterable[str], *, boundary: Choice = "smallest", inputs: Inputs | None = None
) -> TracedParts:
    """Cut the TensorFlow graph of a model at the outputs of layers, whatever its class keeps in Python.

    Args:
        model: a model of Keras 3 on TensorFlow, or of tf_keras. It is not changed.
        at: as for `configsplit.split`; layers go by the calls that happen while the model is traced, at any depth
            (``encoder/attention``), and ``model/add:0`` names a tensor of the graph that is no layer's output.
        boundary: as for `configsplit.split`.
        inputs: what the model is called on, where Keras does not remember: arrays, shapes with None for the batch, or a list
            or dict of these.

    Returns:
        The parts: modules to call on tensors, and to `save` as SavedModels.

    Raises:
        OptionError: there is no such choice of a boundary.
        TensorReferenceError: a reference names no call of a layer, or several; the candidates are listed.
        CutError: the graph cannot be cut there, or cannot be taken apart.
        DocumentError: nobody knows what the model is called on.
        RuntimeUnavailableError: Keras runs on another backend.

    Example:
        >>> parts = configsplit.keras.cut_trace(model, at="sum")
        >>> parts.run(images)[0].shape
        TensorShape([2, 2])
    """
    check_choice("boundary", boundary, Choice)
    texts = listed(at)
    if not texts:
        raise CutError("no place to cut at was given", code="cut-nowhere", hint="name a layer")
    return cut_graph(model, framework_of(model), texts, boundary=boundary, inputs=inputs)


def split_saved_model(
    model: LiveModel,
    at: str | Iterable[str],
    directory: str | Path,
    *,
    boundary: Choice = "smallest",
    inputs: Inputs | None = None,
) -> Path:
    """Cut the TensorFlow graph of a model and write the parts as SavedModels ``part-0``, ``part-1``, ... with ``trace.json``.

    Args:
        model, at, boundary, inputs: as for `cut_trace`.
        directory: a folder that does not exist or is empty.

    Returns:
        The folder.

    Raises:
        StoreError: the folder exists and is not empty.
        And what `cut_trace` raises.

    Example:
        >>> folder = configsplit.keras.split_saved_model(model, "sum", "traced")
        >>> sorted(path.name for path in folder.iterdir())
        ['part-0', 'part-1', 'trace.json']
    """
    return cut_trace(model, at, boundary=boundary, inputs=inputs).save(directory)
