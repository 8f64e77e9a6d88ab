"""A picture as one page that loads nothing: the SVG of every view, what is needed to open and close boxes, and the prices."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from importlib import resources
from math import log10
from typing import Any

from configsplit.display.html import digest
from configsplit.pictures.layout import Placed
from configsplit.pictures.picture import Picture
from configsplit.pictures.prices import Price, Prices, Stages, option
from configsplit.pictures.style import style_sheet
from configsplit.pictures.svg import HEAD, HEIGHT, RIM, WIDTH, closed, drawn, families
from configsplit.pictures.words import amount, markup, plain, shortened, size

_NAMED = 4
"""As many of the tensors that cross at a place are named."""

MOST_BOXES = 8_000
"""Views are left out of the page, so that their boxes do not open, where it would have more boxes than that."""

MOST_PLACES = 2_000

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def page(picture: Picture, opened: Collection[int], prices: Prices | None) -> str:
    """The page; ``opened`` are the views that are open when it is opened itself."""
    views = _kept(picture)
    layouts = closed(picture, views)
    style, script = f"{style_sheet()}{_text('plot.css')}", _text("plot.js")
    whole = layouts[0]
    svg = (
        f'<svg id="picture" class="picture" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole.width:g} {whole.height:g}" '
        f'width="{whole.width:g}" height="{whole.height:g}" aria-label="{markup(picture.title)}">'
    )
    pieces = {
        "style_digest": digest(style),
        "script_digest": digest(script),
        "style": style,
        "title": markup(picture.title),
        "facts": markup(" · ".join(picture.facts)),
        "picture": f"{svg}{''.join(_views(picture, layouts, views))}</svg>",
        "prices": "" if prices is None else "".join(_curve(prices)),
        "legend": "".join(map(_colour, families(picture))),
        "data": _escaped(_data(picture, layouts, opened, views, prices)),
        "script": script,
        "point": _POINT if prices is not None and prices.places else "",
        "hint": "Click a box, or a part" if picture.parts else "Click a box",
    }
    return "".join(
        pieces.get(piece, piece) if number % 2 else piece for number, piece in enumerate(_text("plot.html").split("%%"))
    )


def _text(name: str) -> str:
    return resources.files("configsplit.pictures").joinpath("page", name).read_text("utf-8")


def _escaped(value: Any) -> str:
    """JSON that can stand in a script element: no character in it ends the element or begins another."""
    return json.dumps(value, separators=(",", ":")).translate(_ESCAPES)


def _kept(picture: Picture) -> list[int]:
    """The views that the page has, the outer ones first."""
    kept, boxes = {0}, len(picture.views[0].boxes)
    for number in range(len(picture.views)):
        if number in kept:
            for inside in dict.fromkeys(box.inside for box in picture.views[number].boxes if box.inside is not None):
                if boxes + len(picture.views[inside].boxes) <= MOST_BOXES:
                    kept.add(inside)
                    boxes += len(picture.views[inside].boxes)
    return sorted(kept)


def _views(picture: Picture, layouts: dict[int, Placed], views: Collection[int]) -> Iterator[str]:
    for number, layout in layouts.items():
        kind = "view" if number == 0 else "view off"
        yield f'<g class="{kind}" id="v{number}">{"".join(drawn(picture, number, layout, views, live=True))}</g>'


def _data(
    picture: Picture, layouts: dict[int, Placed], opened: Collection[int], views: Collection[int], prices: Prices | None
) -> dict[str, Any]:
    prices = prices or Prices("")
    homes = _homes(picture, views) if prices.places else {}
    return {
        "box": [WIDTH, HEIGHT, HEAD, RIM],
        "views": {number: _geometry(picture, number, layout, views) for number, layout in layouts.items()},
        "opened": sorted(set(opened) & set(views)),
        "command": prices.command,
        "places": [
            {
                "option": option(place.at),
                "said": [plain(place.at), *_said(place)],
                "boxes": _boxes(place.tensors, homes),
                "time": [place.macs[0], place.bytes + place.input_bytes, place.macs[1]],
            }
            for place in prices.places
        ],
        "uncut": [[0, prices.inputs, prices.macs], [prices.macs, 0, 0]],
        "parts": [
            [plain(each.file), f"{each.layers} layers, {amount(each.parameters)} parameters", *map(plain, each.said)]
            for each in picture.parts
        ],
        "stages": {each.count: _pipeline(each, homes) for each in prices.stages},
    }


def _pipeline(stages: Stages, homes: dict[str, list[int]]) -> dict[str, Any]:
    largest = f"largest stage {amount(stages.largest)} multiply-accumulates, {stages.states[0]}"
    across = f"{size(stages.bytes)} across all boundaries, {stages.states[1]}"
    names = [tensor for boundary in stages.boundaries for tensor in boundary]
    told = [f"{number}. {', '.join(map(plain, boundary))}" for number, boundary in enumerate(stages.boundaries, 1)]
    return {"option": f"--stages {stages.count}", "said": [largest, across, *told], "boxes": _boxes(names, homes)}


def _boxes(tensors: Iterable[str], homes: dict[str, list[int]]) -> list[list[int]]:
    """The boxes that give some tensors."""
    return [homes[name] for tensor in tensors if (name := _without_output(tensor, homes)) is not None]


def _said(place: Price) -> Iterator[str]:
    names = [shortened(name, 40) for name in place.tensors[:_NAMED]]
    names += [f"{len(place.tensors) - _NAMED} more"] if len(place.tensors) > _NAMED else []
    yield f"{size(place.bytes)} cross" + (f" in {len(place.tensors)} tensors: {', '.join(names)}" if len(names) > 1 else "")
    yield f"{amount(place.macs[0])} multiply-accumulates before, {amount(place.macs[1])} after"
    yield f"{amount(place.parameters[0])} parameters before, {amount(place.parameters[1])} after"


def _geometry(picture: Picture, number: int, layout: Placed, views: Collection[int]) -> dict[str, Any]:
    view = picture.views[number]
    return {
        "path": plain(view.path),
        "size": [layout.width, layout.height],
        "boxes": [
            [x, y, box.inside if box.inside in views else 0] for box, (x, y, _, _) in zip(view.boxes, layout.boxes, strict=True)
        ],
        "lines": [
            [-1 if line.source is None else line.source, -1 if line.target is None else line.target, *points]
            for line, points in zip(view.lines, layout.lines, strict=True)
        ],
        "bands": layout.bands,
    }


def _homes(picture: Picture, views: Collection[int]) -> dict[str, list[int]]:
    """Where the box of each call is, by the reference to it."""
    homes: dict[str, list[int]] = {}
    for number in views:
        view = picture.views[number]
        for place, box in enumerate(view.boxes):
            if box.layer:
                homes[f"{view.path}{box.name}"] = [number, place]
    return homes


def _without_output(tensor: str, homes: dict[str, list[int]]) -> str | None:
    return next((name for name in (tensor, tensor.rpartition(":")[0]) if name in homes), None)


def _colour(family: str) -> str:
    return (
        f'<li><svg class="f-{family}" width="11" height="11"><rect class="k" width="11" height="11" rx="3"/></svg>{family}</li>'
    )


_BAR, _TALL, _APART = 4, 90, 60
"""A bar's width and the greatest height; up to so many bars stand apart."""

