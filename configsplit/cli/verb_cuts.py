"""``configsplit cuts``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from configsplit.cli.output import note, say, show
from configsplit.cli.stages import uncounted
from configsplit.display.figures import count, figure, size


def cuts(model: Path, custom_objects: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show the places as a table."""
    from configsplit.models.document import load
    from configsplit.verbs import cuts

    found = cuts.cuts(
        load(model, custom_objects=custom_objects),
        max_tensors=options["max_tensors"],
        max_bytes=options["max_bytes"],
        before=options["before"],
        after=options["after"],
        sort=options["sort"],
        devices=_devices(options),
        shapes=options["shapes"],
        sizes=options["sizes"],
        whole_nested=options["whole_nested"],
    )
    if as_json:
        show(found.as_json())
        return
    say(*_lines(found, shutil.get_terminal_size((110, 24)).columns))
    if found.uncounted:
        note(f"{click.style('warning', fg='yellow')}: not counted: {uncounted(found)}")


def _devices(options: dict[str, Any]) -> Any:
    sides = [[options[f"{side}_{kind}"] for kind in ("speed", "profile")] for side in ("head", "tail")]
    known = [[value for value in side if value is not None] for side in sides]
    sent, link = options["input_bytes"], options["link"]
    if not any(known) and link is None and sent is None:
        return None
    if link is None or any(len(side) != 1 for side in known):
        raise click.UsageError("two devices need --link, and a speed or a profile of each: --head-speed, --tail-profile, ...")
    from configsplit.verbs.cuts import TwoDevices

    return TwoDevices(head=known[0][0], tail=known[1][0], link=link, input_bytes=sent)


def _lines(found: Any, width: int) -> list[str]:
    """The table; the column of references takes what room is left."""
    rows = [_row(place, bool(found.sizes)) for place in found.places]
    if not rows:
        return [f"no place to cut at ({found.found} without the filters)"]
    header = _header(found.places[0].latency is not None, bool(found.sizes))
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(1, len(header))]
    room = max(20, width - sum(widths) - 2 * len(widths))
    first = min(room, max(len(row[0]) for row in (header, *rows)))
    lines = [_line(header, first, widths), *(_line(row, first, widths) for row in rows)]
    return [*lines, f"{len(rows)} of {found.found} places; before | after the cut, for one sample", *_of_sizes(found)]


def _of_sizes(found: Any) -> list[str]:
    """What formulas are of, and what was left out because of open sizes."""
    if not found.sizes:
        return []
    names = ", ".join(f"{name} is {place}" if name != place else name for name, place in found.sizes.items())
    lines = [f"open sizes: {names}; layers round where strides do not divide them", "--size INPUT=... gives numbers"]
    if found.unsettled:
        lines.append(f"{found.unsettled} places more for some sizes from {found.tried[0]} to {found.tried[1]} only, left out")
    return lines


def _header(timed: bool, opened: bool) -> tuple[str, ...]:
    peak = () if opened else ("peak activations",)
    return ("at", "bytes", *(("latency",) if timed else ()), "parameters", "weights", "MACs", *peak)


def _row(place: Any, opened: bool) -> tuple[str, ...]:
    before, after = place.before, place.after
    return (
        place.at or place.through,
        size(place.bytes + place.input_bytes) if place.latency else figure(place.bytes, size),
        *((f"{place.latency.total * 1000:.4g} ms",) if place.latency else ()),
        f"{count(before.parameters)} | {count(after.parameters)}",
        f"{size(before.weight_bytes)} | {size(after.weight_bytes)}",
        f"{figure(before.macs, count)} | {figure(after.macs, count)}",
        *(() if opened else (f"{_peak(before)} | {_peak(after)}",)),
    )


def _peak(side: Any) -> str:
    return "?" if side.peak_activation_bytes is None else size(side.peak_activation_bytes)


def _line(row: tuple[str, ...], first: int, widths: list[int]) -> str:
    cells = (cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True))
    return f"{_shortened(row[0], first).ljust(first)}  {'  '.join(cells)}".rstrip()


def _shortened(text: str, width: int) -> str:
    """Long boundaries end in how many tensors there are more; of a long reference its end is the layer itself."""
    if len(text) <= width:
        return text
    names = text.split(",")
    kept = len(names)
    while kept > 1 and len(_more(names, kept)) > width:
        kept -= 1
    short = _more(names, kept)
    return short if len(short) <= width else f"…{short[1 - width :]}"


def _more(names: list[str], kept: int) -> str:
    return ",".join(names[:kept]) + (f" +{len(names) - kept}" if kept < len(names) else "")
