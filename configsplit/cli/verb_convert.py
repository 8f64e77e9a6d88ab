"""``configsplit convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configsplit.cli.output import json_option, note, show, size
from configsplit.cli.surgery import MODEL, source_options

if TYPE_CHECKING:
    from configsplit.verbs.convert import Converted, SavedConversion


@click.command()
@MODEL
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The file to write: .keras, or .json without weights."
)
@click.option(
    "--lambda",
    "lambdas",
    multiple=True,
    metavar="NAME=MODULE:FUNCTION",
    help="What takes the place of the code of a Lambda layer; repeat for several.",
)
@click.option("--shape", "shapes", multiple=True, metavar="LAYER=None,28,28,128", help="A shape that nothing else tells.")
@click.option(
    "--backend",
    type=click.Choice(["tensorflow", "theano", "cntk"]),
    help="What computed the weights, where the file does not say it (Keras 1).",
)
@source_options
@click.option("--force", is_flag=True, help="Replace an existing output.")
@json_option
def convert(model: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Bring MODEL from Keras 1 or 2 to Keras 3, configuration and weights, so that Keras 3 loads it as it is.

    Layers, calls, weights and masks are translated by declared rules; where Keras 3 computes something else under the same
    name, what computes the old numbers is written. What cannot be converted is listed, each layer with its reason and what to
    do about it, and nothing is written then (exit code 1).
    """
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
