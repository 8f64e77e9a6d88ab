"""Documents with one thing changed, which Keras loads and runs: the parts compute the same, or the cut is refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.thinned import in_turn

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.saving.parts import Saved

FILES = Path(__file__).parent / "files"
COLUMNS = ("file", "at", "boundary", "what was changed in the document")
with (FILES / "cases.tsv").open() as table:
    LIARS = [tuple(row[column] for column in COLUMNS) for row in csv.DictReader(table, delimiter="\t")]

REFUSED = {"k3_2_d1e9db43.keras": "document-input"}
"""The input of this one is a tensor on the way, where Keras cuts the graph by itself."""
MISREAD = "k3_2_a3ed961a.keras"
"""Of Keras 3.10, which means one output by ``[[name, 0, 0]]``. Later releases read a list there, and stack it."""


@pytest.mark.parametrize(("file", "at", "boundary", "change"), [case for case in LIARS if case[0] != MISREAD])
def test_a_liar_is_cut_right_or_refused(held: Any, file: str, at: str, boundary: str, change: str) -> None:
    seen: list[Saved] = []
    try:
        assert held(FILES / file, at, boundary=boundary, look=seen.append) == []
    except ConfigSplitError as error:
        assert error.code == REFUSED.get(file)  # noqa: PT017 - a refusal with the right code is as good
        return
    assert file not in REFUSED
    if "kt dtype lie" in change:
        assert any("recorded as" in warning for warning in seen[0].manifest.warnings)


def test_what_later_releases_misread_is_cut_as_its_own_release_means_it(held: Any) -> None:
    """Whole and parts differ by the axis that Keras 3.15 puts before, and by nothing else."""
    (found,) = held(FILES / MISREAD, "base")
    assert "float32(1, 3, 2) against float32(3, 2)" in found


def test_what_later_releases_misread_is_told_by_every_verb_that_reports() -> None:
    document = configsplit.load(FILES / MISREAD)
    (note,) = [note for note in configsplit.inspect(document).notes if "list of one" in note]
    assert note.startswith("the output of the model 'base' was a list of one, as Keras 3.0 to 3.10 write a single tensor")
    assert note in configsplit.validate(FILES / MISREAD).notes
    assert note in configsplit.extract(document, to="base").warnings


def test_a_sequential_that_is_opened_keeps_the_spelling_of_its_release(processes: Any, tmp_path: Path) -> None:
    """Keras 3.11 and later write the one output of a nested model without a list, and read a list as what it is."""
    keras = pytest.importorskip("keras")
    start = keras.Input((6,), name="start")
    base = keras.Model(start, keras.layers.Dense(4, name="fc")(start), name="base")
    model = keras.Sequential([keras.Input((6,), name="x"), base, keras.layers.Dense(2, name="head")])
    model.save(path := tmp_path / "m.keras")
    configsplit.extract(configsplit.load(path), to=["base", "head"]).save(out := tmp_path / "out.keras")
    again, sample = keras.models.load_model(out), np.ones((3, 6), "float32")
    base_out, head_out = again.predict(sample, verbose=0)
    assert np.array_equal(head_out, model.predict(sample, verbose=0))
    assert np.array_equal(base_out, base.predict(sample, verbose=0))


NESTED = sorted(path for path in FILES.iterdir() if path.name.startswith("n"))


def place(path: Path) -> str:
    if path.name.startswith("nest"):
        return "inner/mul"
    return "inner/c" if "conv" in path.name else "inner/d"


@pytest.mark.parametrize(
    ("path", "boundary"),
    in_turn([(path, boundary) for boundary in ("early", "late")] for path in NESTED),
    ids=lambda each: getattr(each, "name", each),
)
def test_the_cast_at_an_opened_input_is_kept(held: Any, path: Path, boundary: str) -> None:
    assert held(path, place(path), boundary=boundary) == []


def test_contradictions_are_told_by_inspect_and_by_surgery(tmp_path: Path) -> None:
    document = configsplit.load(FILES / "k3_2_4f4248e9.keras")
    (note,) = [note for note in configsplit.inspect(document).notes if "recorded" in note]
    assert note.startswith("d: recorded as (None, 3) bool, but its class gives (None, 3) float32")
    assert note in configsplit.extract(document, from_="d").warnings
