"""A picture as text that nests by brackets: for Graphviz, Mermaid and Model Explorer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from configsplit.pictures.picture import Box, Line, Picture
from configsplit.pictures.svg import thickness
from configsplit.pictures.words import amount, plain, shortened, size

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


# A picture as text for Graphviz. Names stand in quotes, of which they hold none, and are never a node's own name.


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


# A picture as Mermaid, for Markdown. Names are written as entities: no character of one means anything to Mermaid or HTML.


_LONGEST = 80
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,+×…→·?")

_CLASSES = """  classDef input fill:#eef1f4,stroke:#64748b
  classDef group stroke-width:3px
  classDef added stroke:#16a34a,stroke-width:3px
  classDef gone stroke:#dc2626,stroke-width:3px,stroke-dasharray:6 4
  classDef changed stroke:#d97706,stroke-width:3px"""


def mermaid(picture: Picture, opened: Collection[int]) -> str:
    """The picture as a flowchart; what is open is a subgraph."""
    return "\n".join(("flowchart TB", *_mermaid_lines(picture, opened), _CLASSES, ""))


def _mermaid_lines(picture: Picture, opened: Collection[int]) -> Iterator[str]:
    for step in outline(picture, opened):
        indent = "  " * (step.depth + 1)
        if step.closes:
            yield f"{indent}end"
        elif step.opens:
            yield f'{indent}subgraph g{step.id}["{_entities(step.box.name)}"]'
        else:
            kind = step.box.mark or ("group" if step.box.times > 1 else "input" if step.box.family == "input" else "")
            yield f'{indent}n{step.id}["{_mermaid_label(step.box)}"]{f":::{kind}" if kind else ""}'
    for source, target, line in nested_lines(picture, opened):
        yield f"  n{source} {_arrow(line)} n{target}"
    for link in picture.views[0].links:
        rule = f'|"{_entities(link.note)}"|' if link.note else ""
        yield f"  n{link.source} -.-{rule} n{link.target}"


def _arrow(line: Line) -> str:
    if line.crosses:
        return f'== "{_entities(f"{line.name} {line.shape} {size(line.bytes)}")}" ==>'
    return "-.->" if line.mark == "gone" else "-->"


def _mermaid_label(box: Box) -> str:
    times = f"{box.times} × " if box.times > 1 else ""
    weights = f", {amount(box.parameters)} parameters" if box.parameters != 0 else ""
    part = f", part {box.part}" if box.part is not None else ""
    lines = (box.name, f"{times}{box.class_name} {box.shape}{weights}{part}", box.note, box.hazard)
    return "<br/>".join(_entities(line) for line in lines if line)


def _entities(text: str) -> str:
    """Mermaid's own spelling of characters by number, ``#35;``."""
    return "".join(letter if letter in _SAFE else f"#{ord(letter)};" for letter in shortened(text, _LONGEST))


# A picture in the JSON graph format of Model Explorer: layers as nodes, nested models as namespaces.


_Metadata = dict[str, dict[str, str]]


def model_explorer(picture: Picture, opened: Collection[int]) -> dict[str, Any]:
    """One collection of one graph; what is open is a namespace.

    Fields, by the declarations of its package (`graph_builder.py`): a node has an id, a label, a namespace, attributes, edges
    that come in, and what is known of its outputs.
    """
    edges: dict[str, list[dict[str, str]]] = {}
    given: dict[str, _Metadata] = {}
    for source, target, line in nested_lines(picture, opened):
        edges.setdefault(target, []).append(_edge(source, line))
        given.setdefault(source, {}).setdefault(str(line.output), _tensor(line))
    nodes, around = [], list[str]()
    for step in outline(picture, opened):
        if step.closes:
            around.pop()
        elif step.opens:
            around.append(plain(step.box.name).replace("/", "|"))
        else:
            node: dict[str, Any] = {"id": step.id, "label": plain(step.box.name), "namespace": "/".join(around)}
            node |= {"attrs": _attributes(step.box), "incomingEdges": edges.get(step.id, [])}
            nodes.append({**node, "outputsMetadata": _outputs(step.box, given.get(step.id, {}))})
    return {"label": plain(picture.title), "graphs": [{"id": plain(picture.title), "nodes": nodes}]}


def _edge(source: str, line: Line) -> dict[str, str]:
    return {"sourceNodeId": source, "sourceNodeOutputId": str(line.output), "targetNodeInputId": str(line.argument)}


def _tensor(line: Line) -> dict[str, str]:
    known = {"tensor_shape": line.shape, "name": plain(line.name), "bytes": "" if line.bytes is None else str(line.bytes)}
    return {key: value for key, value in known.items() if value}


def _outputs(box: Box, given: _Metadata) -> list[dict[str, Any]]:
    known = given or ({"0": {"tensor_shape": box.shape}} if box.shape else {})
    return [{"id": number, "attrs": _pairs(known[number])} for number in sorted(known, key=int)]


def _attributes(box: Box) -> list[dict[str, str]]:
    told = {
        "class": plain(box.class_name),
        "family": box.family,
        "output shape": box.shape,
        "parameters": "" if box.parameters is None else str(box.parameters),
        "multiply-accumulates": "" if box.macs is None else str(box.macs),
        "part": "" if box.part is None else str(box.part),
        "hazard": plain(box.hazard),
        "difference": " ".join(filter(None, (box.mark, plain(box.note)))),
    }
    return _pairs({key: value for key, value in told.items() if value})


def _pairs(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in attributes.items()]
