"""Conversions must not change masks: what every call receives in Keras 2 is held against what it receives in Keras 3, whichever
of the two the model was.

Masks that layers take as arguments are written down (`configsplit.conversion.masks`). Others are read off tensors, and there
Keras 3 does otherwise: merging layers combine masks by OR and not by AND, some compute with them, and TimeDistributed hands
out none that its layer makes. Nothing in the new document would show the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from configsplit.catalog.facts import LayerFacts
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
    if document.dialect != "keras2" or migration.model is None or not _any_known(every_mask(old)):
        return ()
    new = trace(migration.model, document.facts, dialect="keras3", read=read_entry)
    ignores = () < release_of(document) < HEEDS_MASKS
    changed = _changed(old, new, migration.origins, back=False)
    return tuple(
        dict.fromkeys(
            _refusal(path, name, "Keras 3", "Keras 2")
            for path, name in changed
            if not (ignores and class_facts(name).attention == "named")
        )
    )


def changed_back(old: Inference, facts: Mapping[str, LayerFacts], migration: Migration) -> tuple[Refusal, ...]:
    """The same for a model of Keras 3 that is written as one of Keras 2."""
    if migration.model is None:
        return ()
    new = trace(migration.model, facts, dialect="keras2", read=read_entry)
    changed = _changed(old, new, migration.origins, back=True)
    return tuple(dict.fromkeys(_refusal(path, name, "Keras 2", "Keras 3") for path, name in changed))


def _changed(
    old: Inference, new: Inference, origins: Mapping[LayerPath, LayerPath], *, back: bool
) -> Iterator[tuple[LayerPath, str]]:
    """The layers that would receive another mask, and their classes."""
    for path, was, now in _pairs(every_mask(old), every_mask(new), origins):
        for layer, class_name in _differing(was, now, _old_names(path, origins, now[0]), back):
            yield (*path, layer), class_name


def _any_known(levels: MaskLevels) -> bool:
    return any(mask.kind != "unknown" for _, masks in levels.values() for mask in masks.tensors.values())


def _old_names(path: LayerPath, origins: Mapping[LayerPath, LayerPath], level: Inference) -> dict[str, str]:
    """What the layers of one level were called."""
    named = {name: origins.get((*path, name)) for name in level.model.by_name()}
    return {name: origin[-1] for name, origin in named.items() if origin is not None and len(origin) == len(path) + 1}


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


def _differing(was: _Level, now: _Level, names: Mapping[str, str], back: bool) -> Iterator[tuple[str, str]]:
    """The layers of one level that receive other masks than before, and their classes."""
    old = was[0].model.by_name()
    there = {names.get(layer.name, layer.name) for layer in now[0].model.layers}
    kept = {*old} & there if back else {*old}  # masks that were written down may be left to Keras 2
    before, after = Values([Reading(was[0].model, was[1])], kept), Values([Reading(now[0].model, now[1], renamed=names)], kept)
    received, receives = before.received(0), after.received(0)
    keras3, keras2 = (was, now) if back else (now, was)
    hanging = (*keras3[1].hanging_on_order(), *keras2[1].hanging_on_casts())
    loose = {CallRef(names.get(call.layer, call.layer), call.call) for call in hanging}
    for call in dict.fromkeys((*received, *receives)):
        if call.layer not in old or call.layer not in there:
            continue
        if call in loose:  # Keras 3's order of running decides whether it finds the mask, or a dtype whether Keras 2 does
            yield call.layer, old[call.layer].class_name
            continue
        heard = received.get(call, {})
        wanted = {place: before.of(term) for place, term in heard.items()}
        got = {
            place: after.of(term)
            for place, term in receives.get(call, {}).items()
            if not (back and place not in heard and after.self_made(term))  # Keras 3 recorded none, and its code is the same
        }
        if wanted != got:
            yield call.layer, old[call.layer].class_name


def _refusal(path: LayerPath, class_name: str, there: str, here: str) -> Refusal:
    return Refusal(
        "/".join(path),
        "convert-mask",
        f"{class_name} would receive another mask in {there} than in {here}, or none",
        f"declare the class in a plug-in (uses_mask=() if it needs no mask), or rebuild that part of the model in {there}",
    )
