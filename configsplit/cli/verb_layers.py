"""``configsplit layers``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.output import json_option, show, table
from configsplit.cli.surgery import MODEL, read, source_options


@click.command()
@MODEL
@click.option("--before", multiple=True, metavar="REF", help="Upstream: all layers that compute this tensor, its own included.")
@click.option("--after", multiple=True, metavar="REF", help="Downstream: all layers that are computed from this tensor.")
@source_options
@json_option
def layers(model: Path, before: tuple[str, ...], after: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """List the layers of MODEL that lie upstream or downstream of a tensor; all of them without --before and --after.

    A nested model is one line, unless the tensor lies in it. F marks layers that are frozen.
    """
    from configsplit.verbs.marking import layers as look

    found = look(read(model, options), before=before, after=after)
    if as_json:
        show({"file": model.name, "before": before, "after": after, "layers": [layer.as_json() for layer in found]})
        return
    rows = [(layer.name, layer.class_name, _count(layer), "F" if layer.trainable is False else "") for layer in found]
    click.echo("\n".join(table(rows, indent="")) or "no layer")


def _count(layer: Any) -> str:
    return "?" if layer.parameters is None else f"{layer.parameters:,}" if layer.parameters else ""
