"""A picture in the JSON graph format of Model Explorer: layers as nodes, nested models as namespaces."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from configsplit.pictures.picture import Box, Line, Picture
from configsplit.pictures.walking import nested_lines, outline
from configsplit.pictures.words import plain

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
