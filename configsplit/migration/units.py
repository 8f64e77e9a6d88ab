"""What the conversion of one layer with all that stands inside it works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from configsplit.ir.facts import LayerFacts
from configsplit.ir.graph import LayerPath
from configsplit.ir.recipes import Slot
from configsplit.ir.values import FrozenDict
from configsplit.migration.stored import Stored


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for a whole migration: the dialect, the backend that wrote the weights, plug-ins.

    ``release`` is the one that wrote the file, as far as it says so.
    ``model`` converts a model that stands inside a wrapper; the path is its own.
    """

    dialect: str
    backend: str
    facts: Mapping[str, LayerFacts]
    release: tuple[int, ...]
    model: Callable[[FrozenDict, LayerPath], FrozenDict]


@dataclass(frozen=True, slots=True)
class Inside:
    """A layer's entry for Keras 3 (without name and calls) and its weights, below its own group.

    ``old_places`` are where an archive of tf.keras has the weights that recipes count by.
    """

    entry: FrozenDict
    slots: tuple[Slot, ...] = ()
    old_places: tuple[str, ...] = ()


@dataclass(slots=True)
class Unit:
    """One layer of the tree: its old entry, where it stands in its parent's config, its share of the weights."""

    entry: FrozenDict
    stored: Stored
    start: int
    prefix: str
    key: tuple[str, int | None] = ("", None)
    path: LayerPath = ()
    children: list[Unit] = field(default_factory=list)
    made: FrozenDict | None = None
    own: Inside | None = None
    depth: int = 0
