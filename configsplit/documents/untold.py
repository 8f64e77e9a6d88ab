"""Of a tensor whose shape nobody can tell: why, and by which name to give it, as `split` reads names."""

from __future__ import annotations

from configsplit.documents.document import Document
from configsplit.documents.wrapping import inside
from configsplit.inference import Inference, explain, trail
from configsplit.ir.graph import CallRef, LayerPath, TensorRef
from configsplit.rewrites.split import Untold
from configsplit.rewrites.surface import Surfaced


def untold(document: Document, whole: Surfaced, inference: Inference, ref: TensorRef) -> Untold:
    """Why the shape of a tensor of ``whole`` is unknown, and the tensor of the document at which the trouble starts."""
    found = (trail(inference, ref) or [ref])[-1]
    path: LayerPath = (found.layer,)
    held = inference.wrapped.get(CallRef(found.layer, found.call))
    if held is not None and held.reasons and path in whole.provenance.told_apart():
        found = trail(held, next(iter(held.reasons)))[-1]
        path = (*path, found.layer)
    origin = whole.provenance.layers.get(path)
    if origin is None:
        return Untold(explain(inference, ref), ref.layer)
    call = origin.calls[found.call] if found.call < len(origin.calls) else found.call
    return Untold(explain(inference, ref), _named(document, origin.path, call, found.output))


def _named(document: Document, path: LayerPath, call: int, output: int) -> str:
    """``outer@*/inner@1:0``, numbers only where they are needed."""
    model, steps = document.model, []
    for name in path[:-1]:
        layer = model.by_name()[name]
        steps.append(f"{name}@*/" if len(layer.calls) > 1 else f"{name}/")
        model = inside(document.dialect)(layer) or model
    last = model.by_name().get(path[-1])
    number = f"@{call}" if last is not None and len(last.calls) > 1 else ""
    return f"{''.join(steps)}{path[-1]}{number}{f':{output}' if output else ''}"
