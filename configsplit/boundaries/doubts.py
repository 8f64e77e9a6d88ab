"""What of a document is not to be relied upon: graphs of classes of the user's own, and records that cannot be true.

Models of such classes have their graph in the file, and what else their ``call`` does only in their code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from configsplit.catalog.classes import is_of_keras
from configsplit.errors import ShapeError
from configsplit.graph.model import LayerPath, Model, TensorRef, TensorSpec, walk
from configsplit.graph.provenance import Provenance
from configsplit.inference import Inference, blamed
from configsplit.inference.undeclared import Culprit
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by, places_in

if TYPE_CHECKING:
    from configsplit.graph.references import Place
    from configsplit.rewrites.nested.surface import Told


def own_graphs(document: Document, kept: Iterable[LayerPath]) -> tuple[str, ...]:
    """What nobody can rule out, as warnings: that a class computes something else than its graph says.

    ``kept`` are the models that are left whole, with their class: ``()`` for the outermost one.
    """
    whole, declared = set(kept), document.registry.names()
    models = [
        ((), document.model.entry),
        *((path, layer.entry) for path, layer in walk(document.model) if layer.model is not None),
    ]
    if () in whole:
        models = models[1:]
    apart = [
        (path, str(entry["class_name"]))
        for path, entry in models
        if "class_name" in entry
        and not is_of_keras(entry)
        and not any(path[:length] in whole for length in range(1, len(path) + 1))
    ]
    return tuple(
        f"graphs: no plug-in declares whether {class_name} ({'/'.join(path) or document.model.name!r}) computes what its graph "
        "says, and nothing else in a `call` of its own: declare the class in a plug-in"
        for path, class_name in apart
        if class_name not in declared
    )


# What a document says of its tensors that its own layers contradict: told, and not believed.


_MOST = 10
"""So many are told one by one; a document that lies everywhere says no more with each."""


def contradictions(document: Document) -> tuple[str, ...]:
    """One sentence for each tensor of the document, also in nested models, whose record cannot be true."""
    reasons: dict[str, None] = {}
    for path, inference in document.infer().levels():
        for ref, why in inference.contradictions.items():
            place = "/".join((*path, ref.layer)) + (f":{ref.output}" if ref.output else "")
            reasons[f"{place}: {why}; Keras ignores what is recorded, and so is done here"] = None
    told = list(reasons)
    return tuple(told[:_MOST]) + ((f"and {len(told) - _MOST} more records that cannot be true",) if len(told) > _MOST else ())


# Boundaries of which only the file says what they are: Keras 3 records shapes as classes told them, and never reads them.


SIGN = "shapes: "
"""With which such a warning begins."""


def unsure(document: Document, inference: Inference, tensors: Iterable[TensorRef], provenance: Provenance) -> tuple[str, ...]:
    """One sentence for each of some tensors whose shape goes by a record of a class that does not say it itself. Layers are
    called as in the document, by ``provenance``."""
    from configsplit.graph.references import outputs_used, tensor_name

    whose, layers, used = blamed(inference), inference.model.by_name(), outputs_used(inference.model)
    return tuple(
        _sentence(document, tensor_name(ref, layers, used)[len(ref.layer) :], ref, whom, provenance)
        for ref in dict.fromkeys(tensors)
        if (whom := whose.get(ref)) is not None
    )


def _sentence(document: Document, suffix: str, ref: TensorRef, whom: Culprit, provenance: Provenance) -> str:
    tensor, path = _origin((ref.layer,), provenance), _origin(whom.path, provenance)
    how = "comes out of" if tensor == path else "is computed from"
    return (
        f"{SIGN}{'/'.join(tensor) + suffix!r} {how} {whom.class_name} ({'/'.join(path)!r}), and no plug-in declares "
        "what that gives: the shape is what the file records, and may be false. verify --numeric holds it against what flows; "
        f"--shape or --open {_option(document, path)} loosens it"
    )


def culprits(document: Document, model: Model, inference: Inference, provenance: Provenance) -> dict[str, str]:
    """For each tensor of a model, as a manifest calls it, the layer of the document by whose record it goes, as ``--open``
    takes it."""
    from configsplit.graph.references import outputs_used, tensor_name

    layers, used = model.by_name(), outputs_used(model)
    return {
        tensor_name(ref, layers, used): _option(document, _origin(whom.path, provenance))
        for ref, whom in blamed(inference).items()
    }


def _origin(path: LayerPath, provenance: Provenance) -> LayerPath:
    origin = provenance.origin(path)
    return path if origin is None else origin.path


def _option(document: Document, path: LayerPath) -> str:
    """A layer as an option takes it: ``twin@*/conv`` where ``twin`` is called several times."""
    model: Model | None = document.model
    steps = []
    for name in path:
        layer = None if model is None else model.by_name().get(name)
        steps.append(f"{name}@*" if layer is not None and len(layer.calls) > 1 else name)
        model = None if layer is None else held_by(document.dialect)(layer)
    return "/".join(steps)


def implied_notes(told: Sequence[Told]) -> tuple[str, ...]:
    """One sentence for each tensor whose shape goes by weights, or by what else speaks for it."""
    return tuple(
        f"{SIGN}{each.place.ref.layer!r} is of a class that does not say it: its shape {each.by}; --shape says another"
        for each in told
        if each.by
    )


def dtype_notes(told: Sequence[Told]) -> tuple[str, ...]:
    """One sentence for each tensor whose type nothing tells, not even weights."""
    return tuple(
        f"dtypes: {name!r} is taken for {spec.dtype}, which nothing tells, and Keras would cast whatever else it gives, "
        f"as complex numbers to real ones; --shape {name}={','.join(map(str, spec.shape or ()))}:DTYPE says another"
        for (name, spec) in ((each.place.ref.layer, each.spec) for each in told if not each.typed)
    )


def opened_shapes(document: Document, names: Iterable[str]) -> tuple[str, ...]:
    """``LAYER`` or ``LAYER=1,2`` (axes) as what ``--shape`` takes: the recorded shape with these sizes open. Without axes all
    are but the batch and the last, which layers behind need; of two or fewer the last, too.

    Raises:
        TensorReferenceError: no such tensor.
        ShapeError: nobody knows how many sizes it has, or it has no such axis.
    """
    return tuple(text for name in names for text in _opened(document, name))


def _opened(document: Document, text: str) -> Iterator[str]:
    name, axes = _axes(text)
    for place in places_in(document, name):
        spec = _spec(document.infer(), place)
        if spec.shape is None:
            hint = f"give it whole: --shape {name}=None,28,28,128"
            raise ShapeError(f"the shape of {name!r} is unknown", code="shape-unknown", where=name, hint=hint)
        rank = len(spec.shape)
        chosen = axes or tuple(range(1, rank if rank < 3 else rank - 1))
        if not all(0 < axis < rank for axis in chosen):
            hint = f"its axes behind the batch are 1 to {rank - 1}"
            raise ShapeError(f"{name!r} has no axis {max(chosen)} that could be open", code="open-axis", where=name, hint=hint)
        sizes = ",".join("None" if axis in chosen or size is None else str(size) for axis, size in enumerate(spec.shape))
        yield f"{name}={sizes}:{spec.dtype or 'float32'}"


def _axes(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, numbers = text.rpartition("=")
    if equals and all(item.strip().isdecimal() for item in numbers.split(",")):
        return name, tuple(int(item) for item in numbers.split(","))
    return text, ()


def _spec(inference: Inference, place: Place) -> TensorSpec:
    for call in place.inside:
        inference = inference.inner.get(call) or inference.wrapped[call]
    return inference.specs.get(place.ref, TensorSpec())
