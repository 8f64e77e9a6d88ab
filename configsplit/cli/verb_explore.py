"""``configsplit explore``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configsplit.cli.output import note, say, show


def explore(models: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Write the page, hand it to a browser, and say where it is."""
    from configsplit.verbs import explore

    found = explore.explore(*models, **options)
    picture = found.plot.whole
    if options["opens"] and not found.opened:
        note("no browser could be opened")
    if as_json:
        show({"file": str(found.path), "title": picture.title, "opened": found.opened})
        return
    say(f"{found.path}: {picture.title} · {' · '.join(picture.facts)}")
