"""Blocks of one form that follow each other are drawn as one box, and a long block as one that opens.

A view is cut into segments: runs of boxes, in the order of computation, between places where one box's outputs are all that
goes on. Runs of equal segments (classes, wiring, part) are found in the row of their signatures. A box that a difference marks,
or that is hazardous, equals no other, so it is never folded away.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from configsplit.catalog.table import INPUT
from configsplit.pictures.of_model import totals
from configsplit.pictures.ordering import depth_first
from configsplit.pictures.picture import Box, Line, View
from configsplit.pictures.words import beginning

_LONGEST_BLOCK = 24
"""Segments that one block may be made of."""

_LONG_SEGMENT = 60
"""Boxes from which on a segment is looked at for cells in it."""

_LONG_BLOCK = 40
"""Boxes from which on a segment alone is drawn as one box, where it is not most of the model."""

_FEWEST_BOXES = 8
"""A fold that stands for fewer boxes saves nothing."""


def folded(views: Sequence[View]) -> tuple[View, ...]:
    """The same views, where blocks repeat with one box in their place that opens a view of the blocks, which open one each."""
    made = list(views)
    for number, view in enumerate(views):
        runs = _runs(view)
        if runs:
            made[number] = _with_folds(view, runs, made)
    return tuple(made)


_Block = list[int]


def _runs(view: View) -> list[list[_Block]]:
    """Each fold of a view: its blocks, each the numbers of its boxes."""
    order = depth_first(view)
    before = _before(view)
    segments = _segments(view, order)
    place = {box: number for number, box in enumerate(order)}
    signatures = _numbered([_signature(view, segment, before, place) for segment in segments])
    runs, at = [], 0
    while at < len(segments):
        period, times = _longest(signatures, at)
        if times > 1 and sum(map(len, segments[at : at + period * times])) >= _FEWEST_BOXES:
            at += _turned(view, segments, signatures, at, period)
            times = _times(signatures, at, period)
            ends = range(at, at + period * times, period)
            runs.append([[box for segment in segments[end : end + period] for box in segment] for end in ends])
            at += period * times
        else:
            if _is_block(view, segments[at]):
                runs.append([segments[at]])
            at += 1
    return runs


def _is_block(view: View, segment: _Block) -> bool:
    boxes = [view.boxes[box] for box in segment]
    plain = len({box.part for box in boxes}) == 1 and not any(box.mark or box.hazard or box.inside is not None for box in boxes)
    return plain and _LONG_BLOCK <= len(segment) <= len(view.boxes) // 4


def _before(view: View) -> list[list[tuple[int, int]]]:
    """Per box, what it takes: the box that gives it, and which output."""
    before: list[list[tuple[int, int]]] = [[] for _ in view.boxes]
    for line in view.lines:
        if line.source is not None and line.target is not None:
            before[line.target].append((line.source, line.output))
    return before


def _segments(view: View, order: Sequence[int]) -> list[list[int]]:
    """Runs of the order that end with a box whose outputs are all that goes on there; long ones also where a box that takes
    several has at most one other going on beside it, as cells are wired that take the output of the last two.

    Inputs stand in none and hold none together: what is fed straight into every block is no reason to keep them apart.
    """
    last, takes = dict[int, int](), dict[int, set[int]]()
    place = {box: number for number, box in enumerate(order)}
    inputs = {number for number, box in enumerate(view.boxes) if box.family == INPUT}
    for line in view.lines:
        if line.source is not None and line.target is not None and line.source not in inputs:
            last[line.source] = max(last.get(line.source, -1), place[line.target])
            takes.setdefault(line.target, set()).add(line.source)
    ends, going = dict[int, int](), list[int]()  # how many boxes go on behind each, itself counted
    for number, box in enumerate(order):
        going = [until for until in going if until > number]
        if box not in inputs:
            going.append(last.get(box, number))
            ends[box] = len(going)
    segments: list[list[int]] = []
    for segment in _cut([box for box in order if box not in inputs], lambda box: ends[box] == 1):
        if len(segment) < _LONG_SEGMENT:
            segments.append(segment)
        else:
            segments += _cut(segment, lambda box: ends[box] <= 2 and len(takes.get(box, ())) > 1)
    return segments


def _cut(row: Sequence[int], is_end: Callable[[int], bool]) -> list[list[int]]:
    """A row in pieces, each up to an end."""
    pieces, current = list[list[int]](), list[int]()
    for box in row:
        current.append(box)
        if is_end(box):
            pieces.append(current)
            current = []
    return [*pieces, current] if current else pieces


def _signature(
    view: View, segment: Sequence[int], before: Sequence[Sequence[tuple[int, int]]], place: dict[int, int]
) -> Hashable:
    """What two segments of one form have in common: classes, shapes but for the last axis (channels may grow from block to
    block), and where each box's arguments come from."""
    first = place[segment[0]]
    boxes = []
    for number in segment:
        box = view.boxes[number]
        takes = tuple((max(place[source] - first, -1), output) for source, output in before[number])
        marked = number if box.mark or box.hazard or box.inside is not None else -1
        boxes.append((box.class_name, box.family, box.shape.rpartition("×")[0], box.part, marked, takes))
    return tuple(boxes)


def _numbered(signatures: Sequence[Hashable]) -> list[int]:
    known: dict[Hashable, int] = {}
    return [known.setdefault(each, len(known)) for each in signatures]


