"""``configsplit freeze``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.surgery import MODEL, output_options, read, source_options, write


@click.command()
@MODEL
@click.option("--before", multiple=True, metavar="REF", help="All layers that compute this tensor, its own included.")
@click.option("--after", multiple=True, metavar="REF", help="All layers that are computed from this tensor.")
@click.option("--layer", multiple=True, metavar="GLOB", help="Layers by name; * works, OUTER/INNER too.")
@click.option("--unfreeze", is_flag=True, help="Set them free instead.")
@source_options
@output_options(to=True)
def freeze(
    model: Path,
    before: tuple[str, ...],
    after: tuple[str, ...],
    layer: tuple[str, ...],
    unfreeze: bool,
    out: Path,
    **options: Any,
) -> None:
    """Freeze layers of MODEL: training leaves their weights alone. Say which: --before, --after or --layer.

    The flag is set in each layer, in what it wraps and in what is nested in it; weights stay where the loader looks for them.
    """
    from configsplit.verbs.marking import freeze as mark

    if not (before or after or layer):
        raise click.UsageError("say which layers: --before REF, --after REF or --layer GLOB")
    document = read(model, options)
    write(mark(document, before=before, after=after, layer=layer, unfreeze=unfreeze), out, options)
