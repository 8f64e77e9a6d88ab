"""A verb is one record: whatever is told of verbs anywhere is what their records say."""

from __future__ import annotations

import inspect
import re
from typing import get_args

import click
import pytest
from source_tree import ROOT

import configsplit
import configsplit.keras
from configsplit.batches.recipe import STEPS
from configsplit.batches.step_options import STEP_VERBS, options_of
from configsplit.cli.command import command
from configsplit.containers.container import Format
from configsplit.cutting.minimum_cut import Choice
from configsplit.models.results import Verify
from configsplit.rewrites.compose import By
from configsplit.verbs.convert import Backend, MissingWeights, Target
from configsplit.verbs.cuts import Order
from configsplit.verbs.planned import Balance
from configsplit.verbs.table import VERBS, function, record

EVERY = pytest.mark.parametrize("name", VERBS)


@EVERY
def test_a_record_stands_in_the_file_of_its_name(name: str) -> None:
    verb = record(name)
    assert verb.name == name
    assert (ROOT / "configsplit" / "verbs" / "table" / f"{name}.py").is_file()


def test_every_record_is_listed() -> None:
    files = {path.stem for path in (ROOT / "configsplit" / "verbs" / "table").glob("*.py")}
    assert files - {"__init__", "verb"} == set(VERBS)


@EVERY
def test_what_the_verbs_function_takes_is_what_the_record_says(name: str) -> None:
    """Every option for the function is a parameter of it, and what it does when it is left out is the same in both."""
    verb = record(name)
    if verb.gives != "file":
        return
    parameters = inspect.signature(function(name)).parameters
    for option in verb.options:
        if option.use == "verb":
            assert option.keyword in parameters, option.flags


def test_every_public_name_stays_what_it_is_when_the_rooms_are_loaded() -> None:
    """Python sets a package that it has loaded as an attribute, over the verb of that name: no room is called like a verb."""
    rooms = {path.name for path in (ROOT / "configsplit").iterdir() if path.is_dir()}
    assert rooms & set(configsplit.__all__) == set()


@EVERY
def test_the_python_function_is_the_records(name: str) -> None:
    assert function(name).__name__ == name
    assert name in ("plugins", "weights") or inspect.unwrap(getattr(configsplit, name)) is function(name)


@EVERY
def test_the_command_has_the_records_options(name: str) -> None:
    made = command(name)
    told = record(name).command_options()
    shown = {flag for param in made.params for flag in param.opts if isinstance(param, click.Option)}
    said = {flag for option in told if not option.argument for flag in option.flags.split() if flag not in option.older}
    assert shown == said


def test_the_steps_of_recipes_are_those_of_the_records() -> None:
    assert {*STEPS} == {name for name in VERBS if record(name).recipe} | {"run"}
    for name, verb in STEP_VERBS.items():
        fields = options_of(verb).model_fields
        assert [field.alias for field in fields.values()] == [option.key for option in verb.recipe_options()], name


def test_live_verbs_are_those_of_the_records() -> None:
    live = {name for name in VERBS if callable(getattr(configsplit.keras, name, None))}
    assert live == {name for name in VERBS if record(name).live}


@pytest.mark.parametrize(
    ("name", "keyword", "type_"),
    [
        ("split", "boundary", Choice),
        ("split", "balance", Balance),
        ("split", "format", Format),
        ("split", "verify", Verify),
        ("cuts", "sort", Order),
        ("join", "by", By),
        ("join", "format", Format),
        ("convert", "backend", Backend),
        ("convert", "to", Target),
        ("convert", "missing_weights", MissingWeights),
    ],
)
def test_the_words_that_an_option_may_be_are_those_of_its_type(name: str, keyword: str, type_: object) -> None:
    option = next(option for option in record(name).command_options() if option.keyword == keyword)
    assert option.choices == get_args(type_)


def test_annotations_of_public_verbs_can_be_read() -> None:
    """Type checkers see each verb as the function that it is, not as something unknown."""
    source = (ROOT / "configsplit" / "__init__.py").read_text("utf-8")
    typed = set(re.findall(r"import (\w+) as \1$", source, re.MULTILINE))
    assert set(VERBS) - typed == {"plugins", "weights"}, "packages of these names are what type checkers see"
