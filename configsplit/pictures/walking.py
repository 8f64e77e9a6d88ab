"""How formats that nest by brackets walk over a picture, and where lines lead when boxes are open."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from configsplit.pictures.picture import Box, Line, Picture

_Ids = tuple[int, ...]


class Step(NamedTuple):
    """A box on the way; ``id`` is its name in the text. One that is open comes twice: where it begins, and where it ends."""

    id: str
    box: Box
    depth: int
    opens: bool = False
    closes: bool = False


def outline(picture: Picture, opened: Collection[int]) -> Iterator[Step]:
    """Every box that is to be seen, what is in an open one between its beginning and its end."""
    todo: list[tuple[_Ids, int, int, bool]] = [((number,), 0, number, False) for number in _reversed(picture, 0)]
    while todo:
        ids, view, number, closes = todo.pop()
        box = picture.views[view].boxes[number]
        if closes or box.inside is None or box.inside not in opened:
            yield Step(_id(ids), box, len(ids) - 1, closes=closes)
            continue
        yield Step(_id(ids), box, len(ids) - 1, opens=True)
        todo.append((ids, view, number, True))
        todo += [((*ids, inner), box.inside, inner, False) for inner in _reversed(picture, box.inside)]


def _reversed(picture: Picture, view: int) -> range:
    return range(len(picture.views[view].boxes) - 1, -1, -1)


def _id(ids: _Ids) -> str:
    return "_".join(map(str, ids))


def nested_lines(picture: Picture, opened: Collection[int]) -> Iterator[tuple[str, str, Line]]:
    """Every line between boxes that are closed: one to or from an open box leads on to what takes or gives the tensor in it."""
    todo: list[tuple[_Ids, int]] = [((), 0)]
    while todo:
        ids, number = todo.pop()
        view = picture.views[number]
        for line in view.lines:
            if line.source is not None and line.target is not None:
                source = _giver(picture, opened, (*ids, line.source), view.boxes[line.source], line.output)
                target = _taker(picture, opened, (*ids, line.target), view.boxes[line.target], line.argument)
                yield _id(source), _id(target), line
        todo += [
            ((*ids, place), box.inside)
            for place, box in enumerate(view.boxes)
            if box.inside is not None and box.inside in opened
        ]


def _giver(picture: Picture, opened: Collection[int], ids: _Ids, box: Box, output: int) -> _Ids:
    while box.inside is not None and box.inside in opened:
        view = picture.views[box.inside]
        number, output = view.outputs[output] if output < len(view.outputs) else (len(view.boxes) - 1, 0)
        ids, box = (*ids, number), view.boxes[number]
    return ids


def _taker(picture: Picture, opened: Collection[int], ids: _Ids, box: Box, argument: int) -> _Ids:
    while box.inside is not None and box.inside in opened:
        view = picture.views[box.inside]
        number, argument = (view.inputs[argument] if argument < len(view.inputs) else 0), 0
        ids, box = (*ids, number), view.boxes[number]
    return ids
