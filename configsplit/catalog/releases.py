"""Which minor releases of Keras 3 and of tf.keras have a class, and take a key of its config.

``releases.json`` is read from the releases themselves, the last patch of each, by tests/support/releases.py; it has what is not
the same in all of them. Of tf.keras it has those that are packages of their own: keras 2.6 to 2.15, tf_keras 2.16 to 2.21.
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
def minors(dialect: str = "keras3") -> tuple[str, ...]:
    """The releases that were looked at, in order: "3.0", "3.1" and so on."""
    return tuple(".".join(each.split(".")[:2]) for each in releases(dialect))


@cache
def releases(dialect: str = "keras3") -> tuple[str, ...]:
    """The last patch of each of these: "3.0.5", "3.1.1" and so on."""
    return tuple(_read()[dialect]["releases"])


def all_minors(dialect: str = "keras3") -> Span:
    """Every release that was looked at."""
    return Span(0, len(minors(dialect)) - 1)


def with_class(module: str, class_name: str, dialect: str = "keras3") -> Span:
    """The releases in which a module of Keras has a class; all where that never changed, or nobody has looked."""
    return Span(*_changes(module, class_name, dialect).get("in", all_minors(dialect)))


def with_key(module: str, class_name: str, key: str, dialect: str = "keras3") -> Span:
    """The releases whose class takes a key; all where that never changed, or nobody has looked."""
    return Span(*_changes(module, class_name, dialect).get("keys", {}).get(key, all_minors(dialect)))


def _changes(module: str, class_name: str, dialect: str) -> dict[str, Any]:
    changes: dict[str, Any] = _read()[dialect]["changes"].get(module, {}).get(class_name, {})
    return changes


@cache
def _read() -> dict[str, Any]:
    text = resources.files("configsplit.catalog").joinpath("releases.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
