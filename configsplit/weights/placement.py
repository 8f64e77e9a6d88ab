"""Weights of a rewritten model, gathered from the files that its layers came from. Nothing is placed in hope.

A nested model that was kept whole moves as one; one that was changed inside is put together layer by layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from configsplit.containers.addresses import addresses, is_stored
from configsplit.containers.arrays import Arrays
from configsplit.containers.writing import Empty, Item, LegacyLayer, Move, Stored
from configsplit.dialects import read_entry
from configsplit.errors import WeightsError
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, walk
from configsplit.graph.provenance import Origin, Provenance
from configsplit.inference import BUILT_IN, Inference, trace, weights_of
from configsplit.models.wrapped import held_by
from configsplit.rewrites.common import FLAG
from configsplit.weights.parts import Weights

_WRAPS = frozenset({"layer", "cell", "cells", "forward_layer", "backward_layer"})
"""Config keys of layers that hold others, whose weights change their order when they are frozen."""


class Placed(NamedTuple):
    """What the weights of a file are made of: ``items`` in the layout of Keras 3, or ``layers`` in the legacy one, with the
    habits of the arrays that they are ``like``. ``moved`` says which groups go where if no group moves as one."""

    items: Sequence[Item] = ()
    layers: Sequence[LegacyLayer] | None = None
    like: Arrays | None = None
    moved: Mapping[str, str] | None = None

    def groups(self, source: Arrays | None) -> Mapping[str, str]:
        """The groups of a source's weights that are moved, and where to; assets go along."""
        if self.moved is not None:
            return self.moved
        return {item.src: item.dst for item in self.items if isinstance(item, Move) and item.source is source}


