"""Configs of layers held against what Keras takes, in a model and in all that its layers hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from configsplit.catalog.classes import CLASSES, OUTSIDE
from configsplit.catalog.config_faults import ConfigFault, config_faults, input_faults
from configsplit.catalog.table import Table, class_facts, ships
from configsplit.errors import DocumentError, closest
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, walk
from configsplit.models.wrapped import held_by
from configsplit.plugins import Registry

_HOLDERS = ("layer", "backward_layer", "cell", "cells", "layers", "activation", "recurrent_activation")
"""Keys of a config with layers in them; what computes an activation may be one."""


class LayerFault(NamedTuple):
    """What Keras would refuse of one layer, or of one that it wraps."""

    path: LayerPath
    fault: ConfigFault

    @property
    def where(self) -> str:
        return "/".join(self.path)


def layer_faults(model: Model, registry: Registry) -> Iterator[LayerFault]:
    """Everything that Keras would refuse of the configs in a model. Classes that plug-ins declare are left alone."""
    table, own = Table(registry.facts()), registry.names()
    for path, layer in walk(model, held_by(model.dialect)):
        if layer.is_input:
            yield from (LayerFault(path, fault) for fault in input_faults(layer.config))
        elif layer.model is None and not layer.is_operation:
            yield from (LayerFault(path, fault) for fault in _of_layer(layer, table, own, model.dialect))


def _of_layer(layer: Layer, table: Table, own: frozenset[str], dialect: str) -> Iterator[ConfigFault]:
    facts = table.of(layer, dialect)
    if facts is None or ships(facts):
        yield from _nowhere(layer, own, dialect)
    if facts is None or not ships(facts):
        return
    yield from config_faults(facts, layer.class_name, layer.config, dialect, own)
    todo = _held(layer.config)
    while todo:
        entry = todo.pop()
        name, config = str(entry["class_name"]), entry["config"]
        assert isinstance(config, FrozenDict)
        inner = table.named(name, dialect)
        if inner is not None and ships(inner) and not _foreign(entry):
            yield from config_faults(inner, name, config, dialect, own)
            todo += _held(config)


def _nowhere(layer: Layer, own: frozenset[str], dialect: str) -> Iterator[ConfigFault]:
    """A class that Keras 3 would look for in its own packages, where it has none of that name."""
    name, module = layer.class_name, layer.entry.get("module")
    theirs = dialect == "keras3" and isinstance(module, str) and module.partition(".")[0] == "keras"
    if not theirs or name in own or name in OUTSIDE or class_facts(name).code_key:
        return
    if name not in CLASSES or (module not in CLASSES[name] and not str(module).startswith("keras.src.")):
        near = closest(name, sorted(CLASSES.keys() - {name}))
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else "declare a class of your own in a plug-in"
        yield ConfigFault("config-class", "", f"Keras 3 has no class {name!r} in {module}", hint)


def _held(config: FrozenDict) -> list[FrozenDict]:
    """The layers in a config, but for models: `walk` goes into those."""
    values = [config.get(key) for key in _HOLDERS]
    several = (each for value in values for each in (value if isinstance(value, tuple) else (value,)))
    return [each for each in several if isinstance(each, FrozenDict) and _is_entry(each)]


def _is_entry(value: FrozenDict) -> bool:
    return "class_name" in value and isinstance(value.get("config"), FrozenDict)


def _foreign(entry: FrozenDict) -> bool:
    """Whether it is a class of the user's own, of whatever name."""
    return ">" in str(entry.get("registered_name") or entry["class_name"]) or ("module" in entry and entry["module"] is None)


def _same(old: Layer, new: Layer) -> bool:
    """Whether nothing but its name was changed."""
    return old.config.without("name") == new.config.without("name")


def check_configs(where: str, model: Model, registry: Registry, before: Mapping[LayerPath, Layer] | None = None) -> None:
    """Hold every layer against what Keras takes, but for those that stand in ``before`` as they are.

    Raises:
        DocumentError: with the first config that Keras would refuse, and what is nearest to what it takes.
    """
    known = before or {}
    layers = dict(walk(model, held_by(model.dialect))) if known else {}
    for found in layer_faults(model, registry):
        old = known.get(found.path)
        if found.fault.older or (old is not None and _same(old, layers[found.path])):
            continue
        place = f"{where}: {found.where}" if where else found.where
        raise DocumentError(found.fault.message, code=found.fault.code, where=place, hint=found.fault.hint)
