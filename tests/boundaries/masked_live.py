"""The verbs on live models, at the same random places: nothing is written, and what comes out is run by Keras as it is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from masked_files import Case
from masked_verbs import BOUNDARIES, Attempt, NothingToDoError, Verb, anywhere, at_surface, fragment_for, removable

import configsplit.keras
from configsplit.testing.masked_building import Arrays

_OF_KERAS = re.compile("was passed an input with a mask|does not support masking|destroyed by this layer|no mask")
"""What Keras itself says of layers that stop masks."""


def split(case: Case, chance: Random, folder: Path) -> Attempt:
    asked, halves = _cut(case, chance)
    return Attempt(asked, case.outputs, lambda: _run(case, halves))


def join(case: Case, chance: Random, folder: Path) -> Attempt:
    asked, halves = _cut(case, chance)
    return _edited(case, f"{asked}; join", lambda: configsplit.keras.join(halves))


def insert(case: Case, chance: Random, folder: Path) -> Attempt:
    entry, after = fragment_for(case, chance), anywhere(case, chance)
    asked = f"insert {entry['class_name']} after {after}"
    return _edited(
        case, asked, lambda: configsplit.keras.insert(case.original, entry, after=after, custom_objects=_classes(case))
    )


def remove(case: Case, chance: Random, folder: Path) -> Attempt:
    layer = removable(case, chance)
    return _edited(
        case, f"remove {layer}", lambda: configsplit.keras.remove(case.original, layer, custom_objects=_classes(case))
    )


def extract(case: Case, chance: Random, folder: Path) -> Attempt:
    """What leads to a tensor, or what begins at one, fed as an array."""
    place, head = at_surface(case, chance).name, chance.random() < 0.5
    called = case.layer(place)._inbound_nodes
    if len(case.tensors(place)) > 1 or len(called) > 1:  # of several outputs or calls only those in use are named
        raise NothingToDoError
    where: dict[str, Any] = {"to": place} if head else {"from_": place}
    made = configsplit.keras.extract(case.original, **where, custom_objects=_classes(case))
    there = [np.asarray(each) for each in case.intermediate(place)]
    fed = _inputs(case, made) if head else there
    return Attempt(f"extract {where}", there if head else case.outputs, lambda: case.frame.run(made, fed))


def _inputs(case: Case, head: Any) -> Arrays:
    """What a head takes of the inputs: it has them in the same order, and by their names if it has not all."""
    if len(head.inputs) == len(case.inputs):
        return case.inputs
    names = [_name(each) for each in case.original.inputs]
    return [case.inputs[names.index(_name(each))] for each in head.inputs]


def _name(tensor: Any) -> str:
    return str(tensor.name).partition(":")[0]


def _classes(case: Case) -> Any:
    return case.frame.workshop.objects


def _cut(case: Case, chance: Random) -> tuple[str, Any]:
    at, boundary = anywhere(case, chance), chance.choice(BOUNDARIES)
    halves = configsplit.keras.split(case.original, at, boundary=boundary, trace=False, custom_objects=_classes(case))
    return f"split at {at}, boundary {boundary}", halves


def _run(case: Case, halves: Any) -> Arrays:
    """What the parts compute, one after the other, from arrays to arrays."""
    whole = halves.parts.whole.model
    there = dict(zip(whole.input_refs(), case.inputs, strict=True))
    for part, model in zip(halves.parts, halves, strict=True):
        there.update(zip(part.outputs, case.frame.run(model, [there[ref] for ref in part.inputs]), strict=True))
    return [there[ref] for ref in whole.output_refs()]


def _edited(case: Case, asked: str, make: Callable[[], Any]) -> Attempt:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
    said = tuple(text for each in caught if not _OF_KERAS.search(text := str(each.message)))
    return Attempt(asked, case.outputs, lambda: case.frame.run(made, case.inputs), said)


LIVE_VERBS: dict[str, Verb] = {"split": split, "extract": extract, "insert": insert, "remove": remove, "join": join}
