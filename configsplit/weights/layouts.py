"""Which layout the weights of a model have to have for the format that is written, and what of a model stands in one alone."""

from __future__ import annotations

from configsplit.catalog.table import class_facts
from configsplit.containers.arrays import BFLOAT16, Arrays
from configsplit.containers.container import HOLDS, FileFormat, Format
from configsplit.containers.source import Source
from configsplit.errors import StoreError, WeightsError
from configsplit.graph.model import Model, walk
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by


def as_format(document: Document, file: Arrays, wanted: FileFormat) -> Arrays:
    """The weights of a document as a format can hold them: as they are, or turned. Raises WeightsError if nobody can say where
    one goes.
    """
    if file.layout.kind in HOLDS[wanted] or document.dialect != "keras3":
        if wanted == "h5" and document.kind != "h5":
            check_marked(file)
        return file
    if wanted == "h5":
        check_marked(file)
    return _turned(document, file)


def _turned(document: Document, file: Arrays) -> Arrays:
    from configsplit.weights.turned import turned  # with numpy, which most cuts never need

    return turned(document, file)


def check_marked(file: Arrays) -> None:
    """Raises WeightsError where an array is bfloat16, of which ``.h5`` files do not say so: Keras cannot read it there."""
    if half := next((path for path, info in file.datasets.items() if info.dtype == BFLOAT16), None):
        raise WeightsError(
            f"the weight {half!r} is bfloat16, which Keras writes into .h5 files and cannot read there",
            code="layout-bfloat16",
            where=file.where,
            hint="write .keras, for Keras 3",
        )


def as_layout(document: Document, file: Arrays, like: Arrays) -> Arrays:
    """The same, in the layout of other arrays. Raises WeightsError as `as_format` does."""
    crosses = (file.layout.kind == "legacy") != (like.layout.kind == "legacy")
    return _turned(document, file) if crosses and document.dialect == "keras3" else file


def check_assets(document: Document, source: Source, wanted: FileFormat) -> None:
    """Vocabularies stand beside the weights in an archive; an ``.h5`` file has no place for them: Keras loses them there."""
    if document.dialect != "keras3" or source.weights is None or source.weights.layout.kind in HOLDS[wanted]:
        return
    if wanted == "h5" and source.assets:
        raise _without_place(source, f"an .h5 file has no place for {source.assets[0]!r}", "write .keras")
    check_words(document.model, source)


def check_words(model: Model, source: Source) -> None:
    """Raises StoreError where a layer of Keras 3 looks up words that its ``.h5`` file does not have."""
    if source.weights is None or source.weights.layout.kind != "legacy":
        return
    for path, layer in walk(model, held_by(model.dialect)):
        looked_up = class_facts(layer.class_name).numbers in ("coded", "split")
        if not looked_up:
            continue
        if not layer.config.get("vocabulary", True):
            what = f"the vocabulary of {'/'.join(path)!r} is not in the .h5 file: Keras 3 does not write it there"
            raise _without_place(source, what, "save the model as .keras, or give the layer its vocabulary again")
        if str(layer.config.get("output_mode")).startswith("tf"):
            what = f"the weights of the words of {'/'.join(path)!r} lie in no array of the .h5 file, and a .keras needs one"
            raise _without_place(source, what, "write .h5, or load the model in Keras and save it as .keras")


def _without_place(source: Source, what: str, hint: str) -> StoreError:
    return StoreError(what, code="layout-assets", where=str(source.path), hint=hint)


def check_format(chosen: Format, layout: str, where: str, hint: str) -> None:
    """Raises StoreError where a format cannot hold weights of a layout; ``hint`` names the format that can as ``{0}``."""
    if layout not in HOLDS[chosen]:
        raise StoreError(
            f"the weights of the source are in the {'old HDF5' if layout == 'legacy' else 'Keras 3'} layout",
            code="format-layout",
            where=where,
            hint=hint.format(next(each for each, layouts in HOLDS.items() if layout in layouts)),
        )


def no_weights(what: str, where: str, hint: str) -> StoreError:
    """The error for a file whose format needs weights, where there are none."""
    return StoreError(f"{what} needs weights, and the source has none", code="format-needs-weights", where=where, hint=hint)
