"""A model as configsplit read it, in a file that Keras reads too: what is run is what was cut.

A document may be wrapped in others, or be JSON twice; groups of an archive may be spelt as Windows spells paths; weights may be
another model's, taken by name; the model may be one of TensorFlow.js, a SavedModel, or have its weights in a checkpoint. Keras
does not read such a file, reads something else, or runs the program in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configsplit.containers.arrays import ListedArrays
from configsplit.containers.container import Format
from configsplit.graph.model import Model
from configsplit.graph.provenance import Provenance, identity
from configsplit.models.document import Document
from configsplit.models.results import Edited
from configsplit.saving.model import save

_OF_KERAS = ("json", "keras", "h5", "dir")


@contextmanager
def readable(document: Document, instead: Model | None = None) -> Iterator[tuple[Path, Path | None]]:
    """The files that a framework is to load: those of the document, or what configsplit makes of them, as long as it takes.

    Args:
        document: what `load` gave.
        instead: its model with other layers in the place of some, of the same names, that have no weights.

    Returns:
        The model and the weights that stand apart, for a ``with`` statement.

    Raises:
        StoreError, WeightsError, VerificationError: what was read cannot be written.
    """
    format_ = _format_of_new(document, anyhow=instead is not None)
    if format_ is None:
        yield document.path, document.weights
        return
    model = instead or document.model
    with tempfile.TemporaryDirectory(prefix="configsplit-") as folder:
        edited = Edited(
            verb="extract",
            documents=(document,),
            model=model,
            provenance=_kept(document.model, model),
            inference=document.infer(None, model),
        )
        saved = save(edited, Path(folder, f"{document.path.stem}.{format_}"), format=format_)
        yield saved.path, saved.weights


def _kept(old: Model, new: Model) -> Provenance:
    """Every layer came from itself, but for those in whose place another stands."""
    came, before = identity(old), old.by_name()
    fresh = {layer.name for layer in new.layers if layer.class_name != before[layer.name].class_name}
    return Provenance({path: origin for path, origin in came.layers.items() if path[0] not in fresh})


def _format_of_new(document: Document, *, anyhow: bool) -> Format | None:
    """The format of a new file, None where Keras reads the one that is there as configsplit does (unless ``anyhow``)."""
    with document.opened() as source:
        weights = source.weights
        foreign = isinstance(weights, ListedArrays) or source.kind not in _OF_KERAS or source.path != document.path
        read = document.notes or document.by_name or document.match == "order" or (weights is not None and weights.renamed)
        if not (anyhow or foreign or source.is_packed or read):
            return None
        if weights is None:
            return "json"
        return "h5" if weights.layout.kind == "legacy" else "keras"
