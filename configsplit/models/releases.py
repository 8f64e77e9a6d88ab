"""Which releases of Keras 3 can load a document: all but those that something in it keeps from it.

Looked at are classes, the keys of their configs, how the one output of a nested model is written, and numbers that no release
finds. Classes of the user's own and defects of single releases are not seen: nothing in the document speaks against those that
are told.
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

LISTED = Span(0, minors().index("3.10"))
"""Releases to which a list of one tensor is a tensor."""

NEVER = Span(len(minors()), -1)

_LAYERS = "keras.layers"
"""Where a class lives that an entry names without a module, as in ``.h5`` files."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What keeps releases from loading a document: where it stands, and what it is."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Loadable:
    """The minor releases of Keras 3 that nothing keeps from loading a document, in order, and what keeps the others."""

    releases: tuple[str, ...]
    limits: tuple[Limit, ...] = ()

    def __str__(self) -> str:
        if not self.releases:
            return "no release of Keras 3"
        return _those(Span(minors().index(self.releases[0]), minors().index(self.releases[-1])))


def loadable(document: FrozenDict) -> Loadable:
    """Which releases can load an architecture of Keras 3.

    Args:
        document: as it stands in the file.

    Returns:
        The releases, and one limit on either side: the tightest, where it is first met.
    """
    able, limits = all_minors(), dict[str, Limit]()
    for span, limit in _limits(document):
        if span.first > able.first:
            limits["first"] = limit
        if span.last < able.last:
            limits["last"] = limit
        able = Span(max(able.first, span.first), min(able.last, span.last))
    return Loadable(minors()[able.first : able.last + 1], tuple(dict.fromkeys(limits.values())))


class _Item(NamedTuple):
    """A value of the document; ``chained`` where one tensor is handed on, ``inputs`` are those of the model around it."""

    where: str
    value: Any
    chained: bool = False
    inputs: frozenset[str] = frozenset()

    def within(self, key: str | int, value: Any) -> _Item:
        where = f"{self.where}[{key}]" if type(key) is int else f"{self.where}.{key}".lstrip(".")
        return self._replace(where=where, value=value, chained=False)


def _limits(document: FrozenDict) -> Iterator[tuple[Span, Limit]]:
    """Everything that does not hold for all releases; iterative."""
    todo = [_Item("", document)]
    while todo:
        item = todo.pop()
        if isinstance(item.value, FrozenDict):
            yield from _of_entry(item)
        todo += [each for each in reversed(list(_inside(item))) if isinstance(each.value, (FrozenDict, tuple))]


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


def _of_entry(item: _Item) -> Iterator[tuple[Span, Limit]]:
    entry, every = item.value, all_minors()
    class_name, config, module = entry.get("class_name"), entry.get("config"), entry.get("module", _LAYERS)
    if not isinstance(class_name, str) or not isinstance(config, FrozenDict) or not isinstance(module, str):
        return
    if (span := with_class(module, class_name)) != every:
        yield span, Limit(item.where, f"the class {class_name} is of {_those(span)}")
    for key in config:
        if (span := with_key(module, class_name, key)) != every:
            yield span, Limit(item.where, f"{class_name} takes the key {key!r} in {_those(span)}")
    if item.chained and is_listed(config):
        yield LISTED, Limit(item.where, f"its one output is written as a list, which is read as one tensor in {_those(LISTED)}")
    history = config.get("keras_history")
    if type(history) is tuple and history[:1] and history[0] in item.inputs and history[1:] != (0, 0):
        yield NEVER, Limit(item.where, f"the one tensor of {history[0]!r} is called {history[1:]}, and no release finds that")


def _those(span: Span) -> str:
    first, last = minors()[span.first], minors()[span.last]
    return f"Keras {first}" if first == last else f"Keras {first} to {last}"
