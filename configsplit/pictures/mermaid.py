"""A picture as Mermaid, for Markdown. Names are written as entities: no character of one means anything to Mermaid or HTML."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from configsplit.pictures.picture import Box, Line, Picture
from configsplit.pictures.walking import nested_lines, outline
from configsplit.pictures.words import amount, shortened, size

_LONGEST = 80
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,+×…→·?")

_CLASSES = """  classDef input fill:#eef1f4,stroke:#64748b
  classDef group stroke-width:3px
  classDef added stroke:#16a34a,stroke-width:3px
  classDef gone stroke:#dc2626,stroke-width:3px,stroke-dasharray:6 4
  classDef changed stroke:#d97706,stroke-width:3px"""


def mermaid(picture: Picture, opened: Collection[int]) -> str:
    """The picture as a flowchart; what is open is a subgraph."""
    return "\n".join(("flowchart TB", *_lines(picture, opened), _CLASSES, ""))


def _lines(picture: Picture, opened: Collection[int]) -> Iterator[str]:
    for step in outline(picture, opened):
        indent = "  " * (step.depth + 1)
        if step.closes:
            yield f"{indent}end"
        elif step.opens:
            yield f'{indent}subgraph g{step.id}["{_entities(step.box.name)}"]'
        else:
            kind = step.box.mark or ("group" if step.box.times > 1 else "input" if step.box.family == "input" else "")
            yield f'{indent}n{step.id}["{_label(step.box)}"]{f":::{kind}" if kind else ""}'
    for source, target, line in nested_lines(picture, opened):
        yield f"  n{source} {_arrow(line)} n{target}"
    for link in picture.views[0].links:
        rule = f'|"{_entities(link.note)}"|' if link.note else ""
        yield f"  n{link.source} -.-{rule} n{link.target}"


def _arrow(line: Line) -> str:
    if line.crosses:
        return f'== "{_entities(f"{line.name} {line.shape} {size(line.bytes)}")}" ==>'
    return "-.->" if line.mark == "gone" else "-->"


def _label(box: Box) -> str:
    times = f"{box.times} × " if box.times > 1 else ""
    weights = f", {amount(box.parameters)} parameters" if box.parameters != 0 else ""
    part = f", part {box.part}" if box.part is not None else ""
    lines = (box.name, f"{times}{box.class_name} {box.shape}{weights}{part}", box.note, box.hazard)
    return "<br/>".join(_entities(line) for line in lines if line)


def _entities(text: str) -> str:
    """Mermaid's own spelling of characters by number, ``#35;``."""
    return "".join(letter if letter in _SAFE else f"#{ord(letter)};" for letter in shortened(text, _LONGEST))
