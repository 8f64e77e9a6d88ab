"""Layers with some of their calls: the calls that stay are numbered anew from 0, and so are all references to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from configsplit.ir.graph import CallRef, Layer, TensorRef, Use
from configsplit.ir.provenance import Origin, Provenance


def numbers_of(layers: Sequence[Layer], kept: Collection[CallRef]) -> dict[tuple[str, int], int]:
    """(layer, old call) -> new call, for the calls that stay."""
    numbers: dict[tuple[str, int], int] = {}
    for layer in layers:
        stays = [call for call in range(len(layer.calls)) if (layer.name, call) in kept]
        numbers.update({(layer.name, call): number for number, call in enumerate(stays)})
    return numbers


def moved_layer(layer: Layer, kept: Collection[CallRef], moved: Callable[[TensorRef], TensorRef]) -> Layer:
    """The layer with the calls that stay, their arguments moved."""

    def use(old: Use) -> Use:
        return replace(old, ref=moved(old.ref))

    stays = (node for call, node in enumerate(layer.calls) if (layer.name, call) in kept)
    return replace(layer, calls=tuple(node.map_uses(use) for node in stays))


def kept_origins(layers: Sequence[Layer], kept: Collection[CallRef]) -> Provenance:
    """Every layer came from itself, with the calls that stay."""
    return Provenance(
        {
            (layer.name,): Origin((layer.name,), tuple(call for call in range(len(layer.calls)) if (layer.name, call) in kept))
            for layer in layers
        }
    )
