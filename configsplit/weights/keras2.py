"""The weights of a model that is written as Keras 2 has it: groups by layer, in the order in which tf_keras loads them.

Keras 2 keeps the arrays that Keras 3 keeps, each of the same shape; what differs is where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from configsplit.catalog.facts import LayerFacts, WeightSpec
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.keras3.today import placed
from configsplit.containers.addresses import is_stored
from configsplit.containers.container import FileFormat
from configsplit.containers.relayout import Relaying
from configsplit.containers.writing import LegacyLayer, Move
from configsplit.conversion import Layout, Migration
from configsplit.conversion.building import Stored
from configsplit.conversion.layers.archived import archived
from configsplit.dialects import read_entry
from configsplit.errors import WeightsError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, walk
from configsplit.inference import Inference, archived_of, trace, weights_of
from configsplit.models.wrapped import held_by
from configsplit.weights.conversion import Laid, OldWeights
from configsplit.weights.order import loaded_order
from configsplit.weights.placement import Placed, known_inside

_REACH = held_by("keras2")


class Written(NamedTuple):
    """A weight of a layer: its name in the layer, what it is made of, and whether it is trainable by kind."""

    name: str
    laid: Laid
    trainable: bool


class Keras2Weights:
    """As `NewWeights`, for a file of Keras 2.

    Attributes:
        file: the old file.
        groups: of each of the outermost layers, its weights in the order in which tf_keras loads them.
    """

    def __init__(self, migration: Migration, old: OldWeights, wanted: FileFormat) -> None:
        """Raises WeightsError where nobody can say what a weight of Keras 2 is made of."""
        if migration.model is None:
            raise AssertionError("the refused layer has no weights")
        self.file, self._migration, self._old, self._model = old.file, migration, old, migration.model
        self._named_by = _in_browser if wanted == "tfjs" else _in_hdf5
        self._above = "" if wanted == "tfjs" else "model_weights/"
        self._inference = trace(self._model, old.document.facts, dialect="keras2", read=read_entry)
        self.groups = {layer.name: self._group(layer) for layer in self._model.layers if is_stored(self._model, layer)}

    def every(self) -> list[Laid]:
        """The weights of all layers, with their places in an ``.h5`` file."""
        pairs = ((name, laid) for name, group in self.groups.items() for laid in group)
        return [replace(laid, place=f"{self._above}{name}/{laid.place}") for name, laid in pairs]

    def placed(self, relaying: Relaying) -> Placed:
        """As a writer takes them."""
        return Placed(
            layers=[LegacyLayer(name, self.file, "", self._listed(group, relaying)) for name, group in self.groups.items()]
        )

    def _listed(self, group: Sequence[Laid], relaying: Relaying) -> tuple[tuple[str, object], ...]:
        made = []
        for each in group:
            item = relaying.item(self.file, each.sources, each.recipe, each.place)
            made.append((each.place, item.src if isinstance(item, Move) else item))
        return tuple(made)

    # ---------------------------------------------------------------------------------------------- layer by layer

    def _group(self, layer: Layer) -> list[Laid]:
        """The weights of an outermost layer; those of a nested or wrapped model lie in one row, trained ones first."""
        held = _REACH(layer)
        if held is None:
            return [each.laid for each in self._named(self._leaf((layer.name,), layer), layer, layer.name)]
        leaves = {path: each for path, each in walk(held, _REACH) if _REACH(each) is None and not each.is_input}
        written = {path: self._leaf((layer.name, *path), each) for path, each in leaves.items()}
        order = loaded_order(held, {path: [each.trainable for each in own] for path, own in written.items()}, "keras2", _REACH)
        names = [path[-1] for path in leaves]
        called = {path: path[-1] if names.count(path[-1]) == 1 else "/".join(path) for path in leaves}
        named = {path: self._named(own, leaves[path], called[path]) for path, own in written.items()}
        return [named[each.path][each.number].laid for each in order]

    def _named(self, written: Sequence[Written], layer: Layer, scope: str) -> list[Written]:
        return [each._replace(laid=replace(each.laid, place=self._named_by(layer, scope, each.name))) for each in written]

    def _leaf(self, path: LayerPath, layer: Layer) -> list[Written]:
        """The weights of a layer that holds no model, in the order of its ``weights``."""
        layout = self._migration.layouts.get(path)
        around = known_inside(self._inference, path[:-1])
        declared = trained_first(None if around is None else weights_of(around, layer))
        slots = () if layout is None else layout.slots
        sources = self._old.sources(layout) if layout is not None and slots else ()
        if declared and len(declared) != len(slots):
            raise self._missing(
                path, f"the {layer.class_name} has {len(declared)} weights in Keras 2, and {len(slots)} are there"
            )
        names = [spec.name for spec in declared] or [f"weight_{number}" for number in range(len(slots))]
        kinds = [spec.trainable for spec in declared] or [True] * len(slots)
        laid = [Laid("", sources, slot.recipe) for slot in slots]
        return [Written(*each) for each in zip(names, laid, kinds, strict=True)]

    def _missing(self, path: LayerPath, what: str) -> WeightsError:
        return WeightsError(
            f"the weights of {'/'.join(path)!r} cannot be written for Keras 2: {what}",
            code="weights-missing",
            where=self.file.where,
            hint="give a file with all weights; or declare the class in a plug-in (--custom-objects FILE.py)",
        )


def _in_hdf5(layer: Layer, scope: str, name: str) -> str:
    return f"{scope}/{name}:0"


def _in_browser(layer: Layer, scope: str, name: str) -> str:
    """By the scopes in which TensorFlow.js makes its weights, by whose names it takes them (measured with 4.22.0)."""
    first, _, rest = name.partition("/")
    held = layer.config.get("layer")
    inner = str(held["config"].get("name")) if isinstance(held, FrozenDict) else ""
    if first in ("forward_layer", "backward_layer"):
        return f"{scope}/{first.removesuffix('layer')}{inner}/{rest}"
    return f"{scope}/{rest}" if first == "layer" else f"{scope}/{name}"


def trained_first(declared: Sequence[WeightSpec] | None) -> list[WeightSpec]:
    """Weights in the order of ``layer.weights`` of Keras 3 and of ``.h5`` files."""
    return sorted(declared or (), key=lambda spec: not spec.trainable)


def in_order(
    model: Model, inference: Inference, layouts: Mapping[LayerPath, Layout], facts: Mapping[str, LayerFacts]
) -> dict[LayerPath, Layout]:
    """The weights of a model of Keras 3, of each layer in the order in which it lists them, not as an archive keeps them."""
    layers, ordered = dict(walk(model, held_by("keras3"))), dict[LayerPath, Layout]()
    for path, layout in layouts.items():
        if not layout.slots:
            continue
        around = known_inside(inference, path[:-1])
        declared = trained_first(None if around is None else weights_of(around, layers[path]))
        by_place = {slot.place: slot for slot in layout.slots}
        stored = Stored(((),) * (len(declared) or len(by_place)), (), tuple(by_place))
        try:
            places = archived(placed(layers[path].entry), path, stored, facts)
        except Stop as stop:
            raise WeightsError(str(stop), code=stop.code, where="/".join(path), hint=stop.remedy) from None
        if strange := {*by_place} ^ {place for each in places for place in each}:
            raise _strange(path, min(strange))
        kept_once = len(archived_of(around, layers[path])) if around is not None else 0
        ordered[path] = replace(layout, slots=tuple(by_place[each[0]] for each in places)[: kept_once or None])
    return ordered


def _strange(path: LayerPath, place: str) -> WeightsError:
    return WeightsError(
        f"the weights of {'/'.join(path)!r} are not those that its class has: {place!r} is only in one of the two",
        code="layout-unknown",
        where="/".join(path),
        hint="declare keras3_places in a plug-in (--custom-objects FILE.py)",
    )
