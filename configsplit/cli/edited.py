"""What the verbs of surgery share on the command line: how they are carried out, and how their result looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import click

from configsplit.cli.options import Loading, Writing, loading
from configsplit.cli.output import note, say, show, some_of, told_once
from configsplit.display.figures import size

if TYPE_CHECKING:
    from configsplit.graph.provenance import Origin
    from configsplit.models.results import Edited, SavedFile
    from configsplit.verbs.table.verb import Verb


def carry_out(verb: Verb, given: dict[str, Any]) -> None:
    """Read the model, do what the verb does, write the result and show it."""
    from configsplit.models.document import reading
    from configsplit.verbs.asked import edit

    with reading(given["model"], calls=given.get("calls", ()), **loading(cast("Loading", given))) as document:
        write(edit(verb, document, given, given["custom_objects"]), cast("Writing", given))


def write(edited: Edited, options: Writing) -> None:
    """Save the result and show it."""
    saved = edited.save(
        options["out"],
        format=options["format"],
        weights=options["with_weights"],
        verify=options["verify"],
        force=options["force"],
    )
    if options["as_json"]:
        show(_as_json(saved, options["verify"]))
        return
    say(*_lines(edited, saved, options["verify"]))
    for warning in told_once(saved.record.warnings):
        note(f"{click.style('warning', fg='yellow')}: {warning}")


def _as_json(saved: SavedFile, verify: str) -> dict[str, Any]:
    from configsplit.records.provenance import to_text

    return {
        "file": str(saved.path),
        "weights": None if saved.weights is None else str(saved.weights),
        "verified": verify,
        "compared": {"weights": saved.compared or 0, "bytes": saved.bytes},
        "provenance": json.loads(to_text(saved.record)),
    }


def _lines(edited: Edited, saved: SavedFile, verify: str) -> list[str]:
    bytes_ = sum(path.stat().st_size for path in (saved.path, saved.weights) if path is not None)
    lines = [f"{click.style(saved.path.name, bold=True)}  {saved.layers} layers, {size(bytes_)}"]
    for word, names in (("inputs", edited.model.input_refs()), ("outputs", edited.model.output_refs())):
        lines.append(f"  {word}  {', '.join(ref.layer for ref in names)}")
    lines += [f"  frozen  {edited.frozen}"] if edited.verb == "freeze" else _changes(edited)
    if verify == "none":
        return [*lines, "not verified (--verify none)"]
    tick = click.style("proven", fg="green", bold=True)
    weights = f"{saved.compared} weights, {size(saved.bytes)}, are bit for bit those of their origins" if saved.compared else ""
    return [*lines, f"{tick}: {weights or 'every layer is accounted for; there are no weights'}"]


def _changes(edited: Edited) -> list[str]:
    """Layers from elsewhere, layers with another name, and layers that are gone."""
    origins = edited.provenance.layers.items()
    new = [
        f"{path[-1]} ({edited.documents[origin.source].path.name})"
        for path, origin in origins
        if origin.source and len(path) == 1 and edited.verb != "join"
    ]
    renamed = [f"{'/'.join(origin.path)} is {'/'.join(path)} now" for path, origin in origins if _renamed(edited, path, origin)]
    kept = {origin.path[0] for _, origin in origins if not origin.source}
    gone = [layer.name for layer in edited.documents[0].model.layers if layer.name not in kept and not layer.implicit]
    told = (("new", new), ("renamed", renamed), ("gone", gone if edited.verb not in ("extract", "join") else []))
    return [f"  {word}  {some_of(names)}" for word, names in told if names]


def _renamed(edited: Edited, path: tuple[str, ...], origin: Origin) -> bool:
    return not origin.source and path[-1] != origin.path[-1] and edited.verb != "join"
