"""Small pieces of HTML for notebooks: self-contained, without scripts, and every text escaped.

What stands in a model file is written by whoever made the file: a layer may be called ``<script>``. Texts become HTML in `text`
alone, and everything here goes through it.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

_CELL = "padding:1px 10px 1px 0;text-align:left;white-space:nowrap"
_BOX = "font-family:sans-serif;font-size:90%;line-height:1.4;margin:4px 0"
_LONGEST = 80


def text(value: object) -> str:
    """A text as HTML, on one line, and cut where it is endless."""
    line = " ".join(str(value).split())
    short = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return html.escape(short, quote=True)


def box(*pieces: str) -> str:
    """Everything that one object shows."""
    return f'<div style="{_BOX}">{"".join(pieces)}</div>'


def title(name: object, *facts: object) -> str:
    """A name in bold, and what there is to say of it."""
    return f"<div><b>{text(name)}</b> {' · '.join(text(fact) for fact in facts)}</div>"


def table(rows: Iterable[Sequence[object]], heads: Sequence[object] = ()) -> str:
    """Rows of cells, with a line of heads where there are some."""
    lines = ["".join(f'<td style="{_CELL}">{text(cell)}</td>' for cell in row) for row in rows]
    if heads:
        lines.insert(0, "".join(f'<th style="{_CELL};opacity:.6">{text(head)}</th>' for head in heads))
    body = "".join(f'<tr style="background:none">{line}</tr>' for line in lines)
    return f'<table style="border-collapse:collapse;margin:2px 0 2px 12px">{body}</table>'


def folded(summary: object, inside: str) -> str:
    """What opens at a click."""
    return f'<details><summary style="cursor:pointer">{text(summary)}</summary>{inside}</details>'


def shape(dimensions: Iterable[int | None] | None) -> str:
    """``28×28×128``: the dimensions behind the batch, ``?`` for any size."""
    if dimensions is None:
        return "?"
    listed = ["?" if size is None else str(size) for size in list(dimensions)[1:]]
    return "×".join(listed) or "scalar"


def as_image(svg: str, told: str) -> str:
    """A picture that runs nothing, wherever it is shown: an SVG in an ``img`` has no scripts and loads nothing."""
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return f'<div><img alt="{text(told)}" style="max-width:100%" src="data:image/svg+xml;base64,{data}"></div>'


def as_frame(summary: object, page: str) -> str:
    """A whole page in a frame that opens at a click, apart from the notebook: its scripts reach nothing of that."""
    framed = html.escape(page, quote=True)
    return folded(
        summary, f'<iframe sandbox="allow-scripts" style="width:100%;height:640px;border:0" srcdoc="{framed}"></iframe>'
    )


def digest(text: str) -> str:
    """What a page's own policy knows a script or style by: no other one is run, whatever a name contains."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
