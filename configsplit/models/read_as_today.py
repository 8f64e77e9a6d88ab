"""Documents of Keras 3 that today's Keras would not load: ``.h5`` files with operations, calls that changed since, keys that
early releases wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from configsplit.catalog.keras3.today import as_today, called_otherwise, is_lost
from configsplit.catalog.table import class_facts, idle_keys
from configsplit.containers.container import Format
from configsplit.dialects import emit, parse, to_text
from configsplit.graph.json import FrozenDict, dumps, loads, rebuild
from configsplit.graph.model import Model, walk
from configsplit.rewrites.common import within


def read_as_today(model: Model, text: str) -> tuple[Model, tuple[str, ...]]:
    """The model with every class where Keras has it, and every operation called as it is today, if Keras fails else; and what
    of its document Keras 3.15 itself would not load, for people.
    """
    if model.dialect != "keras3":
        return model, ()
    lost = [path for path, layer in walk(model) if is_lost(layer.entry)]
    if not lost and not called_otherwise(text):
        return model, ()
    made = today(model)
    return (made, ()) if not lost else (made, (_said(lost),))


def today(model: Model) -> Model:
    """The model with every class where Keras has it, and every operation called as it is today."""
    document = emit(model)
    return model if (made := as_today(document)) == document else replace(parse(dumps(made)).model, form=model.form)


def text_for(model: Model, wanted: Format, text: str | None = None) -> str:
    """The document of a model for a file, its own or the one that is known: in a ``.keras`` archive every entry says where its
    class stands."""
    text = text or to_text(model)
    if wanted != "keras" or model.dialect != "keras3" or "module" in model.entry:
        return text
    document = loads(text)
    return text if "module" in document else dumps(as_today(document))


def _said(lost: list[tuple[str, ...]]) -> str:
    names = ", ".join(repr("/".join(path)) for path in lost[:3])
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (
        f"{names}{more}: Keras 3 writes this into .h5 files as it cannot load it again; "
        "what is written of it says where its class stands"
    )


# Keys of configs that early releases of Keras 3 wrote, that never did anything, and that later releases refuse: left out.


def without_idle_keys(model: Model, text: str) -> tuple[Model, tuple[str, ...]]:
    """A model of Keras 3 without them, so that its own release and all later ones load what is made of it; and what was left
    out, for people.
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
