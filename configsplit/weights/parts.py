"""Weights follow provenance: which group of the source goes where in a part, checked against what each layer implies.

Nothing is matched by name, order or position in hope. The address of a layer in the source is computed from the source's own
document, that in the part from the part's; the file's own names, where it keeps any, and the shapes that the layer's class
implies must agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from configsplit.catalog.layers.keras1 import stored_shapes
from configsplit.containers.addresses import addresses, is_stored
from configsplit.errors import WeightsError
from configsplit.graph.json import dumps
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, Shape, walk
from configsplit.graph.rebuild_order import reordered, stands_as_rebuilt
from configsplit.inference import Inference, archived_of, weights_of
from configsplit.models.wrapped import held_by
from configsplit.weights import made_up

if TYPE_CHECKING:
    from configsplit.containers.arrays import Arrays


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a source: the file, and the group of every layer in it.

    ``matched`` are layers that the file calls otherwise (`made_up`), each with its name there.
    """

    file: Arrays
    groups: dict[LayerPath, str]
    layers: dict[LayerPath, Layer]
    inside: HeldBy
    dialect: str
    matched: Mapping[str, str] = field(default_factory=dict)

    def notes(self) -> tuple[str, ...]:
        """What is taken for granted, for people."""
        pairs = dict(self.matched)
        if self.file.layout.kind == "legacy":
            for path, group in self.groups.items():
                if group in self.file.groups and self.inside(self.layers[path]) is not None:
                    names = self.file.weight_names(group)
                    pairs |= made_up.inner_pairs(self.layers[path], names, self.dialect, self.inside)
        unlisted = self.file.unlisted
        more = [f"arrays that are not weights of the model are left out, such as {unlisted[0]!r}"] if unlisted else []
        return (*self.file.notes, *((made_up.told(pairs),) if pairs else ()), *more)

    def names(self, path: LayerPath) -> tuple[str, ...]:
        """In a legacy file: the weight names of a layer, or of one inside a nested model, whose group holds them flat."""
        names = self.file.weight_names(self.groups[path[:1]]) if self.groups[path[:1]] in self.file.groups else ()
        if len(path) == 1:
            return names
        placed = made_up.owners(self.layers[path[:1]], names, self.dialect, self.inside)
        wanted = {name for inside, inner in placed.items() if inside[: len(path) - 1] == path[1:] for name in inner}
        return tuple(name for name in names if name in wanted)

    def datasets(self, path: LayerPath) -> tuple[str, ...]:
        """Paths of all datasets of a layer, or of a nested model, in the order in which Keras saves them."""
        if self.file.layout.kind == "legacy":
            group = self.groups[path[:1]]
            return tuple(f"{group}/{name}" for name in self.names(path))
        return tuple(sorted(self.file.datasets_below(self.groups[path]), key=_place))


_BY_NAME = "`extract --by-name` takes the weights of layers with the same names"


def _place(dataset: str) -> tuple[tuple[int, int | str], ...]:
    """Sorts ``vars/10`` behind ``vars/9``, and a layer's own ``vars`` before those of what it holds."""
    return tuple((0, int(step)) if step.isdigit() else (1, "" if step == "vars" else step) for step in dataset.split("/"))


def weights_in(model: Model, file: Arrays) -> Weights:
    """The weights of a document in its file."""
    model, reach = as_rebuilt(model, file), rebuilt_inside(model.dialect)
    groups = addresses(model, file.layout, lambda _, group: file.has_datasets(group), reach)
    layers, matched = dict(walk(model, reach)), dict[str, str]()
    if file.by_name:
        _check_named(file)
    elif file.layout.kind == "legacy" and (pairs := made_up.groups_by_order(model, file, reach)):
        groups = {path: group.removesuffix(path[0]) + pairs.get(path[0], path[0]) for path, group in groups.items()}
        matched |= pairs
    elif file.layout.kind == "legacy" and file.in_order:
        _check_order(model, file)
    strays = [] if file.by_name else file.strays(groups.values())
    if strays:
        raise WeightsError(
            f"{len(strays)} weights belong to no layer of the document, the first is {strays[0]!r}",
            code="weights-unclaimed",
            where=file.where,
            hint=f"architecture and weights do not belong to one model; {_BY_NAME}",
        )
    if file.layout.kind == "v3":
        matched |= _check_names(file, groups, layers)
        groups |= _tied(file, groups, layers)
    weights = Weights(file, groups, layers, reach, model.dialect, matched)
    if file.layout.kind == "legacy" and file.in_order and not file.by_name:
        _check_nested(weights)
    return weights


