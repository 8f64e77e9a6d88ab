"""A layer's config held against what the constructor of its class takes: keys, and values that Keras is known to refuse."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from configsplit.catalog.constructors import OBJECTS, Constructor, constructor, names_of
from configsplit.catalog.facts import LayerFacts
from configsplit.errors import closest
from configsplit.graph.json import FrozenDict


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """What is wrong with a config: a code of docs/errors.md, the key, and what to do.

    ``older``: it is so for the files of older releases of this generation, which are none the worse for it.
    """

    code: str
    key: str
    message: str
    hint: str = ""
    older: bool = False


def config_faults(
    facts: LayerFacts, class_name: str, config: FrozenDict, dialect: str, own: Collection[str] = ()
) -> Iterator[ConfigFault]:
    """What Keras would refuse of a config; ``own`` are names of the user's own functions and classes."""
    taken = constructor(class_name, dialect)
    if taken is not None:
        yield from _unknown(taken, class_name, config)
        yield from _missing(taken, class_name, config)
    if dialect == "keras1":
        return  # its values are declared in the words of Keras 2
    for key, value in config.items():
        if (wanted := facts.values.get(key)) is not None and (taken is None or key in taken.keys) and not wanted.takes(value):
            yield _refused(class_name, key, value, f"should be {wanted.wish}", _near(value, wanted.names))
        yield from _unnamed(class_name, key, value, dialect, own)
    if not (why := _safely(facts, config)):
        return
    yield ConfigFault("config-value", "", f"{class_name}: {why}", "change one of them")


def _unknown(taken: Constructor, class_name: str, config: FrozenDict) -> Iterator[ConfigFault]:
    for key in config:
        if key in taken.keys or taken.any:
            continue
        if (release := taken.older.get(key)) is not None:
            said = f"{class_name} of {taken.release} does not take the key {key!r}, which {release} wrote"
            yield ConfigFault("config-key-unknown", key, said, "leave it out for that release", older=True)
            continue
        said = f"{class_name} of {taken.release} takes no key {key!r}"
        yield ConfigFault("config-key-unknown", key, said, _near(key, taken.keys) or f"it takes {_some(taken.keys)}")


def _missing(taken: Constructor, class_name: str, config: FrozenDict) -> Iterator[ConfigFault]:
    for key in taken.required:
        if key in config:
            continue
        if (release := taken.lately.get(key)) is not None:
            said = f"{class_name} of {taken.release} cannot do without the key {key!r}, which {release} did not write yet"
            yield ConfigFault("config-key-missing", key, said, "convert the model, or load it in its own release", older=True)
        else:
            said = f"{class_name} of {taken.release} cannot do without the key {key!r}"
            yield ConfigFault("config-key-missing", key, said, f"add it: {key!r}: ...")


def _refused(class_name: str, key: str, value: Any, wish: str, near: str) -> ConfigFault:
    return ConfigFault("config-value", key, f"{class_name}: {key!r} {wish}, is {value!r}", near)


def _unnamed(class_name: str, key: str, value: Any, dialect: str, own: Collection[str]) -> Iterator[ConfigFault]:
    """A function or a class that nobody has."""
    kind = OBJECTS.get(key.rpartition("_")[2], "")
    known = names_of(kind, dialect) if kind else frozenset()
    name = _named(value)
    if not known or name is None or name in known or name in own or ">" in name:
        return  # a package before the name: somebody registered it
    hint = _near(name, known) or f"it has {_some(known)}"
    yield ConfigFault(
        "config-value", key, f"{class_name}: Keras has nothing called {name!r} among its {kind} ({key!r})",
        f"{hint}; what is your own is declared in a plug-in: --custom-objects FILE.py",
    )  # fmt: skip


def _named(value: Any) -> str | None:
    """The name of an object, as a word or in an entry; None where it comes from somewhere else than Keras."""
    if isinstance(value, str):
        return value
    if not isinstance(value, FrozenDict) or not isinstance(value.get("class_name"), str):
        return None
    module = value.get("module", "keras")
    foreign = not isinstance(module, str) or module.partition(".")[0] not in ("keras", "tf_keras")
    return None if foreign or value["class_name"] == "function" else str(value["class_name"])


def _safely(facts: LayerFacts, config: FrozenDict) -> str:
    """What does not go together; values of other kinds were named already, or are none of this rule's."""
    try:
        return facts.conflict(config)
    except (TypeError, ValueError, ZeroDivisionError):
        return ""


def _near(name: Any, known: Collection[str]) -> str:
    found = closest(name, sorted(known)) if isinstance(name, str) else []
    return f"did you mean {', '.join(map(repr, found))}?" if found else ""


def _some(names: Collection[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:12]) + (", ..." if len(listed) > 12 else "")
