from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from configsplit.containers.staging import Staging
from configsplit.errors import StoreError

ROOT = os.geteuid() == 0


def manifest(*parts: str) -> str:
    return json.dumps({"manifest_version": 1, "parts": [{"file": part, "weights": f"{part}.w"} for part in parts]})


def write(out: Path, files: dict[str, str], *, folder: bool = True, force: bool = False) -> None:
    with Staging(out, folder=folder, force=force) as staging:
        for name, text in files.items():
            staging.path(name).write_text(text)
        staging.commit()


def content(folder: Path) -> dict[str, str]:
    return {item.name: item.read_text() for item in folder.iterdir()}


OLD = {"manifest.json": manifest("part-0"), "part-0": "old", "part-0.w": "old"}


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er" / "out"
    with Staging(out, folder=True) as staging:
        staging.path("a").write_text("1")
        assert not out.exists()
        staging.commit()
    assert content(out) == {"a": "1"}
    assert [item.name for item in out.parent.iterdir()] == ["out"]
    assert out.stat().st_mode & 0o700 == 0o700


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_nothing_remains_after_an_error(error: type[BaseException], tmp_path: Path) -> None:
    def fail() -> None:
        with Staging(tmp_path / "new" / "out", folder=True) as staging:
            staging.path("a").write_text("1")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_nothing_remains_without_a_commit(tmp_path: Path) -> None:
    with Staging(tmp_path / "m.keras", folder=False) as staging:
        staging.path("m.keras").write_text("1")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", {"a": "1"})
    assert content(tmp_path / "out") == {"a": "1"}


def test_existing_outputs_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "out", OLD)
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "out", {"a": "1"})
    assert caught.value.code == "output-exists"
    assert content(tmp_path / "out") == OLD


def test_force_replaces_what_is_ours_and_keeps_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "out", {**OLD, "notes.txt": "mine"})
    (tmp_path / "out" / "more").mkdir()
    (tmp_path / "out" / "more" / "x").write_text("mine too")
    write(tmp_path / "out", {"manifest.json": manifest("part-1"), "part-1": "new"}, force=True)
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["manifest.json", "more", "notes.txt", "part-1"]
    assert (tmp_path / "out" / "more" / "x").read_text() == "mine too"
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("text", [None, "no json", "[]", "{}", '{"manifest_version": 1, "parts": 3}'])
def test_force_never_touches_a_folder_that_is_not_ours(text: str | None, tmp_path: Path) -> None:
    files = {"thesis.tex": "years of work"} | ({"manifest.json": text} if text is not None else {})
    (tmp_path / "out").mkdir()
    for name, data in files.items():
        (tmp_path / "out" / name).write_text(data)
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "out", {"a": "1"}, force=True)
    assert caught.value.code == "output-not-ours"
    assert content(tmp_path / "out") == files


def test_force_does_not_overwrite_a_foreign_file_of_an_output_s_name(tmp_path: Path) -> None:
    files = {**OLD, "part-1": "mine"}
    write(tmp_path / "out", files)
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "out", {"manifest.json": manifest("part-1"), "part-1": "new"}, force=True)
    assert caught.value.code == "output-not-ours"
    assert content(tmp_path / "out") == files
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("1")
    files = {"manifest.json": json.dumps({"manifest_version": 1, "parts": [{"file": "../precious", "weights": "/etc/passwd"}]})}
    write(tmp_path / "out", files)
    write(tmp_path / "out", OLD, force=True)
    assert (tmp_path / "precious").read_text() == "1"


@pytest.mark.parametrize("step", range(6))
def test_a_swap_that_fails_midway_is_taken_back(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail each rename of the swap in turn: the old output must be there again, whole."""
    files = {**OLD, "notes.txt": "mine"}
    write(tmp_path / "out", files)
    real, count = Path.rename, 0

    def rename(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == step + 1:
            raise OSError(5, "input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    failed = False
    try:
        write(tmp_path / "out", {"manifest.json": manifest("n"), "n": "new"}, force=True)
    except StoreError:
        failed = True
    assert failed == (step < 3)
    assert content(tmp_path / "out") == (files if failed else {"manifest.json": manifest("n"), "n": "new", "notes.txt": "mine"})
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def test_files_with_companions(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    write(tmp_path / "m.json", {"m.json": "1", "m.weights.h5": "2"}, folder=False)
    assert content(tmp_path) == {"other": "mine", "m.json": "1", "m.weights.h5": "2"}
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "m.json", {"m.json": "3"}, folder=False)
    assert caught.value.code == "output-exists"
    write(tmp_path / "m.json", {"m.json": "3"}, folder=False, force=True)
    assert content(tmp_path) == {"other": "mine", "m.json": "3", "m.weights.h5": "2"}


def test_a_companion_that_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.weights.h5").write_text("mine")
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "m.json", {"m.json": "1", "m.weights.h5": "2"}, folder=False)
    assert caught.value.code == "output-exists"
    assert content(tmp_path) == {"m.weights.h5": "mine"}


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with Staging(tmp_path / "m", folder=False) as staging:
        staging.path("m").write_text("1")
        (tmp_path / "m").write_text("quicker")
        with pytest.raises(StoreError, match="exists"):
            staging.commit()
    assert content(tmp_path) == {"m": "quicker"}


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", "a\\b"])
def test_names_that_lead_away(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught, Staging(tmp_path / "out", folder=True) as staging:
        staging.path(name)
    assert caught.value.code == "output-name"


def test_a_file_where_a_folder_is_wanted_and_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1")
    for place, folder in ((tmp_path / "f", True), (tmp_path, False)):
        with pytest.raises(StoreError) as caught:
            write(place, {}, folder=folder, force=True)
        assert caught.value.code == "output-exists"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real", OLD)
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", {"manifest.json": manifest("n"), "n": "new"}, force=True)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real")["n"] == "new"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a read-only file system")
def test_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(StoreError) as caught:
        write(Path("/proc/configsplit/out"), {})
    assert caught.value.code in ("file-missing", "no-permission", "read-only")


TERMINATED = """
import sys, time
from configsplit.containers.staging import Staging
with Staging(sys.argv[1], folder=True) as staging:
    staging.path('a').write_text('1')
    print('ready', flush=True)
    time.sleep(30)
"""


def _hear_signals() -> None:
    """A shell that runs the tests in the background makes their processes deaf to Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_leave_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", TERMINATED, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=_hear_signals,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.05)
    child.send_signal(number)
    assert child.wait(120) != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not ROOT, reason="needs root to mount")
def test_a_full_file_system(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], capture_output=True, check=False).returncode:
        pytest.skip("cannot mount")
    try:
        with pytest.raises(OSError, match="No space"), Staging(small / "out", folder=True) as staging:
            staging.path("a").write_bytes(bytes(1 << 20))
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)
