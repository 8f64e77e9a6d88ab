"""Every public function shows an example in its docstring, which is run here on real files and a real model."""

from __future__ import annotations

import doctest
import importlib
import inspect
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import configsplit.keras

TESTS = Path(__file__).resolve().parents[1]
RELEASES = TESTS / "corpus" / "releases"
ELSEWHERE = {"configsplit.expand"}
"""What needs a library of its own is run by tests/expansion."""


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    for room in (configsplit, configsplit.keras):
        for name in room.__all__:
            found = getattr(room, name)
            if inspect.isfunction(found):
                yield f"{room.__name__}.{name}", inspect.unwrap(found)


EVERY = dict(public())


def examples(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(EVERY[name]) or "")


@pytest.fixture(scope="module")
def live() -> Any:
    """Keras, and a model with a branch and one inside it that is called twice."""
    sys.path.insert(0, str(TESTS / "live"))
    try:
        return importlib.import_module("live_models")
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize("name", EVERY)
def test_there_is_an_example(name: str) -> None:
    assert examples(name)
    assert "\nExample:\n" in (inspect.getdoc(EVERY[name]) or "")


@pytest.mark.usefixtures("near_worker")
@pytest.mark.parametrize("name", sorted(EVERY.keys() - ELSEWHERE))
def test_the_example_does_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: Any) -> None:
    for file, source in {"model.keras": "keras-3.15.1/residual.keras", "old.h5": "keras-2.3.1/residual.h5"}.items():
        shutil.copy(RELEASES / source, tmp_path / file)
    (tmp_path / "zoo").mkdir()
    shutil.copy(tmp_path / "model.keras", tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"configsplit": configsplit}
    if EVERY[name].__module__.startswith("configsplit.keras"):
        keras = importlib.import_module("keras")
        known |= {"keras": keras, "model": live.branching(keras), "images": live.images()}
    test = doctest.DocTest(examples(name), known, name, None, None, None)
    told: list[str] = []
    found = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=told.append)
    assert (found.failed, found.attempted) == (0, len(test.examples)), "".join(told)
