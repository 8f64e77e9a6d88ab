"""A document of today's Keras 3 as an older release of it reads it: without the keys that it does not take, where they say only
what it does anyway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from configsplit.catalog.constructors import is_neutral
from configsplit.catalog.keras2.objects import policy_name
from configsplit.catalog.keras3.refusals import Refusal, Stop
from configsplit.catalog.operations.layers import once_called, snake
from configsplit.catalog.releases import all_minors, minors, with_class, with_key
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import INPUT, OPERATION_MODULES

LISTED_UNTIL = "3.10"
"""The last release that reads a single input and output only in a list of one."""

_LAYERS = "keras.layers"
_REMEDY = "change that setting where the model can still be loaded, or name a later release with --target"


def for_minor(document: FrozenDict, number: int) -> tuple[FrozenDict, tuple[Refusal, ...]]:
    """A document of today for the minor release of that number among `releases.minors`, and what of it this cannot read."""
    refused: list[Refusal] = []
    made: FrozenDict = rebuild(document, lambda leaf: leaf, whole=lambda item: _for_minor(item, number, refused))
    return made, tuple(dict.fromkeys(refused))


def _for_minor(item: FrozenDict, number: int, refused: list[Refusal]) -> FrozenDict:
    class_name, config, module = item.get("class_name"), item.get("config"), item.get("module", _LAYERS)
    if not (isinstance(class_name, str) and isinstance(config, FrozenDict) and isinstance(module, str)):
        return item
    title, span = str(config.get("name") or class_name), with_class(module, class_name)
    if not span.first <= number <= span.last:
        what = f"the class {class_name} is of Keras {minors()[span.first]} to {minors()[span.last]}"
        refused.append(Refusal(title, "convert-target", what, "name a later release with --target, or replace the layer"))
    item = _called_once(item, module, class_name, number)
    if class_name == "Orthogonal":
        item = item | {"class_name": "OrthogonalInitializer"}  # the name that every release finds
    if class_name == INPUT and config.get("ragged"):
        what = "early releases take a ragged input for a dense one, and say nothing"
        refused.append(Refusal(title, "convert-target", what, "leave --target out"))
    kept: dict[str, Any] = {}
    for key, value in item["config"].items():
        taken = with_key(module, class_name, key)
        if taken.first <= number <= taken.last:
            kept[key] = _dtype(title, value, refused) if key == "dtype" else value
        elif not (_is_name(key, module) or is_neutral(module, class_name, key, value)):
            what = f"{class_name} takes the key {key!r} from Keras {minors()[taken.first]} on, and it is {value!r} here"
            refused.append(Refusal(title, "convert-target", what, _REMEDY))
    refused += _taken_twice(kept.get("layers"), number)
    if number <= minors().index(LISTED_UNTIL):
        kept |= {key: (kept[key],) for key in ("input_layers", "output_layers") if _is_bare(kept.get(key))}
    return item | {"config": FrozenDict(kept)}


def _is_name(key: str, module: str) -> bool:
    """Whether a key is the name of an operation: its entry has it, too, and early releases take none."""
    return key == "name" and module.startswith(OPERATION_MODULES)


def _taken_twice(entries: Any, number: int) -> Iterator[Refusal]:
    """Early releases call an operation by its class whatever the file says, and stop where a layer is called so, too."""
    listed = [each for each in entries if isinstance(each, FrozenDict)] if type(entries) is tuple else []
    renamed, names = dict[str, str](), list[str]()
    for each in listed:
        module, class_name, name = str(each.get("module")), str(each.get("class_name")), str(each.get("name"))
        if module.startswith(OPERATION_MODULES) and not _takes(module, class_name, "name", number):
            renamed[snake(class_name)] = name
        else:
            names.append(name)
    for name in names:
        if (layer := renamed.get(re.sub(r"_\d+$", "", name))) is not None:
            what = f"Keras {minors()[number]} would call the operation {layer!r} as the layer {name!r} is called"
            yield Refusal(name, "convert-target", what, f"rename the layer: `configsplit rename MODEL {name}=NEW`")


def _is_bare(ends: Any) -> bool:
    """Whether the inputs or outputs of a model are one tensor without a list."""
    return type(ends) is tuple and len(ends) == 3 and type(ends[0]) is str


def _dtype(title: str, value: Any, refused: list[Refusal]) -> Any:
    """A policy by its name alone, which every release reads."""
    if not isinstance(value, FrozenDict):
        return value
    try:
        return policy_name(value)
    except Stop as stop:
        refused.append(Refusal(title, "convert-target", str(stop), stop.remedy))
        return value


def _called_once(item: FrozenDict, module: str, class_name: str, number: int) -> FrozenDict:
    """An operation that is called with what it is made with today."""
    moved = {
        name: item["config"][name]
        for name, made_with in once_called(class_name)
        if made_with and name in item["config"] and not _takes(module, class_name, name, number)
    }
    nodes = item.get("inbound_nodes")
    if not moved or type(nodes) is not tuple or not module.startswith("keras.src."):
        return item
    called = tuple(node | {"kwargs": node["kwargs"] | moved} for node in nodes)
    return item | {"config": item["config"].without(*moved), "inbound_nodes": called}


def _takes(module: str, class_name: str, key: str, number: int) -> bool:
    span = with_key(module, class_name, key)
    return span.first <= number <= span.last if span != all_minors() else True
