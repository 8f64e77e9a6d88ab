"""The format in which a conversion is written: told by the name of its file, and held against what that format can hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.containers.container import SUFFIXES, FileFormat
from configsplit.containers.source import Source
from configsplit.errors import StoreError
from configsplit.weights.layouts import check_assets, check_marked, check_words

if TYPE_CHECKING:
    from configsplit.saving.conversion import Converted


def check_kept(made: Converted, source: Source, chosen: FileFormat) -> None:
    """Raises StoreError, WeightsError where Keras would load what is written without something that it needs, or not at all."""
    document = made.document
    if chosen == "h5" and source.weights is not None:
        check_marked(source.weights)
    if document.dialect == "keras3" and made.to == "keras3" and source.weights is not None:
        check_assets(document, source, chosen)
        check_words(document.model, source)


def in_folder(made: Converted, path: Path) -> Path:
    """The file of the model: of a layers model of TensorFlow.js that in the folder named, unless it is named itself."""
    return path / "model.json" if made.to == "tfjs" and path.suffix.lower() != ".json" else path


def file_format(made: Converted, path: Path) -> FileFormat:
    """Raises StoreError where the suffix of a file tells none that the model can be written in."""
    if made.to == "tfjs":
        return "tfjs"
    chosen, kept = SUFFIXES.get(path.suffix.lower()), made.document.dialect == "keras3"
    formats = ("h5", "json") if made.to == "keras2" else ("keras", "h5", "json") if kept else ("keras", "json")
    if chosen is None or chosen not in formats:
        names = [f".{each}" for each in formats[:-1]]
        raise StoreError(
            f"the suffix {path.suffix!r} belongs to no format of {'Keras 2' if made.to == 'keras2' else 'Keras 3'}",
            code="output-suffix",
            where=str(path),
            hint=f"name the output {', '.join(names)}, or .json for the architecture alone",
        )
    return chosen
