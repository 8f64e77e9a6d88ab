"""``configsplit weights``."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from configsplit.cli.options import Loading, loading
from configsplit.cli.output import note, say, show
from configsplit.display.figures import size


def weights(model: Path, out: Path, force: bool, as_json: bool, **options: Unpack[Loading]) -> None:
    """Write them, and say how many there are."""
    from configsplit.models.document import reading
    from configsplit.verbs.table import function

    with reading(model, **loading(options)) as document:
        saved = function("weights")(document).save(out, force=force)
    if as_json:
        facts = {"sha256": saved.sha256, "bytes": saved.bytes, "weights": list(saved.names), "notes": list(saved.notes)}
        show({"file": str(saved.path), **facts})
        return
    told = f"{len(saved.names)} weights of {model.name}, {size(saved.bytes)}, bit for bit"
    say(f"{click.style(saved.path.name, bold=True)}  {told}")
    for remark in saved.notes:
        note(f"{click.style('note', fg='yellow')}: {remark}")