_POINT = '<li class="quiet">Point at a place to see what crosses there. Click to add the cut to the command.</li>'


def _curve(prices: Prices) -> Iterator[str]:
    """Bytes across at each place as bars (logarithm), and the share of the multiply-accumulates before it as a line."""
    if not prices.places:
        yield f'<p class="quiet">{markup(prices.note)}</p>'
        return
    tops = [log10(max(place.bytes, 1)) for place in prices.places]
    low, high = max(min(tops) - 1, 0), max(*tops, min(tops) + 1)  # where all are alike no bar is full
    wide = _BAR if len(tops) > _APART else 0.9 * _BAR
    width = _BAR * len(tops)
    yield f'<svg id="curve" viewBox="0 0 {width} {_TALL}" preserveAspectRatio="none" tabindex="0" role="slider" '
    yield f'aria-label="Places to cut at" aria-valuemin="1" aria-valuemax="{len(tops)}" aria-valuenow="1">'
    for number, (top, place) in enumerate(zip(tops, prices.places, strict=True)):
        height = round(4 + (_TALL - 8) * (top - low) / max(high - low, 0.1), 1)
        kind = "one" if len(place.tensors) == 1 else "many"
        yield f'<rect class="bar {kind}" x="{_BAR * number}" y="{_TALL - height:g}" width="{wide:g}" height="{height:g}"/>'
    whole = max(sum(prices.places[0].macs), 1)
    points = " ".join(
        f"{_BAR * number + 1.5:g},{_TALL - 2 - (_TALL - 4) * place.macs[0] / whole:.1f}"
        for number, place in enumerate(prices.places)
    )
    yield f'<polyline class="share" points="{points}"/></svg>'
    note = f" {prices.note}" if prices.note else ""
    places = "1 place" if len(tops) == 1 else f"{len(tops)} places"
    yield f'<p class="quiet">{places}. Bars: bytes across, blue where one tensor crosses. '
    yield f"Line: share of the work before the cut.{markup(note)}</p>"
