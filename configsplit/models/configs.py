"""Configs of layers held against what Keras takes, in a model and in all that its layers hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from configsplit.catalog.classes import CLASSES, OUTSIDE
from configsplit.catalog.config_faults import ConfigFault, call_faults, config_faults, input_faults, model_faults
from configsplit.catalog.constructors import is_known
from configsplit.catalog.table import Table, class_facts, ships
from configsplit.errors import DocumentError, closest
from configsplit.graph.json import FrozenDict, config_kind
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

    @property
    def said(self) -> str:
        """What is wrong, and what to do about it."""
        return f"{self.fault.message} ({self.fault.hint})" if self.fault.hint else self.fault.message


def layer_faults(model: Model, registry: Registry, release: str = "") -> Iterator[LayerFault]:
    """Everything that Keras would refuse of the configs in a model. Classes that plug-ins declare are left alone.

    ``release`` is the one that wrote the model, where that is known: what older ones wrote is no excuse for a newer one.
    """
    table, own = Table(registry.facts()), registry.names()
    excused, sound = not is_known(release, model.dialect), set[tuple[Any, ...]]()
    for path, layer in walk(model, held_by(model.dialect)):
        if layer.is_input:
            faults = input_faults(layer.config, model.dialect)
        elif layer.is_operation:
            continue
        elif layer.model is not None:
            faults = (fault for node in layer.calls for fault in model_faults(layer.name, node, model.dialect))
        else:
            faults = _of_layer(layer, table, own, model.dialect, sound)
        yield from (LayerFault(path, fault if excused else replace(fault, older=False)) for fault in faults)


def _of_layer(
    layer: Layer, table: Table, own: frozenset[str], dialect: str, sound: set[tuple[Any, ...]]
) -> Iterator[ConfigFault]:
    """What is wrong with a plain layer; ``sound`` are the kinds of config in which nothing was found."""
    facts = table.of(layer, dialect)
    if facts is None or ships(facts):
        yield from _nowhere(layer.class_name, layer.entry, own, dialect)
    if facts is None or not ships(facts):
        return
    kind = id(facts), layer.class_name, config_kind(layer.config)
    faults = [] if kind in sound else [*config_faults(facts, layer.class_name, layer.config, dialect, own)]
    yield from faults
    yield from (fault for node in layer.calls for fault in call_faults(layer.class_name, node, dialect))
    inner = [] if kind in sound else [*_of_held(layer.config, table, own, dialect)]
    yield from inner
    if not (faults or inner):
        sound.add(kind)


def _of_held(config: FrozenDict, table: Table, own: frozenset[str], dialect: str) -> Iterator[ConfigFault]:
    todo = _held(config)
    while todo:
        entry = todo.pop()
        name, config = str(entry["class_name"]), entry["config"]
        assert isinstance(config, FrozenDict)
        inner = table.named(name, dialect)
        if inner is None:
            yield from _nowhere(name, entry, own, dialect)
        if inner is not None and ships(inner) and not _foreign(entry):
            yield from config_faults(inner, name, config, dialect, own)
            todo += _held(config)


def _nowhere(name: str, entry: FrozenDict, own: frozenset[str], dialect: str) -> Iterator[ConfigFault]:
    """A class that Keras would look for in its own packages, where it has none of that name."""
    module = entry.get("module")
    theirs = isinstance(module, str) and module.partition(".")[0] == "keras"
    if not theirs or name in own or name in OUTSIDE or class_facts(name).code_key:
        return
    elsewhere = dialect == "keras3" and not str(module).startswith("keras.src.")
    if name not in CLASSES or (elsewhere and module not in CLASSES[name]):
        near = closest(name, sorted(CLASSES.keys() - {name}))
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else "declare a class of your own in a plug-in"
        yield ConfigFault("config-class", "", f"Keras has no class {name!r} in {module}", hint)


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


def check_configs(
    where: str, model: Model, registry: Registry, before: Mapping[LayerPath, Layer] | None = None, *, release: str = ""
) -> None:
    """Hold every layer against what Keras takes, but for those that stand in ``before`` as they are. Raises DocumentError if
    with the first config that Keras would refuse, and what is nearest to what it takes.
    """
    known = before or {}
    layers = dict(walk(model, held_by(model.dialect))) if known else {}
    for fault in layer_faults(model, registry, release):
        old = known.get(fault.path)
        if fault.fault.older or (old is not None and _same(old, layers[fault.path])):
            continue
        place = f"{where}: {fault.where}" if where else fault.where
        raise DocumentError(fault.fault.message, code=fault.fault.code, where=place, hint=fault.fault.hint)
