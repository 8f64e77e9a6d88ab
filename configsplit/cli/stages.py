"""How a plan looks; numbers for people, as ``cuts`` shows them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from configsplit.cli.output import some_of, table
from configsplit.display.figures import count, figure, size

if TYPE_CHECKING:
    from configsplit.boundaries.formulas import Figure
    from configsplit.verbs.cuts import Cuts
    from configsplit.verbs.planned import Plan


def plan_lines(plan: Plan) -> list[str]:
    """A plan for people: what was achieved, and one line for each stage and boundary."""
    unit = plan.unit
    shape = "" if plan.imbalance is None else f", the largest {plan.imbalance:.3f} × the mean"
    lines = [
        f"plan  {len(plan.stages)} stages by {plan.balance}{shape}",
        f"  largest stage  {amount(plan.largest, unit)} ({_proof(plan)})",
        f"  total across   {figure(plan.bytes, size)} per sample ({_least(plan)})",
    ]
    if plan.uncounted:
        lines.append(f"  not counted    {uncounted(plan)}")
    if closed := list(dict.fromkeys(name for stage in plan.stages for name in stage.closed)):
        lines.append(f"  left whole     {', '.join(closed)}: nested models, of which each call counts as one layer")
    rows = [
        (
            stage.device or f"stage {number}",
            f"{stage.calls} layers",
            f"{count(stage.parameters)} parameters",
            f"{figure(stage.macs, count)} MACs",
            f"then {figure(plan.boundaries[number].bytes, size)}" if number < len(plan.boundaries) else "",
        )
        for number, stage in enumerate(plan.stages)
    ]
    return [*lines, *table(rows), ""]


def _proof(plan: Plan) -> str:
    """What is known of the largest stage."""
    if plan.state == "tried":
        return tried(plan.tried)
    if plan.state == "optimal":
        proof = "proven optimal"
    elif isinstance(plan.bound, int):
        proof = f"no plan is below {amount(plan.bound, plan.unit)}" + (" of what is counted" if plan.uncounted else "")
    else:
        proof = "the smallest found"
    return proof if plan.largest == plan.smallest else f"{amount(plan.smallest, plan.unit)} without slack, {proof}"


def _least(plan: Plan) -> str:
    if plan.bytes_state == "tried":
        return tried(plan.tried)
    if plan.bytes_state == "optimal":
        return "the least for it"
    return "the least found" if plan.tried or isinstance(plan.bytes, int) else "for some sizes another plan has less"


def uncounted(counted: Plan | Cuts) -> str:
    """Which layers count as nothing, and why."""
    others = [name for name in counted.uncounted if name not in counted.undeclared]
    why = [f"{some_of(counted.undeclared)} (no plug-in declares the class)"] if counted.undeclared else []
    return "; ".join([*why, *([f"{some_of(others)} (a shape is unknown, or they wrap a model)"] if others else [])])


def tried(sizes: tuple[int, int] | None) -> str:
    """What is known of a choice that goes by open sizes."""
    assert sizes is not None
    return f"the same choice for every size tried, from {sizes[0]} to {sizes[1]}"


def amount(value: Figure, unit: str) -> str:
    """``12.3 ms``, ``3.9 G multiply-accumulates``."""
    if not isinstance(value, int):
        return f"{figure(value, count)} {unit}" if value.terms else str(value)
    return f"{value / 1e6:.4g} ms" if unit == "ns" else f"{count(value)} {unit}"
