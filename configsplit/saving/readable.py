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
from configsplit.graph.provenance import identity
from configsplit.models.document import Document
from configsplit.models.results import Edited
from configsplit.saving.model import save

_OF_KERAS = ("json", "keras", "h5", "dir")


@contextmanager
def readable(document: Document) -> Iterator[tuple[Path, Path | None]]:
    """The files that a framework is to load: those of the document, or what configsplit makes of them, as long as it takes.

    Args:
        document: what `load` gave.

    Returns:
        The model and the weights that stand apart, for a ``with`` statement.

    Raises:
        StoreError, WeightsError, VerificationError: what was read cannot be written.
    """
    format_ = _format_of_new(document)
    if format_ is None:
        yield document.path, document.weights
        return
    with tempfile.TemporaryDirectory(prefix="configsplit-") as folder:
        edited = Edited(
            verb="extract",
            documents=(document,),
            model=document.model,
            provenance=identity(document.model),
            inference=document.infer(),
        )
        saved = save(edited, Path(folder, f"{document.path.stem}.{format_}"), format=format_)
        yield saved.path, saved.weights


def _format_of_new(document: Document) -> Format | None:
    """The format of a new file, None where Keras reads the one that is there as configsplit does."""
    with document.opened() as source:
        weights = source.weights
        foreign = isinstance(weights, ListedArrays) or source.kind not in _OF_KERAS or source.path != document.path
        if not foreign and not document.notes and not document.by_name and (weights is None or not weights.renamed):
            return None
        if weights is None:
            return "json"
        return "h5" if weights.layout.kind == "legacy" else "keras"
