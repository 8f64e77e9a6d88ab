"""``configsplit plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

from configsplit.cli.output import say, show


class Asked(TypedDict):
    """The options of ``configsplit plot``, as its record has them."""

    unfold: bool
    convert: bool
    near: int | None
    stages: int | None
    sizes: tuple[str, ...]
    custom_objects: tuple[str, ...]


def plot(models: tuple[Path, ...], out: Path, force: bool, as_json: bool, **options: Unpack[Asked]) -> None:
    """Draw, write, and say what was drawn."""
    from configsplit.verbs import plot

    plotted = plot.plot(*models, **options)
    plotted.save(out, force=force)
    picture = plotted.picture
    if as_json:
        boxes = sum(len(view.boxes) for view in picture.views if view.kind == "model")
        show(
            {"file": str(out), "title": picture.title, "facts": list(picture.facts), "boxes": boxes, "differs": picture.differs}
        )
        return
    say(f"{out}: {picture.title} · {' · '.join(picture.facts)}")
