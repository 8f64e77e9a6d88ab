"""Tensor references as people write them: ``LAYER``, ``LAYER@CALL``, ``LAYER:OUTPUT``, ``LAYER@*``, ``A,B``.

A layer whose own name contains ``@``, ``:``, ``,`` or ``/`` wins over the other reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from configsplit.errors import TensorReferenceError, nearest
from configsplit.ir.graph import Layer, Model, TensorRef

_SUFFIX = re.compile(r"^(?P<layer>.+?)(?:@(?P<call>\d+|\*))?(?::(?P<output>\d+))?$", re.DOTALL)


def outputs_used(model: Model) -> dict[tuple[str, int], list[int]]:
    """(layer, call) -> the numbers of its outputs that anything in the document refers to; ``[0]`` if nothing does."""
    used: dict[tuple[str, int], set[int]] = {}
    refs = [use.ref for layer in model.layers for node in layer.calls for use in node.uses()]
    for ref in (*refs, *model.output_refs()):
        used.setdefault((ref.layer, ref.call), set()).add(ref.output)
    calls = ((layer.name, call) for layer in model.layers for call in range(len(layer.calls)))
    return {call: sorted(used.get(call, {0})) for call in calls}


def boundary(model: Model, text: str) -> tuple[TensorRef, ...]:
    """The tensors that ``text`` names, in the order given, each once.

    Raises:
        TensorReferenceError: no such layer, call or output, or a bare name of a layer that is called several times.
    """
    used = outputs_used(model)
    layers = model.by_name()
    pieces = [text] if _find(layers, text) else _pieces(layers, text)
    found = (ref for piece in pieces for ref in _tensors(layers, used, piece.strip()))
    return tuple(dict.fromkeys(found))


def tensor_name(ref: TensorRef, layers: dict[str, Layer], used: dict[tuple[str, int], list[int]]) -> str:
    """The shortest reference that names the tensor."""
    call = f"@{ref.call}" if len(layers[ref.layer].calls) > 1 else ""
    output = f":{ref.output}" if used.get((ref.layer, ref.call), [0]) != [ref.output] or ref.output else ""
    return f"{ref.layer}{call}{output}"


def _pieces(layers: dict[str, Layer], text: str) -> list[str]:
    """Split at commas, but not at those that belong to the name of a layer."""
    pieces: list[str] = []
    for piece in text.split(","):
        if pieces and not _find(layers, pieces[-1].strip()) and _find(layers, f"{pieces[-1]},{piece}".strip()):
            pieces[-1] += f",{piece}"
        else:
            pieces.append(piece)
    return pieces


def _find(layers: dict[str, Layer], text: str) -> tuple[str, str | None, str | None] | None:
    """(layer, call, output) as written, the reading in which most of the text is the layer's name first."""
    if text in layers:
        return text, None, None
    head, _, output = text.rpartition(":")
    if output.isdigit() and head in layers:
        return head, None, output
    match = _SUFFIX.match(text)
    if match and match["layer"] in layers:
        return match["layer"], match["call"], match["output"]
    return None


def _tensors(layers: dict[str, Layer], used: dict[tuple[str, int], list[int]], text: str) -> Iterable[TensorRef]:
    found = _find(layers, text)
    if found is None:
        match = _SUFFIX.match(text)
        name = match["layer"] if match else text
        raise TensorReferenceError(
            f"the model has no layer {name!r}", code="reference-unknown-layer", hint=nearest(name, layers)
        )
    name, call, output = found
    for number in _calls(layers[name], call):
        outputs = used[name, number]
        if output is not None and int(output) not in outputs:
            raise TensorReferenceError(
                f"nothing in the model uses output {output} of {name!r}",
                code="reference-unknown-output",
                hint=f"outputs in use: {', '.join(map(str, outputs))}",
            )
        yield from (TensorRef(name, number, each) for each in ([int(output)] if output is not None else outputs))


def _calls(layer: Layer, call: str | None) -> Iterable[int]:
    count = len(layer.calls)
    if call == "*" or (call is None and count == 1):
        return range(count)
    listed = ", ".join(f"{layer.name}@{number}" for number in range(count))
    if call is None:
        raise TensorReferenceError(
            f"layer {layer.name!r} is called {count} times",
            code="reference-ambiguous",
            hint=f"say which call: {listed}, or {layer.name}@* for all",
        )
    if int(call) >= count:
        raise TensorReferenceError(
            f"layer {layer.name!r} has no call {call}", code="reference-unknown-call", hint=f"its calls: {listed}"
        )
    return [int(call)]
