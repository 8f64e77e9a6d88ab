"""Which hidden folders a run may touch: those of the same user on the same machine whose process is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from configsplit.containers import Staging, leftovers
from configsplit.errors import StoreError


def write(folder: Path) -> None:
    with Staging(folder / "out", folder=False, force=True) as staging:
        staging.path("out").write_text("new")
        staging.commit()


def left(folder: Path, name: str = "") -> Path:
    """A hidden folder as a killed run leaves it."""
    hidden = folder / (name or f"{leftovers._prefix()}dead")
    for part in ("new", "old"):
        (hidden / part).mkdir(parents=True)
    (hidden / "new" / "half").write_text("half")
    return hidden


def test_that_of_a_killed_run_goes(tmp_path: Path) -> None:
    hidden = left(tmp_path)
    write(tmp_path)
    assert not hidden.exists()


def foreign(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hidden, uid = left(folder), os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    return hidden


def of_another_machine(folder: Path, _: pytest.MonkeyPatch) -> Path:
    return left(folder, ".configsplit-00000000-dead")


def of_another_program(folder: Path, _: pytest.MonkeyPatch) -> Path:
    return left(folder, ".configsplit-notes")


def linked(folder: Path, _: pytest.MonkeyPatch) -> Path:
    (folder / f"{leftovers._prefix()}link").symlink_to(left(folder, "mine"))
    return folder / "mine"


def alive(folder: Path, _: pytest.MonkeyPatch) -> Path:
    living = leftovers.Hidden(folder)
    (living.path / "new" / "half").write_text("half")
    return living.path


@pytest.mark.parametrize("make", [foreign, of_another_machine, of_another_program, linked, alive])
def test_others_stay(make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = make(tmp_path, monkeypatch)
    write(tmp_path)
    assert (hidden / "new" / "half").read_text() == "half"


@pytest.mark.parametrize("text", ["", "3", "[[1, 2, 3]]", '[["x"]]', "UP", "ABSOLUTE", "INSIDE"])
def test_a_note_that_leads_elsewhere_moves_nothing(text: str, tmp_path: Path) -> None:
    """A folder that came with a download may look like one of ours."""
    place, outside = tmp_path / "place", tmp_path / "outside"
    place.mkdir()
    outside.write_text("precious")
    hidden = left(place)
    made = {
        "UP": [[f"{hidden.name}/new/gone", "x", None], [f"{hidden.name}/../../outside", "taken", None]],
        "ABSOLUTE": [[f"{hidden.name}/new/gone", "x", None], [str(outside), f"{hidden.name}/old/x", None]],
        "INSIDE": [[f"{hidden.name}/new/gone", "x", None], ["there/../../outside", f"{hidden.name}/old/x", None]],
    }
    (hidden / "swap.json").write_text(json.dumps(made[text]) if text in made else text)
    write(place)
    assert outside.read_text() == "precious"
    assert sorted(item.name for item in place.iterdir()) == ["out"]


def test_an_old_output_that_was_not_put_back_stays(tmp_path: Path) -> None:
    hidden = left(tmp_path)
    (hidden / "old" / "model").write_text("years of work")
    write(tmp_path)
    assert (hidden / "old" / "model").read_text() == "years of work"


def test_a_swap_is_not_ended_over_what_somebody_has_put_there_since(tmp_path: Path) -> None:
    hidden = left(tmp_path)
    (hidden / "old" / "model").write_text("old")
    steps = [["model", f"{hidden.name}/old/model", [1, 1]], [f"{hidden.name}/new/half", "model", None]]
    (hidden / "swap.json").write_text(json.dumps(steps))
    (tmp_path / "model").write_text("somebody's")
    write(tmp_path)
    assert (tmp_path / "model").read_text() == "somebody's"
    assert (hidden / "new" / "half").read_text() == "half"
    assert (hidden / "old" / "model").read_text() == "old"
    (tmp_path / "model").unlink()
    write(tmp_path)
    assert (tmp_path / "model").read_text() == "half"
    assert not hidden.exists()


def test_a_folder_that_somebody_holds_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with leftovers.alone(tmp_path), pytest.raises(StoreError) as caught, leftovers.alone(tmp_path, patience=0.02):
        pass
    assert caught.value.code == "output-busy"
