"""The boxes of a view in the order of computation."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from configsplit.pictures.picture import View


def ordered(view: View) -> list[int]:
    """Boxes behind all that they take, ties as they stand. Where lines run in a circle, as those of two models together may,
    the first of the boxes on it is taken as if it waited for nothing."""
    waiting = [0] * len(view.boxes)
    after: list[list[int]] = [[] for _ in view.boxes]
    for line in view.lines:
        if line.source is not None and line.target is not None and line.source != line.target:
            waiting[line.target] += 1
            after[line.source].append(line.target)
    ready = [box for box, count in enumerate(waiting) if not count]
    heapify(ready)
    order, taken, first = list[int](), [False] * len(view.boxes), 0
    while len(order) < len(view.boxes):
        if not ready:
            while taken[first]:
                first += 1
            heappush(ready, first)
        box = heappop(ready)
        if taken[box]:
            continue
        taken[box] = True
        order.append(box)
        for each in after[box]:
            waiting[each] -= 1
            if not waiting[each]:
                heappush(ready, each)
    return order


def depth_first(view: View) -> list[int]:
    """Boxes behind all that they take, and as soon as what needs them asks: what belongs together stands together."""
    before: list[list[int]] = [[] for _ in view.boxes]
    for line in view.lines:
        if line.source is not None and line.target is not None:
            before[line.target].append(line.source)
    order, seen = list[int](), [False] * len(view.boxes)
    given = {source for sources in before for source in sources}
    ends = [box for box in range(len(view.boxes)) if box not in given]
    todo = [(box, False) for box in (*range(len(view.boxes) - 1, -1, -1), *reversed(ends))]
    while todo:
        box, done = todo.pop()
        if done:
            order.append(box)
        elif not seen[box]:
            seen[box] = True
            todo.append((box, True))
            todo += [(source, False) for source in sorted(before[box]) if not seen[source]]
    return order
