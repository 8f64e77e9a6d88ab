"""Options and lines of plans: what ``split --stages`` and ``cuts`` have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from configsplit.cli.output import size, table


def as_amount(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """An option's number above 0, which may be written ``1e6``, ``200k``, ``1.5MB`` or ``2GiB``."""
    if value is None:
        return None
    from configsplit.boundaries.costs import read_amount

    found = read_amount(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number above 0 such as 1e6, 200k, 1.5MB or 2GiB", context, option)
    return found


def stage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a plan."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--stages", type=click.IntRange(1), metavar="N", help="Instead of --at: the best pipeline of N parts."),
    click.option(
        "--balance",
        type=click.Choice(["params", "macs", "bytes", "latency"]),
        help="What --stages balances: parameters, multiply-accumulates (default), bytes of weights, measured milliseconds.",
    ),
    click.option("--profile", type=click.Path(path_type=Path), help="Milliseconds of each layer, for --balance latency."),
    click.option("--devices", type=click.Path(path_type=Path), help="Memory, speed and link of what runs each stage."),
    click.option("--max-boundary-bytes", callback=as_amount, metavar="BYTES", help="Most bytes per sample across a boundary."),
    click.option(
        "--slack",
        type=click.FloatRange(0, 1000),
        metavar="PERCENT",
        help="How much larger than possible the largest stage may be, for fewer bytes across.",
    ),
    click.option("--max-stage-bytes", callback=as_amount, metavar="BYTES", help="Most bytes of weights in a stage."),
)

_ONLY_WITH_STAGES = ("balance", "profile", "devices", "slack", "max_boundary_bytes", "max_stage_bytes")


def check_usage(at: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """``--at`` or ``--stages``, and what goes with each."""
    if bool(at) == bool(options["stages"]):
        raise click.UsageError("give either --at REF (where to cut) or --stages N (how many parts)")
    for name in _ONLY_WITH_STAGES:
        if options[name] is not None and not options["stages"]:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --stages N")


def planned(document: Any, options: Mapping[str, Any]) -> Any:
    """The plan that was asked for."""
    from configsplit.verbs.plan import plan

    limits = {name: None if options[name] is None else int(options[name]) for name in _ONLY_WITH_STAGES[-2:]}
    return plan(
        document,
        options["stages"],
        balance=options["balance"] or ("latency" if options["profile"] else "macs"),
        profile=options["profile"],
        devices=options["devices"] or (),
        slack=(options["slack"] or 0) / 100,
        shapes=options["shapes"],
        boundary_dtype=options["boundary_dtype"],
        **limits,
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
