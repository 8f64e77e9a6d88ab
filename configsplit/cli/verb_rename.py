"""``configsplit rename``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.surgery import MODEL, output_options, read, source_options, write


@click.command()
@MODEL
@click.argument("names", nargs=-1, required=True, metavar="OLD=NEW...")
@source_options
@output_options(to=True)
def rename(model: Path, names: tuple[str, ...], out: Path, **options: Any) -> None:
    """Call layers of MODEL otherwise: conv1=stem, 'conv*=block1_conv*', encoder/fc=dense. The weights' names follow.

    All at once: a=b b=a swaps two names.
    """
    from configsplit.verbs.marking import rename as change

    write(change(read(model, options), names), out, options)