def _check_order(model: Model, file: Arrays) -> None:
    """Raises WeightsError where Keras, which goes by the order of the file, would give layers the weights of others."""
    layers, container = model.by_name(), file.layout.container
    order = [
        name for name in file.layer_names if name in layers and file.has_datasets(f"{container}/{name}" if container else name)
    ]
    there = {*order}
    if order != [name for name in layers if name in there]:
        raise _out_of_order(file.where, "its layers")


def _out_of_order(where: str, what: str) -> WeightsError:
    return WeightsError(
        f"the file lists {what} in another order than the model has them, and Keras would mix them up",
        code="weights-order",
        where=where,
        hint=f"architecture and weights do not belong to one model; {_BY_NAME}",
    )


def _check_nested(weights: Weights) -> None:
    """The same of the layers in a nested or wrapped model, whose group has all their weights in one row."""
    for path, layer in weights.layers.items():
        held = weights.inside(layer) if len(path) == 1 else None
        names = weights.names(path) if held is not None and path in weights.groups else ()
        if held is None or len(names) < 2:
            continue
        try:
            placed = made_up.owners(layer, names, weights.dialect, weights.inside)
        except WeightsError:
            continue  # told where somebody needs to know whose weights they are
        from configsplit.weights.order import loaded_names

        if (wanted := loaded_names(held, placed, weights.inside)) is not None and wanted != [*names]:
            raise _out_of_order(weights.file.where, f"the weights in {layer.name!r}")


def _check_named(file: Arrays) -> None:
    """Raises WeightsError where the file does not name its groups by layers."""
    if file.layout.kind != "legacy":
        raise WeightsError(
            "this file numbers its layers by class, and does not name them",
            code="weights-by-name",
            where=file.where,
            hint="leave --by-name out, or save the weights as .h5 in Keras",
        )


def rebuilt_inside(dialect: str) -> HeldBy:
    """What a layer holds, its layers in the order in which Keras 3 rebuilds them, whatever the document says."""
    held = held_by(dialect)
    if dialect != "keras3":
        return held
    return lambda layer: None if (model := held(layer)) is None else reordered(model)


def as_rebuilt(model: Model, file: Arrays) -> Model:
    """The model with its layers in the order by which Keras addresses their weights when it loads the file."""
    if model.dialect == "keras3" and file.layout.kind != "legacy":
        return reordered(model)
    if model.dialect == "keras1":  # it keeps the order that is written
        return model
    for each in (model, *(layer.model for _, layer in walk(model) if layer.model is not None)):
        if not stands_as_rebuilt(each):
            raise WeightsError(
                f"the layers of {each.name!r} are not in the order in which Keras rebuilds them and loads weights",
                code="weights-order",
                where=file.where,
                hint="load the model in Keras, and save it again",
            )
    return model


def _tied(file: Arrays, groups: Mapping[LayerPath, str], layers: Mapping[LayerPath, Layer]) -> dict[LayerPath, str]:
    """Layers that stand in two containers: Keras saves each object once, where it meets it first, and every other layer.

    A layer for which the file has no group at all is therefore one that was saved elsewhere; its document entry is there
    too, name and all. Keras itself cannot read such a file back.
    """
    homeless = [path for path, group in groups.items() if group not in file.groups and layers[path].model is None]
    kinds = {_kind(layers[path]) for path in homeless}
    homes: dict[str, list[str]] = {}
    for path, group in groups.items():
        if group in file.groups and layers[path].model is None and _kind(layers[path]) in kinds:
            homes.setdefault(_likeness(layers[path]), []).append(group)
    twins = {path: homes.get(_likeness(layers[path]), []) for path in homeless}
    return {path: names[0] for path, names in twins.items() if len(names) == 1}


def _kind(layer: Layer) -> tuple[str, str]:
    return layer.name, layer.class_name


def _likeness(layer: Layer) -> str:
    """What two entries of one layer object share: everything but the numbers by which Python tells objects apart."""
    text = dumps((layer.name, layer.class_name, layer.config))
    return re.sub(r', "shared_object_id": \d+', "", text)


def _check_names(file: Arrays, groups: Mapping[LayerPath, str], layers: Mapping[LayerPath, Layer]) -> dict[str, str]:
    """Keras 3.6 and later write the layer's name beside its weights; those of layers that have another made-up one."""
    own: dict[LayerPath, str] = {}
    for path, group in groups.items():
        if group in file.groups and layers[path].model is None and (name := file.vars_name(group)) is not None:
            own[path] = name
    matched: dict[str, str] = {}
    for around in dict.fromkeys(path[:-1] for path, name in own.items() if name != path[-1]):
        level = {path: name for path, name in own.items() if path[:-1] == around}
        pairs = made_up.paired([_as_named(layers[path]) for path in level], list(level.values()))
        if pairs is None:
            path = next(path for path, name in level.items() if name != path[-1])
            raise WeightsError(
                f"the file says that these are the weights of {own[path]!r}, the document that they are those of {path[-1]!r}",
                code="weights-misplaced",
                where=f"{file.where}:{groups[path]}",
                hint="the order of the layers was changed, or architecture and weights do not belong to one model",
            )
        matched |= {"/".join((*around, mine)): its for mine, its in pairs.items() if mine != its}
    return matched


