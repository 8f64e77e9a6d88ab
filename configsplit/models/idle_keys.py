"""Keys of configs that early releases of Keras 3 wrote, that never did anything, and that later releases refuse: left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from configsplit.catalog.table import class_facts, idle_keys
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Model, walk
from configsplit.rewrites.common import within


def without_idle_keys(model: Model, text: str) -> tuple[Model, tuple[str, ...]]:
    """The model without them, so that its own release and all later ones load what is made of it.

    Args:
        model: a model of Keras 3.
        text: its document.

    Returns:
        The model, and what was left out, for people.
    """
    if model.dialect != "keras3" or not any(f'"{key}"' in text for key in idle_keys()):
        return model, ()
    notes: list[str] = []

    def bare(item: Any) -> Any:
        if not _has_idle(item):
            return item
        keys = [key for key in class_facts(item["class_name"]).idle_keys if key in item["config"]]
        name, listed = item["config"].get("name") or item["class_name"], ", ".join(map(repr, keys))
        notes.append(
            f"{name!r} had the key {listed}, which did nothing in the first releases of Keras 3, and which later ones do not "
            "load: it is left out of all that is written"
        )
        return item | {"config": item["config"].without(*keys)}

    made = model
    for path in ((), *(path for path, layer in walk(model) if layer.model is not None)):
        made = within(made, path, lambda inner: _changed(inner, bare))
    return (made, tuple(notes)) if notes else (model, ())


def _changed(model: Model, bare: Any) -> Model:
    layers = tuple(replace(each, entry=rebuild(each.entry, bare, stop=_has_idle)) for each in model.layers)
    return model.with_layers(layers)


def _has_idle(item: Any) -> bool:
    """Whether it is the entry of a layer of Keras with such a key."""
    if not isinstance(item, FrozenDict) or not isinstance(item.get("class_name"), str):
        return False
    module, config = item.get("module"), item.get("config")
    if not isinstance(module, str) or module.partition(".")[0] != "keras" or not isinstance(config, FrozenDict):
        return False
    return any(key in config for key in class_facts(item["class_name"]).idle_keys)
