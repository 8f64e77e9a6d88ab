"""``configsplit explore``."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

from configsplit.cli.output import note, say, show


class Asked(TypedDict):
    """The options of ``configsplit explore``, as its record has them."""

    out: Path | None
    opens: bool
    force: bool
    unfold: bool
    convert: bool
    near: int | None
    stages: int | None
    sizes: tuple[str, ...]
    custom_objects: tuple[str, ...]


def explore(models: tuple[Path, ...], as_json: bool, **options: Unpack[Asked]) -> None:
    """Write the page, hand it to a browser, and say where it is."""
    from configsplit.verbs import explore

    explored = explore.explore(*models, **options)
    picture = explored.plot.whole
    if options["opens"] and not explored.opened:
        note("no browser could be opened")
    if as_json:
        show({"file": str(explored.path), "title": picture.title, "opened": explored.opened})
        return
    say(f"{explored.path}: {picture.title} · {' · '.join(picture.facts)}")