def _as_named(layer: Layer) -> Layer:
    """As Keras 3 names it: without a name in its config anew, where its entry has none but a made-up one."""
    told = layer.config.get("name") or layer.model or not made_up.is_made_up(layer)
    return layer if told else replace(layer, entry=layer.entry.without("name"))


def check_shapes(model: Model, inference: Inference, weights: Weights, *, partly: bool = False) -> tuple[str, ...]:
    """Hold every weight of the model's layers against the shape that its layer implies; all of them, nested ones included.

    With ``partly`` the file may hold nothing of some layers.

    Returns:
        The layers that could not be checked, since nobody has declared their weights.

    Raises:
        WeightsError: a weight is missing, or has another shape.
    """
    unchecked: list[str] = []
    todo: list[tuple[LayerPath, Inference]] = [((), inference)]
    while todo:
        path, current = todo.pop()
        for layer in current.model.layers:
            if not is_stored(current.model, layer) or layer.is_input:
                continue
            place = (*path, layer.name)
            if partly and weights.groups.get(place) not in weights.file.groups:
                continue
            inner = next((level for call, level in current.inner.items() if call.layer == layer.name), None)
            if inner is not None and weights.file.layout.kind != "legacy":
                todo.append((place, inner))
            elif not _fits(layer, place, current if inner is None else inner, weights):
                unchecked.append("/".join(place))
    return tuple(unchecked)


def _fits(layer: Layer, path: LayerPath, inference: Inference, weights: Weights) -> bool:
    """Whether the layer could be checked."""
    names = weights.datasets(path)
    shapes = [weights.file.datasets[name].shape for name in names]
    layer = layer if weights.file.layout.kind == "legacy" else merged(layer)
    wanted = _implied(inference, layer, shapes) if layer.model is None else _all_implied(inference, shapes)
    if wanted is not None and weights.file.layout.kind != "legacy":
        wanted += [spec.shape for spec in archived_of(inference, layer)]
    if wanted is None or any(None in shape for shape in wanted):
        return not shapes
    group = weights.groups.get(path, "")
    composed = (
        layer.model is not None
        or bool(layer.config.keys() & _HOLDS_LAYERS)
        or any(name.rpartition("/")[0] != f"{group}/vars" for name in names)
    )
    if shapes == wanted or (composed and _same_kinds(shapes, wanted)):
        return True
    raise WeightsError(
        f"the weights of layer {'/'.join(path)!r} do not fit its configuration: {_listed(shapes)} in the file, "
        f"{_listed(wanted)} needed",
        code="weights-shape" if shapes else "weights-missing",
        where=weights.file.where,
        hint=f"the file was left behind by a save that failed, or belongs to another model; {_BY_NAME}",
    )


def _implied(inference: Inference, layer: Layer, shapes: Sequence[Shape]) -> list[Shape] | None:
    """The shapes of a layer's weights as its file should hold them; None if nobody has declared them."""
    if (declared := weights_of(inference, layer)) is None:
        return None
    wanted = [spec.shape for spec in declared]
    known = not any(None in shape for shape in wanted)
    return stored_shapes(layer, wanted, shapes) if known and inference.dialect == "keras1" else wanted


def _all_implied(inference: Inference, stored: Sequence[Shape]) -> list[Shape] | None:
    """Those of a nested model, which a legacy file keeps in one group; None if one layer has not been declared."""
    shapes: list[Shape] = []
    todo = [inference]
    while todo:
        current = todo.pop()
        first = {call.layer: inner for call, inner in reversed(current.inner.items())}
        todo += first.values()
        for layer in current.model.layers:
            if layer.name not in first and not layer.is_input:
                if (wanted := _implied(current, layer, stored)) is None:
                    return None
                shapes += wanted
    return shapes


def _same_kinds(shapes: Sequence[Shape], wanted: Sequence[Shape]) -> bool:
    """A layer that holds others saves in another order than it lists, and SpectralNormalization its kernel twice."""
    return Counter(wanted) <= Counter(shapes) and set(shapes) == set(wanted)


def merged(layer: Layer) -> Layer:
    """The layer as archives of Keras 3 store it: low-rank adapters are added to the matrix that they adapt."""
    if not layer.config.get("lora_rank"):
        return layer
    return replace(layer, entry=layer.entry | {"config": layer.config | {"lora_rank": None}})


_HOLDS_LAYERS = {"layer", "cell", "cells"}


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(str(tuple(shape)).replace(" ", "") for shape in shapes) or "none"