def _times(row: Sequence[int], at: int, period: int) -> int:
    """How often the next ``period`` of a row stand there in turn."""
    end = at + period
    while end < len(row) and row[end] == row[end - period]:
        end += 1
    return (end - at) // period


def _longest(row: Sequence[int], at: int) -> tuple[int, int]:
    """The period with which most of a row is covered from here on, the shortest of several."""
    most = (1, 1)
    for period in range(1, min(_LONGEST_BLOCK, (len(row) - at) // 2) + 1):
        times = _times(row, at, period)
        if times > 1 and period * times > most[0] * most[1]:
            most = (period, times)
    return most


def _turned(view: View, segments: Sequence[Sequence[int]], row: Sequence[int], at: int, period: int) -> int:
    """By how many segments the blocks begin later, if that costs no block but one: they begin where their author began them,
    which is told by the names that the boxes of a block have in common, else by the branches."""
    whole = _times(row, at, period)

    def fits(turn: int) -> tuple[int, int, int]:
        if _times(row, at + turn, period) < max(whole - 1, 2):
            return -1, 0, 0
        boxes = [box for segment in segments[at + turn : at + turn + period] for box in segment]
        named = len(beginning([view.boxes[box].layer for box in boxes])) if len(boxes) > 1 else 0
        return named, len(segments[at + turn]), -turn

    return max(range(period), key=fits)


def with_blocks(view: View, groups: Sequence[Sequence[int]], made: list[View]) -> View:
    """The view with one box, which opens, in the place of each group of boxes."""
    return _with_folds(view, [[list(group)] for group in groups], made)


def _with_folds(view: View, runs: Sequence[Sequence[_Block]], made: list[View]) -> View:
    """The view with its folds; the views that these open are added to those that are made."""
    home: dict[int, int] = {}
    boxes: list[Box] = []
    inside = {box: number for number, blocks in enumerate(runs) for block in blocks for box in block}
    folds: dict[int, int] = {}
    for number, box in enumerate(view.boxes):
        run = inside.get(number)
        if run is None or run not in folds:
            if run is not None:
                folds[run] = len(boxes)
                box = _fold(view, runs[run], made) if len(runs[run]) > 1 else _block(view, runs[run][0], made)
            boxes.append(box)
        home[number] = len(boxes) - 1 if run is None else folds[run]
    return replace(view, boxes=tuple(boxes), lines=_moved(view.lines, home), inputs=(), outputs=())


def _fold(view: View, blocks: Sequence[_Block], made: list[View]) -> Box:
    """The box of a fold. A block of one box alone is that box."""
    row = len(made)
    made.append(view)  # its place: views stand before those that their boxes open
    home = {box: number for number, block in enumerate(blocks) for box in block}
    single = all(len(block) == 1 for block in blocks)
    shown = [view.boxes[block[0]] if single else _block(view, block, made) for block in blocks]
    made[row] = View("blocks", view.path, tuple(shown), _moved(view.lines, home))
    every = tuple(view.boxes[box] for block in blocks for box in block)
    parameters, macs, layers = totals(every)
    first, last = shown[0], shown[-1]
    return Box(
        name=_from_to(_begin(first), _end(last)),
        class_name=first.class_name if single else f"{len(blocks[0])} layers",
        family=_family(every),
        shape=last.shape if first.shape == last.shape else f"{first.shape} … {last.shape}",
        parameters=parameters,
        macs=macs,
        part=every[0].part,
        inside=row,
        times=len(blocks),
        layers=layers,
    )


_TO = " … "


def _from_to(first: str, last: str) -> str:
    """``conv4_block2 … block23``: of the last name only what is not in the first."""
    shared = beginning([first, last])
    cut = max(shared.rfind(mark) for mark in "_-./ ") + 1
    return f"{first}{_TO}{last[cut:]}"


def _begin(box: Box) -> str:
    return box.name.partition(_TO)[0]


def _end(box: Box) -> str:
    return box.name.rpartition(_TO)[2]


def _block(view: View, block: _Block, made: list[View]) -> Box:
    home = {box: number for number, box in enumerate(block)}
    boxes = tuple(view.boxes[box] for box in block)
    made.append(View("block", view.path, boxes, _moved(view.lines, home)))
    parameters, macs, layers = totals(boxes)
    prefix = beginning([box.layer for box in boxes]).rstrip("_-./: ")
    return Box(
        name=prefix or _from_to(boxes[0].name, boxes[-1].name),
        class_name=f"{len(boxes)} layers",
        family=_family(boxes),
        shape=boxes[-1].shape,
        parameters=parameters,
        macs=macs,
        part=boxes[0].part,
        inside=len(made) - 1,
        layers=layers,
    )


def _family(boxes: Sequence[Box]) -> str:
    """The one with the most multiply-accumulates."""
    return max(boxes, key=lambda box: box.macs or 0).family


def _moved(lines: Sequence[Line], home: dict[int, int]) -> tuple[Line, ...]:
    """The lines that touch some boxes, by their numbers there; of those that come from the same place one."""
    moved: dict[tuple[int | None, int | None, int, str], Line] = {}
    for line in lines:
        source = None if line.source is None else home.get(line.source)
        target = None if line.target is None else home.get(line.target)
        if (source is None and target is None) or source == target:
            continue
        moved.setdefault((source, target, line.output, line.name), replace(line, source=source, target=target))
    return tuple(moved.values())
