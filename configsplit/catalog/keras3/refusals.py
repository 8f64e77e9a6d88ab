"""What becomes of a model: the new one, where its layers and weights come from, what was refused and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from configsplit.catalog.recipes import Slot
from configsplit.graph.model import LayerPath, Model


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that cannot be converted: where, why, and what to do about it."""

    layer: str
    code: str
    reason: str
    remedy: str

    def as_json(self) -> dict[str, str]:
        return {"layer": self.layer, "code": self.code, "reason": self.reason, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is not what it was, though it computes the same: a new name, a layer put in place of another."""

    layer: str
    what: str

    def as_json(self) -> dict[str, str]:
        return {"layer": self.layer, "what": self.what}


@dataclass(frozen=True, slots=True)
class Layout:
    """The weights of one new layer: the old layer they come from, and what goes where below the new layer's group.

    ``places`` are the old weights in the layout of zip archives, in the order that recipes count by. ``kinds`` tells of each
    whether it is trainable, as far as its class tells.
    """

    origin: LayerPath
    slots: tuple[Slot, ...]
    places: tuple[str, ...] = ()
    kinds: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Replacement:
    """What the user gives in place of the code of a Lambda layer: ``module:function``."""

    module: str
    function: str


class Stop(Exception):  # noqa: N818 - a refusal on its way out of a rule, never seen outside of this package
    """A rule cannot convert a layer."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy

    def of(self, layer: str) -> Refusal:
        return Refusal(layer, self.code, self.reason, self.remedy)


@dataclass(frozen=True, slots=True)
class Migration:
    """The result; ``model`` is None where something was refused.

    ``origins`` tells of each new layer the old one, with its path. ``layouts`` has the new layers with weights.
    """

    model: Model | None
    origins: Mapping[LayerPath, LayerPath] = field(default_factory=dict)
    layouts: Mapping[LayerPath, Layout] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
