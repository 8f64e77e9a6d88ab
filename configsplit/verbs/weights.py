"""Write the weights of a model alone, under names that stay: no framework is loaded, byte ranges are copied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from configsplit.containers.arrays import Arrays
from configsplit.containers.named_writing import NamedArray, prepare_npz, prepare_safetensors
from configsplit.containers.source import Source, open_source
from configsplit.containers.staging import Staging
from configsplit.containers.writing import Job, prepare_weights
from configsplit.errors import StoreError, VerificationError
from configsplit.models.document import Document, Match, reading
from configsplit.models.made import ModelLike, document_of
from configsplit.weights.kept import KeptWeights
from configsplit.weights.names import in_order, stable_names
from configsplit.weights.parts import check_shapes, weights_in

ENDINGS = (".weights.h5", ".safetensors", ".npz")


class SavedWeights(NamedTuple):
    """What was written: the file, its digest, how many weights and bytes, their names in it, and what was taken for granted."""

    path: Path
    sha256: str
    bytes: int
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.path}: {len(self.names)} weights, {self.bytes:,} bytes>"


@dataclass(frozen=True, slots=True)
class NamedWeights:
    """The weights of a model, not yet written."""

    document: Document

    def save(self, path: str | Path, *, force: bool = False) -> SavedWeights:
        """Write them, whole or not at all.

        Args:
            path: the file; its ending tells the format: ``.safetensors``, ``.npz``, or ``.weights.h5`` as Keras 3 has it.
            force: replace an existing file.

        Returns:
            The file, its digest, its size and the names in it.

        Raises:
            StoreError: the ending tells no format, the output exists or cannot be written, the model has no weights.
            WeightsError: by its name nobody could say which weight one is; a weight does not fit its layer.
        """
        return _save(self.document, Path(path), force)


def weights(
    model: ModelLike,
    *,
    weights: str | Path | None = None,
    custom_objects: Sequence[str | Path] = (),
    match: Match = "name",
    dequantize: bool = False,
) -> NamedWeights:
    """The weights of a model under stable names: ``layer/kernel``, ``inner/layer/bias``.

    Args:
        model: a model file, what `load` gave, the result of another verb, or a live model.
        weights: weights for an architecture.
        custom_objects: plug-in files or modules.
        match, dequantize: as for `load`.

    Returns:
        The weights; `NamedWeights.save` writes them.

    Raises:
        StoreError, DocumentError, PluginError: the file cannot be read, or is damaged.
        OptionError: it is no model.

    Example:
        >>> saved = configsplit.named_weights("model.keras").save("weights.npz")
        >>> saved.names[:2]
        ('c1/kernel', 'bn1/gamma')
    """
    if not isinstance(model, (str, os.PathLike)):
        return NamedWeights(document_of(model))
    with reading(Path(model), weights=weights, custom_objects=custom_objects, match=match, dequantize=dequantize) as read:
        return NamedWeights(read)


named_weights = weights
"""Its public name: `configsplit.weights` is a package."""


def _save(document: Document, path: Path, force: bool) -> SavedWeights:
    ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)
    if ending is None:
        raise StoreError(
            f"the name {path.name!r} has no suffix of a format for weights",
            code="output-suffix",
            where=str(path),
            hint=f"let it end with {', '.join(ENDINGS)}",
        )
    with Staging(path, folder=False, force=force) as staging, document.opened() as source:
        if (file := source.weights) is None:
            hint = "give them with --weights FILE"
            raise StoreError("the model has no weights", code="format-needs-weights", where=str(document.path), hint=hint)
        held = weights_in(document.model, file)
        check_shapes(document.model, document.infer(), held, partly=document.by_name)
        names, job = _job(document, file, staging.path(path.name), ending)
        written = job.run()
        _check(document, source, written.path)
        source.check_unchanged()
        staging.commit()
    return SavedWeights(path, written.sha256, written.bytes, names, held.notes())


def _job(document: Document, file: Arrays, place: Path, ending: str) -> tuple[tuple[str, ...], Job]:
    """The names in the file, and how it is written."""
    if ending == ".weights.h5":
        if document.dialect != "keras3":
            raise StoreError(
                "only Keras 3 has files of weights of this kind",
                code="format-layout",
                where=str(document.path),
                hint="convert the model first (`configsplit convert`), or write .safetensors",
            )
        kept = KeptWeights(document.model, document, file, "keras")
        return tuple(each.place for each in kept.every()), prepare_weights(place, items=kept.items)
    arrays = [NamedArray(name, file, dataset) for name, dataset in stable_names(document, file).items()]
    job = prepare_npz(place, arrays) if ending == ".npz" else prepare_safetensors(place, arrays)
    return tuple(array.name for array in arrays), job


def _check(document: Document, source: Source, written: Path) -> None:
    """Raises VerificationError where what was written, read in again, is not bit for bit what the model has."""
    with open_source(source.path, written) as opened:
        if (file := source.weights) is None or opened.weights is None:
            raise AssertionError(written)
        old, new = in_order(document, file), in_order(document, opened.weights)
        for path, datasets in old.items():
            pairs = list(zip(datasets, new.get(path, ()), strict=False))
            if len(pairs) != len(new.get(path, ())) or file.first_difference(pairs, opened.weights) is not None:
                raise VerificationError(
                    f"the weights of {'/'.join(path)!r} are not those of the model",
                    code="verify-weights",
                    where=str(written),
                    hint="nothing was written; please report it, with the file if you can",
                )
