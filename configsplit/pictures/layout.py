"""Where boxes and lines of a view lie: rows from top to bottom, few crossings, straight lines where that can be.

Rows are those of the longest path, those of one part below those of the part before it. In a row boxes are ordered by the
middle of their neighbours (Sugiyama, Tagawa and Toda 1981), and placed as near to it as the order allows, which is an isotonic
regression. The libraries for Python that do such a thing are under the GPL (igraph, grandalf), or know no boxes of different
sizes and no rows that stay apart (fast-sugiyama); a view has a hundred boxes, for which this does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from configsplit.pictures.ordering import ordered
from configsplit.pictures.picture import Line, View

GAP_X, GAP_Y, BAND, EDGE = 24.0, 24.0, 92.0, 22.0
"""Between boxes of a row, between rows, between the rows of two parts, and around all."""

_TITLE = 12.0
"""More above the first part, for what it is."""

_TRACK = 10.0
"""How wide a line is that passes a row."""

_SWEEPS = 6
_MOST_TRACKS = 20_000
"""A view with more lines that pass rows than that has them drawn straight, behind the boxes."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """A view with places.

    Attributes:
        boxes: per box, its left upper corner and its size.
        lines: per line, the points that it goes through.
        bands: where the rows of each part end, from top to bottom.
    """

    width: float
    height: float
    boxes: tuple[tuple[float, float, float, float], ...]
    lines: tuple[tuple[Point, ...], ...]
    bands: tuple[float, ...]


@dataclass(slots=True)
class _Grid:
    """Boxes and tracks (lines that pass a row), by number: boxes first."""

    rows: list[list[int]]
    row: list[int]
    sizes: list[tuple[float, float]]
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)

    def link(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)


def placed(view: View, sizes: Sequence[tuple[float, float]]) -> Placed:
    """Lay a view out; ``sizes`` are the widths and heights of its boxes."""
    order = ordered(view)
    rows = _rows(view, order)
    grid = _Grid([[] for _ in range(max(rows, default=0) + 1)], rows, list(sizes), [[] for _ in sizes], [[] for _ in sizes])
    for box in order:
        grid.rows[rows[box]].append(box)
    ways = _ways(view, grid)
    _sort(grid)
    centres = _centres(grid)
    tops, bands = _tops(view, grid)
    return _drawn(view, grid, ways, centres, tops, bands)


def _rows(view: View, order: Sequence[int]) -> list[int]:
    """The row of each box: below all that it takes; what takes nothing, just above the first that takes it."""
    position = {box: number for number, box in enumerate(order)}
    takes: list[list[int]] = [[] for _ in view.boxes]
    gives: list[list[int]] = [[] for _ in view.boxes]
    for line in view.lines:
        if line.source is not None and line.target is not None and position[line.source] < position[line.target]:
            takes[line.target].append(line.source)
            gives[line.source].append(line.target)
    row, begin = [0] * len(view.boxes), 0
    for part in sorted({box.part or 0 for box in view.boxes}):
        members = [box for box in order if (view.boxes[box].part or 0) == part]
        own = set(members)
        for box in members:
            row[box] = max([begin, *(row[source] + 1 for source in takes[box] if source in own)])
        for box in members:
            inside = [row[target] for target in gives[box] if target in own]
            if inside and not any(source in own for source in takes[box]):
                row[box] = max(begin, min(inside) - 1)
        begin = max((row[box] for box in members), default=begin - 1) + 1
    return row


def _ways(view: View, grid: _Grid) -> list[list[int]]:
    """Per line, the boxes and tracks that it goes through. Lines from one output share their tracks."""
    tracks: dict[tuple[int, int], list[int]] = {}
    ways: list[list[int]] = []
    long = sum(_span(line.source, line.target, grid) for line in view.lines)
    for line in view.lines:
        if line.source is None or line.target is None:
            ways.append([each for each in (line.source, line.target) if each is not None])
            continue
        upper, lower = line.source, line.target
        way = [upper]
        if long <= _MOST_TRACKS and grid.row[upper] < grid.row[lower]:
            passed = tracks.setdefault((upper, line.output), [])
            for row in range(grid.row[upper] + 1, grid.row[lower]):
                if len(passed) < row - grid.row[upper]:
                    passed.append(_track(grid, row, way[-1]))
                way.append(passed[row - grid.row[upper] - 1])
            grid.link(way[-1], lower)
        ways.append([*way, lower])
    return ways


def _span(source: int | None, target: int | None, grid: _Grid) -> int:
    return 0 if source is None or target is None else max(grid.row[target] - grid.row[source] - 1, 0)


def _track(grid: _Grid, row: int, upper: int) -> int:
    number = len(grid.sizes)
    grid.sizes.append((_TRACK, 0.0))
    grid.row.append(row)
    grid.above.append([])
    grid.below.append([])
    grid.rows[row].append(number)
    grid.link(upper, number)
    return number


# ---------------------------------------------------------------------------------------------------------------- order


def _sort(grid: _Grid) -> None:
    """Sweeps down and up, each row ordered by the middle of its neighbours; the order with the fewest crossings stays."""
    best, fewest = [list(row) for row in grid.rows], _crossings(grid)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        near = grid.above if down else grid.below
        place = _places(grid.rows, len(grid.sizes))
        for row in grid.rows if down else reversed(grid.rows):
            middles = {item: (_middle([place[each] for each in near[item]], place[item]), place[item]) for item in row}
            row.sort(key=middles.__getitem__)
            for number, item in enumerate(row):
                place[item] = _share(number, len(row))
        if (crossings := _crossings(grid)) < fewest:
            best, fewest = [list(row) for row in grid.rows], crossings
    grid.rows[:] = best


def _places(rows: Sequence[Sequence[int]], count: int) -> list[float]:
    """Where each stands in its row, from 0 to 1."""
    shares = [0.5] * count
    for row in rows:
        for number, item in enumerate(row):
            shares[item] = _share(number, len(row))
    return shares


def _share(number: int, count: int) -> float:
    return number / (count - 1) if count > 1 else 0.5


def _middle(places: Sequence[float], own: float) -> float:
    return sum(places) / len(places) if places else own


def _crossings(grid: _Grid) -> int:
    """How many pairs of lines between neighbouring rows cross."""
    place = {item: number for row in grid.rows for number, item in enumerate(row)}
    count = 0
    for row in grid.rows:
        seen: list[int] = []
        for item in row:
            ends = sorted(place[each] for each in grid.below[item])
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


# --------------------------------------------------------------------------------------------------------------- places


def _centres(grid: _Grid) -> list[float]:
    """The middle of each box and track, from left to right."""
    centre = [0.0] * len(grid.sizes)
    boxes = sum(1 for row in grid.rows for _ in row)
    for row in grid.rows:
        at = -sum(grid.sizes[item][0] + GAP_X for item in row) / 2
        for item in row:
            centre[item] = at + grid.sizes[item][0] / 2
            at += grid.sizes[item][0] + GAP_X
    for sweep in range(8 if boxes < 3000 else 4):
        down = sweep % 2 == 0
        for row in grid.rows if down else reversed(grid.rows):
            near = grid.above if down else grid.below
            wished = [_middle([centre[each] for each in near[item]], centre[item]) for item in row]
            for item, place in zip(row, _apart([grid.sizes[item][0] for item in row], wished), strict=True):
                centre[item] = place
    return centre


def _apart(widths: Sequence[float], wished: Sequence[float]) -> list[float]:
    """The places nearest to those that are wished, in this order and without overlap (pool adjacent violators)."""
    offsets, at = list[float](), 0.0
    for number, width in enumerate(widths):
        at += width / 2 + (GAP_X + widths[number - 1] / 2 if number else 0)
        offsets.append(at)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    means = [total / count for total, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _tops(view: View, grid: _Grid) -> tuple[list[float], tuple[float, ...]]:
    """Where each row begins, and where the rows of each part end."""
    parts = [max((view.boxes[item].part or 0 for item in row if item < len(view.boxes)), default=-1) for row in grid.rows]
    above = EDGE if max(parts, default=-1) < 1 else EDGE + _TITLE
    tops, bands, at = list[float](), list[float](), above
    for number, row in enumerate(grid.rows):
        if number and parts[number] > parts[number - 1] >= 0:
            bands.append(at - GAP_Y + BAND / 2)
            at += BAND - GAP_Y
        tops.append(at)
        at += max((grid.sizes[item][1] for item in row), default=0.0) + GAP_Y
    return tops, tuple(bands)


def _drawn(
    view: View,
    grid: _Grid,
    ways: Sequence[Sequence[int]],
    centres: Sequence[float],
    tops: Sequence[float],
    bands: tuple[float, ...],
) -> Placed:
    every = [item for row in grid.rows for item in row]
    left = min((centres[item] - grid.sizes[item][0] / 2 for item in every), default=0.0) - EDGE
    right = max((centres[item] + grid.sizes[item][0] / 2 for item in every), default=0.0) + EDGE
    heights = [max((grid.sizes[item][1] for item in row), default=0.0) for row in grid.rows]
    bottom = (tops[-1] + heights[-1] if tops else 0.0) + EDGE
    boxes = []
    for number in range(len(view.boxes)):
        width, height = grid.sizes[number]
        row = grid.row[number]
        top = tops[row] + (heights[row] - height) / 2
        boxes.append((_round(centres[number] - width / 2 - left), _round(top), width, height))
    ports = _ports(view, ways, centres)
    lines = []
    for number, (line, way) in enumerate(zip(view.lines, ways, strict=True)):
        points: list[Point] = []
        if line.source is None:
            points.append((_round((right - left) / 2), 0.0))
        for item in way:
            x, row = centres[item] - left, grid.row[item]
            if item >= len(view.boxes):
                points += [(_round(x), _round(tops[row])), (_round(x), _round(tops[row] + heights[row]))]
            elif item == line.source and not points:
                points.append((_round(x), _round(boxes[item][1] + boxes[item][3])))
            else:
                points.append((_round(x + ports[number]), _round(boxes[item][1])))
        if line.target is None:
            points.append((_round((right - left) / 2), _round(bottom)))
        lines.append(tuple(points))
    return Placed(_round(right - left), _round(bottom), tuple(boxes), tuple(lines), tuple(map(_round, bands)))


def _ports(view: View, ways: Sequence[Sequence[int]], centres: Sequence[float]) -> list[float]:
    """Per line, how far from the middle of its target it ends: several lines end side by side, in the order in which they
    come."""
    ends: dict[int, list[tuple[float, int]]] = {}
    for number, (line, way) in enumerate(zip(view.lines, ways, strict=True)):
        if line.target is not None and len(way) > 1:
            insort(ends.setdefault(line.target, []), (centres[way[-2]], number))
    ports = [0.0] * len(view.lines)
    for coming in ends.values():
        places = sorted({round(place, 1) for place, _ in coming})
        step = min(26.0, 120.0 / max(len(places), 1))
        for place, number in coming:
            ports[number] = (bisect_left(places, round(place, 1)) - (len(places) - 1) / 2) * step
    return ports


def _round(number: float) -> float:
    """One decimal; the same text on every machine."""
    return round(number, 1) + 0.0


# Where everything lies, of two models side by side too: each is laid out alone, with room for rules between them.


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
