"""A picture as text for Graphviz. Names stand in quotes, of which they hold none, and are never a node's own name."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from configsplit.pictures.picture import Box, Line, Picture
from configsplit.pictures.svg import thickness
from configsplit.pictures.walking import nested_lines, outline
from configsplit.pictures.words import amount, plain, size

_MARKS = {"": "#94a3b8", "added": "#16a34a", "gone": "#dc2626", "changed": "#d97706"}


def dot(picture: Picture, opened: Collection[int]) -> str:
    """The picture as a ``digraph``; what is open is a cluster."""
    return "\n".join((f"digraph {_quoted(picture.title)} {{", *_lines(picture, opened), "}", ""))


def _lines(picture: Picture, opened: Collection[int]) -> Iterator[str]:
    yield '  node [shape=box, style="rounded,filled", fillcolor="#f8fafc", fontname="sans-serif"]'
    for step in outline(picture, opened):
        indent = "  " * (step.depth + 1)
        if step.closes:
            yield f"{indent}}}"
        elif step.opens:
            yield f"{indent}subgraph cluster_{step.id} {{\n{indent}  label={_quoted(step.box.name)}"
        else:
            yield f"{indent}n{step.id} [label={_quoted(_label(step.box))}, color={_quoted(_MARKS[step.box.mark])}]"
    for source, target, line in nested_lines(picture, opened):
        yield f"  n{source} -> n{target} [{_told(line)}]"
    for link in picture.views[0].links:
        yield f"  n{link.source} -> n{link.target} [label={_quoted(link.note)}, style=dotted, constraint=false, dir=none]"


def _told(line: Line) -> str:
    colour = "#e11d48" if line.crosses else _MARKS[line.mark]
    told = f"label={_quoted(f'{line.name} {line.shape} {size(line.bytes)}')}, " if line.crosses else ""
    return f"{told}penwidth={thickness(line.bytes):g}, color={_quoted(colour)}"


def _label(box: Box) -> str:
    times = f"{box.times} × " if box.times > 1 else ""
    part = f"part {box.part}" if box.part is not None else ""
    weights = f"{amount(box.parameters)} parameters" if box.parameters != 0 else ""
    return "\n".join(
        filter(None, (box.name, f"{times}{box.class_name}  {box.shape}".rstrip(), weights, part, box.note, box.hazard))
    )


def _quoted(text: str) -> str:
    """A string of DOT: a backslash and a quote are spelled out; a line of ours ends, and stays centred, with ``\\n``."""
    lines = (plain(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'
