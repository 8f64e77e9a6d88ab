"""What follows from a model alone is found out once for each, and known as long as the model is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

from configsplit.graph.model import Model

Found = TypeVar("Found")


def once(function: Callable[[Model], Found]) -> Callable[[Model], Found]:
    """A function of a model, which never changes, that remembers what it gave. Nobody may change that either."""
    known: dict[int, tuple[ref[Model], Found]] = {}

    @wraps(function)
    def remembered(model: Model) -> Found:
        key = id(model)
        entry = known.get(key)
        if entry is not None and entry[0]() is model:
            return entry[1]
        found = function(model)
        known[key] = ref(model, lambda _: known.pop(key, None)), found
        return found

    return remembered
