"""``configsplit remove``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.surgery import MODEL, output_options, read, source_options, write


@click.command()
@MODEL
@click.option(
    "--layer", multiple=True, required=True, metavar="LAYER", help="What to take out; * works, OUTER/INNER too. Repeat."
)
@source_options
@output_options(to=True)
def remove(model: Path, layer: tuple[str, ...], out: Path, **options: Any) -> None:
    """Take layers out of MODEL: what took their output takes their input instead.

    Only layers that take one tensor and give one of the same shape and dtype can go (Dropout, noise, an activation); together
    several may go of which only the chain keeps the shape.
    """
    from configsplit.verbs.surgery import remove as take

    write(take(read(model, options), layer), out, options)
