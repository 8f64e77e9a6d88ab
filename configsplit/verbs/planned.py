"""What `plan` gives: stages and boundaries with what each costs, and what is proven of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configsplit.boundaries.formulas import Figure, plain
from configsplit.display.shown import Shown
from configsplit.models.document import Document
from configsplit.models.results import Parts
from configsplit.verbs.notebook import plan_html

if TYPE_CHECKING:
    from configsplit.saving.parts import Saved

Balance = Literal["params", "macs", "bytes", "latency"]

State = Literal["optimal", "bounded", "tried"]

UNITS = {"params": "parameters", "macs": "multiply-accumulates", "bytes": "bytes of weights", "latency": "ns"}
"""What each balance counts. With devices that have speeds the unit of ``largest`` is ns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a plan: how many calls it makes, and what it costs for one sample.

    ``cost`` is in the unit of what is balanced; ``closed`` are the nested models in it that were left whole, each
    of whose calls counts as one.
    """

    device: str | None
    calls: int
    cost: Figure
    parameters: int
    weight_bytes: int
    macs: Figure
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """What crosses between two neighbouring stages, tensors that only pass over one of them included."""

    tensors: tuple[str, ...]
    bytes: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Shown):
    """Where to cut, and what is known of it. Figures that depend on open sizes are formulas.

    Attributes:
        balance: what the stages are balanced by; ``unit`` is its unit.
        largest: the slowest stage or link; ``smallest`` the same without slack; ``bound``: no plan has a smaller one.
        state: "optimal" if ``smallest`` is proven to be the smallest there is, "tried" if that depends on open sizes and every
            size tried gives this plan, else "bounded".
        bytes: sum of the bytes per sample across each boundary; ``bytes_state`` whether it is the least for a largest stage of
            ``smallest``, slack included.
        imbalance: the largest stage's cost over the mean.
        uncounted: layers that nobody can count and that count as nothing; a plan that goes by them is never optimal.
        undeclared: those of them whose class nobody has declared.
        tried: the smallest and the largest size that the plan was tried for, where it goes by open sizes. (Where only bytes do,
            and not every size has the same plan, this is that of the first size tried, and its bytes are "bounded".)
    """

    document: Document
    balance: Balance
    unit: str
    stages: tuple[Stage, ...]
    boundaries: tuple[Boundary, ...]
    largest: Figure
    smallest: Figure
    bound: Figure
    state: State
    bytes: Figure
    bytes_state: State
    imbalance: float | None
    uncounted: tuple[str, ...]
    undeclared: tuple[str, ...]
    tried: tuple[int, int] | None
    parts: Parts

    def save(self, directory: str | Path, **options: Any) -> Saved:
        """Carry the plan out; see `Parts.save` for the options."""
        return self.parts.save(directory, **options)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return plan_html(self)

    def __repr__(self) -> str:
        at = ", ".join(",".join(boundary.tensors) for boundary in self.boundaries)
        return f"<plan of {len(self.stages)} stages of {self.document.path.name} by {self.balance}: {self.state}, cut at {at}>"

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        rows: dict[str, Any] = {"stages": list(map(_row, self.stages)), "boundaries": list(map(_row, self.boundaries))}
        objective = f"smallest largest stage ({self.unit}), then fewest bytes across the boundaries"
        lists = {
            "uncounted": list(self.uncounted),
            "undeclared": list(self.undeclared),
            "tried": None if self.tried is None else list(self.tried),
        }
        return {"objective": objective, **_row(self), **rows, **lists}


def _row(item: Any) -> dict[str, Any]:
    names = (name for name in item.__slots__ if name not in ("document", "parts"))
    return {key: value for name in names for key, value in plain(name, getattr(item, name)).items()}
