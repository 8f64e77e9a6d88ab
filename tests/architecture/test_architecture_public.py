"""What users call has real types, says what it takes, gives and raises, and checks the words of its options."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest

import configsplit
import configsplit.keras
import configsplit.plugins
import configsplit.testing
from configsplit.batches import run as batch_run
from configsplit.catalog import facts, values
from configsplit.errors import ConfigSplitError
from configsplit.verbs.table import VERBS, record

ROOMS = (configsplit, configsplit.keras, configsplit.plugins, configsplit.testing)
PLUG_INS = (configsplit.plugins, facts, values)
OF_ANY_SIGNATURE = "Callable[..., Any]"
"""A function about which nothing more can be said: what plug-ins hand to Keras."""
LOOSE = {
    "LayerFacts.keras3": "any other attribute, of its own type",
    "Values.takes": "any value that a config may have",
    "dims.value": "a number or several, as the config has it: the rule that asks for it knows which",
}
"""What plug-ins may leave open, and why."""


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


def told_types(room: ModuleType) -> Iterator[tuple[str, str]]:
    """Each attribute, property, parameter and result that a room or its public classes have, with its type."""
    own = [name for name, found in vars(room).items() if getattr(found, "__module__", "") == room.__name__]
    for name in getattr(room, "__all__", own):
        found = getattr(room, name)
        holders = {"": found} if inspect.isclass(found) or inspect.isfunction(found) else {}
        if inspect.isclass(found):
            plain = {word: each.fget if isinstance(each, property) else each for word, each in vars(found).items()}
            holders |= {word: each for word, each in plain.items() if inspect.isfunction(each)}
        if not getattr(found, "_is_protocol", False):  # what Keras has is typed by Keras
            for word, holder in holders.items():
                for part, kind in inspect.get_annotations(holder).items():
                    if not any(each.startswith("_") for each in (name, word, part)):
                        yield ".".join(filter(None, (name, word, part))), str(kind)


@pytest.mark.parametrize("room", dict.fromkeys((*ROOMS, *PLUG_INS)), ids=lambda room: room.__name__)
def test_results_and_plug_ins_have_real_types(room: ModuleType) -> None:
    loose = {name for name, kind in told_types(room) if re.search(r"\bAny\b", kind.replace(OF_ANY_SIGNATURE, ""))}
    assert loose - LOOSE.keys() == set()


def test_what_is_left_open_is_there() -> None:
    assert LOOSE.keys() <= {name for room in PLUG_INS for name, kind in told_types(room) if "Any" in kind}


OF_RESULTS = {
    "Framework": "what Keras has, whichever it is",
    "Live": "the same",
    "LiveModel": "the same",
    "TracedPart": "tensors of TensorFlow",
    "TracedParts.run": "the same",
    "Dialect": "values of a document that is read",
    "Expanded": "the same, and of plug-ins",
    "Manifest.frame": "a piece of a document, checked when it is read",
    "SourceFile.taken": "arguments of `open`",
    "ProvenanceRecord.arguments": "those of any verb",
    "Step.arguments": "the same",
    "Step.argument": "that of any step of a recipe for weights",
    "Recipe.then": "the same",
    "Migration.extra": "keys of records",
    "LayerFacts.keras3": LOOSE["LayerFacts.keras3"],
    "Values.takes": LOOSE["Values.takes"],
}
"""What is open of the types of what public functions take and give, its attributes and methods; and why."""


def resolved(word: str, room: ModuleType) -> object:
    """What a word in an annotation stands for, also where only type checkers import it."""
    imports = re.findall(r"from (configsplit[\w.]*) import (\([^)]*\)|[^\n]+)", inspect.getsource(room))
    homes = (importlib.import_module(home) for home, names in imports if re.search(rf"\b{word}\b", names))
    return next((vars(home)[word] for home in (room, *homes) if word in vars(home)), None)


def reached() -> set[type]:
    """Every class of ours that a public signature leads to."""
    found: set[type] = set()
    todo = [(each.function.__module__, kind) for each in EVERY for kind in inspect.get_annotations(each.function).values()]
    while todo:
        home, kind = todo.pop()
        for word in set(re.findall(r"\w+", str(kind))):
            one = resolved(word, sys.modules[home])
            if inspect.isclass(one) and one.__module__.startswith("configsplit.") and one not in found:
                found.add(one)
                todo += [(one.__module__, told) for _, told in types_of(one)]
    return found


def types_of(kind: type) -> Iterator[tuple[str, str]]:
    members = {name: each.fget if isinstance(each, property) else each for name, each in vars(kind).items()}
    functions = {name: each for name, each in members.items() if inspect.isfunction(each)}
    for name, holder in {"": kind, **functions}.items():
        for part, told in inspect.get_annotations(holder).items():
            if not any(each.startswith("_") for each in (name, part)):
                yield f"{kind.__name__}.{name or part}", str(told)


def test_what_results_hold_has_real_types_too() -> None:
    kinds = reached()
    assert {"Cuts", "Cut", "Inspection", "Plan", "Validation", "NumericReport", "Summary", "Manifest"} <= {
        each.__name__ for each in kinds
    }
    loose = {
        name for kind in kinds for name, told in types_of(kind) if re.search(r"\bAny\b", told.replace(OF_ANY_SIGNATURE, ""))
    }
    known = {name for name in loose if name in OF_RESULTS or name.partition(".")[0] in OF_RESULTS}
    assert loose - known == set()
    assert {word for word in OF_RESULTS if not any(name == word or name.startswith(f"{word}.") for name in known)} == set()


def test_what_is_told_of_a_batch_has_real_types() -> None:
    events = get_args(get_args(batch_run.Watch)[0][0])
    assert {event.__annotations__["event"].__forward_arg__ for event in events} == {
        f"Literal[{word!r}]" for word in ("start", "tick", "retry", "model")
    }
    assert not [each for event in events for each in event.__annotations__.values() if "Any" in str(each)]


COMMANDS = [name for name in VERBS if record(name).gives == "own"]


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_takes_what_its_record_has_and_with_types(verb: str) -> None:
    """Also what stands in the ``TypedDict`` of its options."""
    room = importlib.import_module(f"configsplit.cli.verb_{verb}")
    taken = inspect.get_annotations(getattr(room, verb))
    assert taken.pop("return") == "None"
    if options := taken.pop("options", ""):
        kind = getattr(room, options.removeprefix("Unpack[").removesuffix("]"))
        taken |= {name: str(kind.__annotations__[name]) for name in kind.__required_keys__}
    assert "Any" not in " ".join(taken.values())
    wanted = {option.keyword for option in record(verb).command_options()} - {"quiet", "log_file"}
    told = any(option.keyword == "verbose" for option in record(verb).options)
    assert taken.keys() == (wanted if told else wanted - {"verbose"})


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
