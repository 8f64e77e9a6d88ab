"""A picture of what lies around a cut, a difference or a hazard: the rest is closed, one box for each piece of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from configsplit.graph.walking import grouped
from configsplit.pictures.folding import with_blocks
from configsplit.pictures.ordering import ordered
from configsplit.pictures.picture import Line, View

_FEWEST = 3
"""Boxes that one box is put in the place of."""


def focused(views: Sequence[View], near: int) -> tuple[View, ...] | None:
    """The same views, of the outermost only what lies within so many lines of what is to be seen; None if nothing is."""
    view = views[0]
    kept = _around(view, near)
    if not kept:
        return None
    made = list(views)
    groups = [group for group in _groups(view, kept) if len(group) >= _FEWEST]
    made[0] = replace(with_blocks(view, groups, made), inputs=view.inputs, outputs=view.outputs)
    return tuple(made)


def _around(view: View, near: int) -> set[int]:
    """The boxes within so many lines of one that is marked or hazardous, or gives or takes what crosses a cut."""
    kept = {number for number, box in enumerate(view.boxes) if box.mark or box.hazard}
    beside: list[list[int]] = [[] for _ in view.boxes]
    for source, target, line in _between(view):
        beside[source].append(target)
        beside[target].append(source)
        kept |= {source, target} if line.crosses or line.mark else set()
    edge = kept
    for _ in range(near):
        edge = {other for box in edge for other in beside[box]} - kept
        kept |= edge
    return kept


def _groups(view: View, kept: set[int]) -> list[list[int]]:
    """The others, in pieces that hang together, and that no way leads out of and back into."""
    level, piece = _levels(view, kept), list(range(len(view.boxes)))

    def root(box: int) -> int:
        while piece[box] != box:
            piece[box] = piece[piece[box]]
            box = piece[box]
        return box

    for source, target, _ in _between(view):
        alike = level[source] == level[target] and view.boxes[source].part == view.boxes[target].part
        if alike and kept.isdisjoint((source, target)):
            piece[root(source)] = root(target)
    groups = grouped((root(box), box) for box in range(len(view.boxes)) if box not in kept)
    return list(groups.values())


def _levels(view: View, kept: set[int]) -> list[int]:
    """How often a way to each box has passed what is kept and left it again, at most: a way that comes back is higher."""
    before: list[list[int]] = [[] for _ in view.boxes]
    for source, target, _ in _between(view):
        before[target].append(source)
    level = [0] * len(view.boxes)
    for box in ordered(view):
        level[box] = max((level[source] + (source in kept and box not in kept) for source in before[box]), default=0)
    return level


def _between(view: View) -> Iterator[tuple[int, int, Line]]:
    for line in view.lines:
        if line.source is not None and line.target is not None:
            yield line.source, line.target, line
