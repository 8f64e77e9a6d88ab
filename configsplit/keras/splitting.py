"""`split` for live models, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from configsplit.algorithms.cuts import Choice
from configsplit.documents.cutting import split as split_document
from configsplit.documents.edited import Parts
from configsplit.documents.wrapping import inside as held_by
from configsplit.errors import CutError, DocumentError, TensorReferenceError, WeightsError
from configsplit.ir.graph import LayerPath, walk
from configsplit.ir.provenance import Origin, Provenance
from configsplit.keras.models import Classes, Live, build, leaves_of, read
from configsplit.keras.tracing import cut_trace
from configsplit.runtime.live import framework_of, layer_at
from configsplit.runtime.signature import Inputs
from configsplit.runtime.trace import can_trace
from configsplit.runtime.trace_cut import TracedParts
from configsplit.runtime.transfer import same_weights


class LiveParts(tuple[Any, ...]):
    """The parts of a live model, which run one after another: a tuple of live models.

    ``parts`` says how they are wired and where their layers came from; `join` puts them together again.
    """

    parts: Parts
    whole: Live

    def _repr_html_(self) -> str:
        """For notebooks."""
        return self.parts._repr_html_()

    @classmethod
    def of(cls, models: Iterable[Any], parts: Parts, whole: Live) -> LiveParts:
        made = cls(models)
        made.parts, made.whole = parts, whole
        return made


def split(
    model: Any,
    at: str | Iterable[str],
    *,
    boundary: Choice = "smallest",
    shapes: Iterable[str] = (),
    boundary_dtype: str | None = None,
    inputs: Inputs = None,
    trace: bool | None = None,
    custom_objects: Classes = None,
) -> LiveParts | TracedParts:
    """Cut a live model into live models, which run one after another.

    A model whose class hides its graph is cut in a functional graph that Keras traces and that computes the same. Where there
    is none, or it has no layer of that name, the TensorFlow graph is cut, and the parts are modules, not models (`cut_trace`).

    Args:
        model: a model of Keras 3 or tf_keras, built.
        at, boundary, shapes, boundary_dtype: as for `configsplit.split`.
        inputs: for a model whose class hides its graph: what it is called on (arrays, shapes with None for the batch, or a
            list or dict of these), where Keras itself does not remember.
        trace: True cuts the TensorFlow graph in any case, False in no case.
        custom_objects: classes of the user's own that the model uses, as in Keras. Classes of its layers, and registered
            ones, are known already.

    Returns:
        The parts. The inputs of each are the original's own inputs that it needs, in their order, then what earlier parts
        give it; its layers carry copies of the original's weights.

    Raises:
        CutError, ShapeError, TensorReferenceError: as `configsplit.split` does.
        DocumentError: no functional graph of the model can be had, and the TensorFlow graph is not to be cut, or Keras runs on
            another backend.
    """
    asked_of_graphs = bool(boundary_dtype or list(shapes := tuple(shapes)))
    if trace:
        _refuse_for_trace(asked_of_graphs)
        return cut_trace(model, at, boundary=boundary, inputs=inputs)
    try:
        whole = read(model, custom_objects, inputs)
        parts = split_document(whole.document, at, boundary=boundary, shapes=shapes, boundary_dtype=boundary_dtype)
    except (DocumentError, TensorReferenceError) as error:
        hidden = error.code == "live-no-graph" or (isinstance(error, TensorReferenceError) and whole.live is not model)
        if not hidden or trace is False or asked_of_graphs or not can_trace(framework_of(model)):
            raise
        return cut_trace(model, at, boundary=boundary, inputs=inputs)
    models = (build(part.model, origins, [whole]) for part, origins in zip(parts, parts.origins, strict=True))
    return LiveParts.of(models, parts, whole)


def _refuse_for_trace(asked_of_graphs: bool) -> None:
    if asked_of_graphs:
        raise CutError(
            "shapes and boundary_dtype are for graphs of Keras: a TensorFlow graph knows its shapes and keeps its dtypes",
            code="trace-options",
            hint="leave them out, or trace=True",
        )


def rejoin(halves: LiveParts) -> Any:
    """The model that was cut, with the weights that the parts have now.

    Raises:
        WeightsError: a layer that stands in several parts has different weights in them.
    """
    whole, model = halves.whole, halves.whole.document.model
    homes = _homes(halves)
    for path, places in homes.items():
        _check_copies(path, [layer_at(halves[number], place) for number, place in places])
    apart = {path[:length] for path in homes for length in range(1, len(path))}
    origins = {path: Origin(places[0][1], (), places[0][0] + 1) for path, places in homes.items()}
    for path, _ in walk(model, held_by(model.dialect)):  # what no part needed is as it was
        if path not in apart and not any(path[:length] in homes for length in range(1, len(path) + 1)):
            origins[path] = Origin(path)
    return build(model, Provenance(origins), [whole, *(replace(whole, live=part) for part in halves)])


def _homes(halves: LiveParts) -> dict[LayerPath, list[tuple[int, LayerPath]]]:
    """Where each layer of the original stands: numbers of parts, and its path there."""
    found: dict[LayerPath, list[tuple[int, LayerPath]]] = {}
    for number, (part, origins) in enumerate(zip(halves.parts, halves.parts.origins, strict=True)):
        for path, origin in leaves_of(part.model, origins):
            found.setdefault(origin.path, []).append((number, path))
    return found


def _check_copies(path: LayerPath, copies: Sequence[Any]) -> None:
    if not all(same_weights(copies[0], copy) for copy in copies[1:]):
        raise WeightsError(
            f"{'/'.join(path)!r} has other weights in one part than in another",
            code="join-weights-differ",
            where="/".join(path),
            hint="a shared layer was trained in one part only; nobody can say which weights are meant",
        )
