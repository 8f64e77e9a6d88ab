"""Plans: how ``split --stages`` asks for one, and how it looks; numbers for people, as ``cuts`` shows them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.cli.output import size, table


def planned(document: Any, options: Mapping[str, Any]) -> Any:
    """The plan that was asked for."""
    from configsplit.verbs.plan import plan

    return plan(
        document,
        options["stages"],
        balance=options["balance"] or ("latency" if options["profile"] else "macs"),
        profile=options["profile"],
        devices=options["devices"] or (),
        slack=(options["slack"] or 0) / 100,
        shapes=options["shapes"],
        boundary_dtype=options["boundary_dtype"],
        max_boundary_bytes=options["max_boundary_bytes"],
        max_stage_bytes=options["max_stage_bytes"],
    )


def plan_lines(plan: Any) -> list[str]:
    """A plan for people: what was achieved, and one line for each stage and boundary."""
    unit = plan.unit
    proof = "proven optimal" if plan.state == "optimal" else f"no plan is below {amount(plan.bound, unit)}"
    if plan.largest != plan.smallest:
        proof = f"{amount(plan.smallest, unit)} without slack, {proof}"
    least = "the least for it" if plan.bytes_state == "optimal" else "the least found"
    lines = [
        f"plan  {len(plan.stages)} stages by {plan.balance}, {plan.imbalance:.3f} × the mean",
        f"  largest stage  {amount(plan.largest, unit)} ({proof})",
        f"  across in all  {size(plan.bytes)} a sample ({least})",
    ]
    rows = [
        (
            stage.device or f"stage {number}",
            f"{stage.calls} layers",
            f"{count(stage.parameters)} parameters",
            f"{count(stage.macs)} MACs",
            f"then {size(plan.boundaries[number].bytes)}" if number < len(plan.boundaries) else "",
        )
        for number, stage in enumerate(plan.stages)
    ]
    return [*lines, *table(rows), ""]


def amount(value: int, unit: str) -> str:
    """``12.3 ms``, ``3.9 G multiply-accumulates``."""
    return f"{value / 1e6:.4g} ms" if unit == "ns" else f"{count(value)} {unit}"


def count(value: float) -> str:
    """A number for people: ``3.87 G``."""
    for prefix in ("", "k", "M"):
        if value < 1000:
            return f"{value:.3g} {prefix}".strip() if prefix else f"{value:.4g}"
        value /= 1000
    return f"{value:.3g} G" if value < 1000 else f"{value / 1000:.3g} T"
