"""The weights of a model of Keras in a checkpoint's graph of objects, each by the layer that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from configsplit.catalog.weight_names import NO_WEIGHTS, UNTRAINED, WEIGHT_ORDER
from configsplit.containers.arrays import Listed, Matched
from configsplit.containers.bundle.object_graph import ObjectGraph, Variable
from configsplit.containers.bundle.tensors import Bundle
from configsplit.containers.bundle.wire import damaged
from configsplit.errors import WeightsError

_LAYER = re.compile(r"layer-\d+")
_NUMBERED = re.compile(r"(?:layer-|layer_with_weights-)?(\d{1,6})")
_MOST_STEPS = 500_000
_AGAIN = "state_variables"
"""Where Normalization of TF 2.3 to 2.5 keeps once more what it has beside it."""
_TOP = "top_level_model_weights"


class Known(NamedTuple):
    """What a layer or model says of itself: what kind of object it is, its name, and whether it is trained."""

    identifier: str = ""
    name: str = ""
    trainable: bool = True


_NOBODY = Known()


class KerasObjects:
    """The weights of a model in the graph of objects, under the names of the legacy layout: ``dense/dense/kernel:0``."""

    def __init__(
        self,
        graph: ObjectGraph,
        known: Mapping[int, Known],
        models: Collection[str],
        root: int = 0,
        *,
        by_names: bool = False,
    ) -> None:
        """``known`` says what layers and models in the graph are, and how they are called; ``models``, what models are.

        ``root`` is the outermost model. With ``by_names``, a weight whose name is that of another layer is refused.
        """
        self._graph, self._known, self._models, self._root = graph, known, models, root
        self._by_names = by_names
        self.matched: list[Matched] = []
        self._steps = _MOST_STEPS

    def listed(self, bundle: Bundle) -> Iterator[tuple[str, Listed]]:
        """The weights of every layer, those that are trained first, as Keras lists and loads them. Raises StoreError if the
        graph contradicts itself, or an array is damaged.
        """
        claimed: set[int] = set()
        layers = self._layers()
        for layer, node in layers.items():
            owners = self._owners(node)
            others = {*layers} if self._by_names and not self._is_model(node) else {*owners.values()}
            names: set[str] = set()
            for weight in self._row(node):
                name = _among(self._name(weight, owners.get(weight, ""), others | {*owners.values()}), names)
                key = self._variable(weight).key
                path = name if name.startswith(f"{layer}/") else f"{layer}/{name}"
                self.matched.append(Matched(key, path.removesuffix(":0"), "object graph"))
                yield f"{layer}/{name}", bundle.listed(key)
                claimed.add(weight)
        for number, weight in enumerate(each for each in self._own() if each not in claimed):
            yield f"{_TOP}/{number}", bundle.listed(self._variable(weight).key)

    def _own(self) -> list[int]:
        """The weights that the outermost model lists, or keeps beside its layers."""
        kept = self._graph.children(self._root)
        return self._row(self._root) if "variables" in kept else [each for each in kept.values() if self._graph.variable(each)]

    def _layers(self) -> dict[str, int]:
        """The layers of the outermost model, by name."""
        layers: dict[str, int] = {}
        for node in self._held(self._root):
            name = self._known.get(node, _NOBODY).name
            if not name or name in layers:
                raise damaged(self._graph.where, f"two layers are called {name!r}" if name else "a layer has no name")
            layers[name] = node
        return layers

    def _held(self, model: int) -> list[int]:
        """The layers of a model."""
        return [child for step, child in self._graph.children(model).items() if _LAYER.fullmatch(step)]

    def _owners(self, top: int) -> dict[int, str]:
        """To which layer each weight belongs that a layer lists: itself, or those of the nested or wrapped model that it is."""
        owners: dict[int, str] = {}
        todo, seen = [top], {top}
        while todo:
            node = todo.pop()
            own = self._known.get(node, _NOBODY)
            wrapped = self._graph.at(node, "layer")
            if own.identifier in self._models:
                inside = self._held(node)
            else:
                inside = [wrapped] if wrapped is not None and self._is_model(wrapped) else []
            if not inside:
                owners |= dict.fromkeys((weight for weight in self._row(node) if weight not in owners), own.name)
            todo += [each for each in inside if each not in seen]
            seen.update(inside)
        return owners

    def _is_model(self, node: int) -> bool:
        return self._known.get(node, _NOBODY).identifier in self._models

    def _row(self, node: int) -> list[int]:
        """The weights of a layer: those that are trained, and the others; as it lists them, or as its class does."""
        if "variables" not in self._graph.children(node):
            return self._kept(node)
        at, row = self._graph.at, self._graph.row
        listed = row(at(node, "variables"))
        ordered = [
            *dict.fromkeys((*row(at(node, "trainable_variables")), *row(at(node, "keras_api", "non_trainable_variables"))))
        ]
        if {*ordered} != {*listed}:
            raise damaged(self._graph.where, "a layer lists other weights as trainable or not than it has")
        return ordered

    def _kept(self, top: int) -> list[int]:
        """The weights that a layer keeps, where it lists none: a SavedModel without traces, a checkpoint."""
        kept: dict[int, bool] = {}
        todo, seen = [(top, "", True)], {top}
        while todo:
            node, step, trained = todo.pop()
            trained = trained and step not in UNTRAINED and self._known.get(node, _NOBODY).trainable
            if self._graph.variable(node) is not None:
                kept[node] = trained
                continue
            inside = [(step, child) for step, child in self._in_order(node) if child not in seen]
            todo += [(child, step, trained) for step, child in reversed(inside)]
            seen.update(child for _, child in inside)
        return sorted(kept, key=lambda node: not kept[node])

    def _in_order(self, node: int) -> list[tuple[str, int]]:
        """What an object keeps that has weights, in the order in which Keras lists them."""
        children = self._graph.children(node).items()
        own = {child for step, child in children if step != _AGAIN}
        kept = {child: step for step, child in children if step not in NO_WEIGHTS and self._has_weights(child)}
        kept = {
            child: step for child, step in kept.items() if step != _AGAIN or not {*self._graph.children(child).values()} <= own
        }
        places = {child: _place(step) for child, step in kept.items()}
        if len(kept) > 1 and None in places.values():
            raise WeightsError(
                f"it is not certain in which order a layer lists its weights {sorted(kept.values())}",
                code="weights-order-unknown",
                where=self._graph.where,
                hint="save the model as .keras or .h5 in TensorFlow, or as a SavedModel with save_traces=True",
            )
        return sorted(((step, child) for child, step in kept.items()), key=lambda item: places[item[1]] or ())

    def _has_weights(self, top: int) -> bool:
        todo, seen = [top], {top}
        while todo:
            node = todo.pop()
            self._steps -= 1
            if self._graph.variable(node) is not None:
                return True
            if self._steps < 0:
                raise damaged(self._graph.where, "objects keep one another in more ways than those of any model")
            inside = {child for step, child in self._graph.children(node).items() if step not in NO_WEIGHTS} - seen
            todo += inside
            seen |= inside
        return False

    def _variable(self, node: int) -> Variable:
        variable = self._graph.variable(node)
        if variable is None:
            raise damaged(self._graph.where, "a layer lists as a weight what is no array")
        return variable

    def _name(self, weight: int, owner: str, owners: set[str]) -> str:
        """The name of a weight as TensorFlow gave it, if it says to which layer it belongs; else with that layer before it."""
        name = self._variable(weight).name
        steps = name.split("/")[:-1]
        spans = ("/".join(steps[i:j]) for i in range(len(steps)) for j in range(len(steps), i, -1))
        says = next((span for span in spans if span in owners), "")
        if self._by_names and says and says != owner:
            raise WeightsError(
                f"the weight of {owner!r} in the checkpoint is called {name!r}, like that of {says!r}",
                code="weights-misplaced",
                where=self._graph.where,
                hint="the layers of the architecture are in another order than those of the saved model",
            )
        if not all(name.split("/")):
            raise damaged(self._graph.where, f"a weight is called {name!r}")
        return f"{name}:0" if says == owner or not owner else f"{owner}/{name}:0"


def _place(step: str) -> tuple[int, int] | None:
    """Where a weight or layer stands among those beside it; None where nobody knows."""
    if step in WEIGHT_ORDER:
        return 1, WEIGHT_ORDER.index(step)
    numbered = _NUMBERED.fullmatch(step)
    return (0, int(numbered[1])) if numbered else None


def _among(name: str, names: set[str]) -> str:
    """The name, with a number where it is taken."""
    free = next(
        each for each in (name, *(f"{name.removesuffix(':0')}_{n}:0" for n in range(1, len(names) + 2))) if each not in names
    )
    names.add(free)
    return free
