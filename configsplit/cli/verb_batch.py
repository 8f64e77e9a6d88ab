"""``configsplit batch``."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from configsplit.cli.output import note, printable, say, show, table
from configsplit.display.figures import size

if TYPE_CHECKING:
    from configsplit.batches.causes import Cause, Summary
    from configsplit.batches.jobs import Plan


class Asked(TypedDict):
    """The options of ``configsplit batch``, as its record has them."""

    jobs: int | None
    resume: bool
    cluster: str | None
    force: bool
    dry_run: bool
    write_overrides: Path | None
    as_json: bool


def batch(recipe: Path, zoo: str, out: str, **options: Unpack[Asked]) -> None:
    """Do a recipe on a zoo, or say what would be done."""
    if options["cluster"] and options["jobs"]:
        raise click.UsageError("--jobs applies to workers on this machine: with --cluster, the cluster has its own")
    if options["resume"] and options["force"]:
        raise click.UsageError("--resume and --force exclude each other")
    if options["dry_run"] and options["write_overrides"]:
        raise click.UsageError("--write-overrides needs a run, and --dry-run runs nothing")
    code = _dry(recipe, zoo, out, options) if options["dry_run"] else _run(recipe, zoo, out, options)
    click.get_current_context().exit(code)


def _run(recipe: Path, zoo: str, out: str, options: Asked) -> int:
    import gc

    from configsplit.batches import batch
    from configsplit.cli.batch_view import view

    gc.enable()  # other verbs are over before garbage could matter; this one may run all night
    try:
        with view(options["as_json"]) as watch:
            summary = batch.batch(
                recipe,
                zoo=zoo,
                out=out,
                jobs=options["jobs"],
                resume=options["resume"],
                force=options["force"],
                cluster=options["cluster"],
                write_overrides=options["write_overrides"],
                watch=watch,
            )
    except KeyboardInterrupt:
        note("stopped; finished models are kept: the same command with --resume continues")
        raise
    if options["as_json"]:
        show(summary.as_json())
    else:
        say(*_lines(summary))
        if options["write_overrides"] and not summary.well:
            following = str(options["write_overrides"])
            again = shlex.join([following, "--zoo", zoo, "--out", out, "--resume"])
            say(f"next    configsplit batch {again}  (has an override for each cause of failure: edit it first)")
    return 0 if summary.well else 1


def _lines(summary: Summary) -> list[str]:
    colours = {"done": "green", "failed": "red", "skipped": "yellow"}
    rows = [(click.style(name, fg=colours[name], bold=True), f"{count:,}") for name, count in summary.outcomes.items()]
    lines = table(rows)
    if summary.kept:
        lines.append(f"  of these {summary.kept:,} were through before, and nothing has changed since")
    lines += _causes(summary.causes)
    moved = f"{size(summary.source_bytes)} read, {size(summary.output_bytes)} written"
    took = f"{moved}, {summary.seconds:.1f} s with {summary.engine}"
    return [*lines, "", took, f"ledger  {summary.ledger}", f"report  {summary.report}"]


def _causes(causes: Iterable[Cause]) -> list[str]:
    """Why models fail, then why they are skipped: how many, the code, what the first was told and what to do."""
    lines: list[str] = []
    for outcome, title in (("failed", "failures by cause"), ("skipped", "skipped by cause")):
        those = [cause for cause in causes if cause.outcome == outcome]
        rows = [(f"{cause.count:,}", cause.code, printable(_told(cause))) for cause in those]
        for cause, row in zip(those, table(rows), strict=True):
            lines += [] if cause is not those[0] else ["", title]
            lines += [row, *([f"      {click.style('hint', fg='cyan')}: {printable(cause.hint)}"] if cause.hint else [])]
    return lines


def _told(cause: Cause) -> str:
    others = f"{cause.others} other message{'s' if cause.others != 1 else ''}"
    return f"{cause.message}; and {others}, see the report" if cause.others else str(cause.message)


def _dry(recipe: Path, zoo: str, out: str, options: Asked) -> int:
    from configsplit.batches.batch import plan
    from configsplit.batches.causes import merged

    plans, excluded = plan(recipe, zoo=zoo, out=out, jobs=options["jobs"], cluster=options["cluster"])
    if options["as_json"]:
        told = [cause.as_json() for cause in merged(each.cause for each in plans)]
        show({"models": [each.as_json() for each in plans], "excluded": excluded, "causes": told})
    else:
        say(*_plan_lines(plans, excluded), *_causes(merged(each.cause for each in plans)))
    return 1 if any(each.outcome == "fail" for each in plans) else 0


def _plan_lines(plans: list[Plan], excluded: dict[str, str]) -> list[str]:

    lines = []
    for each in plans:
        lines.append(f"{click.style(each.outcome, bold=True)}  {printable(each.name)}  ({printable('; '.join(each.why))})")
        lines += [f"  {_step(step)}" for step in each.steps]
        if each.error:
            lines.append(f"  [{each.error['code']}] {printable(each.error['message'])}")
    lines += [f"leave  {printable(name)}  (exclude {pattern})" for name, pattern in excluded.items()]
    counts = Counter(each.outcome for each in plans)
    return [*lines, "", ", ".join(f"{count} to {word}" for word, count in sorted(counts.items())) + "; nothing was written"]


def _step(step: dict[str, Any]) -> str:

    words = [step["step"]]
    words += [f"at {'; '.join(step['at'])}"] if step.get("at") else []
    words += [f"by {step['plan']['balance']}"] if step.get("plan") else []
    words += (
        [f"into {len(step['layers'])} parts of {', '.join(map(str, step['layers']))} layers"] if step["verb"] == "split" else []
    )
    return printable(" ".join(words))
