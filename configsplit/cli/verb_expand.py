"""``configsplit expand``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from configsplit.cli.output import note, say, show
from configsplit.display.figures import count, size


def expand(model: Path, out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write the graph, and say what is in it."""
    from configsplit.verbs import asked
    from configsplit.verbs.table import function

    told = {"depth": options["depth"], "sizes": options["sizes"], "limits": asked.limits_of(options)}
    found = function("expand")(model, options["libraries"], **told)
    saved, plugin = found.save(out, force=force)
    if as_json:
        lists = {
            "opened": list(found.opened),
            "whole": dict(found.whole),
            "mended": dict(found.mended),
            "left": list(found.left),
        }
        show(
            {
                "file": str(saved),
                "plugin": None if plugin is None else str(plugin),
                "class": found.class_name,
                "weights": found.weights,
                "bytes": found.bytes,
                "run": found.run,
                **lists,
            }
        )
        return
    layers = len(found.document["config"]["layers"])
    said = f"{found.class_name}: {count(layers)} layers, {count(found.weights)} weights placed"
    say(f"{click.style(saved.name, bold=True)}  {said}")
    for name, why in found.whole.items():
        say(f"  {name} stays whole: {why}")
    for name, kind in found.mended.items():
        say(f"  {name}: {kind} describes itself incompletely; what it was made with is written instead")
    if found.left:
        say(f"  {count(len(found.left))} arrays of the file belong to no layer of the graph: {', '.join(found.left[:3])}")
    if not found.run:
        say("  the graph was not run beside the model")
    if found.bytes:
        note(f"{size(found.bytes)} of weights stay where they are: give {model} as --weights of {saved.name}")
    if plugin is not None:
        note(f"{plugin.name} declares what was seen of the library's classes: give it as --custom-objects")
