"""Which minor releases of Keras 3 have a class, and take a key of its config.

``releases.json`` is read from the releases themselves, the last patch of each, by tests/support/releases.py; it has what is not
the same in all of them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, NamedTuple


class Span(NamedTuple):
    """The first and the last of `minors` that have something."""

    first: int
    last: int


@cache
def minors() -> tuple[str, ...]:
    """The releases that were looked at, in order: "3.0", "3.1" and so on."""
    return tuple(".".join(each.split(".")[:2]) for each in releases())


@cache
def releases() -> tuple[str, ...]:
    """The last patch of each of these: "3.0.5", "3.1.1" and so on."""
    return tuple(_read()["releases"])


def all_minors() -> Span:
    """Every release that was looked at."""
    return Span(0, len(minors()) - 1)


def with_class(module: str, class_name: str) -> Span:
    """The releases in which a module of Keras has a class; all where that never changed, or nobody has looked."""
    return Span(*_changes(module, class_name).get("in", all_minors()))


def with_key(module: str, class_name: str, key: str) -> Span:
    """The releases whose class takes a key; all where that never changed, or nobody has looked."""
    return Span(*_changes(module, class_name).get("keys", {}).get(key, all_minors()))


def _changes(module: str, class_name: str) -> dict[str, Any]:
    found: dict[str, Any] = _read()["changes"].get(module, {}).get(class_name, {})
    return found


@cache
def _read() -> dict[str, Any]:
    text = resources.files("configsplit.catalog").joinpath("releases.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
