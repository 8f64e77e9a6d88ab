"""The layers of a document that was read, by their texts: where another has the same text, it has the same layer.

A part says of most of its layers, letter for letter, what the whole says of them. These are left out of the text that is read,
and in their places go stubs, which have all but the calls. What is not as Keras writes it is read as if nothing was known.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict, loads
from configsplit.graph.model import Layer

_LAYERS, _NEXT, _MARK = '"layers": [', ", ", "known: "
_decode = json.JSONDecoder().raw_decode


class Filled(NamedTuple):
    """A document with stubs, and the layers that they stand for, by the `id` of each stub."""

    document: FrozenDict
    layers: dict[int, Layer]


class Known:
    """The layers of a functional model, as they were read from a text, none of them a model itself."""

    def __init__(self, text: str, layers: Sequence[Layer]) -> None:
        self._text, self._layers = text, layers
        self._bounds: Sequence[int] | None = None
        self._places: dict[str, int] = {}

    def filled(self, text: str) -> Filled | None:
        """The document of a functional model with all that is known of its layers; None where nothing is."""
        try:
            if self._bounds is None:
                self._bounds = self._found()
            cuts = list(self._cuts(text)) if self._bounds else []
            return self._read(text, cuts) if cuts else None
        except (DocumentError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _found(self) -> Sequence[int]:
        """Where the text of each layer begins; empty if it does not have these layers, as Keras writes them."""
        at, bounds, names = _start(self._text), array("q"), []
        while at:
            bounds.append(at)
            entry, end = _decode(self._text, at)
            names.append(entry["name"])
            at = _next(self._text, end)
        bounds.append(end + len(_NEXT))
        self._places = {name: place for place, name in enumerate(names)}
        return bounds if names == [layer.name for layer in self._layers] else ()

    def _own(self, place: int) -> str:
        assert self._bounds is not None
        return self._text[self._bounds[place] : self._bounds[place + 1] - len(_NEXT)]

    def _cuts(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Where a text has what it says of a known layer: from, to, and the layer's place. They mostly follow each other."""
        at, place = _start(text), 0
        while at:
            if 0 <= place < len(self._layers) and text.startswith(own := self._own(place), at):
                end = at + len(own)
                yield at, end, place
            else:
                entry, end = _decode(text, at)
                place = self._places.get(entry["name"], -2)
                if place >= 0 and text[at:end] == self._own(place):
                    yield at, end, place
            at, place = _next(text, end), place + 1

    def _read(self, text: str, cuts: list[tuple[int, int, int]]) -> Filled | None:
        """The text without what is known; None where another string of it could be taken for a mark."""
        pieces, done = [], 0
        for start, end, place in cuts:
            pieces += [text[done:start], f'"{_MARK}{place}"']
            done = end
        document = loads("".join([*pieces, text[done:]]))
        config = document["config"]
        if type(config) is not FrozenDict or not {"input_layers", "output_layers"} <= config.keys():
            return None
        layers: dict[int, Layer] = {}
        items = []
        for item in config["layers"]:
            if type(item) is str and item.startswith(_MARK):
                layer = self._layers[int(item.removeprefix(_MARK))]
                item = layer.entry | {"inbound_nodes": ()}
                layers[id(item)] = layer
            items.append(item)
        if len(layers) != len(cuts):
            return None
        return Filled(document | {"config": config | {"layers": tuple(items)}}, layers)


def _start(text: str) -> int:
    """Where the first layer begins. Raises ValueError or KeyError where that is not in the config of the outermost object."""
    start = text.index(_LAYERS) + len(_LAYERS)
    if json.loads(f"{text[:start]}]}}}}")["config"]["layers"] != []:
        raise ValueError
    return start


def _next(text: str, end: int) -> int:
    """Where the entry behind the one that ends here begins; 0 if there is none."""
    return end + len(_NEXT) if text.startswith(_NEXT, end) else 0
