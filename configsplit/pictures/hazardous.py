"""Which boxes are hazardous: what `configsplit.hazards` finds in a document, at the layers that it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from configsplit.dialects import emit
from configsplit.graph.model import LayerPath, Model
from configsplit.graph.walking import grouped
from configsplit.hazards import hazards
from configsplit.models.document import Document
from configsplit.pictures.picture import Box, View

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def hazards_of(document: Document, model: Model | None = None) -> dict[LayerPath, str]:
    """The hazards of each layer, in words; ``model`` is the document's own, or one in which nested models of it are open."""
    plain = emit(model or document.model)
    found = hazards(plain, classes=document.registry.names())
    by_layer = grouped((_layer(plain, hazard.where), hazard.message) for hazard in found)
    return {path: "; ".join(dict.fromkeys(messages)) for path, messages in by_layer.items()}


def _layer(item: Any, where: str) -> LayerPath:
    """The path of the layer that a place of a document lies in: the names of the entries of lists on the way."""
    names: list[str] = []
    for key, number in _STEP.findall(where):
        try:
            item = item[int(number)] if number else item[key]
        except (LookupError, TypeError):  # a key with dots in it: the layer around is known
            break
        if number and isinstance(item, Mapping) and "class_name" in item:
            config = item.get("config")
            names.append(str(item.get("name") or (config.get("name") if isinstance(config, Mapping) else "")))
    return tuple(names)


def with_hazards(
    views: Sequence[View], hazards: Mapping[LayerPath, str], gone: Mapping[LayerPath, str] | None = None
) -> tuple[View, ...]:
    """The views with the hazards on their boxes; ``gone`` are those of a model of which boxes are left that are gone."""
    if not hazards and not gone:
        return tuple(views)
    told, past = ({"/".join(path): message for path, message in each.items()} for each in (hazards, gone or {}))

    def marked(view: View, box: Box) -> Box:
        return replace(box, hazard=(past if box.mark == "gone" else told).get(f"{view.path}{box.layer}", ""))

    return tuple(replace(view, boxes=tuple(marked(view, box) for box in view.boxes)) for view in views)


def counted(views: Iterable[View]) -> tuple[str, ...]:
    """How many layers are hazardous, if any is, as a fact of a picture."""
    found = {(box.part, view.path, box.layer) for view in views for box in view.boxes if box.hazard}
    return (f"{len(found)} hazardous",) if found else ()
