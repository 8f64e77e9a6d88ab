"""What the constructors of Keras's layer classes take: which keys of a config, and which of them they cannot do without.

``constructors.json`` is read from the installed frameworks and from files of old releases, by tests/support/constructors.py;
`tests/catalog` holds it against them. What Keras refuses in the values stands in each class's declaration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

OBJECTS: Mapping[str, str] = {
    "activation": "activations",
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
}
"""How a key ends that names an object of Keras -> which kind."""


@dataclass(frozen=True, slots=True)
class Constructor:
    """The keys of one class in one generation of Keras.

    Attributes:
        release: whose constructor it is ("keras 3.15.1").
        keys: the keys that it takes.
        required: those without which there is no layer.
        older: keys that it does not take any more -> the last release that is known to have written them.
        lately: those of ``keys`` that older releases did not write -> the last of these.
        neutral: keys that the earliest releases of its generation do not take -> what each is where nobody says it.
        unwritten: those of ``keys`` that a config has only where they are used, if at all.
        any: whether it takes any key, and leaves alone what it does not know.
        call: what its layers take when they are called, in order: ``key=`` may be left out, ``*`` and what follows is given
            by name alone, ``**`` is anything else.
    """

    release: str
    keys: frozenset[str]
    required: tuple[str, ...] = ()
    older: Mapping[str, str] = field(default_factory=dict)
    lately: Mapping[str, str] = field(default_factory=dict)
    neutral: Mapping[str, Any] = field(default_factory=dict)
    unwritten: Sequence[str] = ()
    any: bool = False
    call: str = "inputs"


def constructor(class_name: str, dialect: str) -> Constructor | None:
    """What a class of Keras takes; None where nobody has looked."""
    release = _read()[dialect]
    each = release["classes"].get(class_name)
    if each is None:
        return None
    more = {key: each[key] for key in ("older", "lately", "neutral", "unwritten", "any", "call") if key in each}
    return Constructor(release["release"], frozenset(each["keys"]), tuple(each["required"]), **more)


def of_another_class(class_name: str, config: Mapping[str, Any], dialect: str) -> bool:
    """Whether a config is that of a class of the user's own that bears the name of one of Keras: it has a key that no release
    of Keras's has, and shares none with it but those of every layer, or lacks one that Keras's cannot do without. False where
    nobody can tell, as of a config that has keys too many.
    """
    table = _read()
    kept_from_keras1 = dialect != "keras1" and class_name not in table[dialect]["classes"]
    taken = constructor(class_name, "keras1" if kept_from_keras1 else dialect)
    if taken is None or taken.any:
        return False
    has = config.keys() - _of_every_layer(dialect)
    shared = has & (taken.keys | taken.older.keys())
    if kept_from_keras1:
        return not shared
    foreign = has - shared
    if not foreign:
        return False
    from difflib import get_close_matches

    misspelt = all(get_close_matches(key, taken.keys, n=1, cutoff=0.65) for key in foreign)
    return not misspelt and (not shared or not config.keys() >= {*taken.required} - taken.lately.keys())


def bases_of(config: Mapping[str, Any], dialect: str) -> tuple[str, ...]:
    """The classes of Keras all of whose settings a config has, those that take most of it: one of them is what its class
    derives from, or does as. Classes with less than three settings of their own tell nothing.
    """
    bases = {name: len(config.keys() & taken) for name, (own, taken) in _settings(dialect).items() if own <= config.keys()}
    most = max(bases.values(), default=0)
    return tuple(name for name, count in bases.items() if count == most)


_TELLING = 3
"""So many settings of its own tell a class."""


@cache
def _settings(dialect: str) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
    """What configs of a class have in every release, those settings left out that all classes have; and all that it takes."""
    made = {}
    for name in _read()[dialect]["classes"]:
        each = constructor(name, dialect)
        if each is None or each.any:
            continue
        own = each.keys - _of_every_layer(dialect) - each.neutral.keys() - {*each.unwritten}
        ever = own - each.lately.keys()
        if len(own) >= _TELLING:
            made[name] = (ever if len(ever) >= _TELLING else own, each.keys)
    return made


@cache
def _of_every_layer(dialect: str) -> frozenset[str]:
    """The keys that all classes take: what Identity does, which has none of its own."""
    plain = constructor("Identity" if dialect != "keras1" else "Flatten", dialect)
    return frozenset() if plain is None else plain.keys | {"activity_regularizer"}


def is_neutral(module: str, class_name: str, key: str, value: Any) -> bool:
    """Whether a key that Keras 2, or an older release of Keras 3, does not take says only what they do without it: its value is
    that which Keras 3 takes if nobody says one. ``module`` is where Keras 3 has the class.
    """
    known = _read()["keras3"]["neutral"].get(module, {}).get(class_name, {})
    return key in known and (same_value(value, known[key]) or (key == "data_format" and value == "channels_last"))


def same_value(value: Any, known: Any) -> bool:
    """Whether a value of a document is one of the catalog: lists are tuples there."""
    return bool(
        value == (tuple(known) if isinstance(known, list) else known) and (type(value) is bool) == (type(known) is bool)
    )


def is_known(release: str, dialect: str) -> bool:
    """Whether a release is the one whose constructors these are, or a later one: no file of it is an old one."""
    return bool(release) and _numbers(release) >= _numbers(_read()[dialect]["release"])


def _numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release.rpartition(" ")[2])]


def settings_of(name: str, dialect: str) -> Constructor | None:
    """The same of an initializer, a regularizer or a constraint."""
    release = _read()[dialect]
    each = release.get("objects", {}).get(name)
    return None if each is None else Constructor(release["release"], frozenset(each["keys"]), tuple(each["required"]))


@cache
def names_of(kind: str, dialect: str) -> frozenset[str]:
    """The names by which a framework finds an activation (or what else `OBJECTS` has); none where nobody has looked."""
    return frozenset(_read()[dialect].get(kind, ()))


@cache
def _read() -> dict[str, Any]:
    text = Path(__file__).with_name("constructors.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
