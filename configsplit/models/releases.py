"""Which releases of Keras 3, or of tf.keras, can load a document: all but those that something in it keeps from it.

Looked at are classes and the keys of their configs; in Keras 3 besides how the one output of a nested model is written, and
numbers that no release finds. Classes of the user's own and defects of single releases are not seen: nothing in the document
speaks against those that are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from configsplit.catalog.releases import Span, all_minors, minors, with_class, with_key
from configsplit.dialects.envelope import model_kind
from configsplit.dialects.lists_of_one import is_listed
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT
from configsplit.graph.walking import everything

LISTED = Span(0, minors().index("3.10"))
"""Releases to which a list of one tensor is a tensor."""

NEVER = Span(len(minors()), -1)

_LAYERS = "keras.layers"
"""Where a class lives that an entry names without a module, as in ``.h5`` files."""

_TITLES = {"keras3": "Keras", "keras2": "tf.keras"}
"""Dialects of which releases have been looked at -> what those are called."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What keeps releases from loading a document: where it stands, and what it is."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Loadable:
    """The minor releases of Keras 3 or tf.keras that nothing keeps from loading a document, in order, and what keeps the
    others."""

    releases: tuple[str, ...]
    limits: tuple[Limit, ...] = ()
    dialect: str = "keras3"

    def __str__(self) -> str:
        if not self.releases:
            return (
                "no release of Keras 3" if self.dialect == "keras3" else "none of the releases of tf.keras that were looked at"
            )
        known = minors(self.dialect)
        return _those(Span(known.index(self.releases[0]), known.index(self.releases[-1])), self.dialect)


def loadable(document: FrozenDict, dialect: str = "keras3") -> Loadable:
    """Which releases of "keras3" or "keras2" can load a document, and one limit on either side: the tightest, where it is first
    met.
    """
    able, limits = all_minors(dialect), dict[str, Limit]()
    for span, limit in _limits(document, dialect):
        if span.first > able.first:
            limits["first"] = limit
        if span.last < able.last:
            limits["last"] = limit
        able = Span(max(able.first, span.first), min(able.last, span.last))
    return Loadable(minors(dialect)[able.first : able.last + 1], tuple(dict.fromkeys(limits.values())), dialect)


class _Item(NamedTuple):
    """A value of the document; ``chained`` where one tensor is handed on, ``inputs`` are those of the model around it."""

    where: str
    value: Any
    chained: bool = False
    inputs: frozenset[str] = frozenset()

    def within(self, key: str | int, value: Any) -> _Item:
        where = f"{self.where}[{key}]" if type(key) is int else f"{self.where}.{key}".lstrip(".")
        return self._replace(where=where, value=value, chained=False)


def _limits(document: FrozenDict, dialect: str) -> Iterator[tuple[Span, Limit]]:
    """Everything that does not hold for all releases."""
    holding = (FrozenDict, tuple)
    items = everything([_Item("", document)], lambda item: (each for each in _inside(item) if isinstance(each.value, holding)))
    for item in items:
        if isinstance(item.value, FrozenDict):
            yield from _of_classes(item, dialect)
            yield from _of_writing(item) if dialect == "keras3" else ()


def _inside(item: _Item) -> Iterator[_Item]:
    """What a value holds."""
    if not isinstance(item.value, FrozenDict):
        yield from (item.within(number, each) for number, each in enumerate(item.value))
        return
    kind = model_kind(item.value)
    if kind == "functional":
        entries = (each for each in item.value["config"]["layers"] if isinstance(each, FrozenDict))
        item = item._replace(inputs=frozenset(str(each.get("name")) for each in entries if each.get("class_name") == INPUT))
    for key, value in item.value.items():
        if key != "config" or not isinstance(value, FrozenDict):
            yield item.within(key, value)
            continue
        inner = item.within(key, value)
        layers = value.get("layers")
        if kind == "sequential" and type(layers) is tuple:
            around = inner.within("layers", layers)
            yield from (around.within(at, each)._replace(chained=at < len(layers) - 1) for at, each in enumerate(layers))
        yield from (
            inner.within(name, each)._replace(chained=name == "layer")
            for name, each in value.items()
            if not (kind == "sequential" and name == "layers")
        )


def _of_classes(item: _Item, dialect: str) -> Iterator[tuple[Span, Limit]]:
    """Classes and keys. What tf.keras loads it finds by the class's name alone, whatever module is written beside it."""
    entry, every = item.value, all_minors(dialect)
    class_name, config, module = entry.get("class_name"), entry.get("config"), entry.get("module", _LAYERS)
    if not isinstance(class_name, str) or not isinstance(config, FrozenDict) or not isinstance(module, str):
        return
    if dialect == "keras2" and module.partition(".")[0] in ("keras", "tf_keras"):
        module = _LAYERS
    if (span := with_class(module, class_name, dialect)) != every:
        yield span, Limit(item.where, f"the class {class_name} is of {_those(span, dialect)}")
    for key in config:
        if (span := with_key(module, class_name, key, dialect)) != every:
            yield span, Limit(item.where, f"{class_name} takes the key {key!r} in {_those(span, dialect)}")


def _of_writing(item: _Item) -> Iterator[tuple[Span, Limit]]:
    """How Keras 3 writes single outputs, and numbers of inputs."""
    config = item.value.get("config")
    if not isinstance(config, FrozenDict):
        return
    if item.chained and is_listed(config):
        yield LISTED, Limit(item.where, f"its one output is written as a list, which is read as one tensor in {_those(LISTED)}")
    history = config.get("keras_history")
    if type(history) is tuple and history[:1] and history[0] in item.inputs and history[1:] != (0, 0):
        yield NEVER, Limit(item.where, f"the one tensor of {history[0]!r} is called {history[1:]}, and no release finds that")


def _those(span: Span, dialect: str = "keras3") -> str:
    first, last, title = minors(dialect)[span.first], minors(dialect)[span.last], _TITLES[dialect]
    return f"{title} {first}" if first == last else f"{title} {first} to {last}"
