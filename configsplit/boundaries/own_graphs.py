"""Models of classes of the user's own that are taken apart: their graph is in the file, a ``call`` of their own is not."""

from __future__ import annotations

from collections.abc import Iterable

from configsplit.graph.model import LayerPath, walk
from configsplit.models.document import Document
from configsplit.rewrites.nested.flat import is_of_keras


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
