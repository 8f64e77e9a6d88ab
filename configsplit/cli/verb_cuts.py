"""``configsplit cuts``."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from configsplit.cli.output import note, say, shape, show
from configsplit.cli.stages import uncounted
from configsplit.display.figures import count, figure, size

if TYPE_CHECKING:
    from configsplit.boundaries.cut_rows import Cut, Side
    from configsplit.verbs.cuts import Cuts, Order, TwoDevices

SHOWN = 20
"""So many places are shown on a terminal, unless another number is asked for."""


class Asked(TypedDict):
    """The options of ``configsplit cuts``, as its record has them."""

    max_tensors: int | None
    max_bytes: int | None
    before: str | None
    after: str | None
    sort: Order | None
    head_speed: float | None
    tail_speed: float | None
    head_profile: Path | None
    tail_profile: Path | None
    link: float | None
    input_bytes: int | None
    whole_nested: bool
    shapes: tuple[str, ...]
    sizes: tuple[str, ...]
    top: int | None


def cuts(model: Path, custom_objects: tuple[str, ...], as_json: bool, **options: Unpack[Asked]) -> None:
    """Show the places as a table."""
    from configsplit.models.document import load
    from configsplit.verbs import cuts

    listed = cuts.cuts(
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
        show(listed.as_json())
        return
    on_terminal = sys.stdout.isatty()
    top = options["top"] or (SHOWN if on_terminal else len(listed))
    fits = on_terminal or "COLUMNS" in os.environ
    say(*_lines(listed, top, shutil.get_terminal_size().columns if fits else None))
    if listed.uncounted:
        note(f"{click.style('warning', fg='yellow')}: not counted: {uncounted(listed)}")


def _devices(options: Asked) -> TwoDevices | None:
    sides = (options["head_speed"], options["head_profile"]), (options["tail_speed"], options["tail_profile"])
    known = [[value for value in side if value is not None] for side in sides]
    sent, link = options["input_bytes"], options["link"]
    if not any(known) and link is None and sent is None:
        return None
    if link is None or any(len(side) != 1 for side in known):
        raise click.UsageError(
            "for two devices give --link, --head-speed (or --head-profile) and --tail-speed (or --tail-profile)"
        )
    from configsplit.verbs.cuts import TwoDevices

    return TwoDevices(head=known[0][0], tail=known[1][0], link=link, input_bytes=sent)


def _lines(listed: Cuts, top: int, width: int | None) -> list[str]:
    """The table. Where it is wider than the room, columns are left out, and a long reference has a line of its own: what --at
    takes is never shortened."""
    rows = [_row(place, bool(listed.sizes)) for place in listed.places[:top]]
    if not rows:
        return [f"no place to cut at ({listed.found} without the filters)"]
    rows.insert(0, _header(listed.places[0].latency is not None, bool(listed.sizes)))
    longest = max(len(row[0]) for row in rows)
    titles = rows[0]
    rows = rows if width is None else _narrowed(rows, width - min(longest, _NAME))
    widths = _widths(rows)
    first = longest if width is None else min(longest, max(_NAME, width - sum(widths) - 2 * len(widths)))
    lines = [line for row in rows for line in _line(row, first, widths)]
    left = len(listed) - len(rows) + 1
    lines += [f"{left} more: --top {len(listed)} shows all"] if left else []
    lines += _along(listed)
    places = sum(bool(place.at) for place in listed)  # beside them may stand what it costs not to cut
    lines += [f"{places} of {listed.found} places; bytes, MACs and peak activations are per sample"]
    if gone := [title.partition(" ")[0] for title in titles if title not in rows[0]]:
        lines.append(f"left out for want of room: {', '.join(gone)} (--json has them)")
    return [*lines, *_of_sizes(listed)]


def _along(listed: Cuts) -> list[str]:
    """Bytes across along the model, the least of each stretch: where it is narrow, and where it is wide."""
    ordered = sorted(listed.places, key=lambda place: place.before.calls)
    values = [place.bytes for place in ordered if place.at and isinstance(place.bytes, int)]
    if len(values) < _STRETCHES // 8 or len(values) < len(listed.places):
        return []
    bounds = [len(values) * at // _STRETCHES for at in range(_STRETCHES + 1)]
    least = [min(values[first:last]) for first, last in pairwise(bounds) if first < last]
    most = max(least) or 1
    return [f"bytes along the model  {''.join(_BARS[7 * each // most] for each in least)}"]


_BARS, _STRETCHES = "▁▂▃▄▅▆▇█", 64


def _widths(rows: list[tuple[str, ...]]) -> list[int]:
    """Those of all columns but the first."""
    return [max(len(row[column]) for row in rows) for column in range(1, len(rows[0]))]


def _narrowed(rows: list[tuple[str, ...]], room: int) -> list[tuple[str, ...]]:
    """Without the columns that are missed least, as far as they have no room beside the first."""
    for least in ("weights head|tail", "peak head|tail", "params head|tail"):
        if sum(_widths(rows)) + 2 * len(rows[0]) - 2 > room and least in rows[0]:
            column = rows[0].index(least)
            rows = [row[:column] + row[column + 1 :] for row in rows]
    return rows


_NAME = 28
"""So much room has a reference at least."""


def _of_sizes(listed: Cuts) -> list[str]:
    """What formulas are of, and what was left out because of open sizes."""
    if not listed.sizes:
        return []
    names = ", ".join(f"{name} is {place}" if name != place else name for name, place in listed.sizes.items())
    lines = [f"open sizes: {names}; layers round where strides do not divide them", "--size INPUT=... gives numbers"]
    if listed.unsettled and listed.tried is not None:
        lines.append(
            f"{listed.unsettled} places more for some sizes from {listed.tried[0]} to {listed.tried[1]} only, left out"
        )
    return lines


def _header(timed: bool, opened: bool) -> tuple[str, ...]:
    peak = () if opened else ("peak head|tail",)
    sides = (f"{what} head|tail" for what in ("params", "weights", "MACs"))
    return ("at", "bytes", "crossing", *(("latency",) if timed else ()), *sides, *peak)


def _row(place: Cut, opened: bool) -> tuple[str, ...]:
    before, after = place.before, place.after
    return (
        place.at or place.through,
        _sent(place),
        _crossing(place),
        *((f"{place.latency.total * 1000:.4g} ms",) if place.latency else ()),
        f"{count(before.parameters)} | {count(after.parameters)}",
        f"{figure(before.weight_bytes, size)} | {figure(after.weight_bytes, size)}",
        f"{figure(before.macs, count)} | {figure(after.macs, count)}",
        *(() if opened else (f"{_peak(before)} | {_peak(after)}",)),
    )


def _sent(place: Cut) -> str:
    """Bytes across; where two devices are meant, those of the inputs too that the head sends on."""
    if place.latency and isinstance(place.bytes, int) and isinstance(place.input_bytes, int):
        return size(place.bytes + place.input_bytes)
    return figure(place.bytes, size)


def _peak(side: Side) -> str:
    return "?" if side.peak_activation_bytes is None else figure(side.peak_activation_bytes, size)


def _crossing(place: Cut) -> str:
    """How many tensors cross, with the shapes of the first."""
    if not place.tensors:
        return "nothing"
    more = f", and {len(place.shapes) - _SHAPES} more" if len(place.shapes) > _SHAPES else ""
    return f"{len(place.tensors)}: {', '.join(map(shape, place.shapes[:_SHAPES]))}{more}"


_SHAPES = 3


def _line(row: tuple[str, ...], first: int, widths: list[int]) -> list[str]:
    cells = "  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True)).rstrip()
    if len(row[0]) > first:
        return [row[0], f"{'':{first}}  {cells}"]
    return [f"{row[0]:{first}}  {cells}"]
