"""What is seen at once of a document's frame is what pydantic says of it: nothing more passes, and what is sound needs none."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.corpus import files, names

from configsplit.containers.source import open_source
from configsplit.dialects import detect, frame, parse
from configsplit.dialects.frame import Frame, hold
from configsplit.dialects.schema import frame as documents
from configsplit.errors import DocumentError
from configsplit.graph.json import EMPTY, FrozenDict, Number, loads

ODD: tuple[Any, ...] = (
    None,
    0,
    -1,
    1,
    True,
    1.5,
    "",
    "x",
    (),
    ("x", 0, 0),
    ("x", -1, 0),
    ("", 0, 0),
    (None, 2),
    (True,),
    EMPTY,
)
ODD += (
    Number("-0", -0.0),
    FrozenDict({"name": ""}),
    FrozenDict({"args": (), "kwargs": ()}),
    [],
    {},
    {"args": (), "kwargs": {}},
)
EVERY = ("keras-1.2.2", "keras-2.3.1", "tf-2.4", "keras-3.0.5", "keras-3.15.1")


def texts(release: str) -> list[str]:
    """Architectures of a release whose graph can be read."""
    found = []
    for file in files(release):
        with open_source(file.path) as source:
            try:
                parse(text := source.config_text)
            except DocumentError:
                continue
            found.append(text)
    return list(dict.fromkeys(found))


def frames(text: str) -> list[tuple[Frame, Any]]:
    """Every frame of a document, with what it is held against."""
    document = loads(text)
    functional = detect(document).dialect.frame
    found: list[tuple[Frame, Any]] = [("Envelope", document)]
    for config in (document["config"],):
        listed = FrozenDict({"layers": config}) if type(config) is tuple else config
        found.append((functional if "input_layers" in listed else "SequentialConfig", listed))
        nodes = [node for entry in listed["layers"] for node in entry.get("inbound_nodes", ())]
        args = [each for node in nodes if isinstance(node, FrozenDict) for each in node.get("args", ())]
        tensors = [each for each in args if isinstance(each, FrozenDict) and "config" in each]
        found += [("KerasTensorConfig", each["config"]) for each in tensors[:3]]
    return found


def said(check: Any, *arguments: Any) -> str | None:
    try:
        check(*arguments)
    except DocumentError as error:
        return str(error)
    return None


def changed(value: Any, chance: random.Random) -> Any:
    """The value with one place of it replaced, or one key left out."""
    if not value or not isinstance(value, (FrozenDict, tuple)) or chance.random() < 0.15:
        return chance.choice(ODD)
    if isinstance(value, tuple):
        place = chance.randrange(min(4, len(value)))
        return (*value[:place], changed(value[place], chance), *value[place + 1 :])
    key = chance.choice([*value])
    return value.without(key) if chance.random() < 0.2 else value | {key: changed(value[key], chance)}


@pytest.mark.parametrize("release", names())
def test_what_releases_write_is_sound_at_a_glance(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise AssertionError("pydantic was asked")

    known = texts(release)
    assert known
    monkeypatch.setattr(documents, "validate", none)
    for text in known:
        parse(text)


@pytest.mark.parametrize("release", EVERY)
def test_what_is_not_sound_is_refused_as_pydantic_refuses_it(release: str) -> None:
    chance, refused, sound = random.Random(release), 0, 0
    for text in texts(release):
        for name, value in frames(text):
            for _ in range(60):
                damaged = changed(value, chance)
                fault = said(documents.validate, getattr(documents, name), damaged)
                assert said(hold, name, damaged) == fault, (name, damaged)
                refused, sound = refused + (fault is not None), sound + (fault is None and frame._SEEN[name](damaged))
    assert refused > 100
    assert sound > 100
