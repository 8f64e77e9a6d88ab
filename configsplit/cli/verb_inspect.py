"""``configsplit inspect``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from configsplit.cli.output import say, shape, show, table
from configsplit.display.figures import figure, size


def inspect(model: Path, only_hazards: bool, custom_objects: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show what a model is."""
    from configsplit.errors import StoreError
    from configsplit.models.document import reading
    from configsplit.verbs import inspect

    try:
        with reading(model, weights=options["weights"], custom_objects=custom_objects) as document:
            found = inspect.inspect(document, sizes=options["sizes"])
    except StoreError as error:
        if error.code != "weights-only" or options["weights"]:
            raise
        _weights_only(model, as_json)
        return
    if only_hazards:
        _hazards(found, as_json)
        return
    if as_json:
        show(found.as_json())
        return
    say(*_lines(found, options["verbose"]))


def _weights_only(file: Path, as_json: bool) -> None:
    """Show what a file of weights holds."""
    from configsplit.verbs.inspect_weights import inspect_weights

    found = inspect_weights(file)
    if as_json:
        show(found.as_json())
        return
    rows = [
        (
            layer.name,
            ", ".join(f"{name} {'×'.join(map(str, sizes)) or 'scalar'}" for name, sizes, _ in layer.weights),
            layer.likely,
        )
        for layer in found.layers
    ]
    title = f"{click.style(found.file, bold=True)}  weights without an architecture, {found.layout} layout, {size(found.bytes)}"
    count = f"{len(found.layers)} groups, {found.parameters:,} parameters"
    say(title, f"  {count}; with their architecture: configsplit inspect MODEL.json --weights {found.file}", "", *table(rows))


def _lines(found: Any, verbose: bool) -> list[str]:
    macs = figure(
        found.macs, lambda number: f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
    )
    release = f", release {found.release}" if found.release else ""
    lines = [f"{click.style(found.file, bold=True)}  {found.title}{release}, .{found.format}, {size(found.bytes)}"]
    lines += [f"  because {item}" for item in found.evidence if verbose]
    lines += [f"  {click.style('note', fg='yellow')}  {item}" for item in (*found.notes, *found.configs)]
    lines += ["", f"{found.kind} model {found.name!r}, {found.layers} layers"]
    lines += table([(word, *_tensor(item)) for word, items in _ends(found) for item in items])
    lines += [f"  {found.parameters:,} parameters (from {found.parameters_from}), {macs} multiply-accumulates a sample"]
    if verbose and found.matched:
        lines += ["", *table([("array", "taken as", "by"), *found.matched])]
    lines += ["", *_classes(found.classes)]
    for word, names in _peculiarities(found):
        if names:
            lines.append(f"{click.style(word, bold=True)}  {', '.join(names)}")
    return [*lines, *map(_hazard, found.hazards)]


def _hazard(hazard: Any) -> str:
    return f"{click.style('hazard', fg='red', bold=True)}  [{hazard.code}] {hazard.where}: {hazard.message}"


def _hazards(found: Any, as_json: bool) -> None:
    """What must not be built, and what would hold the process that builds it on this machine."""
    from configsplit.verbs.inspect import confinement

    held, reason = confinement()
    if as_json:
        show({"file": found.file, "hazards": [asdict(each) for each in found.hazards], "confinement": list(held)})
        return
    say(*list(map(_hazard, found.hazards)) or ["no hazards: everything in it is known to be harmless"])
    say(f"confinement  {'; '.join(held)}" if held else f"confinement  none: {reason}")


def _ends(found: Any) -> list[tuple[str, Any]]:
    return [("input", found.inputs), ("output", found.outputs)]


def _tensor(item: dict[str, Any]) -> tuple[str, str]:
    return item["name"], f"{shape(item['shape'])} {item['dtype'] or ''}".strip()


def _classes(classes: dict[str, int]) -> list[str]:
    """Layer classes with their counts, filled into lines of ordinary width."""
    lines, line = [], " "
    for name, count in classes.items():
        piece = f" {count} {name}"
        if len(line) + len(piece) > 100:
            lines.append(line)
            line = " "
        line += piece + ","
    return [*lines, line.rstrip(",")]


def _peculiarities(found: Any) -> list[tuple[str, list[str]]]:
    return [
        ("shared", [f"{name} ({calls} calls)" for name, calls in found.shared.items()]),
        ("nested", list(found.nested)),
        ("custom", [f"{name} ({where})" for name, where in found.custom.items()]),
        ("not counted", list(found.uncounted)),
    ]
