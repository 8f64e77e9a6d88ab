"""Walks on a stack of their own: a document decides how deep its graph is, and Python's stack is not deep."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

_Thing = TypeVar("_Thing")
_Key = TypeVar("_Key", bound=Hashable)


def everything(start: Iterable[_Thing], inside: Callable[[_Thing], Iterable[_Thing]]) -> Iterator[_Thing]:
    """Each thing and all that is inside it, outer ones first, in order. What is in a thing is asked for after it was given."""
    todo = [*start][::-1]
    while todo:
        item = todo.pop()
        yield item
        todo += [*inside(item)][::-1]


def reached(start: Iterable[_Key], onward: Callable[[_Key], Iterable[_Key]]) -> Iterator[_Key]:
    """Each of them, and all that leads on from there, once; in no order that means anything."""
    todo, seen = [*start], set[_Key]()
    while todo:
        if (item := todo.pop()) not in seen:
            seen.add(item)
            yield item
            todo += onward(item)


def values_in(value: Any) -> Iterator[Any]:
    """A value of JSON, frozen or not, and all that objects and arrays in it hold."""
    return everything([value], _held)


def _held(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
