"""A picture as SVG: no browser, no font files, no scripts. Every text in it goes through `words.markup`."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from itertools import pairwise
from math import log10

from configsplit.catalog.table import FAMILIES
from configsplit.pictures.layout import EDGE, Placed, Point, arranged
from configsplit.pictures.picture import Box, Line, PartFacts, Picture, View
from configsplit.pictures.style import PARTS, style_sheet
from configsplit.pictures.words import amount, markup, plain, shortened, size

WIDTH, HEIGHT = 214.0, 44.0
"""Of a box that is not open."""

HEAD, RIM = 26.0, 6.0
"""Above and beside what is inside an open box."""

_TITLE, _LEGEND_ROW, _PILL_ROWS = 62.0, 22.0, 2
_NARROWEST = 460.0


def sizes_of(view: View, inner: Sequence[Placed | None]) -> list[tuple[float, float]]:
    """Widths and heights of the boxes of a view; ``inner`` are the views that are open, by number."""
    sizes = []
    for box in view.boxes:
        shown = None if box.inside is None else inner[box.inside]
        sizes.append((WIDTH, HEIGHT) if shown is None else (shown.width + 2 * RIM, shown.height + HEAD + RIM))
    return sizes


def laid_out(picture: Picture, opened: Collection[int]) -> list[Placed | None]:
    """All views that are to be seen, the innermost first: a box is as large as what is open in it."""
    layouts: list[Placed | None] = [None] * len(picture.views)
    for number in reversed(range(len(picture.views))):
        if number == 0 or number in opened:
            layouts[number] = arranged(picture.views[number], sizes_of(picture.views[number], layouts))
    return layouts


def closed(picture: Picture, views: Collection[int]) -> dict[int, Placed]:
    """Views with all their boxes closed. Views of one form are laid out once."""
    nothing: list[Placed | None] = [None] * len(picture.views)
    known: dict[Hashable, Placed] = {}
    drawn = {}
    for number in views:
        view = picture.views[number]
        form = (
            view.beside,
            tuple(box.part for box in view.boxes),
            tuple((line.source, line.target, line.output) for line in view.lines),
        )
        if form not in known:
            known[form] = arranged(view, sizes_of(view, nothing))
        drawn[number] = known[form]
    return drawn


def svg(picture: Picture, opened: Collection[int] = ()) -> str:
    """The picture as a file of its own; ``opened`` are the views that are seen inside their boxes."""
    layouts = laid_out(picture, opened)
    whole = layouts[0]
    assert whole is not None
    legend = families(picture)
    width = max(whole.width, _NARROWEST)
    columns = max(int((width - 2 * EDGE) // 120), 1)
    bottom = _TITLE + whole.height
    height = bottom + _LEGEND_ROW * -(-len(legend) // columns) + EDGE
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">\n<title>{markup(picture.title)}</title>\n'
        f"<style>{style_sheet()}</style>\n"
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>\n'
        f'<text class="t" x="{EDGE:g}" y="30">{markup(shortened(picture.title, int(width / 10)))}</text>\n'
        f'<text class="u" x="{EDGE:g}" y="49">{markup(shortened(" · ".join(picture.facts), int(width / 6.6)))}</text>\n'
    ]
    seen = {view for view in opened if layouts[view] is not None}
    todo = [(0, (width - whole.width) / 2, _TITLE)]
    for number, left, top in todo:
        layout = layouts[number]
        assert layout is not None
        pieces.append(f'<g transform="translate({left:g},{top:g})">\n{"".join(drawn(picture, number, layout, seen))}</g>\n')
        todo += [
            (box.inside, left + x + RIM, top + y + HEAD)
            for box, (x, y, _, _) in zip(picture.views[number].boxes, layout.boxes, strict=True)
            if box.inside is not None and box.inside in seen
        ]
    for number, family in enumerate(legend):
        x, y = EDGE + 120 * (number % columns), bottom + _LEGEND_ROW * (number // columns)
        pieces.append(
            f'<g class="f-{family}" transform="translate({x:g},{y:g})"><rect class="k" width="12" height="12" rx="3"/>'
            f'<text class="u" x="18" y="10.5">{family}</text></g>\n'
        )
    return "".join((*pieces, "</svg>\n"))


def families(picture: Picture) -> list[str]:
    """The families that are in the picture, in the order of legends."""
    there = {box.family for view in picture.views for box in view.boxes}
    return [family for family in FAMILIES if family in there]


def drawn(picture: Picture, number: int, layout: Placed, opened: Collection[int], live: bool = False) -> Iterator[str]:
    """One view, its left upper corner at 0, 0; ``live``: for a page, in which boxes open and close."""
    view = picture.views[number]
    if number == 0 and picture.parts:
        yield from _bands(layout)
    yield from _again(view, layout, live)
    yield from _links(view, layout, live)
    for line, points in zip(view.lines, layout.lines, strict=True):
        yield _line(line, points)
    for place, (box, where) in enumerate(zip(view.boxes, layout.boxes, strict=True)):
        handle = _handle(box, f"{number}.{place}", box.inside is not None and box.inside in opened) if live else ""
        yield _box(box, where, ("both" if live else "open") if box.inside in opened else "closed", handle)
    if number == 0 and picture.parts:
        yield from _cuts(picture, layout)
    yield from _pills(view, layout, live)
    yield from _noted(view, layout, live)


def _handle(box: Box, place: str, opens: bool) -> str:
    """By which a page finds a box, and people who use no mouse."""
    role = f' tabindex="0" role="button" aria-expanded="false" aria-label="{markup(_told(box))}"' if opens else ""
    return f' data-box="{place}"{role}'


def path(points: Sequence[Point]) -> str:
    """A way through points that leaves and reaches each of them upright."""
    (x, y), *rest = points
    pieces = [f"M{x:g} {y:g}"]
    for to_x, to_y in rest:
        middle = round((y + to_y) / 2, 1)
        pieces.append(f"V{to_y:g}" if to_x == x else f"C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}")
        x, y = to_x, to_y
    return "".join(pieces)


def _line(line: Line, points: Sequence[Point]) -> str:
    if len(points) < 2:
        return ""
    kind = " ".join(filter(None, ("l", "x" if line.crosses else "", line.mark)))
    told = " · ".join(filter(None, (line.name, line.shape, size(line.bytes), line.mark)))
    width = f"{thickness(line.bytes):g}"
    return f'<path class="{kind}" stroke-width="{width}" d="{path(points)}"><title>{markup(told)}</title></path>\n'


def thickness(number: int | None) -> float:
    """By the logarithm of the bytes: 1 for a hundred, 4 for ten millions."""
    return 1.0 if number is None else round(min(max(0.6 * log10(max(number, 1)) - 0.2, 1.0), 5.0), 2)


def _box(box: Box, where: tuple[float, float, float, float], state: str, handle: str) -> str:
    x, y, width, height = where
    kinds = ("b", f"f-{box.family}", box.mark, "hazard" if box.hazard else "", "" if box.inside is None else "group")
    kind = " ".join(filter(None, kinds))
    content = {
        "closed": lambda: _card(box),
        "open": lambda: _frame(box, width, height),
        "both": lambda: f'<g class="closed">{_card(box)}</g><g class="opened">{_frame(box, 1.15 * width, height)}</g>',
    }[state]()
    title = f"<title>{markup(_told(box))}</title>"
    return f'<g class="{kind}" transform="translate({x:g},{y:g})"{handle}>{title}{content}</g>\n'


def _card(box: Box) -> str:
    sheets = ""
    if box.inside is not None:
        sheets = "".join(f'<rect class="s" x="{by}" y="{by}" width="{WIDTH:g}" height="{HEIGHT:g}" rx="7"/>' for by in (6, 3))
    beside = f"×{box.times}" if box.times > 1 else amount(box.parameters) if box.parameters != 0 else ""
    kind = "times" if box.times > 1 else "p"
    right = f'<text class="{kind}" x="{WIDTH - 10:g}" y="18">{beside}</text>' if beside else ""
    room = min(24 - len(beside), 20) if beside else 24
    shape = shortened(box.shape, 20)
    return (
        f'{sheets}<rect class="s" width="{WIDTH:g}" height="{HEIGHT:g}" rx="7"/>'
        f'<path class="k" d="M7 0H5A5 7 0 0 0 0 7V{HEIGHT - 7:g}A5 7 0 0 0 5 {HEIGHT:g}H7Z"/>'
        f'<text class="n" x="15" y="18">{markup(_named(box, room))}</text>{right}'
        f'<text class="c" x="15" y="35">{markup(shortened(box.class_name, 30 - len(shape)))}</text>'
        f'<text class="d" x="{WIDTH - 10:g}" y="35">{markup(shape)}</text>'
    )


def _named(box: Box, room: int) -> str:
    """The name of a box, in its room; of blocks from one to another both ends stay as long as they can."""
    name = plain(box.name)
    first, dots, last = name.partition(" … ")
    if not dots or len(name) <= room or len(last) > room // 2:
        return shortened(box.name, room)
    return f"{first[: room - len(last) - 2]}… {last}"


def _frame(box: Box, width: float, height: float) -> str:
    """An open box: what is inside is drawn over it."""
    told = " · ".join(filter(None, (box.name, box.class_name, f"×{box.times}" if box.times > 1 else "")))
    return (
        f'<rect class="s frame" width="{width:g}" height="{height:g}" rx="10"/>'
        f'<text class="n" x="14" y="19">{markup(shortened(told, max(int(width / 7.4), 12)))}</text>'
    )


def _told(box: Box) -> str:
    """All there is to say of a box."""
    pieces = [box.name, box.class_name if box.times == 1 else f"{box.times} × {box.class_name}", box.shape]
    pieces += ["" if box.parameters == 0 else f"{amount(box.parameters)} parameters"]
    pieces += ["" if box.macs == 0 else f"{amount(box.macs)} multiply-accumulates"]
    pieces += [f"part {box.part}" if box.part is not None else "", box.shared]
    pieces += [box.mark, box.note, box.hazard and f"hazard: {box.hazard}"]
    return " · ".join(filter(None, pieces))


def _again(view: View, layout: Placed, live: bool) -> Iterator[str]:
    """A dotted line between the calls of one layer, also from part to part."""
    last: dict[str, int] = {}
    for number, box in enumerate(view.boxes):
        key = box.layer if box.shared else ""
        if key and key in last:
            one, other = layout.boxes[last[key]], layout.boxes[number]
            ends = _facing(one, other), _facing(other, one)
            pair = f' data-pair="{last[key]} {number}"' if live else ""
            yield f'<path class="again"{pair} d="M{ends[0][0]:g} {ends[0][1]:g}L{ends[1][0]:g} {ends[1][1]:g}"/>\n'
        last[key] = number


def _facing(box: tuple[float, ...], other: tuple[float, ...]) -> Point:
    """The middle of the edge with which a box looks at another."""
    (x, y, width, height), (to_x, to_y, to_width, _) = box, other
    if x + width <= to_x or to_x + to_width <= x:
        return (x + width if to_x > x else x), y + height / 2
    return x + width / 2, (y + height if to_y > y else y)


def _links(view: View, layout: Placed, live: bool) -> Iterator[str]:
    """From each box of the old model to what it became."""
    for link in view.links:
        (x, y, width, height), (to_x, to_y, _, to_height) = layout.boxes[link.source], layout.boxes[link.target]
        pair = f' data-pair="{link.source} {link.target}"' if live else ""
        kind = "link ruled" if link.note else "link"
        yield f'<path class="{kind}"{pair} d="M{x + width:g} {y + height / 2:g}L{to_x:g} {to_y + to_height / 2:g}"/>\n'


def _noted(view: View, layout: Placed, live: bool) -> Iterator[str]:
    """The rules, each in the middle of its line."""
    for link in view.links:
        if not link.note:
            continue
        (x, y, width, height), (to_x, to_y, _, to_height) = layout.boxes[link.source], layout.boxes[link.target]
        middle = ((x + width + to_x) / 2, (y + height / 2 + to_y + to_height / 2) / 2)
        told = link.note if len(link.note) <= 34 else f"{link.note[:33]}…"
        wide = 6.2 * len(told) + 18
        pair = f' data-between="{link.source} {link.target}"' if live else ""
        yield (
            f'<g class="rule"{pair} transform="translate({middle[0]:g},{middle[1]:g})"><title>{markup(link.note)}</title>'
            f'<rect x="{-wide / 2:g}" y="-10" width="{wide:g}" height="20" rx="10"/>'
            f'<text y="4">{markup(told)}</text></g>\n'
        )


def _bands(layout: Placed) -> Iterator[str]:
    """The parts, one below the other."""
    edges = (0.0, *layout.bands, layout.height)
    for part, (top, end) in enumerate(pairwise(edges)):
        place = f'y="{top:g}" width="{layout.width:g}" height="{end - top:g}"'
        yield f'<rect class="band part-{part % len(PARTS)}" {place}/>\n'


def _cuts(picture: Picture, layout: Placed) -> Iterator[str]:
    """The cuts between the parts, and what each part is."""
    for part, (top, facts) in enumerate(zip((0.0, *layout.bands), picture.parts, strict=False)):
        if part:
            yield f'<path class="cut" d="M0 {top:g}H{layout.width:g}"/>\n'
        yield _part_title(facts, top + (23 if part else 14))


def _part_title(facts: PartFacts, top: float) -> str:
    """In the corner of a part, beside the lines that cross the cut."""
    return (
        f'<g class="bt" transform="translate(0,{top:g})"><text x="8">{markup(shortened(facts.file, 17))}</text>'
        f'<text class="q" x="8" y="13">{facts.layers} layers</text></g>\n'
    )


def _pills(view: View, layout: Placed, live: bool) -> Iterator[str]:
    """What crosses each cut, written on the cut; a tensor that passes several on the first."""
    pills: dict[tuple[int | None, int], tuple[float, float, str, str]] = {}
    for line, points in zip(view.lines, layout.lines, strict=True):
        below = [band for band in layout.bands if points and points[0][1] < band]
        if line.crosses and below:
            told = " · ".join(filter(None, (line.shape, size(line.bytes))))
            pills.setdefault((line.source, line.output), (below[0], _at(points, below[0]), shortened(line.name, 24), told))
    ends: dict[tuple[float, int], float] = {}
    for band, x, name, told in sorted(pills.values()):
        width = 6.6 * len(f"{name} · {told}") + 20
        left = max(min(x - width / 2, layout.width - width - 4), 4.0)
        row = min(range(_PILL_ROWS), key=lambda row: (max(ends.get((band, row), 0.0) - left, 0.0), row))
        left = max(left, ends.get((band, row), 0.0))
        ends[band, row] = left + width + 6
        y = band - 24 * row
        place = f' data-at="{left:g} {band:g}"' if live else ""
        yield (
            f'<g class="onCut"{place}><rect class="pill" x="{left:g}" y="{y - 10:g}" width="{width:g}" height="20" rx="10"/>'
            f'<text class="pt" x="{left + width / 2:g}" y="{y + 4:g}">{markup(name)} · {markup(told)}</text></g>\n'
        )


def _at(points: Sequence[Point], height: float) -> float:
    """Where a way passes a height."""
    for (x, y), (to_x, to_y) in pairwise(points):
        if y <= height <= to_y and to_y > y:
            return x + (to_x - x) * (height - y) / (to_y - y)
    return points[-1][0]
