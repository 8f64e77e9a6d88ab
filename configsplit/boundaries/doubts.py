"""What of a document is not to be relied upon: graphs of classes of the user's own, and records that cannot be true.

Models of such classes have their graph in the file, and what else their ``call`` does only in their code.
"""

from __future__ import annotations

from collections.abc import Iterable

from configsplit.catalog.classes import is_of_keras
from configsplit.graph.model import LayerPath, walk
from configsplit.inference import Inference
from configsplit.models.document import Document


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
