"""``configsplit insert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.surgery import MODEL, fragment, output_options, read, source_options, write


@click.command()
@MODEL
@click.option("--after", required=True, metavar="REF", help="The tensor that the fragment takes.")
@click.option("--before", multiple=True, metavar="LAYER", help="Only for this consumer of it; repeat for several.")
@click.option(
    "--model", "donor", required=True, type=click.Path(path_type=Path), help="The fragment: a model, or one layer's config."
)
@click.option("--donor-weights", type=click.Path(path_type=Path), help="Weights that go with an architecture-only fragment.")
@source_options
@output_options(to=True)
def insert(model: Path, after: str, before: tuple[str, ...], donor: Path, out: Path, **options: Any) -> None:
    """Put a fragment into MODEL, between a tensor and all that takes it: noise, quantization, a probe, an adapter.

    The fragment is a model with one input and one output, or a .json file with the config of a single layer
    ({"class_name": ..., "config": ...}). Its layers come up flat; a name that is taken gets the suffix _2, _3, ...
    """
    from configsplit.verbs.surgery import insert as put

    document = read(model, options)
    write(put(document, fragment(donor, document, options), after=after, before=before), out, options)
