"""``configsplit replace``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.surgery import MODEL, fragment, output_options, read, source_options, write


@click.command()
@MODEL
@click.option("--from", "from_", multiple=True, required=True, metavar="REF", help="What the donor takes; repeat for several.")
@click.option(
    "--to", multiple=True, required=True, metavar="REF", help="What the donor's output stands for; repeat for several."
)
@click.option(
    "--model", "donor", required=True, type=click.Path(path_type=Path), help="The donor: a model, or one layer's config."
)
@click.option("--donor-weights", type=click.Path(path_type=Path), help="Weights that go with an architecture-only donor.")
@source_options
@output_options(to=False)
def replace(model: Path, from_: tuple[str, ...], to: tuple[str, ...], donor: Path, out: Path, **options: Any) -> None:
    """Let a donor take the place of what lies between tensors of MODEL: a block, a branch, a head.

    The donor's inputs take the tensors of --from and its outputs stand for those of --to, by position. Shapes and dtypes are
    checked on both sides before anything is written. Layers that nothing needs any more vanish; the weights of the donor come
    from its own file.
    """
    from configsplit.verbs.surgery import replace as put

    document = read(model, options)
    write(put(document, fragment(donor, document, options), from_=from_, to=to), out, options)
