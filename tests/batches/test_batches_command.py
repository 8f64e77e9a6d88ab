"""``configsplit batch`` as people and scripts meet it."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zoos
from rich.console import Console

from configsplit.batches.batch import batch
from configsplit.cli.batch_view import LiveView, Progress, printable
from configsplit.errors import RuntimeUnavailableError

pytestmark = pytest.mark.first

KERAS3 = zoos.RELEASES / "keras-3.15.1"


def small(tmp_path: Path) -> tuple[Path, Path]:
    zoo = zoos.architectures(tmp_path / "zoo", 4)
    return zoo, zoos.recipe(tmp_path, zoos.PARTS)


def test_all_well_is_0_a_failure_is_1_wrong_usage_is_2(tmp_path: Path) -> None:
    zoo, recipe = small(tmp_path)
    done = zoos.run(recipe, "--zoo", zoo, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert re.search(r"done +4\n +failed +0\n +skipped +0\n", done.stdout)
    assert str(tmp_path / "out" / "report.html") in done.stdout
    (zoo / "bad.json").write_text("{")
    done = zoos.run(recipe, "--zoo", zoo, "--out", tmp_path / "out", "--resume")
    assert done.returncode == 1
    assert "1  json-invalid" in done.stdout
    assert "of these 4 were through before" in done.stdout
    assert "failed  bad.json: [json-invalid]" in done.stderr
    for wrong in (["--resume", "--force"], ["--jobs", "0"], ["--cluster", "tcp://127.0.0.1:9", "--jobs", "2"]):
        assert zoos.run(recipe, "--zoo", zoo, "--out", tmp_path / "out", *wrong).returncode == 2
    done = zoos.run(recipe, "--zoo", tmp_path / "nowhere", "--out", tmp_path / "out2")
    assert (done.returncode, "error [file-missing]" in done.stderr) == (1, True)


def test_json_is_one_document(near_jobs: None, tmp_path: Path) -> None:
    zoo, recipe = small(tmp_path)
    done = zoos.told(recipe, "--zoo", zoo, "--out", tmp_path / "out", "--json", "--jobs", 1)
    told = json.loads(done.stdout)
    assert told["outcomes"] == {"done": 4, "failed": 0, "skipped": 0}
    assert Path(told["ledger"]).is_file()
    done = zoos.told(recipe, "--zoo", zoo, "--out", tmp_path / "dry", "--json", "--dry-run", "--jobs", 1)
    assert [item["outcome"] for item in json.loads(done.stdout)["models"]] == ["do"] * 4
    assert not (tmp_path / "dry").exists()


def test_a_dry_run_for_people(near_jobs: None, tmp_path: Path) -> None:
    zoo, recipe = small(tmp_path)
    shutil.copy(KERAS3 / "residual.weights.h5", zoo / "residual.weights.h5")
    done = zoos.told(recipe, "--zoo", zoo, "--out", tmp_path / "out", "--dry-run", "--jobs", 1)
    assert done.exit_code == 0
    assert "do  000/model00003.json  (include *.json)\n  split at d1 into 2 parts of" in done.stdout
    assert "leave  residual.weights.h5  (exclude *.weights.h5)" in done.stdout
    assert done.stdout.endswith("4 to do; nothing was written\n")


def test_globs_files_and_an_output_within_the_zoo(near_jobs: None, tmp_path: Path) -> None:
    zoo, recipe = small(tmp_path)
    assert zoos.told(recipe, "--zoo", zoo, "--out", zoo / "out", "--jobs", 1).exit_code == 0
    assert zoos.told(recipe, "--zoo", zoo, "--out", zoo / "out", "--jobs", 1, "--resume").exit_code == 0
    assert len(zoos.ledger(zoo / "out")) == 4
    for pattern, count in ((f"{zoo}/*/model0000[12].json", 2), (f"{zoo}/*.json", 0), (f"{zoo}/000/model00000.json", 1)):
        done = zoos.told(recipe, "--zoo", pattern, "--out", tmp_path / "some", "--jobs", 1, "--force")
        assert done.exit_code == (0 if count else 1)
        assert count == 0 or len(zoos.ledger(tmp_path / "some")) == count
    odd = tmp_path / "odd[1].json"
    odd.write_text(zoos.architecture("odd", 3))
    assert zoos.told(recipe, "--zoo", odd, "--out", tmp_path / "odd", "--jobs", 1).exit_code == 0


ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
VIEW = (
    "2 workers",
    r"\d+ of 13, [\d.]+ models/s, [\d.]+ k?B/s, \d+:\d\d left",
    r"failed  bad\.json: \[json-invalid\]",
    r"000/model00005\.json +\d+ s",
)


def test_a_terminal_shows_a_live_view(tmp_path: Path) -> None:
    """One model waits at a gate until everything has been seen that a running batch shows."""
    zoo, gate = zoos.architectures(tmp_path / "zoo", 12), tmp_path / "gate"
    (zoo / "bad.json").write_text("{")
    plan = zoos.recipe(tmp_path, zoos.held(tmp_path, "model00005.json", gate))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        zoos.command(plan, "--zoo", zoo, "--out", tmp_path / "out", "--jobs", 2),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(theirs)
    seen, missing, until = "", list(VIEW), time.monotonic() + zoos.PATIENCE
    while missing and time.monotonic() < until and select.select([ours], [], [], zoos.PATIENCE)[0]:
        try:
            seen += os.read(ours, 65536).decode(errors="replace")
        except OSError:  # the other side is closed
            break
        text = ANSI.sub("", seen)
        missing = [pattern for pattern in missing if not re.search(pattern, text)]
    gate.touch()
    os.close(ours)
    assert missing == [], seen
    assert process.wait(zoos.PATIENCE) == 1


def test_every_worker_has_a_line_of_its_own() -> None:
    view, console = LiveView(), Console(file=io.StringIO(), width=60, force_terminal=True)
    view({"event": "start", "models": 3, "engine": "2 workers"})
    view({"event": "tick", "running": {f"host-7-{slot}": (f"model{slot}.json", time.monotonic()) for slot in (0, 1)}})
    with console.capture() as captured:
        console.print(view.drawn())
    lines = ANSI.sub("", captured.get()).splitlines()[2:]
    assert [line.split()[:2] for line in lines] == [["0", "model0.json"], ["1", "model1.json"]]


def test_ctrl_c_ends_with_130_and_resume_goes_on(tmp_path: Path) -> None:
    """One model waits at a gate, so that the batch cannot be through when the signal comes."""
    zoo, out, gate = zoos.architectures(tmp_path / "zoo", 12), tmp_path / "out", tmp_path / "gate"
    recipe = zoos.recipe(tmp_path, zoos.held(tmp_path, "model00005.json", gate))
    process = zoos.start(recipe, "--zoo", zoo, "--out", out, "--jobs", 2)
    zoos.wait_for(lambda: zoos.records(out), process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=zoos.PATIENCE)
    assert process.returncode == 130, told
    assert "with --resume continues" in told
    gate.touch()
    assert zoos.run(recipe, "--zoo", zoo, "--out", out, "--resume").returncode == 0
    assert zoos.run(recipe, "--zoo", zoo, "--out", tmp_path / "whole").returncode == 0
    assert zoos.results(out) == zoos.results(tmp_path / "whole")


def test_progress_promises_nothing_for_models_that_were_kept() -> None:
    progress = Progress()
    progress.update({"event": "start", "models": 10, "engine": "x"})
    progress.update({"event": "model", "model": "a", "kept": True, "result": {"outcome": "done", "source": {"bytes": 5}}})
    assert (progress.remaining, progress.rate, progress.through) == ("?", 0.0, 1)


def test_names_reach_the_terminal_as_text() -> None:
    assert printable("a\x1b[2J\u202eb\n…") == "a\\x1b[2J\\u202eb\\n…"


@pytest.mark.parametrize("hidden", ["yaml", "psutil", "rich", "fsspec", "distributed"])
def test_without_an_extra(hidden: str, tmp_path: Path) -> None:
    """Each library that is not there is named with the extra that brings it, or done without."""
    zoo, _ = small(tmp_path)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("recipe: 1\ndo:\n  - split: {at: half the layers}\n")
    source = {"fsspec": "memory://zoo"}.get(hidden, str(zoo))
    more = ["--cluster", "tcp://127.0.0.1:9"] if hidden == "distributed" else []
    code = f"import sys; sys.modules[{hidden!r}] = None; from configsplit.cli.main import main; main()"
    command = [sys.executable, "-c", code, "batch", str(recipe), "--zoo", source, "--out", str(tmp_path / "out"), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=zoos.PATIENCE)
    if hidden in ("psutil", "rich"):
        assert done.returncode == 0, done.stderr
    else:
        extra = {"yaml": "batch", "fsspec": "remote", "distributed": "cluster"}[hidden]
        assert (done.returncode, f"pip install 'configsplit[{extra}]'" in done.stderr) == (1, True), done.stderr


def test_a_limit_that_nobody_could_keep_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo, _ = small(tmp_path)
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(RuntimeUnavailableError) as error:
        batch({**zoos.PARTS, "limits": {"memory": "1GB"}}, zoo=zoo, out=tmp_path / "out")
    assert (error.value.code, error.value.where) == ("extra-missing", "limits.memory")