@dataclass(frozen=True)
class Gathering:
    """A model, where its layers came from, and the weights of each source (None for a source without).

    Attributes:
        inference: what is known of the model; needed where layers may have been frozen or thawed.
        flags: the models of the sources, as far as layers may have been frozen or thawed since.
        is_part: the model is a part of one source, of which nothing was changed: weights keep their names and, in a wrapper
            that was divided, their order; and what is not said to come from somewhere inside of it is fresh.
    """

    model: Model
    provenance: Provenance
    sources: Sequence[Weights | None]
    inference: Inference | None = None
    flags: Mapping[int, Model] = field(default_factory=dict)
    is_part: bool = False

    def placed(self) -> Placed:
        """What the file is made of, in the layout of the first source. Raises WeightsError if a weight cannot be placed for
        certain.
        """
        if self.first.file.layout.kind == "legacy":
            return Placed(layers=self.legacy(), like=self.first.file)
        return Placed(self.moves(), like=self.first.file)

    @cached_property
    def first(self) -> Weights:
        """The first source that has weights: its layout and its habits are kept."""
        return next(weights for weights in self.sources if weights is not None)

    @cached_property
    def reach(self) -> HeldBy:
        """What a layer holds: the nested model that it is, or the model that it wraps."""
        return self.first.inside if self.is_part else held_by(self.model.dialect)

    @cached_property
    def changed_inside(self) -> set[LayerPath]:
        """Nested models inside which something has an origin of its own."""
        return self.provenance.told_apart()

    @cached_property
    def names_are_kept(self) -> bool:
        files = [(weights.file, weights.groups) for weights in self.sources if weights is not None]
        return any(
            file.vars_name(group) is not None for file, groups in files for group in groups.values() if group in file.groups
        )

    def origin(self, path: LayerPath) -> tuple[Weights, Origin] | None:
        """The weights that a layer's origin lies in; None where it has none."""
        told = not self.is_part or path in self.provenance.layers or path[:1] not in self.changed_inside
        origin = self.provenance.origin(path) if told else None
        weights = None if origin is None else self.sources[origin.source]
        if origin is None or weights is None:
            return None
        known = origin.path in weights.groups or (weights.file.layout.kind == "legacy" and origin.path[:1] in weights.groups)
        return (weights, origin) if known else None

    # ------------------------------------------------------------------------------------------------ Keras 3 layout

    def moves(self) -> list[Move | Empty]:
        """What the file in the v3 layout (``.keras``, ``.weights.h5``) is made of."""
        targets = addresses(self.model, self.first.file.layout, self._has_weights, self.reach)
        root = self.first.file
        items: list[Move | Empty] = []
        if "vars" in root.groups:
            items.append(Empty("", self.model.name if root.vars_name("") else None))
        todo: list[tuple[LayerPath, Layer]] = [((layer.name,), layer) for layer in reversed(self.model.layers)]
        while todo:
            path, layer = todo.pop()
            if path not in targets:
                continue
            held = self.reach(layer) if path in self.changed_inside else None
            if held is not None:
                items.append(self._empty(path, targets[path]))
                if layer.model is None:
                    items.append(Empty(f"{targets[path]}/layer", held.name if self.names_are_kept else None))
                todo += [((*path, inner.name), inner) for inner in reversed(held.layers)]
            else:
                items.append(self._move(path, targets[path]))
        return items

    def _has_weights(self, path: LayerPath, _: str) -> bool:
        source = self.origin(path)
        group = None if source is None else source[0].groups.get(source[1].path)  # the input of a Sequential has none
        return source is not None and group is not None and source[0].file.has_datasets(group)

    def _move(self, path: LayerPath, target: str) -> Move | Empty:
        source = self.origin(path)
        group = None if source is None else source[0].groups.get(source[1].path)
        if source is None or group is None or group not in source[0].file.groups:
            return self._empty(path, target)
        return Move(source[0].file, group, target, path[-1] if path[-1] != source[1].path[-1] else None)

    def _empty(self, path: LayerPath, target: str) -> Empty:
        return Empty(target, path[-1] if self.names_are_kept else None)

    # ------------------------------------------------------------------------------------------------- legacy layout

    def legacy(self) -> list[LegacyLayer]:
        """What the file in the legacy layout is made of: one group for each layer, in order."""
        return [self._legacy(layer) for layer in self.model.layers if is_stored(self.model, layer)]

    def _legacy(self, layer: Layer) -> LegacyLayer:
        path = (layer.name,)
        source = self.origin(path)
        if self.is_part and source is not None and path in self.changed_inside:
            return self._piece(layer, *source)
        moved = layer.model is not None and (source is None or self._flags_differ(layer))
        if not self.is_part and (moved or (path in self.changed_inside and self.reach(layer) is not None)):
            return LegacyLayer(layer.name, self.first.file, "", self._nested(layer))
        if source is None or source[0].groups[source[1].path[:1]] not in source[0].file.groups:
            return LegacyLayer(layer.name)
        weights, origin = source
        group = weights.groups[origin.path[:1]]
        if origin.path == path or (self.is_part and len(origin.path) == 1):
            return LegacyLayer(layer.name, weights.file, group)
        pairs = [(name, Stored(weights.file, f"{group}/{name}")) for name in weights.names(origin.path)]
        if not self.is_part:
            pairs = [(_renamed(name, origin.path[-1], layer.name), stored) for name, stored in pairs]
        return LegacyLayer(layer.name, weights.file, group, tuple(pairs))

    def _piece(self, layer: Layer, weights: Weights, origin: Origin) -> LegacyLayer:
        """A wrapper that holds a part of the model that it held: of its weights those of the layers in that part."""
        from configsplit.weights.legacy_groups import legacy_piece_names

        group = weights.groups[origin.path[:1]]
        if group not in weights.file.groups:
            return LegacyLayer(layer.name)
        names = legacy_piece_names(layer, self.provenance, origin.path, weights)
        return LegacyLayer(layer.name, weights.file, group, tuple((name, f"{group}/{name}") for name in names))

    def _nested(self, layer: Layer) -> tuple[tuple[str, Stored], ...]:
        """The weights of all layers in a nested model, in the order in which they will be loaded."""
        from configsplit.weights.order import loaded_order

        pairs: dict[LayerPath, list[tuple[str, Stored]]] = {}
        kinds: dict[LayerPath, Sequence[bool]] = {}
        held = self.reach(layer)
        for inner, leaf in walk(held, self.reach) if held else ():
            source = self.origin((layer.name, *inner)) if self.reach(leaf) is None and not leaf.is_input else None
            if source is None:
                continue
            weights, origin = source
            group = weights.groups[origin.path[:1]]
            names = weights.names(origin.path)
            pairs[inner] = [
                (_renamed(name, origin.path[-1], leaf.name), Stored(weights.file, f"{group}/{name}")) for name in names
            ]
            kinds[inner] = self._kinds((layer.name, *inner), leaf, len(names))
        order = loaded_order(held, kinds, self.model.dialect, self.reach) if held else []
        return tuple(pairs[weight.path][weight.number] for weight in order)

    def _kinds(self, path: LayerPath, layer: Layer, count: int) -> list[bool]:
        """Whether each weight of a layer is trainable by kind."""
        inference = None if self.inference is None else known_inside(self.inference, path[:-1])
        inference = inference or self._wrapped(path[:-1])
        declared = None if inference is None else weights_of(inference, layer)
        kinds = [spec.trainable for spec in declared or ()]
        mixed = len(set(kinds)) > 1 and bool(layer.config.keys() & _WRAPS)
        unknown = self.model.dialect == "keras3" and len(path) > 1 and layer.class_name not in BUILT_IN
        if count and (len(kinds) != count or ((mixed or unknown) and layer.config.get(FLAG) is False)):
            raise WeightsError(
                f"it is unknown in which order Keras loads the weights of {'/'.join(path)!r} ({layer.class_name})",
                code="weights-order-unknown",
                where="/".join(path),
                hint="save the model as .keras, where order does not matter; or declare the class: --custom-objects FILE.py",
            )
        return kinds if count else []

    def _wrapped(self, path: LayerPath) -> Inference | None:
        """What is known of a model in a wrapper, by itself."""
        held: Model | None = self.model
        for name in path:
            layer = None if held is None else held.by_name().get(name)
            held = None if layer is None else self.reach(layer)
        return None if held is None else trace(held, dialect=self.model.dialect, read=read_entry)

    def _flags_differ(self, layer: Layer) -> bool:
        """Whether a nested model is frozen otherwise than where it came from."""
        origin = self.provenance.origin((layer.name,))
        before = None if origin is None else model_layer(self.flags.get(origin.source), origin.path)
        return before is None or before.model is None or _flags(before) != _flags(layer)


