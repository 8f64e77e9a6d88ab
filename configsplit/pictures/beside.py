"""Where everything lies, of two models side by side too: each is laid out alone, with room for rules between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from configsplit.pictures.layout import Placed, placed
from configsplit.pictures.picture import Line, View

MIDDLE = 250.0
"""Between the two models."""


def arranged(view: View, sizes: Sequence[tuple[float, float]]) -> Placed:
    """A view laid out; ``sizes`` are the widths and heights of its boxes."""
    first = view.beside
    if not first:
        return placed(view, sizes)
    ours = [line for line in view.lines if _end(line) < first]
    theirs = [line for line in view.lines if _end(line) >= first]
    left = placed(replace(view, boxes=view.boxes[:first], lines=tuple(ours)), sizes[:first])
    back = (replace(line, source=_back(line.source, first), target=_back(line.target, first)) for line in theirs)
    right = placed(replace(view, boxes=view.boxes[first:], lines=tuple(back)), sizes[first:])
    over = left.width + MIDDLE
    boxes = (*left.boxes, *((round(x + over, 1), y, width, height) for x, y, width, height in right.boxes))
    ways = iter(left.lines), iter([tuple((round(x + over, 1), y) for x, y in points) for points in right.lines])
    lines = tuple(next(ways[_end(line) >= first]) for line in view.lines)
    return Placed(round(over + right.width, 1), max(left.height, right.height), boxes, lines, ())


def _end(line: Line) -> int:
    return next((end for end in (line.source, line.target) if end is not None), 0)


def _back(end: int | None, first: int) -> int | None:
    return None if end is None else end - first
