"""``configsplit join``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.output import plugin_option
from configsplit.cli.surgery import output_options, write


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR | A B [C...]")
@click.option(
    "--by",
    type=click.Choice(["position", "name"]),
    default="position",
    show_default=True,
    help="Whether outputs meet the inputs of the next model by position or by name.",
)
@plugin_option
@output_options(to=True)
def join(models: tuple[Path, ...], by: str, custom_objects: tuple[str, ...], out: Path, **options: Any) -> None:
    """Put together what split has cut: DIR gives back the very model, graph, names and weights; what was opened is closed.

    Or compose models: A's outputs feed B, B's outputs feed C, all in one flat graph. A name that is taken gets the suffix _2,
    _3, ... With --by name an input that no output is named like stays an input of the whole.
    """
    from configsplit.verbs.join import join as put_together

    write(put_together(*models, by=by, custom_objects=custom_objects), out, options)  # type: ignore[arg-type]
