"""Which boxes are hazardous: what `configsplit.hazards` finds in a document, at the layers that it stands in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from configsplit.dialects import emit
from configsplit.graph.model import LayerPath
from configsplit.hazards import hazards
from configsplit.models.document import Document
from configsplit.pictures.picture import View

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def hazards_of(document: Document) -> dict[LayerPath, str]:
    """The hazards of each layer, in words."""
    plain = emit(document.model)
    by_layer: dict[LayerPath, list[str]] = {}
    for hazard in hazards(plain, classes=document.registry.names()):
        by_layer.setdefault(_layer(plain, hazard.where), []).append(hazard.message)
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


def with_hazards(views: Sequence[View], hazards: Mapping[LayerPath, str]) -> tuple[View, ...]:
    """The views with the hazards on their boxes."""
    if not hazards:
        return tuple(views)
    told = {"/".join(path): message for path, message in hazards.items()}
    return tuple(
        replace(view, boxes=tuple(replace(box, hazard=told.get(f"{view.path}{box.layer}", "")) for box in view.boxes))
        for view in views
    )
