"""What a numeric verification found, in lines: no more than it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from configsplit.cli.compared_lines import fed_line, tolerated

if TYPE_CHECKING:
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
