"""The family of a layer class, by which pictures colour it: the group that its declaration stands in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.layers import (
    activation,
    attention,
    convolution,
    core,
    images,
    merging,
    normalization,
    preprocessing,
    recurrent,
    reshaping,
    sound,
    wrappers,
)
from configsplit.catalog.operations import layers
from configsplit.catalog.table import ships

INPUT, MODEL, OTHER, CUSTOM = "input", "model", "other", "custom"

_GROUPS = {
    "convolution": convolution.CONVOLUTION,
    "pooling": convolution.POOLING,
    "dense": tuple(facts for facts in core.BASIC if facts.macs is not None),
    "embedding": core.EMBEDDING,
    "activation": activation.ACTIVATION,
    "dropout": activation.DROPOUT,
    "normalization": normalization.LAYERS,
    "merging": merging.LAYERS,
    "reshaping": reshaping.LAYERS,
    "recurrent": (*recurrent.LAYERS, *wrappers.LAYERS),
    "attention": attention.LAYERS,
    "preprocessing": (*preprocessing.LAYERS, *sound.LAYERS, *images.LAYERS),
    "operation": (*layers.LAYERS, layers.OPERATION),
}

_OF: Mapping[str, str] = MappingProxyType({facts.class_name: name for name, group in _GROUPS.items() for facts in group})

FAMILIES = (INPUT, *_GROUPS, MODEL, OTHER, CUSTOM)
"""Every family, in the order in which legends have them."""


def family(facts: LayerFacts | None) -> str:
    """The family of what is declared so; a class that nobody has declared, or a plug-in alone, is a custom one."""
    if facts is None or not (facts is layers.OPERATION or ships(facts)):
        return CUSTOM
    return _OF.get(facts.class_name, OTHER)
