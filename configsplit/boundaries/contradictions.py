"""What a document says of its tensors that its own layers contradict: told, and not believed."""

from __future__ import annotations

from configsplit.graph.model import LayerPath
from configsplit.inference import Inference
from configsplit.models.document import Document

_MOST = 10
"""So many are told one by one; a document that lies everywhere says no more with each."""


def contradictions(document: Document) -> tuple[str, ...]:
    """One sentence for each tensor of the document, also in nested models, whose record cannot be true."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    todo: list[tuple[LayerPath, Inference]] = [((), document.infer())]
    while todo:
        path, inference = todo.pop()
        if id(inference) in seen:
            continue
        seen.add(id(inference))
        for ref, why in inference.contradictions.items():
            place = "/".join((*path, ref.layer)) + (f":{ref.output}" if ref.output else "")
            found[f"{place}: {why}; Keras ignores what is recorded, and so is done here"] = None
        nested = [*inference.inner.items(), *inference.wrapped.items()]
        todo += [((*path, call.layer), inner) for call, inner in reversed(nested)]
    told = list(found)
    return tuple(told[:_MOST]) + ((f"and {len(told) - _MOST} more records that cannot be true",) if len(told) > _MOST else ())
