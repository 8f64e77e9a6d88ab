"""The weights of a model of Keras 3 that stays what it is, for a file of today: each from the same layer of the old file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from configsplit.catalog.recipes import Recipe
from configsplit.containers.arrays import Arrays
from configsplit.containers.container import FileFormat
from configsplit.containers.relayout import Relaying
from configsplit.containers.writing import Item, Move
from configsplit.graph.model import Model, walk
from configsplit.graph.provenance import Origin, Provenance, identity
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by
from configsplit.weights.conversion import Laid
from configsplit.weights.layouts import as_format
from configsplit.weights.parts import weights_in
from configsplit.weights.placement import Gathering, Placed

_COPY = Recipe((0,))


class KeptWeights:
    """As `NewWeights`, of a model none of whose weights changes.

    Attributes:
        file: the old weights, as the new format can hold them.
    """

    def __init__(self, model: Model, document: Document, file: Arrays, wanted: FileFormat) -> None:
        """Raises WeightsError where nobody can say where one goes."""
        self.file = as_format(document, file, wanted)
        deep = self.file.layout.kind != "legacy"  # a layer that stands in two models is stored in one of them
        origins = Provenance({path: Origin(path) for path, _ in walk(model, held_by("keras3"))}) if deep else identity(model)
        weights = weights_in(document.model, self.file)
        self._placed = Gathering(model, origins, [weights], document.infer(), {0: document.model}).placed()

    def placed(self, relaying: Relaying) -> Placed:
        """As a writer takes them."""
        return self._placed

    @property
    def items(self) -> Sequence[Item]:
        """What an archive's file of weights is made of."""
        return self._placed.items

    def every(self) -> list[Laid]:
        """The weights of all layers."""
        return [Laid(place, (dataset,), _COPY) for place, dataset in self._pairs()]

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for item in self._placed.items:
            if isinstance(item, Move):
                for dataset in self.file.datasets_below(item.src):
                    yield item.dst + dataset[len(item.src) :], dataset
        for layer in self._placed.layers or ():
            if layer.group:
                for name in self.file.weight_names(layer.group):
                    yield f"model_weights/{layer.name}/{name}", f"{layer.group}/{name}"
