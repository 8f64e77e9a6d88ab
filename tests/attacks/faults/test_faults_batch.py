"""Batches under faults: each model's results are there whole or not at all, and --resume makes it what it would have been."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from fault_verbs import Done, World, content
from support.thinned import thinned

RECIPE = "recipe: 1\ndo:\n  - split: {at: half the MACs}\nverify: proof\n"

FAULTS: dict[str, dict[str, Any]] = {
    "no file beyond 16 kB": {"limits": {"FSIZE": 16_000}},
    "a full disk": {"mount": "full", "size": 20 << 10},
    "a read-only disk": {"mount": "read-only"},
    "a folder without leave to write": {"mode": 0o555},
    "6 open files": {"limits": {"NOFILE": 6}},
    "stdout closed": {"stdout": "closed"},
    "a reader that is gone": {"stdout": "broken"},
    "no HOME and no TMPDIR": {"environment": {"HOME": None, "TMPDIR": "/nowhere"}},
    "kill -9 early": {"moment": 8, "signal": signal.SIGKILL},
    "kill -9 late": {"moment": 20, "signal": signal.SIGKILL},
    "SIGTERM": {"moment": 14, "signal": signal.SIGTERM},
    "Ctrl-C": {"moment": 14, "signal": signal.SIGINT},
}


def batch(world: World, target: Path, *more: str, **faults: Any) -> Done:
    zoo = world.folder / "zoo"
    if not zoo.exists():
        zoo.mkdir()
        shutil.copy(world.folder / "k2.h5", zoo / "-k\n2.h5")
        (world.folder / "recipe.yaml").write_text(RECIPE)
    line = ["batch", "recipe.yaml", "--zoo", "zoo", "--out", str(target / "out"), "--jobs", "1", *more]
    return world.run(line, target, **faults)


def results(found: dict[str, str]) -> dict[str, str]:
    """What has to be the same whatever happened on the way: all but the run log and the report, which tell the way."""
    return {name: value for name, value in found.items() if name not in ("out/run.jsonl", "out/report.html")}


@pytest.fixture(scope="module")
def undisturbed(world: World) -> Done:
    done = batch(world, world.target())
    assert done.code == 0, done
    assert any(name.endswith("part-1.h5") for name in done.after)
    return done


@pytest.mark.parametrize("fault", thinned(FAULTS, 4))
def test_a_batch_under_a_fault(world: World, undisturbed: Done, fault: str) -> None:
    target = world.target()
    done = batch(world, target, **FAULTS[fault])
    assert "Traceback" not in done.err, done.err
    assert done.code in (0, 1, -9, 130, 143, -15), done
    whole = {name for name in undisturbed.after if name.startswith("out/models/")}
    there = {name for name in done.after if name.startswith("out/models/")}
    assert not there or there == whole, sorted(done.after)
    resumed = batch(world, target, "--resume")
    assert resumed.code == 0, resumed
    assert results(content(target)) == results(undisturbed.after)
