"""Whatever stands in a file, every verb ends soon, in little memory, with a result or a coded error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fuzz_inputs
import fuzz_run
import pytest
from fuzz_inputs import Input
from support.thinned import in_turn, thinned

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
FILES = sorted(fuzz_inputs.FILES.iterdir())
CHUNK = 100


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_input_that_once_failed(path: Path) -> None:
    outcome = fuzz_run.run(Input(**json.loads(path.read_text())))
    assert not outcome.failure, outcome.failure


WAYS = {"inspect": [], "split": ["--stages", "2"], "freeze": ["--layer=*"], "convert": []}


@pytest.mark.parametrize(
    ("path", "verb"),
    in_turn([(path, verb) for path in pair for verb in WAYS] for pair in zip(FILES[::2], FILES[1::2], strict=True)),
    ids=lambda each: getattr(each, "name", each),
)
def test_a_file_on_which_hdf5_loops_or_takes_all_memory(path: Path, verb: str) -> None:
    outcome = fuzz_run.run(Input("file", path.name, verb, options=WAYS[verb]))
    assert not outcome.failure, outcome.failure


def _try_all(first: int, count: int) -> None:
    failed = {}
    for number in range(first, first + count):
        outcome = fuzz_run.run(fuzz_inputs.draw(number))
        if outcome.failure:
            failed[number] = outcome.place
    assert not failed


@pytest.mark.parametrize("first", thinned(range(0, 2000, CHUNK), 3))
def test_mutated_inputs(first: int) -> None:
    _try_all(first, CHUNK)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(2000, 100_000, 8 * CHUNK))
def test_many_mutated_inputs(first: int) -> None:
    _try_all(first, 8 * CHUNK)


def test_the_run_notices_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An uncaught exception, an endless loop and a hoard of memory in a verb are each a failure."""
    item = Input("document", fuzz_inputs.SEEDS[0], "inspect")
    assert not fuzz_run.run(item).failure
    monkeypatch.setattr(fuzz_run, "SECONDS", 0.2)
    for body, sign in ((_raise, "KeyError"), (_loop, "TooLongError"), (_hoard, "MemoryError")):
        monkeypatch.setattr(sys.modules["configsplit.dialects.parse"], "detect", body)
        assert sign in fuzz_run.run(item).failure


def _raise(_: object) -> None:
    raise KeyError("layer")


def _loop(_: object) -> None:
    while True:
        pass


def _hoard(_: object) -> None:
    bytearray(4 * fuzz_run.MEMORY)


def test_inputs_are_the_same_in_every_run() -> None:
    assert [fuzz_inputs.draw(number) for number in range(50)] == [fuzz_inputs.draw(number) for number in range(50)]


def test_inputs_reach_far() -> None:
    """Mutations that are refused at the door test only the door: a third of all inputs must get a result."""
    codes = [fuzz_run.run(fuzz_inputs.draw(number)).code for number in range(100)]
    assert codes.count(0) > 30
