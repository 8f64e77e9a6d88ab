"""What a part's document must be beside its graph: a plain model whose inputs are what really flows, with its masks."""

from __future__ import annotations

from collections.abc import Sequence

from configsplit.errors import VerificationError
from configsplit.graph.model import Layer, Model, TensorRef, TensorSpec
from configsplit.inference.inputs import input_spec
from configsplit.inference.recorded import agree
from configsplit.records.manifest import FromInput, Manifest, Part
from configsplit.saving.whole import Whole, refused

_PLAIN = ("Functional", "Model", "Sequential")


def check_parts(whole: Whole, models: Sequence[Model], manifest: Manifest) -> None:
    """Hold what the graphs do not tell against the original.

    Raises:
        VerificationError: a part would be built as, or fed with, something else; or the manifest gives a wrong origin.
    """
    tensors: list[list[TensorRef | None]] = []
    for part, model in zip(manifest.parts, models, strict=True):
        _check_class(part, model)
        _check_origins(part, model, whole)
        inputs = _inputs(part, model, whole, tensors)
        tensors.append([inputs.get(ref, _in_whole(ref, part)) for ref in model.output_refs()])


def _check_class(part: Part, model: Model) -> None:
    """A class of somebody's own could compute anything."""
    entry = model.entry
    registered = entry.get("registered_name")
    module = str(entry.get("module") or "keras").partition(".")[0]
    plain = entry.get("class_name", "Model") in _PLAIN and registered in (None, entry.get("class_name"))
    if not plain or module not in ("keras", "tf_keras", "tensorflow"):
        raise VerificationError("the part is no plain model", code="verify-graph", where=part.file)


def _check_origins(part: Part, model: Model, whole: Whole) -> None:
    """The origin of every layer follows from the original; what the manifest says of it must be the same."""
    for layer in model.layers:
        origin = whole.origin(layer.name)
        if not layer.is_input and origin is not None and part.layers.get(layer.name, (layer.name,)) != origin:
            raise refused(f"that {layer.name!r} was {'/'.join(part.layers.get(layer.name, (layer.name,)))!r}", part.file)


def _in_whole(ref: TensorRef, part: Part) -> TensorRef | None:
    calls = part.calls.get(ref.layer)
    if calls is None:
        return ref
    return ref._replace(call=calls[ref.call]) if ref.call < len(calls) else None


def _inputs(
    part: Part, model: Model, whole: Whole, tensors: Sequence[Sequence[TensorRef | None]]
) -> dict[TensorRef, TensorRef | None]:
    """The tensor of the original that each input of a part stands for; the wires were proven before."""
    found: dict[TensorRef, TensorRef | None] = {}
    layers, originals = model.by_name(), whole.model.input_refs()
    for ref, tensor in zip(model.input_refs(), part.inputs, strict=True):
        source, layer = tensor.source, layers[ref.layer]
        if isinstance(source, FromInput):
            found[ref] = originals[source.input]
            if ref.layer != originals[source.input].layer:
                raise refused(f"that {ref.layer!r} is the input {originals[source.input].layer!r}", part.file)
        else:
            found[ref] = meant = tensors[source.part][source.output]
            _check_input(part, model, layer, TensorSpec() if meant is None else whole.inference.specs.get(meant, TensorSpec()))
    return found


def _check_input(part: Part, model: Model, layer: Layer, flows: TensorSpec) -> None:
    """Keras casts what it is fed to the dtype of the InputLayer."""
    taken = input_spec(model, layer)
    dtypes = {taken.dtype, flows.dtype} - {None}
    if len(dtypes) > 1 or not agree(taken.shape, flows.shape) or taken.sparse != flows.sparse:
        raise VerificationError(
            f"the input {layer.name!r} takes {taken.shape} {taken.dtype}, the original hands over {flows.shape} {flows.dtype}",
            code="verify-wiring",
            where=part.file,
        )
