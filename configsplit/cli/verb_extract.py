"""``configsplit extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.surgery import MODEL, output_options, read, source_options, write


@click.command()
@MODEL
@click.option(
    "--from", "from_", multiple=True, metavar="REF", help="Start here; repeat for several. The model's inputs by default."
)
@click.option("--to", multiple=True, metavar="REF", help="End here; repeat for several. The model's outputs by default.")
@click.option("--shape", "shapes", multiple=True, metavar="LAYER=None,28,28,128", help="A shape that nothing else tells.")
@source_options
@output_options(to=False)
def extract(
    model: Path, from_: tuple[str, ...], to: tuple[str, ...], shapes: tuple[str, ...], out: Path, **options: Any
) -> None:
    """Take the sub-network between any tensors out of MODEL: features at many layers (--to A --to B), a block, a tail.

    Tensors in --from become inputs. If more is needed than what they give, the missing tensors are named.
    """
    from configsplit.verbs.surgery import extract as take

    if not from_ and not to:
        raise click.UsageError("say where to start or to end: --from REF, --to REF")
    write(take(read(model, options), from_=from_, to=to, shapes=shapes), out, options)
