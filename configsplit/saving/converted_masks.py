"""Conversions must not change masks: what every call receives in Keras 2 is held against what it receives in Keras 3.

Masks that layers take as arguments are written down (`configsplit.conversion.masks`). Others are read off tensors, and there
Keras 3 does otherwise: merging layers combine masks by OR and not by AND, some compute with them, and TimeDistributed hands
out none that its layer makes. Nothing in the new document would show the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from configsplit.catalog.layers.attention import HEEDS_MASKS
from configsplit.catalog.table import class_facts
from configsplit.conversion import Migration, Refusal
from configsplit.dialects import read_entry
from configsplit.graph.model import CallRef, LayerPath
from configsplit.inference import Inference, MaskKey, MaskLevels, Masks, every_mask, trace
from configsplit.models.document import Document
from configsplit.models.wrapped import release_of
from configsplit.saving.mask_proof import Reading, Values

_Level: TypeAlias = tuple[Inference, Masks]


def changed_masks(document: Document, old: Inference, migration: Migration) -> tuple[Refusal, ...]:
    """A refusal for every layer that would receive another mask than before, or none. Keras 1 is left out: it runs nowhere."""
    before = every_mask(old)
    if document.dialect != "keras2" or migration.model is None or not _any_known(before):
        return ()
    after = every_mask(trace(migration.model, document.facts, dialect="keras3", read=read_entry))
    ignores = () < release_of(document) < HEEDS_MASKS
    found: dict[Refusal, None] = {}
    for path, was, now in _pairs(before, after, migration.origins):
        names = _old_names(path, migration.origins, now[0])
        for layer, class_name in _differing(was, now, names):
            if not (ignores and class_facts(class_name).attention == "named"):
                found[_refusal((*path, layer), class_name)] = None
    return tuple(found)


def _any_known(levels: MaskLevels) -> bool:
    return any(mask.kind != "unknown" for _, masks in levels.values() for mask in masks.tensors.values())


def _old_names(path: LayerPath, origins: Mapping[LayerPath, LayerPath], level: Inference) -> dict[str, str]:
    """What the layers of one level were called."""
    found = {name: origins.get((*path, name)) for name in level.model.by_name()}
    return {name: origin[-1] for name, origin in found.items() if origin is not None and len(origin) == len(path) + 1}


def _pairs(
    before: MaskLevels, after: MaskLevels, origins: Mapping[LayerPath, LayerPath]
) -> Iterator[tuple[LayerPath, _Level, _Level]]:
    """Every level of the old model beside its counterpart, with its path in the new one."""
    todo: list[tuple[LayerPath, MaskKey, MaskKey]] = [((), next(reversed(before)), next(reversed(after)))]
    seen = set()
    while todo:
        path, old, new = todo.pop()
        if (old, new) in seen:
            continue
        seen.add((old, new))
        yield path, before[old], after[new]
        names = _old_names(path, origins, after[new][0])
        nested = {(names.get(call.layer, call.layer), call.call): (call, key) for call, key in after[new][1].nested.items()}
        for call, key in before[old][1].nested.items():
            if (there := nested.get((call.layer, call.call))) is not None:
                todo.append(((*path, there[0].layer), key, there[1]))


def _differing(was: _Level, now: _Level, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The layers of one level that receive other masks than before, and their classes."""
    old = was[0].model.by_name()
    kept = set(old)
    before, after = Values([Reading(was[0].model, was[1])], kept), Values([Reading(now[0].model, now[1], renamed=names)], kept)
    received, receives = before.received(0), after.received(0)
    there = {names.get(layer.name, layer.name) for layer in now[0].model.layers}
    loose = {CallRef(names.get(call.layer, call.layer), call.call) for call in now[1].hanging_on_order()}
    loose.update(was[1].hanging_on_casts())
    for call in dict.fromkeys((*received, *receives)):
        if call.layer not in old or call.layer not in there:
            continue
        if call in loose:  # Keras 3's order of running decides whether it finds the mask, or a dtype whether Keras 2 does
            yield call.layer, old[call.layer].class_name
            continue
        wanted = {place: before.of(term) for place, term in received.get(call, {}).items()}
        got = {place: after.of(term) for place, term in receives.get(call, {}).items()}
        if wanted != got:
            yield call.layer, old[call.layer].class_name


def _refusal(path: LayerPath, class_name: str) -> Refusal:
    return Refusal(
        "/".join(path),
        "convert-mask",
        f"{class_name} would receive another mask in Keras 3 than in Keras 2, or none",
        "declare the class in a plug-in (uses_mask=() if it needs no mask), or build that part of the model anew in Keras 3",
    )
