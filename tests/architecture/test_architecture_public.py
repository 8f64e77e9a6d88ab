"""What users call has real types, says what it takes, gives and raises, and checks the words of its options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest

import configsplit
import configsplit.keras
import configsplit.plugins
import configsplit.testing
from configsplit.errors import ConfigSplitError

ROOMS = (configsplit, configsplit.keras, configsplit.plugins, configsplit.testing)
OF_ANY_SIGNATURE = "Callable[..., Any]"
"""A function about which nothing more can be said: what plug-ins hand to Keras."""


@dataclass(frozen=True)
class Public:
    """A public function, or a method of a public class."""

    name: str
    function: Callable[..., Any]
    is_method: bool

    @property
    def parameters(self) -> list[inspect.Parameter]:
        found = list(inspect.signature(self.function).parameters.values())
        return found[1:] if self.is_method else found

    def __repr__(self) -> str:
        return self.name


def public() -> Iterator[Public]:
    for room in ROOMS:
        for name in room.__all__:
            found = getattr(room, name)
            if inspect.isclass(found) and not getattr(found, "_is_protocol", False):  # what Keras has is typed by Keras
                yield from methods(f"{room.__name__}.{name}", found)
            elif inspect.isfunction(found):
                yield Public(f"{room.__name__}.{name}", found, is_method=False)


def methods(place: str, kind: type) -> Iterator[Public]:
    for name, found in vars(kind).items():
        if not name.startswith("_"):
            raw = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
            if isinstance(raw, FunctionType):
                yield Public(f"{place}.{name}", raw, is_method=not isinstance(found, staticmethod))


EVERY = list(public())


def test_all_that_is_public_is_seen() -> None:
    names = {each.name for each in EVERY}
    assert {"configsplit.split", "configsplit.Parts.save", "configsplit.keras.insert", "configsplit.testing.models"} <= names
    assert len(names) > 50


@pytest.mark.parametrize("each", EVERY, ids=repr)
def test_types_are_real(each: Public) -> None:
    signature = inspect.signature(each.function)
    told = [parameter.annotation for parameter in each.parameters] + [signature.return_annotation]
    assert inspect.Parameter.empty not in told
    loose = [each for each in map(str, told) if re.search(r"\b(?:Any|object)\b", each.replace(OF_ANY_SIGNATURE, ""))]
    assert not loose


@pytest.mark.parametrize("each", EVERY, ids=repr)
def test_what_it_takes_gives_and_raises_is_said(each: Public) -> None:
    told = inspect.getdoc(each.function) or ""
    assert told
    gives = inspect.signature(each.function).return_annotation
    wanted = {
        "Args:": bool(each.parameters),
        "Returns:": gives not in ("None", None),
        "Raises:": not each.is_method,  # a method of a value may raise nothing
    }
    assert [section for section, needed in wanted.items() if needed and f"\n{section}\n" not in f"\n{told}"] == []


@pytest.mark.parametrize("each", EVERY, ids=repr)
def test_every_argument_is_told(each: Public) -> None:
    told = inspect.getdoc(each.function) or ""
    section = told.partition("Args:\n")[2].partition("\n\n")[0]
    named = {name for names in re.findall(r"^ {4}([\w, ]+):", section, re.MULTILINE) for name in names.split(", ")}
    assert {parameter.name for parameter in each.parameters} - named == set()


def words_of(each: Public) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each option that is one of some words."""
    names = inspect.unwrap(each.function).__globals__
    for parameter in each.parameters:
        try:
            kind = eval(str(parameter.annotation), dict(names))  # an annotation of our own
        except NameError:  # known to type checkers alone
            continue
        for form in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
            if get_origin(form) is Literal:
                yield parameter.name, get_args(form)


OPTIONS = [(each, option, words) for each in EVERY for option, words in words_of(each)]


def test_options_are_found() -> None:
    found = {(each.name, option) for each, option, _ in OPTIONS}
    wanted = {("configsplit.split", "boundary"), ("configsplit.convert", "backend"), ("configsplit.Parts.save", "to")}
    assert wanted <= found
    assert len(found) > 15


@pytest.mark.parametrize(
    ("each", "option", "word"),
    [(each, option, word) for each, option, words in OPTIONS for word in words],
    ids=str,
)
def test_a_misspelt_word_is_refused_and_the_right_one_named(each: Public, option: str, word: str) -> None:
    """Before anything else is looked at: the other arguments are nothing."""
    needed = {
        parameter.name: None
        for parameter in inspect.signature(each.function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    with pytest.raises(ConfigSplitError) as caught:
        each.function(**{**needed, option: word[0] + word[2:]})
    assert caught.value.code in ("option-unknown", "plan-balance")
    assert caught.value.hint.startswith(f"did you mean {word!r}?")
    assert caught.value.where == option
