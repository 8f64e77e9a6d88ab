"""``configsplit inspect``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configsplit.cli.output import say, shape, show, table
from configsplit.display.figures import figure, size

if TYPE_CHECKING:
    from configsplit.hazards import Hazard
    from configsplit.verbs.inspect import Inspection


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


def _lines(inspection: Inspection, verbose: bool) -> list[str]:
    macs = figure(
        inspection.macs, lambda number: f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
    )
    release = f", release {inspection.release}" if inspection.release else ""
    name = click.style(inspection.file, bold=True)
    lines = [f"{name}  {inspection.title}{release}, .{inspection.format}, {size(inspection.bytes)}"]
    lines += [f"  because {item}" for item in inspection.evidence if verbose]
    lines += [f"  {click.style('note', fg='yellow')}  {item}" for item in (*inspection.notes, *inspection.configs)]
    lines += ["", f"{inspection.kind} model {inspection.name!r}, {inspection.layers} layers"]
    lines += table([(word, *_tensor(item)) for word, items in _ends(inspection) for item in items])
    lines += [
        f"  {inspection.parameters:,} parameters (from {inspection.parameters_from}), {macs} multiply-accumulates a sample"
    ]
    if verbose and inspection.matched:
        lines += ["", *table([("array", "taken as", "by"), *inspection.matched])]
    lines += ["", *_classes(inspection.classes)]
    for word, names in _peculiarities(inspection):
        if names:
            lines.append(f"{click.style(word, bold=True)}  {', '.join(names)}")
    return [*lines, *map(_hazard, inspection.hazards)]


def _hazard(hazard: Hazard) -> str:
    return f"{click.style('hazard', fg='red', bold=True)}  [{hazard.code}] {hazard.where}: {hazard.message}"


def _hazards(inspection: Inspection, as_json: bool) -> None:
    """What must not be built, and what would hold the process that builds it on this machine."""
    from configsplit.verbs.inspect import confinement

    held, reason = confinement()
    if as_json:
        show({"file": inspection.file, "hazards": [asdict(each) for each in inspection.hazards], "confinement": list(held)})
        return
    say(*list(map(_hazard, inspection.hazards)) or ["no hazards: everything in it is known to be harmless"])
    say(f"confinement  {'; '.join(held)}" if held else f"confinement  none: {reason}")


def _ends(inspection: Inspection) -> list[tuple[str, Any]]:
    return [("input", inspection.inputs), ("output", inspection.outputs)]


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


def _peculiarities(inspection: Inspection) -> list[tuple[str, list[str]]]:
    return [
        ("shared", [f"{name} ({calls} calls)" for name, calls in inspection.shared.items()]),
        ("nested", list(inspection.nested)),
        ("custom", [f"{name} ({where})" for name, where in inspection.custom.items()]),
        ("not counted", list(inspection.uncounted)),
    ]
