"""Whether the Keras that a document is for builds a model from it: what every part and every edited model must have.

Looked at is what decides it and what no reader of this package needs: the shape of every input, one call and one output of
every InputLayer, chains that hand on one tensor, node numbers as Keras counts them when it rebuilds. Weights are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from configsplit.dialects import dialect_of
from configsplit.errors import VerificationError
from configsplit.graph.json import thaw
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, TensorRef, walk
from configsplit.graph.rebuild_order import reordered
from configsplit.inference.inputs import impossible_shape, input_spec
from configsplit.models.wrapped import held_by


class _Held(NamedTuple):
    """A model, and what holds it: the model around it, or (None) a wrapper; ``last`` where nothing takes its output."""

    path: LayerPath
    model: Model
    holder: Model | None
    last: bool = True


def check_buildable(where: str, model: Model, *, weights: bool) -> None:
    """Hold a model that is written, or was, against what Keras needs to build it; with ``weights`` also to load them."""
    fault = next(_faults(model, weights), None)
    if fault is not None:
        path, what = fault
        raise VerificationError(
            f"Keras cannot build {'/'.join(path) or 'the model'!r}: {what}",
            code="verify-buildable",
            where=where,
            hint="no file is written that Keras cannot load; where Keras loads the original, report this, with the file",
        )


def check_metrics(where: str, part: Model) -> None:
    """Archives of tf_keras keep the numbers of ``add_metric`` with those of the whole model, where a part has none."""
    if (metric := next((layer.name for layer in part.layers if layer.class_name == "AddMetric"), None)) is not None:
        raise VerificationError(
            f"tf_keras does not load a .keras part with {metric!r}, which add_metric made: its numbers are the whole model's",
            code="verify-buildable",
            where=where,
            hint="write --format h5, or save the model without the metric",
        )


def _faults(model: Model, weights: bool) -> Iterator[tuple[LayerPath, str]]:
    for held in _models(model, held_by(model.dialect)):
        check = _chain_faults if held.model.kind == "sequential" else _graph_faults
        for what in (*check(held.model), *_place_faults(held, model)):
            yield held.path, what
    if weights and _is_shapeless(model):
        yield (), "it has weights, but nothing says what shape its input has"


def _is_shapeless(model: Model) -> bool:
    """Whether this is a Sequential of which nothing says what it is built on; a Merge of Keras 1 that comes first does."""
    chain = model.kind == "sequential" and model.dialect != "keras1"
    return chain and input_spec(model, model.layers[0]).shape is None


def _models(model: Model, reach: HeldBy) -> Iterator[_Held]:
    """The model and all that it holds; iterative."""
    todo = [_Held((), model, model)]
    while todo:
        held = todo.pop()
        yield held
        for layer in held.model.layers:
            if (inner := reach(layer)) is not None:
                last = layer is held.model.layers[-1]
                todo.append(_Held((*held.path, layer.name), inner, held.model if layer.model is not None else None, last))


def _graph_faults(model: Model) -> Iterator[str]:
    if len({layer.name for layer in model.layers}) < len(model.layers):
        yield "two of its layers have one name"
    counts_from = dialect_of(model.dialect).nested_base
    for layer in model.layers:
        yield from _name_faults(layer, model.dialect)
        if layer.is_input:
            yield from _shape_faults(layer)
            if input_spec(model, layer).shape is None:
                yield f"nothing says what shape its input {layer.name!r} has"
            if len(layer.calls) != 1:
                yield f"its InputLayer {layer.name!r} has {len(layer.calls)} calls"
        elif layer.model is not None and _has_input(layer.model) and layer.base != counts_from(layer.model):
            yield f"calls of {layer.name!r} are counted from {layer.base}, where Keras counts from {counts_from(layer.model)}"


def _has_input(model: Model) -> bool:
    """Whether a nested model is built before it is called; how a Sequential that is not counts, depends on the release."""
    return model.kind == "functional" or input_spec(model, model.layers[0]).shape is not None


def _chain_faults(model: Model) -> Iterator[str]:
    if len(model.layers) < 2 and model.dialect == "keras3":
        yield "a Sequential of Keras 3 needs a layer behind its input"
    for layer in model.layers[:2]:
        yield from _shape_faults(layer)
        if layer.is_input and layer.config.get("batch_shape", ()) is None:
            yield f"nothing says what shape its input {layer.name!r} has"
    for layer in model.layers:
        yield from _name_faults(layer, model.dialect)
        if layer.is_operation:
            yield f"{layer.name!r} is an operation, which no Sequential takes"


def _shape_faults(layer: Layer) -> Iterator[str]:
    if (shape := impossible_shape(layer)) is not None:
        yield f"{layer.name!r} is said to take the shape {str(thaw(shape))[:60]}, which no tensor has"


def _name_faults(layer: Layer, dialect: str) -> Iterator[str]:
    if dialect == "keras3" and "/" in layer.name:
        yield f"the name {layer.name!r} has a slash, which Keras 3 does not take"


def _place_faults(held: _Held, outermost: Model) -> Iterator[str]:
    """What a Sequential or a wrapper asks of a model in it."""
    model, holder = held.model, held.holder
    if not held.path or (holder is not None and holder.kind != "sequential"):
        return
    if len(model.input_refs()) != 1:
        yield f"it stands where one tensor arrives, and has {len(model.input_refs())} inputs"
    if len(model.output_refs()) != 1:
        if holder is None or model.dialect != "keras3" or not held.last:  # only Keras 3 lets a Sequential end with several
            yield f"it stands where one tensor is handed on, and has {len(model.output_refs())} outputs"
    elif model.dialect == "keras3" and not _is_bare(held, outermost):
        yield "its one output is written as a list, which Keras 3.11 and later hand on as a list"


def _is_bare(held: _Held, outermost: Model) -> bool:
    """Whether the one output is written bare; what stands in a wrapper's config is written as it was read."""
    outputs = held.model.outputs
    return type(outputs if held.holder is None else dialect_of("keras3").ends(outputs, outermost.form)) is TensorRef


def check_order(where: str, model: Model, inside: HeldBy | None = None) -> None:
    """Hold the layers of a model against the order in which Keras rebuilds them; with ``inside`` what it holds, too."""
    levels = [("the model", model)]
    for path, layer in walk(model, inside) if inside else ():
        if inside is not None and (held := inside(layer)) is not None:
            levels.append((repr("/".join(path)), held))
    for name, each in levels:
        if [layer.name for layer in reordered(each).layers] != [layer.name for layer in each.layers]:
            raise VerificationError(
                f"the layers of {name} are not in the order in which Keras rebuilds them, so weights would be misplaced",
                code="verify-order",
                where=where,
                hint="if configsplit has just written the file, this is a bug: report it, with the file",
            )
