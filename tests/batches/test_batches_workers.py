"""Workers that are killed, hang, eat memory or are lost while idle: the model concerned pays for it, and no other.

The faults come from plug-ins, which are the only code of others that a worker ever runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import zoos

import configsplit
from configsplit.batches.batch import batch
from configsplit.batches.worker_pool import Lost, Slot
from configsplit.containers.system import files

pytestmark = pytest.mark.first

KILLER = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
HANGER = "import time\nwhile True:\n    time.sleep(1)\n"
EATER = "hoard = []\nwhile True:\n    hoard.append(bytearray(20_000_000))\n"
QUITTER = "raise SystemExit(3)\n"
ONCE = """
import os, signal
from pathlib import Path
mark = Path({mark!r})
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
NOTHING = """
from configsplit.catalog.facts import LayerFacts, same_as_input
LAYERS = (LayerFacts(class_name="Nothing", outputs=same_as_input),)
"""


def faulty(folder: Path, code: str, limits: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A recipe in which one of the models, model00002.json, meets a plug-in with a fault, and has its own limits."""
    plugin = folder / "fault.py"
    plugin.write_text(code, "utf-8")
    override = {"models": "model00002.json", "plugins": str(plugin), "limits": limits or {}}
    return {**zoos.PARTS, "overrides": [override], **changes}


def check_only_one_failed(out: Path, code: str) -> dict[str, Any]:
    outcomes = {name: line["outcome"] for name, line in zoos.ledger(out).items()}
    assert outcomes.pop("000/model00002.json") == "failed"
    assert set(outcomes.values()) == {"done"}
    assert zoos.failures(out) == {"000/model00002.json": code}
    attempts = {record["model"]: record["run"]["attempts"] for record in zoos.records(out)}
    assert {name: count for name, count in attempts.items() if count > 1}.keys() <= {"000/model00002.json"}
    return next(record for record in zoos.records(out) if record["model"] == "000/model00002.json")


@pytest.mark.parametrize(
    ("code", "limits", "expected", "attempts"),
    [
        (KILLER, {}, "worker-killed", 3),
        (HANGER, {"seconds": 1}, "worker-timeout", 1),
        (EATER, {"memory": "400MB"}, "worker-memory", 3),
        (QUITTER, {}, "worker-killed", 3),
    ],
    ids=["killed", "hangs", "eats", "quits"],
)
def test_a_fault_is_that_models_alone(code: str, limits: Any, expected: str, attempts: int, tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 6), tmp_path / "out"
    retry = {"times": 2, "after": ["killed", "memory"]}
    summary = batch(faulty(tmp_path, code, limits=limits, retry=retry), zoo=zoo, out=out, jobs=2)
    assert summary.outcomes == {"done": 5, "failed": 1, "skipped": 0}
    assert check_only_one_failed(out, expected)["run"]["attempts"] == attempts
    assert not list(out.glob(".*"))


def test_a_fault_that_passes_leaves_no_trace_in_the_results(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 5), tmp_path / "out"
    plan = faulty(tmp_path, ONCE.format(mark=str(tmp_path / "mark")) + NOTHING)
    assert batch(plan, zoo=zoo, out=out, jobs=2).well
    assert {record["run"]["attempts"] for record in zoos.records(out)} == {1, 2}
    assert batch(plan, zoo=zoo, out=tmp_path / "again", jobs=2).well
    assert zoos.results(out) == zoos.results(tmp_path / "again")


def test_what_failed_for_want_of_a_worker_is_tried_again_on_resume_and_what_is_broken_is_not(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 4), tmp_path / "out"
    (zoo / "broken.json").write_text("{")
    plan = faulty(tmp_path, ONCE.format(mark=str(tmp_path / "mark")) + NOTHING, retry={"times": 0})
    assert batch(plan, zoo=zoo, out=out, jobs=1).outcomes["failed"] == 2
    summary = batch(plan, zoo=zoo, out=out, jobs=1, resume=True)
    assert (summary.kept, summary.outcomes) == (4, {"done": 4, "failed": 1, "skipped": 0})


def job(zoo: Path, out: Path, **changes: Any) -> dict[str, Any]:
    from configsplit.batches.find_models import find
    from configsplit.batches.jobs import items
    from configsplit.batches.read_recipe import checked

    recipe = checked(zoos.PARTS | changes)
    item = next(iter(items(recipe, find(str(zoo), recipe.models), Path(), str(out)).values()))
    assert item.job is not None
    return item.job


def test_a_worker_that_died_idle_is_nobodys_fault(tmp_path: Path) -> None:
    work, slot = job(zoos.architectures(tmp_path / "zoo", 1), tmp_path / "out"), Slot()
    first = slot.run(work)
    os.kill(first["run"]["pid"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first["run"]["pid"])], timeout=zoos.PATIENCE)
    second = slot.run(work)
    slot.close()
    assert second["result"] == first["result"]
    assert second["run"]["pid"] != first["run"]["pid"]


def test_a_worker_that_has_grown_is_replaced(tmp_path: Path) -> None:
    work, slot = job(zoos.architectures(tmp_path / "zoo", 1), tmp_path / "out", limits={"recycle": "1MB"}), Slot()
    pids = {slot.run(work)["run"]["pid"] for _ in range(2)}
    slot.close()
    assert len(pids) == 2


def test_what_a_worker_has_started_goes_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    code = "import subprocess, time\nfrom pathlib import Path\nchild = subprocess.Popen(['sleep', '600'])\n"
    code += f"Path({str(mark)!r}).write_text(str(child.pid))\nwhile True:\n    time.sleep(1)\n"
    (tmp_path / "parent.py").write_text(code)
    zoo, slot = zoos.architectures(tmp_path / "zoo", 1), Slot()
    for seconds in (1.5, 15, 150):  # until it was long enough to start the child
        with pytest.raises(Lost) as lost:
            slot.run(job(zoo, tmp_path / "out", plugins=[str(tmp_path / "parent.py")], limits={"seconds": seconds}))
        assert lost.value.cause == "timeout"
        if mark.exists():
            break
    child = int(mark.read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_what_code_prints_does_not_come_between(tmp_path: Path) -> None:
    plugin = tmp_path / "talks.py"
    plugin.write_text("print('{\"run\": 1}', flush=True)\nimport os\nos.write(1, b'noise')\n" + NOTHING)
    slot = Slot()
    answer = slot.run(job(zoos.architectures(tmp_path / "zoo", 1), tmp_path / "out", plugins=[str(plugin)]))
    slot.close()
    assert answer["result"]["outcome"] == "done"


@pytest.mark.parametrize("later", [False, True])
def test_files_last_at_once_unless_that_was_put_off(later: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker leaves it to the end of the batch; one split by hand does not."""
    settled: list[int] = []
    monkeypatch.setattr(os, "fsync", settled.append)
    monkeypatch.setattr(files, "_LASTS_AT_ONCE", [True])
    if later:
        files.settle_later()
    model = configsplit.load(zoos.RELEASES / "keras-3.15.1" / "residual.keras")
    configsplit.split(model, at="bn1").save(tmp_path / "parts")
    assert (len(settled) >= 3) is not later
    assert (settled == []) is later
