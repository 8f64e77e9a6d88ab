"""``configsplit convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from configsplit.cli.options import Limited, Loading, loading
from configsplit.cli.output import note, say, show, told_once
from configsplit.display.figures import size

if TYPE_CHECKING:
    from configsplit.runtime.converted import ConvertedReport
    from configsplit.saving.conversion import Check, Converted, SavedConversion, Target
    from configsplit.verbs.convert import Backend, MissingWeights


class Asked(Loading, Limited):
    """The options of ``configsplit convert``, as its record has them."""

    to: Target
    target: str | None
    lambdas: tuple[str, ...]
    read_lambda: bool
    shapes: tuple[str, ...]
    missing_weights: MissingWeights
    backend: Backend | None
    verify: Check
    samples: int
    seed: int
    inputs: Path | None
    sizes: tuple[str, ...]
    force: bool


def convert(model: Path, out: Path, as_json: bool, **options: Unpack[Asked]) -> None:
    """Convert and write, or list what stands in the way."""
    from configsplit.models.document import reading
    from configsplit.verbs import asked

    for given, flag in ((options["inputs"], "--inputs"), (options["sizes"], "--size")):
        if given and options["verify"] != "numeric":
            raise click.UsageError(f"{flag} goes with --verify numeric")
    with reading(model, **loading(options)) as document:
        made = asked.converted(document, options)
        if made.refusals:
            _refuse(made, as_json)
        saved = made.save(
            out,
            force=options["force"],
            verify=options["verify"],
            samples=options["samples"],
            seed=options["seed"],
            inputs=options["inputs"],
            sizes=options["sizes"],
            custom_objects=options["custom_objects"],
            limits=asked.limits_of(options),
        )
    if as_json:
        show(_as_json(made, saved))
        return
    say(*_lines(made, saved))
    for remark in told_once(f"{remark.layer}: {remark.what}" for remark in made.notes):
        note(f"{click.style('note', fg='cyan')}: {remark}")


def _refuse(made: Converted, as_json: bool) -> None:
    """List everything that stands in the way, and end with 1."""
    if as_json:
        show({"file": None, "refusals": [refusal.as_json() for refusal in made.refusals]})
    else:
        count = len(made.refusals)
        head = click.style("not converted", fg="red", bold=True)
        things = f"{count} thing{'s' if count > 1 else ''} of {made.document.path.name}"
        note(f"{head}: {things} cannot be converted to {_goal(made)}")
        for refusal in made.refusals:
            note(f"  {click.style(refusal.layer, bold=True)} [{refusal.code}] {refusal.reason}")
            note(f"    {click.style('hint', fg='cyan')}: {refusal.remedy}")
        note("nothing was written")
    click.get_current_context().exit(1)


def _goal(made: Converted) -> str:
    """What the model was to be brought to, for people."""
    if made.to == "keras3" and (target := made.arguments.get("target")):
        return f"Keras {target}"
    return {"keras3": "today's Keras 3", "keras2": "Keras 2", "tfjs": "TensorFlow.js"}[made.to]


def _as_json(made: Converted, saved: SavedConversion) -> dict[str, Any]:
    return {
        "file": str(saved.path),
        "sha256": saved.sha256,
        "source": {"file": made.document.path.name, "dialect": made.document.dialect, "release": made.document.release},
        "layers": saved.layers,
        "weights": saved.weights,
        "relaid": saved.relaid,
        "absent": ["/".join(each.path) for each in made.absent],
        "needs": made.needs,
        "record": f"{saved.path.name}.provenance.json",
        "proof": None if saved.compared is None else {"weights": saved.compared},
        "numeric": None if saved.numeric is None else saved.numeric.as_json(),
        "refusals": [],
        "notes": [remark.as_json() for remark in made.notes],
    }


def _lines(made: Converted, saved: SavedConversion) -> list[str]:
    source = made.document
    release = f" (release {source.release})" if source.release else ""
    goal = _goal(made).removeprefix("today's ")
    title = f"{source.detection.dialect.title}{release}"
    lines = [
        f"{click.style(source.path.name, bold=True)}  {title}, {len(source.model.layers)} layers",
        f"{click.style(saved.path.name, bold=True)}  {goal}, {saved.layers} layers, {size(saved.path.stat().st_size)}",
    ]
    if saved.weights:
        moved = f"{saved.weights - saved.relaid} weights copied bit for bit"
        lines.append(f"  {moved}{f', {saved.relaid} in a new layout' if saved.relaid else ''}")
    if made.needs:
        lines.append(f"  needs these classes: {', '.join(f'{name} ({place})' for name, place in made.needs.items())}")
    if made.absent:
        names = ", ".join("/".join(each.path) for each in made.absent)
        lines.append(f"  {click.style('begin with fresh weights', fg='yellow')}: {names}")
    if saved.compared is not None and not made.absent:
        told = f", and every weight is what was made of {source.path.name}'s" if saved.compared else ""
        lines.append(f"{click.style('proven', fg='green', bold=True)}: the graph is what the rules give{told}")
    if saved.numeric is not None:
        lines += _numbers(saved.numeric)
    return lines


def _numbers(report: ConvertedReport) -> list[str]:
    """What both models computed."""
    old, new = report.frameworks
    what = (
        "outputs bit-identical"
        if report.identical
        else f"outputs equal but for rounding, off by {report.difference:.1e} at most,"
    )
    word = (
        click.style("verified in part", fg="yellow", bold=True)
        if report.unexercised
        else click.style("verified", fg="green", bold=True)
    )
    lines = [f"{word}: {what} in {old} and {new} on {report.samples} samples ({report.seconds:.1f} s)"]
    lines += [f"  {output.name}: off by {output.difference:.1e}" for output in report.outputs if output.difference]
    lines += [f"  ran in the place of code: {each}" for each in report.instead]
    return [*lines, *(f"  not exercised: {each}" for each in report.unexercised)]
