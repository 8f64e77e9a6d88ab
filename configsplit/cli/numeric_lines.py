"""What a numeric verification found, in lines: no more than it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from configsplit.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from configsplit.runtime.compare import Compared, Comparison
    from configsplit.runtime.reports import NumericReport


_KINDS = (
    ("layer", "masks seen both ways, on and off"),
    ("boundary", "boolean tensors between the parts seen both ways"),
    ("input", "boolean inputs seen both ways"),
)


def numeric_lines(report: NumericReport) -> list[str]:
    """The verdict, what was exercised, and what was not. Only a run that exercised everything is called verified outright."""
    missing = report.unexercised
    word = (
        click.style("verified in part", fg="yellow", bold=True) if missing else click.style("verified", fg="green", bold=True)
    )
    outputs = ", ".join(f"{output.name} {'×'.join(map(str, output.shape))}" for output in report.outputs)
    how = "made-up weights" if report.weights == "filled" else "the files' weights"
    verdict = (
        f"{word}: {tolerated(report)} in {report.framework} {report.version} on {report.samples} samples "
        f"({outputs}; {how}; {report.seconds:.1f} s)"
    )
    fed = [fed_line(report)] if report.given or report.sized else []
    return [verdict, *fed, *_seen(report), *(f"  not exercised: {each}" for each in missing), *_not_numbers(report)]


def _seen(report: NumericReport) -> list[str]:
    told = []
    for where, what in _KINDS:
        masks = [mask for mask in report.masks if mask.where == where]
        if masks:
            told.append(f"{sum(mask.both_ways for mask in masks)} of {len(masks)} {what}")
    return [f"  exercised: {'; '.join(told)}"] if told else []


def _not_numbers(report: NumericReport) -> list[str]:
    return [
        f"  note: {output.nan} numbers of {output.name!r} are NaN in the original and in the parts; equal bits say little there"
        for output in report.outputs
        if output.nan
    ]


# What a comparison of two models comparison, in lines.


_MOST = 8
"""So many places are named where two models part besides."""


def compared_lines(comparison: Comparison, one: str, other: str) -> list[str]:
    """The verdict, what was fed, each output that differs, and the table of where the models part."""
    return [_verdict(comparison, one, other), fed_line(comparison), *_differing(comparison), *_parting(comparison, one, other)]


def fed_line(comparison: Comparison | NumericReport) -> str:
    """``fed: ids 4×5 int32 (drawn, seed 0)``."""
    fed = ", ".join(f"{each.name} {'×'.join(map(str, each.shape))} {each.dtype}" for each in comparison.inputs)
    return f"  fed: {fed} ({'your own' if comparison.given else f'drawn, seed {comparison.seed}'})"


def tolerated(comparison: Comparison | NumericReport) -> str:
    """``outputs equal within 1e-05 (off by up to 3e-07)``, or that every bit is equal."""
    if comparison.identical:
        return (
            f"outputs bit-identical{f' (a tolerance of {comparison.tolerance:g} was allowed)' if comparison.tolerance else ''}"
        )
    off = max(output.max_abs_difference or 0.0 for output in comparison.outputs)
    return f"outputs equal within the tolerance of {comparison.tolerance:g} (off by up to {off:.3g})"


def _verdict(comparison: Comparison, one: str, other: str) -> str:
    runs = " and ".join(
        f"{name} in {ran.framework} {ran.version}" for name, ran in ((one, comparison.ran), (other, comparison.other))
    )
    outputs = ", ".join(f"{output.name} {'×'.join(map(str, output.shape))}" for output in comparison.outputs)
    if comparison.passed:
        return f"{click.style('verified', fg='green', bold=True)}: {tolerated(comparison)}, {runs} ({outputs})"
    allowed = f"a tolerance of {comparison.tolerance:g}" if comparison.tolerance else "every bit has to be equal"
    return f"{click.style('different', fg='red', bold=True)}: {runs}; {allowed}"


def _differing(comparison: Comparison) -> list[str]:
    lines = [
        f"  output {output.name!r}: {_off(output.max_abs_difference)}, its largest value {output.largest:.3g}"
        for output in comparison.outputs
        if not output.within(comparison.tolerance)
    ]
    if not comparison.deterministic:
        lines.append("  note: the first model does not repeat itself on the same inputs; no comparison of it says anything")
    return lines


def _off(difference: float | None) -> str:
    return "other shapes, or a number against none" if difference is None else f"off by up to {difference:.3g}"


def _parting(comparison: Comparison, one: str, other: str) -> list[str]:
    parting = comparison.parting
    if parting is None:
        return []
    alone = f"{len(parting.alone)} of {one} and {len(parting.other_alone)} of {other} had nothing to be compared with"
    if parting.first is None:
        return [f"  all {parting.compared} tensors inside that were compared are equal; {alone}: they part there"]
    rows: list[tuple[str, ...]] = [("", "tensor", "class", other, "matched by", "off by up to", "largest")]
    for sign, group in (("  ", parting.before), ("->", (parting.first,)), ("  ", parting.behind)):
        rows += [(sign, *_row(each)) for each in group]
    head = f"  first tensor that differs, of {parting.compared} compared in the order of running: {parting.first.name!r}"
    return [head, *table(rows, indent="  "), *_others(parting.others), f"  {alone}"]


def _others(others: Sequence[Compared]) -> list[str]:
    """Where the models part besides: on branches that the first place has no part in."""
    if not others:
        return []
    names = ", ".join(f"{each.name!r} (off by {_row(each)[4]})" for each in others[:_MOST])
    more = f" and {len(others) - _MOST} more" if len(others) > _MOST else ""
    return [f"  differ besides, though what they are computed from is equal: {names}{more}"]


def _row(each: Compared) -> tuple[str, ...]:
    kind = each.class_name if each.class_name == each.other_class else f"{each.class_name}/{each.other_class}"
    if each.difference is None:
        shapes = "×".join(map(str, each.shape)), "×".join(map(str, each.other_shape))
        off = f"{shapes[0]} / {shapes[1]}" if shapes[0] != shapes[1] else "a number against none"
    else:
        off = "0" if each.difference == 0 else f"{each.difference:.3g}"
    return each.name, kind, each.other, each.by, off, f"{each.largest:.3g}"