def check_frozen(gathering: Gathering) -> None:
    """A legacy file lists the weights of a composed layer otherwise when it is frozen: refuse where nobody knows how."""
    for layer in gathering.model.layers:
        source = gathering.origin((layer.name,))
        if source is None or layer.model is not None:
            continue
        before = model_layer(gathering.flags.get(source[1].source), source[1].path)
        if before is None or before.config.get(FLAG) == layer.config.get(FLAG):
            continue
        names = source[0].names(source[1].path)
        thawed = gathering._kinds((layer.name,), layer, len(names))
        inside = gathering.reach(layer)
        partly = inside is not None and any(each.config.get(FLAG) is False for _, each in walk(inside, gathering.reach))
        if (len(set(thawed)) > 1 or partly) and layer.config.keys() & _WRAPS:
            raise WeightsError(
                f"freezing {layer.name!r} ({layer.class_name}) changes the order of its weights in a .h5 file",
                code="weights-order-unknown",
                where=layer.name,
                hint="save the model as .keras, where order does not matter",
            )


def check_copies(gathering: Gathering, copies: Sequence[tuple[LayerPath, Origin]]) -> None:
    """Hold every copy of a layer against the one that is taken."""
    for path, origin in copies:
        taken, copy = gathering.origin(path), gathering.sources[origin.source]
        if taken is None or copy is None or taken[1] == origin:
            continue
        ours, its = datasets(taken[0], taken[1].path), datasets(copy, origin.path)
        equal = len(ours) == len(its) and all(
            taken[0].file.same(one, copy.file, other) for one, other in zip(ours, its, strict=True)
        )
        if not equal:
            raise WeightsError(
                f"{'/'.join(path)!r} has other weights in {copy.file.where} than in {taken[0].file.where}",
                code="join-weights-differ",
                where="/".join(path),
                hint="a shared layer was trained in one part only; it is unknown which weights to keep",
            )


def datasets(weights: Weights, path: LayerPath) -> tuple[str, ...]:
    """The datasets of a layer, none where it is not stored."""
    known = path in weights.groups or (weights.file.layout.kind == "legacy" and path[:1] in weights.groups)
    return weights.datasets(path) if known else ()


def model_layer(model: Model | None, path: LayerPath) -> Layer | None:
    """The layer at a path, None where there is none."""
    layer: Layer | None = None
    for name in path:
        layer = None if model is None else model.by_name().get(name)
        model = None if layer is None else layer.model
    return layer


def known_inside(inference: Inference, path: LayerPath) -> Inference | None:
    """What is known of the nested or wrapped model at a path, from its first call; None where it is never called."""
    current: Inference | None = inference
    for name in path:
        levels = {} if current is None else {**current.wrapped, **current.inner}
        current = next((inner for call, inner in levels.items() if call.layer == name), None)
    return current


def _flags(layer: Layer) -> list[object]:
    nested = walk(layer.model) if layer.model else ()
    own = layer.model.config.get(FLAG) if layer.model else None
    return [own, *((inner.model.config if inner.model else inner.config).get(FLAG) for _, inner in nested)]


def _renamed(weight: str, old: str, new: str) -> str:
    """The name of a weight in a legacy file, after its layer: the last of its components that is the layer's."""
    pieces = weight.split("/")
    if old == new or old not in pieces[:-1]:
        return weight
    place = len(pieces) - 1 - pieces[:-1][::-1].index(old) - 1
    return "/".join([*pieces[:place], new, *pieces[place + 1 :]])
