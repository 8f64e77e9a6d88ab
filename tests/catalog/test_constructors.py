"""What is said of constructors, held against the installed frameworks: a new release shows here what is missing."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from support.constructors import DATA, FRAMEWORKS, by_release, defaults, neutral, objects, read, samples, settings

from configsplit.catalog.constructors import constructor


@pytest.fixture(scope="module", params=FRAMEWORKS)
def both(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Any]:
    """What is committed for a dialect, and its framework."""
    return json.loads(DATA.read_text("utf-8"))[request.param], importlib.import_module(FRAMEWORKS[request.param])


def test_keys_are_those_of_the_installed_framework(both: tuple[dict[str, Any], Any]) -> None:
    said, framework = both
    found = read(framework)
    assert said["release"].rpartition(" ")[2] == framework.__version__, "python -m support.constructors"
    beside = ("older", "lately", "neutral")
    plain = {name: {key: each[key] for key in each if key not in beside} for name, each in said["classes"].items()}
    assert plain == found


def test_names_are_those_of_the_installed_framework(both: tuple[dict[str, Any], Any]) -> None:
    said, framework = both
    assert {kind: said[kind] for kind in objects(framework)} == objects(framework)
    assert said["objects"] == settings(framework)


def test_what_means_nothing_is_what_the_framework_takes_by_itself(both: tuple[dict[str, Any], Any]) -> None:
    """A key that older releases do not take may be left out only where it is what they do without it."""
    said, framework = both
    for name, each in said["classes"].items():
        known = defaults(getattr(framework.layers, name))
        for key, value in each.get("neutral", {}).items():
            assert (name, key, json.loads(json.dumps(known[key]))) == (name, key, value)
    if "neutral" in said:
        both_ways = {dialect: json.loads(DATA.read_text("utf-8"))[dialect]["classes"] for dialect in FRAMEWORKS}
        assert said["neutral"] == neutral(both_ways, samples(framework))


def test_a_class_is_known_by_all_its_names() -> None:
    assert constructor("MaxPool2D", "keras3") == constructor("MaxPooling2D", "keras3")
    assert constructor("Dense", "keras3") != constructor("Dense", "keras2")
    assert constructor("Dense", "keras1") is not None
    assert constructor("NobodysLayer", "keras3") is None


@pytest.mark.parametrize("dialect", FRAMEWORKS)
def test_what_files_once_told_is_kept_without_them(dialect: str) -> None:
    """The files of all releases are not in the repository: whoever makes the list anew may have none of them."""
    classes = json.loads(DATA.read_text("utf-8"))[dialect]["classes"]
    told = {name: {key: each[key] for key in ("older", "lately") if key in each} for name, each in classes.items()}
    assert any(told.values())
    assert {name: by_release(each, {}, each) for name, each in classes.items()} == told


def test_the_last_release_counts_whether_it_is_seen_or_known() -> None:
    own = {"keys": ["units"], "required": ["units"]}
    seen = {"keras-3.0.5": [{"init"}], "keras-3.10.0": [{"bias"}]}
    found = by_release(
        own, seen, {"older": {"init": "keras-3.2.0", "bias": "keras-3.4.0", "units": "keras-3.1.0"}, "lately": {}}
    )
    assert found == {"lately": {"units": "keras-3.10.0"}, "older": {"init": "keras-3.2.0", "bias": "keras-3.10.0"}}
