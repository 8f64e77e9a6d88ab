"""``configsplit inspect``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from configsplit.cli.output import say, shape, show, some_of, table, told_once
from configsplit.display.figures import figure, size

if TYPE_CHECKING:
    from configsplit.hazards import Hazard
    from configsplit.verbs.inspect import Inspection


class Asked(TypedDict):
    """The options of ``configsplit inspect``, as its record has them."""

    weights: Path | None
    sizes: tuple[str, ...]
    custom_objects: tuple[str, ...]
    verbose: bool


def inspect(model: Path, only_hazards: bool, as_json: bool, **options: Unpack[Asked]) -> None:
    """Show what a model is."""
    from configsplit.errors import StoreError
    from configsplit.models.document import reading
    from configsplit.verbs import inspect

    try:
        with reading(model, weights=options["weights"], custom_objects=options["custom_objects"]) as document:
            inspection = inspect.inspect(document, sizes=options["sizes"])
    except StoreError as error:
        if error.code != "weights-only" or options["weights"]:
            raise
        _weights_only(model, as_json)
        return
    if only_hazards:
        _hazards(inspection, as_json)
        return
    if as_json:
        show(inspection.as_json())
        return
    say(*_lines(inspection, options["verbose"]))


def _weights_only(file: Path, as_json: bool) -> None:
    """Show what a file of weights holds."""
    from configsplit.verbs.inspect_weights import inspect_weights

    seen = inspect_weights(file)
    if as_json:
        show(seen.as_json())
        return
    rows = [
        (
            layer.name,
            ", ".join(f"{name} {'×'.join(map(str, sizes)) or 'scalar'}" for name, sizes, _ in layer.weights),
            layer.likely,
        )
        for layer in seen.layers
    ]
    title = f"{click.style(seen.file, bold=True)}  weights without an architecture, {seen.layout} layout, {size(seen.bytes)}"
    count = f"{len(seen.layers)} groups, {seen.parameters:,} parameters"
    say(
        title,
        f"  {count}; with their architecture: configsplit inspect MODEL.json --weights {seen.file}",
        "",
        *table(rows),
    )


def _lines(seen: Inspection, verbose: bool) -> list[str]:
    macs = figure(
        seen.macs, lambda number: f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
    )
    release = f", release {seen.release}" if seen.release else ""
    name = click.style(seen.file, bold=True)
    lines = [f"{name}  {seen.title}{release}, .{seen.format}, {size(seen.bytes)}"]
    lines += [f"  because {item}" for item in seen.evidence if verbose]
    lines += [f"  {click.style('note', fg='yellow')}  {item}" for item in (*seen.notes, *seen.configs)]
    lines += ["", f"{seen.kind} model {seen.name!r}, {seen.layers} layers"]
    lines += table([(word, *_tensor(item)) for word, items in _ends(seen) for item in items])
    lines += [f"  {seen.parameters:,} parameters (from {seen.parameters_from}), {macs} multiply-accumulates a sample"]
    if verbose and seen.matched:
        lines += ["", *table([("array", "taken as", "by"), *seen.matched])]
    lines += ["", *_classes(seen.classes)]
    for word, names in _peculiarities(seen):
        if names:
            lines.append(f"{click.style(word, bold=True)}  {some_of(names)}")
    return [*lines, *told_once(map(_hazard, seen.hazards))]


def _hazard(hazard: Hazard) -> str:
    return f"{click.style('hazard', fg='red', bold=True)}  [{hazard.code}] {hazard.where}: {hazard.message}"


def _hazards(seen: Inspection, as_json: bool) -> None:
    """What must not be built, and what would hold the process that builds it on this machine."""
    from configsplit.verbs.inspect import confinement

    held, reason = confinement()
    if as_json:
        show({"file": seen.file, "hazards": [asdict(each) for each in seen.hazards], "confinement": list(held)})
        return
    say(*list(map(_hazard, seen.hazards)) or ["no hazards: everything in it is known to be harmless"])
    say(f"confinement  {'; '.join(held)}" if held else f"confinement  none: {reason}")


def _ends(seen: Inspection) -> list[tuple[str, Any]]:
    return [("input", seen.inputs), ("output", seen.outputs)]


def _tensor(item: dict[str, Any]) -> tuple[str, str]:
    return item["name"], f"{shape(item['shape'])} {item['dtype'] or ''}".strip()


def _classes(classes: dict[str, int]) -> list[str]:
    """Layer classes with their counts, filled into lines of ordinary width."""
    lines, line = [], " "
    for name, count in classes.items():
        piece = f" {count} {name}"
        if len(line) + len(piece) > 78:
            lines.append(line)
            line = " "
        line += piece + ","
    return [*lines, line.rstrip(",")]


def _peculiarities(seen: Inspection) -> list[tuple[str, list[str]]]:
    return [
        ("shared", [f"{name} ({calls} calls)" for name, calls in seen.shared.items()]),
        ("nested", list(seen.nested)),
        ("custom", [f"{name} ({where})" for name, where in seen.custom.items()]),
        ("not counted", list(seen.uncounted)),
    ]
