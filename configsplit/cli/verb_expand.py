"""``configsplit expand``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from configsplit.cli.options import Limited
from configsplit.cli.output import note, say, show
from configsplit.display.figures import count, size

if TYPE_CHECKING:
    from configsplit.verbs.expand import Depth


class Asked(Limited):
    """The options of ``configsplit expand``, as its record has them."""

    libraries: tuple[str, ...]
    depth: Depth
    sizes: tuple[str, ...]


def expand(model: Path, out: Path, force: bool, as_json: bool, **options: Unpack[Asked]) -> None:
    """Write the graph, and say what is in it."""
    from configsplit.verbs import asked, expand

    expanded = expand.expand(
        model, options["libraries"], depth=options["depth"], sizes=options["sizes"], limits=asked.limits_of(options)
    )
    saved, plugin = expanded.save(out, force=force)
    if as_json:
        lists = {
            "opened": list(expanded.opened),
            "whole": dict(expanded.whole),
            "mended": dict(expanded.mended),
            "left": list(expanded.left),
        }
        show(
            {
                "file": str(saved),
                "plugin": None if plugin is None else str(plugin),
                "class": expanded.class_name,
                "weights": expanded.weights,
                "bytes": expanded.bytes,
                "run": expanded.run,
                **lists,
            }
        )
        return
    layers = len(expanded.document["config"]["layers"])
    said = f"{expanded.class_name}: {count(layers)} layers, {count(expanded.weights)} weights placed"
    say(f"{click.style(saved.name, bold=True)}  {said}")
    for name, why in expanded.whole.items():
        say(f"  {name} stays whole: {why}")
    for name, kind in expanded.mended.items():
        say(f"  {name}: {kind} describes itself incompletely; what it was made with is written instead")
    if expanded.left:
        say(f"  {count(len(expanded.left))} arrays of the file belong to no layer of the graph: {', '.join(expanded.left[:3])}")
    if not expanded.run:
        say("  the graph was not run beside the model")
    if expanded.bytes:
        note(f"{size(expanded.bytes)} of weights stay where they are: give {model} as --weights of {saved.name}")
    if plugin is not None:
        note(f"{plugin.name} declares the library's classes as observed: give it as --custom-objects")
