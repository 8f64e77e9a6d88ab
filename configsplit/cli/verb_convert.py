"""``configsplit convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configsplit.cli.output import note, show, size

if TYPE_CHECKING:
    from configsplit.verbs.convert import Converted, SavedConversion


def convert(model: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Convert and write, or list what stands in the way."""
    from configsplit.verbs.convert import convert as make

    made = make(
        model,
        weights=options["weights"],
        lambdas=options["lambdas"],
        shapes=options["shapes"],
        backend=options["backend"],
        custom_objects=options["custom_objects"],
    )
    if made.refusals:
        _refuse(made, as_json)
    saved = made.save(out, force=options["force"])
    if as_json:
        show(_as_json(made, saved))
        return
    click.echo("\n".join(_lines(made, saved)))
    for remark in made.notes:
        note(f"{click.style('note', fg='cyan')}: {remark.layer}: {remark.what}")


def _refuse(made: Converted, as_json: bool) -> None:
    """List everything that stands in the way, and end with 1."""
    if as_json:
        show({"file": None, "refusals": [refusal.as_json() for refusal in made.refusals]})
    else:
        count = len(made.refusals)
        head = click.style("not converted", fg="red", bold=True)
        note(f"{head}: {count} thing{'s' if count > 1 else ''} of {made.document.path.name} cannot be brought to Keras 3")
        for refusal in made.refusals:
            note(f"  {click.style(refusal.layer, bold=True)} [{refusal.code}] {refusal.reason}")
            note(f"    {click.style('hint', fg='cyan')}: {refusal.remedy}")
        note("nothing was written")
    click.get_current_context().exit(1)


def _as_json(made: Converted, saved: SavedConversion) -> dict[str, Any]:
    return {
        "file": str(saved.path),
        "sha256": saved.sha256,
        "source": {"file": made.document.path.name, "dialect": made.document.dialect, "release": made.document.release},
        "layers": saved.layers,
        "weights": saved.weights,
        "relaid": saved.relaid,
        "refusals": [],
        "notes": [remark.as_json() for remark in made.notes],
    }


def _lines(made: Converted, saved: SavedConversion) -> list[str]:
    source = made.document
    release = f" (release {source.release})" if source.release else ""
    title = f"{source.detection.dialect.title}{release}"
    lines = [
        f"{click.style(source.path.name, bold=True)}  {title}, {len(source.model.layers)} layers",
        f"{click.style(saved.path.name, bold=True)}  Keras 3, {saved.layers} layers, {size(saved.path.stat().st_size)}",
    ]
    if saved.weights:
        moved = f"{saved.weights - saved.relaid} weights copied bit for bit"
        lines.append(f"  {moved}{f', {saved.relaid} laid out anew' if saved.relaid else ''}")
    return lines
