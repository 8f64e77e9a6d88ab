"""Stable names of the weights of a model, by which they can be read in again: ``dense/kernel``, ``inner/dense/bias``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from configsplit.containers.arrays import Arrays, Listed
from configsplit.containers.by_name import by_name
from configsplit.errors import WeightsError
from configsplit.graph.model import LayerPath
from configsplit.models.document import Document
from configsplit.weights.conversion import OldWeights
from configsplit.weights.turned import LayerWeight, weights_by_layer


def stable_names(document: Document, file: Arrays) -> dict[str, str]:
    """The name of every weight, and the dataset that holds it, layer by layer in the order of ``layer.weights``."""
    named = dict(_named(document, file))
    layers = {path: list(names) for path, names in named.items()}
    pairs = {name: dataset for names in named.values() for name, dataset in names.items()}
    listed = {
        name: Listed(info.shape, info.dtype, info.nbytes, lambda dataset=dataset: file.read(dataset))  # type: ignore[misc]
        for name, dataset in pairs.items()
        for info in (file.datasets[dataset],)
    }
    again = [key.partition("/")[2] for key in by_name(document.model, listed, file.where).datasets]
    for path, names in layers.items():
        if [name for name in again if name in {*names}] != names:
            raise _doubt(path, names)
    return pairs


def in_order(document: Document, file: Arrays) -> dict[LayerPath, Sequence[str]]:
    """The datasets of every layer in the order of ``layer.weights``, whatever the layout. Raises WeightsError."""
    if document.dialect != "keras3":
        return dict(OldWeights(document, file).datasets)
    return {path: [each.dataset for each in weights] for path, weights in weights_by_layer(document, file).items()}


def _named(document: Document, file: Arrays) -> Iterator[tuple[LayerPath, dict[str, str]]]:
    if document.dialect == "keras3":
        for path, weights in weights_by_layer(document, file).items():
            yield path, _unique(path, [(_step(weight), weight.dataset) for weight in weights])
        return
    if file.layout.kind != "legacy":
        hint = "convert the model to Keras 3 first: `configsplit convert`"
        raise WeightsError(
            "an archive of Keras 2 does not name weights", code="weights-order-unknown", where=file.where, hint=hint
        )
    for path, datasets in OldWeights(document, file).datasets.items():
        yield path, _unique(path, [(name.rpartition("/")[2].removesuffix(":0"), name) for name in datasets])


def _step(weight: LayerWeight) -> str:
    """What a weight is called in its layer: as its class calls it, below the layers inside that hold it."""
    inside, _, number = weight.places[0].rpartition("vars/")
    inside = inside.removeprefix("cell/") if not inside.startswith("cell/cells/") else inside
    own = weight.name.rpartition("/")[2]
    return inside + (own or number)


def _unique(path: LayerPath, named: list[tuple[str, str]]) -> dict[str, str]:
    unique = {"/".join((*path, step)): dataset for step, dataset in named}
    if len(unique) != len(named):
        raise _doubt(path, [step for step, _ in named])
    return unique


def _doubt(path: LayerPath, names: list[str]) -> WeightsError:
    return WeightsError(
        f"the names {names} do not say which weight of {'/'.join(path)!r} is which",
        code="weights-order-unknown",
        where="/".join(path),
        hint="write .weights.h5; a model of Keras 1 or 2 has to be converted first: `configsplit convert`",
    )
