"""The weights of an old model, layer by layer, as a conversion needs them: which datasets, in which order, of which shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from configsplit.catalog.layers.keras1 import stored_shapes
from configsplit.catalog.recipes import Recipe, Slot, copies
from configsplit.containers.addresses import V3, addresses
from configsplit.containers.arrays import BFLOAT16, Arrays
from configsplit.containers.relayout import Relaying
from configsplit.containers.writing import Empty, Item
from configsplit.conversion import Layout, Migration
from configsplit.conversion.building import Stored
from configsplit.errors import WeightsError
from configsplit.graph.model import Layer, LayerPath, Model, Shape, walk
from configsplit.inference import trace, weights_of
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by
from configsplit.weights.parts import Weights, weights_in
from configsplit.weights.placement import Placed, known_inside


class OldWeights:
    """The weights in a file, of every layer that has some, nested and wrapped ones included."""

    def __init__(self, document: Document, file: Arrays) -> None:
        self.document = document
        self.file = file
        self.weights: Weights = weights_in(document.model, file)
        self._legacy = file.layout.kind == "legacy"

    @cached_property
    def stored(self) -> Mapping[LayerPath, Stored]:
        """What a migration is told of them."""
        return {path: self._stored(path, names) for path, names in self.datasets.items()}

    def _stored(self, path: LayerPath, names: Sequence[str]) -> Stored:
        shapes = tuple(self.file.datasets[name].shape for name in names)
        if not names:
            return Stored()
        if self._legacy:
            group = self.weights.groups[path[:1]]
            owner = group.removeprefix(f"{self.file.layout.container}/") if len(path) == 1 else ""
            return Stored(shapes, tuple(name.removeprefix(f"{group}/") for name in names), owner=owner)
        group = self.weights.groups[path]
        return Stored(shapes, (), tuple(name.removeprefix(f"{group}/") for name in names))

    def as_it_is(self, path: LayerPath) -> Layout:
        """What a layer that is not changed keeps of its weights: all."""
        stored = self.stored[path]
        places = stored.places or tuple(f"vars/{number}" for number in range(len(stored.shapes)))
        return Layout(path, tuple(map(Slot, places, copies(len(places)))), stored.places)

    def sources(self, layout: Layout) -> list[str]:
        """The datasets of a layer in the order that its recipes count by."""
        if self._legacy:
            return list(self.datasets[layout.origin])
        group = self.weights.groups[layout.origin]
        wanted = [f"{group}/{place}" for place in layout.places]
        missing = sorted({*wanted} ^ {*self.datasets[layout.origin]})
        if missing:
            raise WeightsError(
                f"the weights of {'/'.join(layout.origin)!r} are not where its class keeps them: {missing[0]!r}",
                code="weights-missing",
                where=self.file.where,
                hint="the archive was changed, or comes from an unknown release",
            )
        return wanted

    @cached_property
    def datasets(self) -> dict[LayerPath, Sequence[str]]:
        """Each layer's datasets; a model's own are those of its layers."""
        reach = held_by(self.document.dialect)
        datasets: dict[LayerPath, Sequence[str]] = {}
        for path, layer in walk(self.document.model, reach):
            if len(path) == 1 and reach(layer) is not None and self._legacy:
                datasets |= {(*path, *inner): names for inner, names in self._flat(path, layer).items()}
            elif reach(layer) is None and not layer.is_input and (not self._legacy or len(path) == 1):
                datasets[path] = self._own(path)
        return datasets

    def _own(self, path: LayerPath) -> Sequence[str]:
        group = self.weights.groups.get(path)
        if group is None or group not in self.file.groups:
            return ()
        return self.weights.datasets(path)

    # ------------------------------------------------------------------------------------- nested models, in one group

    def _flat(self, path: LayerPath, layer: Layer) -> dict[LayerPath, Sequence[str]]:
        """The weights of a nested or wrapped model, which lie in one group: by their names, else by their order."""
        group = self.weights.groups.get(path)
        if group is None or group not in self.file.groups:
            return {}
        names = self.file.weight_names(group)
        model = held_by(self.document.dialect)(layer)
        if model is None or not names:
            return {}
        by_name = self._by_name(path, model)
        placed = by_name if by_name is not None else self._by_order(path, layer, model, names)
        return {inner: [f"{group}/{name}" for name in row] for inner, row in placed.items()}

    def _by_name(self, path: LayerPath, model: Model) -> dict[LayerPath, Sequence[str]] | None:
        """None where the names do not tell, or tell something else than the shapes."""
        reach = held_by(self.document.dialect)
        leaves = [inner for inner, each in walk(model, reach) if reach(each) is None and not each.is_input]
        try:
            return {inner: self.weights.names((*path, *inner)) for inner in leaves}
        except WeightsError:
            return None

    def _by_order(self, path: LayerPath, layer: Layer, model: Model, names: Sequence[str]) -> dict[LayerPath, Sequence[str]]:
        """Trainable weights first, which is how every release before TF 1.14 saved them whatever was frozen."""
        inference = known_inside(self.document.infer(), path) if layer.model is not None else None
        if inference is None:
            inference = trace(model, self.document.facts, dialect=self.document.dialect)
        kinds: dict[LayerPath, list[bool]] = {}
        shapes: dict[LayerPath, Sequence[Shape]] = {}
        for inner, each in walk(model):
            if each.model is not None or each.is_input:
                continue
            around = known_inside(inference, inner[:-1])
            declared = None if around is None else weights_of(around, each)
            if declared is None:
                raise self._unplaced(path, f"no plug-in declares the weights of {'/'.join(inner)!r}")
            shapes[inner] = self._shapes(each, [spec.shape for spec in declared], names, path)
            kinds[inner] = self._kinds([spec.trainable for spec in declared], len(shapes[inner]))
        every = [(inner, number, kind) for inner, row in kinds.items() for number, kind in enumerate(row)]
        order = sorted(every, key=lambda weight: not weight[2])
        group = self.weights.groups[path]
        if [self.file.datasets[f"{group}/{name}"].shape for name in names] != [
            shapes[inner][number] for inner, number, _ in order
        ]:
            raise self._unplaced(path, "the shapes are not those of its layers in order")
        placed: dict[LayerPath, dict[int, str]] = {}
        for (inner, number, _), name in zip(order, names, strict=True):
            placed.setdefault(inner, {})[number] = name
        return {inner: [row[number] for number in sorted(row)] for inner, row in placed.items()}

    def _shapes(self, layer: Layer, wanted: list[Shape], names: Sequence[str], path: LayerPath) -> Sequence[Shape]:
        if self.document.dialect != "keras1":
            return wanted
        group = self.weights.groups[path]
        return stored_shapes(layer, wanted, [self.file.datasets[f"{group}/{name}"].shape for name in names])

    @staticmethod
    def _kinds(declared: list[bool], count: int) -> list[bool]:
        return declared if len(declared) == count else [all(declared)] * count

    def _unplaced(self, path: LayerPath, reason: str) -> WeightsError:
        return WeightsError(
            f"the weights of the model {'/'.join(path)!r} cannot be told apart: {reason}",
            code="weights-ambiguous",
            where=self.file.where,
            hint="declare its layers in a plug-in (--custom-objects FILE.py), or save the model as .keras",
        )


@dataclass(frozen=True, slots=True)
class Laid:
    """A weight of the new file: its dataset, the old datasets that its recipe counts by, and the recipe."""

    place: str
    sources: Sequence[str]
    recipe: Recipe


def _marked(file: Arrays) -> Arrays:
    """The arrays with those of bfloat16 marked, as an archive of Keras 3 has to say and older files do not."""
    if all(info.dtype != BFLOAT16 or info.attributes for info in file.datasets.values()):
        return file
    from configsplit.containers.turned import Turned

    return Turned(file, V3, {path: path for path in file.datasets})


class NewWeights:
    """What the weights of a converted model are made of.

    Attributes:
        file: the old file.
        targets: the group of each layer in the new one.
        laid: per layer, its weights.
    """

    def __init__(self, model: Model, migration: Migration, old: OldWeights) -> None:
        """Raises WeightsError where the old file lacks a weight."""
        self.file, self._migration, self._old = _marked(old.file), migration, old
        self.targets = addresses(model, V3, inside=held_by("keras3"))
        self.laid = {path: self._laid(path, layout) for path, layout in migration.layouts.items()}

    def _laid(self, path: LayerPath, layout: Layout) -> list[Laid]:
        sources = self._old.sources(layout)
        return [Laid(f"{self.targets[path]}/{slot.place}", sources, slot.recipe) for slot in layout.slots]

    def every(self) -> list[Laid]:
        """The weights of all layers."""
        return [weight for weights in self.laid.values() for weight in weights]

    def placed(self, relaying: Relaying) -> Placed:
        """As a writer takes them: every layer's group, and in it each weight from its origin. Raises WeightsError if a weight
        is not of the shape that its recipe is for.
        """
        items: list[Item] = []
        for path, group in self.targets.items():
            items.append(Empty(group, path[-1]))
            items += [relaying.item(self.file, each.sources, each.recipe, each.place) for each in self.laid.get(path, ())]
        groups = self._old.weights.groups
        moved = {
            groups[origin]: self.targets[path]
            for path, origin in self._migration.origins.items()
            if path in self.targets and origin in groups
        }
        return Placed(items, like=self.file, moved=moved)
