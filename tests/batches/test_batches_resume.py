"""Kill -9 at any moment, run again: the same bytes as an undisturbed run, nothing half written, nothing done twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import zoos

from configsplit.batches.batch import batch
from configsplit.errors import StoreError

pytestmark = [pytest.mark.first, pytest.mark.usefixtures("near_jobs")]


def hunted(zoo: Path, recipe: Path, out: Path, kills: int, models: int, seed: int) -> None:
    """Run a batch with kill -9 at random moments: each when some more models, drawn by lot, are through."""
    numbers = random.Random(seed)
    for _ in range(kills):
        wanted = len(zoos.records(out)) + numbers.randint(1, models // (kills + 1))
        process = zoos.start(recipe, "--zoo", zoo, "--out", out, "--resume", "--jobs", 2)
        zoos.wait_for(lambda wanted=wanted: len(zoos.records(out)) >= wanted, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=zoos.PATIENCE)
        assert process.returncode == -signal.SIGKILL


def check(folder: Path, kills: int, models: int, seed: int) -> None:
    """The last model waits at a gate until all kills are done, so that no batch is through before it is hit."""
    zoo, gate = zoos.architectures(folder / "zoo", models), folder / "gate"
    recipe = zoos.recipe(folder, zoos.held(folder, f"model{models - 1:05d}.json", gate))
    whole, hit = folder / "whole", folder / "hit"
    hunted(zoo, recipe, hit, kills, models, seed)
    gate.touch()
    for out in (hit, whole):
        done = zoos.run(recipe, "--zoo", zoo, "--out", out, "--resume", "--jobs", 2)
        assert done.returncode == 0, done.stderr
    assert zoos.results(hit) == zoos.results(whole)
    times = Counter(record["model"] for record in zoos.records(hit))
    assert set(times) == set(zoos.ledger(whole))
    assert set(times.values()) == {1}, "a model that was through was done again"
    assert not list(hit.glob(".*")), "something was left behind"


def test_many_models_and_a_few_kills(tmp_path: Path) -> None:
    check(tmp_path, kills=2, models=40, seed=7)


@pytest.mark.exhaustive
def test_ten_thousand_models_and_twenty_kills(tmp_path: Path) -> None:
    check(tmp_path, kills=20, models=10_000, seed=20)


def test_workers_die_with_the_batch(tmp_path: Path) -> None:
    zoo, plan = zoos.architectures(tmp_path / "zoo", 4), zoos.held(tmp_path, "*.json", tmp_path / "gate")
    process = zoos.start(zoos.recipe(tmp_path, plan), "--zoo", zoo, "--out", tmp_path / "out", "--jobs", 2)
    batch_itself, workers = psutil.Process(process.pid), list[psutil.Process]()

    def there() -> bool:
        with suppress(psutil.NoSuchProcess):
            workers[:] = [each for each in batch_itself.children(recursive=True) if "worker" in " ".join(each.cmdline())]
        return len(workers) == 2

    zoos.wait_for(there, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert psutil.wait_procs(workers, timeout=zoos.PATIENCE)[1] == []


def test_a_source_that_changed_is_done_again_and_no_other(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 6), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    changed = zoo / "000" / "model00003.json"
    changed.write_text(zoos.architecture("other", 30), "utf-8")
    times = {path: path.stat().st_mtime_ns for path in (out / "models").rglob("*.json")}
    summary = batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, resume=True)
    assert summary.kept == 5
    done = [record["model"] for record in zoos.records(out)]
    assert done.count("000/model00003.json") == 2
    assert len(done) == 7
    assert {path for path, when in times.items() if path.stat().st_mtime_ns == when} == {
        path for path in times if "model00003" not in str(path)
    }
    batch(zoos.PARTS, zoo=zoo, out=tmp_path / "fresh", jobs=1)
    assert zoos.results(out) == zoos.results(tmp_path / "fresh")


def test_a_touched_source_with_the_same_content_is_kept(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 2), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    for path in zoo.rglob("*.json"):
        os.utime(path)
    assert batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, resume=True).kept == 2


def test_a_recipe_that_changed_for_one_model_does_that_one_again(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 4), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    other = {**zoos.PARTS, "overrides": [{"models": "model00002.json", "do": {"split": {"stages": 2}}}]}
    assert batch(other, zoo=zoo, out=out, jobs=1, resume=True).kept == 3
    limits = {**other, "limits": {"seconds": 17}, "retry": {"times": 5}}
    assert batch(limits, zoo=zoo, out=out, jobs=1, resume=True).kept == 4, "limits say nothing about the result"


def test_outputs_that_were_damaged_or_removed_are_made_again(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 3), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    before = zoos.results(out)
    first, second, _ = sorted((out / "models" / "000").iterdir())
    (first / "split" / "part-0.json").write_text("{}", "utf-8")
    shutil.rmtree(second)
    assert batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, resume=True).kept == 1
    assert zoos.results(out) == before


def test_outputs_of_models_that_are_no_more_go(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 3), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    (zoo / "000" / "model00001.json").unlink()
    (zoo / "000" / "model00002.json").write_text("{", "utf-8")
    summary = batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, resume=True)
    assert summary.outcomes == {"done": 1, "failed": 1, "skipped": 0}
    assert [path.name for path in (out / "models" / "000").iterdir()] == ["model00000.json"]


def test_a_kill_between_log_and_rename_is_made_good(tmp_path: Path) -> None:
    """The log says done, the outputs stand in the staging folder still: they are put in place, not made again."""
    zoo, out = zoos.architectures(tmp_path / "zoo", 2), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    before, record = zoos.results(out), zoos.records(out)[0]
    staging = out / record["staging"]
    (staging / "000").mkdir(parents=True)
    (out / record["folder"]).rename(staging / "000" / Path(record["folder"]).name)
    for name in ("ledger.jsonl", "report.html"):
        (out / name).unlink()
    assert batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, resume=True).kept == 2
    assert zoos.results(out) == before
    assert not list(out.glob(".*"))


def test_a_line_that_was_cut_off_is_no_record(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 3), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    before, log = zoos.results(out), out / "run.jsonl"
    log.write_bytes(log.read_bytes()[:-40])
    assert batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, resume=True).kept == 2
    assert zoos.results(out) == before
    assert all(json.loads(line) for line in log.read_text().splitlines())


def test_an_output_is_not_taken_unasked(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 1), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    with pytest.raises(StoreError) as error:
        batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    assert error.value.code == "output-exists"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    for how in ({}, {"resume": True}, {"force": True}):
        with pytest.raises(StoreError) as error:
            batch(zoos.PARTS, zoo=zoo, out=foreign, jobs=1, **how)
        assert error.value.code == "output-not-ours"
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]


def test_force_begins_anew(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 2), tmp_path / "out"
    batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    summary = batch(zoos.PARTS, zoo=zoo, out=out, jobs=1, force=True)
    assert (summary.kept, summary.outcomes["done"]) == (0, 2)
    assert len(zoos.records(out)) == 2


def test_two_batches_do_not_share_an_output(tmp_path: Path) -> None:
    zoo, out, gate = zoos.architectures(tmp_path / "zoo", 3), tmp_path / "out", tmp_path / "gate"
    plan = zoos.recipe(tmp_path, zoos.held(tmp_path, "model00002.json", gate))
    first = zoos.start(plan, "--zoo", zoo, "--out", out, "--jobs", 1)
    zoos.wait_for((out / "run.jsonl").exists, first)
    second = zoos.run(plan, "--zoo", zoo, "--out", out, "--resume")
    assert second.returncode == 1
    assert "batch-running" in second.stderr
    gate.touch()
    first.communicate(timeout=zoos.PATIENCE)
    assert first.returncode == 0


def test_a_source_that_is_written_to_meanwhile_is_not_trusted(tmp_path: Path) -> None:
    """A plug-in stands in for whoever writes: it changes the model after its digest was taken."""
    zoo, out = zoos.architectures(tmp_path / "zoo", 2), tmp_path / "out"
    target = zoo / "000" / "model00001.json"
    code = f"from pathlib import Path\nPath({str(target)!r}).write_text({zoos.architecture('new', 9)!r})\n"
    code += "from configsplit.catalog.facts import LayerFacts, same_as_input\n"
    (tmp_path / "writer.py").write_text(code + "LAYERS = (LayerFacts(class_name='Nothing', outputs=same_as_input),)\n")
    plan = {**zoos.PARTS, "overrides": [{"models": "model00001.json", "plugins": str(tmp_path / "writer.py")}]}
    batch(plan, zoo=zoo, out=out, jobs=1)
    assert zoos.failures(out) == {"000/model00001.json": "source-changed"}
