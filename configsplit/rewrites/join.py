"""The exact inverse of `split`: parts and the wires between them become one graph again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from configsplit.errors import VerificationError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, Node, TensorRef, Use, walk
from configsplit.rewrites.common import within
from configsplit.rewrites.split import Wire


class Piece(NamedTuple):
    """A part as it is found: its model, the source of each of its inputs, and the number that each call of a layer had in
    the whole (for layers that are missing here: the same numbers)."""

    model: Model
    wires: tuple[Wire, ...]
    calls: Mapping[str, tuple[int, ...]]


def join_pieces(pieces: Sequence[Piece], outputs: Sequence[Wire], frame: Model) -> Model:
    """The model that the parts were cut from. ``frame`` gives its name, kind, and what its document says of the whole; its
    layers are not looked at. Raises VerificationError if the parts do not fit together.
    """
    tensors: list[list[TensorRef]] = []
    layers: dict[str, Layer] = {}
    calls: dict[str, dict[int, Node]] = {}
    inputs: dict[int, TensorRef] = {}
    for number, piece in enumerate(pieces):
        stands_for = _resolve(piece, number, tensors, inputs)
        replaced = {
            ref.layer for ref, source in zip(piece.model.input_refs(), piece.wires, strict=True) if source.part is not None
        }
        for layer in piece.model.layers:
            if layer.name not in replaced:
                _merge(layer, piece, stands_for, layers, calls)
        tensors.append([_moved(ref, piece, stands_for) for ref in piece.model.output_refs()])
    made = tuple(_complete(layer, calls[name]) for name, layer in layers.items())
    ordered = tuple(inputs[index] for index in sorted(inputs))
    ends = tuple(_end(source, ordered, tensors) for source in outputs)
    return replace(frame, layers=made, inputs=ordered, outputs=ends)


def _end(source: Wire, inputs: Sequence[TensorRef], tensors: Sequence[Sequence[TensorRef]]) -> TensorRef:
    """The tensor that an output of the whole is."""
    try:
        return inputs[source.number] if source.part is None else tensors[source.part][source.number]
    except IndexError:
        there = "input" if source.part is None else f"part {source.part}"
        message = f"the manifest takes output {source.number} of {there}, which there is not"
        raise VerificationError(message, code="verify-wiring") from None


def _resolve(
    piece: Piece, number: int, tensors: list[list[TensorRef]], inputs: dict[int, TensorRef]
) -> dict[TensorRef, TensorRef]:
    """The tensor of the whole for which each input of a part stands."""
    refs = piece.model.input_refs()
    if len(refs) != len(piece.wires):
        raise VerificationError(
            f"part {number} has {len(refs)} inputs, the manifest wires {len(piece.wires)}", code="verify-wiring"
        )
    stands_for: dict[TensorRef, TensorRef] = {}
    for ref, source in zip(refs, piece.wires, strict=True):
        if source.part is None:
            inputs.setdefault(source.number, ref)
            stands_for[ref] = inputs[source.number]
        elif source.part < number and source.number < len(tensors[source.part]):
            stands_for[ref] = tensors[source.part][source.number]
        else:
            raise VerificationError(
                f"part {number} is fed by output {source.number} of part {source.part}, which does not exist before it",
                code="verify-wiring",
            )
    return stands_for


def _moved(ref: TensorRef, piece: Piece, stands_for: Mapping[TensorRef, TensorRef]) -> TensorRef:
    if ref in stands_for:
        return stands_for[ref]
    numbers = piece.calls.get(ref.layer)
    return ref if numbers is None else ref._replace(call=numbers[ref.call])


def _merge(
    layer: Layer,
    piece: Piece,
    stands_for: Mapping[TensorRef, TensorRef],
    layers: dict[str, Layer],
    calls: dict[str, dict[int, Node]],
) -> None:
    def moved(use: Use) -> Use:
        return use.of(_moved(use.ref, piece, stands_for))

    known = layers.setdefault(layer.name, layer)
    if known is not layer and known.entry != layer.entry:
        raise VerificationError(f"two parts hold different layers named {layer.name!r}", code="verify-layers-differ")
    numbers = piece.calls.get(layer.name, tuple(range(len(layer.calls))))
    for number, node in zip(numbers, layer.calls, strict=True):
        told = node.map_uses(moved)
        if not layer.is_input and number in calls.get(layer.name, {}):
            raise VerificationError(f"two parts hold call {number} of layer {layer.name!r}", code="verify-layers-differ")
        calls.setdefault(layer.name, {})[number] = told


def _complete(layer: Layer, calls: Mapping[int, Node]) -> Layer:
    if sorted(calls) != list(range(len(calls))):
        raise VerificationError(
            f"calls of layer {layer.name!r} are missing: there are only {sorted(calls)}", code="verify-missing-call"
        )
    return layer.called(tuple(calls[number] for number in range(len(calls))))


# The wiring of a model without what its layers say of themselves: what `join` needs to close again what a cut has opened.


_WIRING = ("class_name", "name", "inbound_nodes")


def skeleton(model: Model, known: Collection[LayerPath]) -> Model:
    """The model with the entry of each layer in ``known``, and of those inside, reduced to its keys, name and calls."""

    def strip(inner: Model, path: LayerPath) -> Model:
        return inner.with_layers(tuple(_stripped(layer, (*path, layer.name), known) for layer in inner.layers))

    for path in _models(model):
        model = within(model, path, partial(strip, path=path))
    return model


def filled(model: Model, entries: Mapping[LayerPath, FrozenDict]) -> Model:
    """A skeleton with the entries of its layers, each in the spelling that the skeleton has for its keys and names."""

    def fill(inner: Model, path: LayerPath) -> Model:
        return inner.with_layers(tuple(_filled(layer, entries.get((*path, layer.name))) for layer in inner.layers))

    for path in _models(model):
        model = within(model, path, partial(fill, path=path))
    return model


def _models(model: Model) -> list[LayerPath]:
    return [(), *(path for path, layer in walk(model) if layer.model is not None)]


def _stripped(layer: Layer, path: LayerPath, known: Collection[LayerPath]) -> Layer:
    told = any(path[:length] in known for length in range(1, len(path) + 1))
    if layer.model is not None or layer.is_input or not told:
        return layer
    name = {"name": layer.config["name"]} if "name" in layer.config else {}
    bare = {key: value if key in _WIRING else None for key, value in layer.entry.items()}
    return replace(layer, entry=FrozenDict(bare | {"config": FrozenDict(name)}))


def _filled(layer: Layer, entry: FrozenDict | None) -> Layer:
    if entry is None or layer.model is not None or layer.is_input:
        return layer
    wiring = {key: layer.entry[key] for key in _WIRING if key in layer.entry}
    config = entry["config"]
    if "name" in layer.config:
        config = config | {"name": layer.config["name"]}
    made = {key: entry.get(key) for key in layer.entry} | wiring | {"config": config}
    return replace(layer, entry=FrozenDict(made))
