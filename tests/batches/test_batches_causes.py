"""What is no failure, causes counted, remedies in the words of recipes, and the recipe that makes the next run right."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import zoos

from configsplit.batches.batch import batch
from configsplit.batches.find_models import find
from configsplit.batches.recipe import Models
from configsplit.errors import ConfigSplitError, StoreError, in_recipe

KERAS2, KERAS3 = zoos.RELEASES / "keras-2.3.1", zoos.RELEASES / "keras-3.15.1"
CONVERT: dict[str, Any] = {"recipe": 1, "do": [{"convert": {}}]}


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """One old model, and beside it what people keep in such folders."""
    place = tmp_path / "zoo"
    (place / "sub").mkdir(parents=True)
    shutil.copy(KERAS2 / "residual.h5", place / "old.h5")
    shutil.copy(KERAS3 / "residual.keras", place / "new.keras")
    shutil.copy(KERAS3 / "residual.weights.h5", place / "alone.h5")
    (place / "settings.json").write_text('{"learning_rate": 0.1}')
    (place / "pointer.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (place / "page.json").write_text("<!doctype html><html>404</html>")
    (place / "sub" / "cut[off].keras").write_bytes((KERAS3 / "residual.keras").read_bytes()[:2000])
    (place / "picture.keras").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (place / "half.json").write_text((KERAS2 / "residual.json").read_text()[:500])
    return place


HARMLESS = {"new.keras": "convert-keras3", "alone.h5": "weights-only", "settings.json": "document-not-a-model"}
FAILED = {
    "pointer.h5": "file-stand-in",
    "page.json": "file-stand-in",
    "sub/cut[off].keras": "archive-damaged",
    "picture.keras": "not-a-model",
    "half.json": "json-invalid",
}


def test_what_is_harmless_is_skipped_and_what_was_lost_fails(near_jobs: None, zoo: Path, tmp_path: Path) -> None:
    summary = batch(CONVERT, zoo=zoo, out=tmp_path / "out", jobs=1)
    assert summary.outcomes == {"done": 1, "failed": 5, "skipped": 3}
    found = zoos.ledger(tmp_path / "out")
    assert {name: line["cause"] for name, line in found.items() if line["outcome"] == "skipped"} == HARMLESS
    assert zoos.failures(tmp_path / "out") == FAILED
    told = [(cause.outcome, cause.code, cause.count) for cause in summary.causes]
    assert told[0] == ("failed", "file-stand-in", 2), "the most frequent cause comes first"
    assert {code for outcome, code, _ in told if outcome == "skipped"} == set(HARMLESS.values())


def test_causes_on_the_terminal(near_jobs: None, zoo: Path, tmp_path: Path) -> None:
    recipe = zoos.recipe(tmp_path, CONVERT)
    for more, title in ((("--dry-run",), "5 to fail"), ((), "failures by cause")):
        done = zoos.told(recipe, "--zoo", zoo, "--out", tmp_path / "out", "--jobs", 1, *more)
        assert done.exit_code == 1
        assert title in done.stdout
        assert "  2  file-stand-in" in done.stdout
        assert "hint: run `git lfs pull`" in done.stdout or "download it raw" in done.stdout
        assert "  1  convert-keras3        this is a Keras 3 model already" in done.stdout
    told = zoos.told(recipe, "--zoo", zoo, "--out", tmp_path / "dry", "--jobs", 1, "--dry-run", "--json")
    causes = json.loads(told.stdout)["causes"]
    assert {item["code"]: item["count"] for item in causes if item["outcome"] == "failed"}["file-stand-in"] == 2


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("give --shape LAYER=None,28,28", "give shape: LAYER=None,28,28"),
        ("name a plug-in with --custom-objects", "name a plug-in with plugins:"),
        ("leave `--lambda` and `--backend` out", "leave `lambda:` and `backend:` out"),
        ("use --no-weights", "use weights: false"),
        ("take them --by-name", "take them by-name: true"),
        ("try fewer --jobs", "try fewer --jobs"),
        ("`configsplit layers MODEL --json` lists the names", "`configsplit layers MODEL --json` lists the names"),
    ],
)
def test_remedies_speak_as_recipes_do(hint: str, said: str) -> None:
    assert in_recipe(hint) == said


def test_a_remedy_in_the_ledger(near_jobs: None, tmp_path: Path) -> None:
    place = tmp_path / "zoo"
    place.mkdir()
    shutil.copy(zoos.RELEASES.parent / "conversion" / "keras-1.2.2" / "lambdas.h5", place)
    batch({"do": [{"convert": {"read-lambda": False}}]}, zoo=place, out=tmp_path / "out", jobs=1)
    error = zoos.ledger(tmp_path / "out")["lambdas.h5"]["error"]
    assert "lambda:" in error["hint"]
    assert "--" not in error["hint"]


def test_the_recipe_of_the_next_run_makes_it_right(near_jobs: None, zoo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    recipe = zoos.recipe(tmp_path, {**CONVERT, "overrides": [{"models": "old.h5", "verify": "none"}]})
    done = zoos.told(recipe, "--zoo", zoo, "--out", out, "--jobs", 1, "--write-overrides", tmp_path / "next.yaml")
    assert done.exit_code == 1
    (told,) = (line.removeprefix("next    ") for line in done.stdout.splitlines() if line.startswith("next "))
    following = shlex.split(told.partition("  (")[0])
    assert following == [
        *("configsplit", "batch", str(tmp_path / "next.yaml")),
        *("--zoo", str(zoo), "--out", str(out), "--resume"),
    ]
    text = (tmp_path / "next.yaml").read_text()
    assert "  # page.json: this is an HTML page\n  #   What to do: the download fetched a web page" in text
    assert "  # pointer.h5: this is a Git LFS pointer, not the file itself\n  #   What to do: run `git lfs pull`" in text
    again = zoos.told(tmp_path / "next.yaml", "--zoo", zoo, "--out", out, "--jobs", 1, "--resume")
    assert again.exit_code == 0, again.stderr
    found = zoos.ledger(out)
    assert found["old.h5"]["outcome"] == "done"
    assert {found[name]["reason"].partition(":")[0] for name in FAILED} == set(FAILED.values())
    assert {found[name]["cause"] for name in FAILED} == {"recipe-skip"}


def test_a_limit_that_was_too_low_is_raised(tmp_path: Path) -> None:
    zoo, gate = zoos.architectures(tmp_path / "zoo", 3), tmp_path / "gate"
    plain = {**zoos.held(tmp_path, "model00001.json", gate), "limits": {"seconds": 5}, "retry": {"times": 0}}
    recipe, following = zoos.recipe(tmp_path, plain), tmp_path / "next.yaml"
    summary = batch(recipe, zoo=zoo, out=tmp_path / "out", jobs=1, write_overrides=following)
    assert [cause.code for cause in summary.causes] == ["worker-timeout"]
    gate.touch()
    again = batch(following, zoo=zoo, out=tmp_path / "out", jobs=1, resume=True, write_overrides=tmp_path / "third.yaml")
    assert (again.outcomes["done"], again.kept) == (3, 2)
    assert '"seconds": 20' in following.read_text()
    assert not (tmp_path / "third.yaml").exists(), "nothing failed"


def test_where_the_next_recipe_may_stand(zoo: Path, tmp_path: Path) -> None:
    recipe = zoos.recipe(tmp_path, CONVERT)
    for place, code in ((recipe, "output-exists"), (zoo / "x.yaml", "recipe-elsewhere"), (tmp_path / "x", "recipe-elsewhere")):
        with pytest.raises(ConfigSplitError) as error:
            batch(recipe, zoo=zoo, out=tmp_path / "out", write_overrides=place)
        assert error.value.code == code
    assert not (tmp_path / "out").exists()
    done = zoos.run(recipe, "--zoo", zoo, "--out", tmp_path / "out", "--dry-run", "--write-overrides", tmp_path / "x.yaml")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("glob", "count"),
    [("**", 2), ("*", 1), ("sub/*", 1), ("n*", 1), ("*.md", 1), ("notes.txt", 1), ("**/*.keras", 2), ("sub/*.[k]*", 1)],
)
def test_globs_find_models_only(tmp_path: Path, glob: str, count: int) -> None:
    """A glob that names a suffix means it; one that leaves it open finds what is a model by its name."""
    for name in ("net.keras", "sub/net.keras", "sub/README.md", "notes.txt", "README.md", "net.weights.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert len(find(f"{tmp_path}/{glob}", Models()).members) == count


def test_a_start_that_fails_leaves_nothing_and_a_short_one_blocks_nothing(tmp_path: Path) -> None:
    zoo, out = zoos.architectures(tmp_path / "zoo", 1), tmp_path / "out"
    began = time.monotonic()
    with pytest.raises(StoreError) as error:
        batch(zoos.PARTS, zoo=zoo, out=out, cluster="tcp://127.0.0.1:9")
    assert error.value.code == "cluster-unreachable"
    assert time.monotonic() - began < 15, "5 seconds of patience, and the time that it takes to load Dask"
    assert not out.exists()
    out.mkdir()
    (out / "run.jsonl").write_text('{"run": 1}\n')  # killed before any model was through
    assert batch(zoos.PARTS, zoo=zoo, out=out, jobs=1).outcomes["done"] == 1
