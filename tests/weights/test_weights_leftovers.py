"""Which hidden folders a run may touch: those of the same user on the same machine whose process is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from configsplit.containers import leftovers
from configsplit.containers.staging import Staging
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


def note(hidden: Path, steps: list[list[object]]) -> None:
    """What a run notes before it swaps: which moves, and the number of the folder that it is noted in."""
    (hidden / "swap.json").write_text(json.dumps({"folder": hidden.stat().st_ino, "steps": steps}))


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
    if text in made:
        note(hidden, made[text])
    else:
        (hidden / "swap.json").write_text(text)
    write(place)
    assert outside.read_text() == "precious"
    assert sorted(item.name for item in place.iterdir()) == ["out"]


def forged(place: Path, outside: Path) -> tuple[Path, list[list[object]]]:
    """A hidden folder that came with a download, in which the places of outputs are links to elsewhere."""
    hidden = left(place)
    for part in ("new", "old"):
        (hidden / part).rename(hidden / f"my-{part}")
        (hidden / part).symlink_to(outside)
    done, name = [f"{hidden.name}/gone", "x", None], hidden.name
    put = [f"{name}/my-new/half", f"{name}/old/planted", None]
    return hidden, [done, put, [f"{name}/new/precious", "stolen", None]]


def elsewhere(folder: Path) -> Path:
    (folder / "outside").mkdir()
    (folder / "outside" / "precious").write_text("precious")
    (folder / "place").mkdir()
    return folder / "outside"


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("knows", [True, False], ids=["with-its-number", "from-elsewhere"])
def test_nothing_is_moved_through_a_link(knows: bool, first: int, tmp_path: Path) -> None:
    """Whether or not the download could know which number its folder would get on this disk."""
    outside = elsewhere(tmp_path)
    hidden, steps = forged(tmp_path / "place", outside)
    note(hidden, [steps[0], *steps[first:]])
    if not knows:
        (hidden / "swap.json").write_text(json.dumps([steps[0], *steps[first:]]))
    write(tmp_path / "place")
    assert [item.name for item in outside.iterdir()] == ["precious"]
    assert not (tmp_path / "place" / "stolen").exists()


def test_a_note_counts_in_its_own_folder_alone(tmp_path: Path) -> None:
    """The same moves without a link: carried out where the note is of this folder, and nowhere else."""
    for number, follows in ((0, False), (1, True)):
        (place := tmp_path / str(number)).mkdir()
        hidden = left(place)
        steps: list[list[object]] = [[f"{hidden.name}/new/gone", "x", None], [f"{hidden.name}/new/half", "model", None]]
        note(hidden, steps)
        if not follows:
            told = json.loads((hidden / "swap.json").read_text())
            (hidden / "swap.json").write_text(json.dumps({**told, "folder": told["folder"] + 1}))
        write(place)
        assert (place / "model").exists() is follows


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
@pytest.mark.parametrize("name", ["swap.json", "manifest.json"])
def test_what_is_read_of_a_folder_is_a_plain_file(name: str, kind: str, tmp_path: Path) -> None:
    """A pipe would be waited for without end, and a link to a device read without end."""
    if name == "swap.json":
        place = left(tmp_path) / name
    else:
        (tmp_path / "out").mkdir()
        place = tmp_path / "out" / name
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    if name == "swap.json":
        write(tmp_path)
    else:
        with pytest.raises(StoreError) as caught, Staging(tmp_path / "out", folder=True, force=True):
            pass
        assert caught.value.code == "output-not-ours"


def test_an_old_output_that_was_not_put_back_stays(tmp_path: Path) -> None:
    hidden = left(tmp_path)
    (hidden / "old" / "model").write_text("years of work")
    write(tmp_path)
    assert (hidden / "old" / "model").read_text() == "years of work"


def test_a_swap_is_not_ended_over_what_somebody_has_put_there_since(tmp_path: Path) -> None:
    hidden = left(tmp_path)
    (hidden / "old" / "model").write_text("old")
    steps = [["model", f"{hidden.name}/old/model", [1, 1]], [f"{hidden.name}/new/half", "model", None]]
    note(hidden, steps)
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
