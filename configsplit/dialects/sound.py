"""What the graph of a model must have to be one: nothing behind the door checks it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from configsplit.errors import DocumentError
from configsplit.graph.model import CallRef, Layer, Model, TensorRef

MOST_OUTPUTS = 1 << 16
"""Outputs of one call that a document may number, and ten times as many of all calls of a model: each costs memory."""

_HINT = "no Keras release writes this; the file is damaged or was edited by hand"


def check(model: Model) -> None:
    """Hold a model against what every graph has; its references must resolve already."""
    layers = model.by_name()
    for key, refs in (("input_layers", model.input_refs()), ("output_layers", model.output_refs())):
        if not refs:
            raise DocumentError("the model has no such tensor", code="document-no-graph", where=key, hint=_HINT)
    _check_inputs(model, layers)
    wide: dict[CallRef, int] = {}
    given = {ref.layer for ref in model.input_refs()}
    for ref, place, number in _uses(model):
        layer = layers[ref.layer]
        if layer.is_input and ref.layer not in given:
            message = f"{ref.layer!r} is used, but is no input of the model"
            raise DocumentError(message, code="document-bad-reference", where=_worded(place, number), hint=_HINT)
        if ref.output == 0:
            continue  # every call gives one
        limit = _outputs(layer)
        if ref.output >= limit:
            raise _no_output(ref, limit, _worded(place, number))
        call = CallRef(ref.layer, ref.call)
        wide[call] = max(wide.get(call, 0), ref.output)
    if sum(wide.values()) > 10 * MOST_OUTPUTS:
        raise DocumentError("the calls have too many outputs", code="document-bad-reference", where="layers", hint=_HINT)


def _check_inputs(model: Model, layers: Mapping[str, Layer]) -> None:
    """A model begins at InputLayers, which take nothing."""
    for index, layer in enumerate(model.layers):
        if layer.is_input and any(node.uses() for node in layer.calls):
            where = f"layers[{index}].inbound_nodes"
            raise DocumentError("an InputLayer takes no tensor", code="document-bad-reference", where=where, hint=_HINT)
    for ref in model.input_refs():
        if not layers[ref.layer].is_input:
            message = f"the model cannot begin at {ref.layer!r}, which is no InputLayer"
            raise DocumentError(message, code="document-bad-reference", where="input_layers", hint=_HINT)


def _outputs(layer: Layer) -> int:
    """How many outputs a call of the layer can have."""
    if layer.model is not None:
        return len(layer.model.output_refs())
    return 1 if layer.is_input else MOST_OUTPUTS


def _uses(model: Model) -> Iterator[tuple[TensorRef, int | str, int]]:
    """Every tensor that is taken, and where: the number of the layer and that of its call; or the end that it is."""
    for index, layer in enumerate(model.layers):
        for number, node in enumerate(layer.calls):
            for use in node.uses():
                yield use.ref, index, number
    for key, refs in (("input_layers", model.input_refs()), ("output_layers", model.output_refs())):
        for ref in refs:
            yield ref, key, 0


def _worded(place: int | str, number: int) -> str:
    return f"layers[{place}].inbound_nodes[{number}]" if isinstance(place, int) else place


def _no_output(ref: TensorRef, limit: int, where: str) -> DocumentError:
    message = f"output {ref.output} of layer {ref.layer!r} is used, of which a call has {limit} at most"
    return DocumentError(message, code="document-bad-reference", where=where, hint=_HINT)
