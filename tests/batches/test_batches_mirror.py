"""Recipes whose steps leave one file: the output mirrors the zoo, and goes on, is mended and swept as folders of models are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zoos

import configsplit
from configsplit.batches import run_log
from configsplit.batches.batch import batch
from configsplit.errors import ConfigSplitError, StoreError
from configsplit.verbs.verify_file import verify_file

pytestmark = pytest.mark.usefixtures("near_jobs")

KERAS2 = zoos.RELEASES / "keras-2.3.1"
CONVERT: dict[str, Any] = {"do": {"convert": {}}}


def zoo(tmp_path: Path) -> Path:
    """Old models at the top and in folders, with what lies about in zoos."""
    place = tmp_path / "zoo"
    (place / "a" / "b").mkdir(parents=True)
    shutil.copy(KERAS2 / "residual.h5", place / "top.h5")
    shutil.copy(KERAS2 / "residual.h5", place / "a" / "b" / "model.h5")
    shutil.copy(KERAS2 / "residual.json", place / "a" / "only.json")
    shutil.copy(zoos.RELEASES / "keras-3.15.1" / "residual.keras", place / "a" / "new.keras")
    (place / "a" / "package.json").write_text('{"name": "something"}')
    return place


def files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


OWN = {"ledger.jsonl", "run.jsonl", "report.html"}
MIRRORED = {
    "top.keras",
    "top.keras.provenance.json",
    "a/b/model.keras",
    "a/b/model.keras.provenance.json",
    "a/only.json",
    "a/only.json.provenance.json",
}


def test_a_conversion_mirrors_the_zoo(tmp_path: Path) -> None:
    place, out = zoo(tmp_path), tmp_path / "out"
    summary = batch(CONVERT, zoo=place, out=out, jobs=2)
    assert summary.outcomes == {"done": 3, "failed": 0, "skipped": 2}
    assert files(out) == MIRRORED | OWN
    assert configsplit.load(out / "a" / "b" / "model.keras").dialect == "keras3"
    for name, source in (("top.keras", "top.h5"), ("a/b/model.keras", "a/b/model.h5")):
        told = json.loads((out / f"{name}.provenance.json").read_text())
        way = (out / name).parent / told["sources"][0]["path"]
        assert way.resolve() == (place / source).resolve(), "the record leads to its source from where it lies"
        assert verify_file(out / name).weights == 11
    batch(CONVERT, zoo=place, out=tmp_path / "one", jobs=1)
    assert zoos.results(out) == zoos.results(tmp_path / "one")


def test_mirrors_go_on_and_are_swept(tmp_path: Path) -> None:
    place, out = zoo(tmp_path), tmp_path / "out"
    batch(CONVERT, zoo=place, out=out, jobs=1)
    before = zoos.results(out)
    assert batch(CONVERT, zoo=place, out=out, jobs=1, resume=True).kept == 5
    (out / "a" / "b" / "model.keras").write_bytes(b"somebody wrote here")
    (out / "top.keras").unlink()
    batch(CONVERT, zoo=place, out=out, jobs=1, resume=True)
    assert zoos.results(out) == before
    (place / "a" / "b" / "model.h5").unlink()
    (place / "top.h5").write_bytes(b"\x89HDF\r\n\x1a\n damaged")
    assert batch(CONVERT, zoo=place, out=out, jobs=1, resume=True).outcomes["failed"] == 1
    assert files(out) == {"a/only.json", "a/only.json.provenance.json"} | OWN
    assert not (out / "a" / "b").exists()
    (out / "mine.txt").write_text("not of the batch")
    batch({"do": {"split": {"at": "half the layers"}}}, zoo=place, out=out, jobs=1, force=True)
    assert not (out / "a").exists()
    assert (out / "mine.txt").read_text() == "not of the batch"


def test_a_kill_between_the_log_and_the_files_is_made_good(tmp_path: Path) -> None:
    place, out = zoo(tmp_path), tmp_path / "out"
    batch(CONVERT, zoo=place, out=out, jobs=1)
    before = zoos.results(out)
    record = next(item for item in zoos.records(out) if item["model"] == "a/b/model.h5")
    staging = out / record["staging"]
    staging.mkdir()
    (out / "a" / "b" / "model.keras").rename(staging / "model.keras")
    assert batch(CONVERT, zoo=place, out=out, jobs=1, resume=True).kept == 5
    assert zoos.results(out) == before


def test_two_of_one_stem_keep_their_suffix(tmp_path: Path) -> None:
    place, out = tmp_path / "zoo", tmp_path / "out"
    place.mkdir()
    for name in ("residual.h5", "residual.json"):
        shutil.copy(KERAS2 / name, place / name)
    batch(CONVERT, zoo=place, out=out, jobs=1)
    assert {"residual.h5.keras", "residual.json.json"} <= files(out)


@pytest.mark.parametrize(
    ("plain", "mirrors"),
    [
        ({"do": {"convert": {}}}, True),
        ({"do": {"freeze": {"layer": "c1"}}}, True),
        ({"do": [{"convert": {}}, {"verify": {}, "of": "convert"}]}, True),
        ({"do": [{"convert": {}}, {"inspect": {}}]}, False),
        ({"do": {"split": {"at": "bn1"}}}, False),
        ({"do": {"convert": {}}, "output": {"layout": "{path}"}}, False),
        ({"do": {"convert": {}}, "overrides": [{"models": "x", "do": {"inspect": {}}}]}, False),
    ],
)
def test_what_mirrors(tmp_path: Path, plain: dict[str, Any], mirrors: bool) -> None:
    place = tmp_path / "zoo"
    place.mkdir()
    shutil.copy(KERAS2 / "residual.h5", place / "m.h5")
    batch(plain, zoo=place, out=tmp_path / "out", jobs=1)
    assert zoos.ledger(tmp_path / "out")["m.h5"]["outcome"] == "done"
    assert (tmp_path / "out" / "models").exists() is not mirrors


def test_mirrors_of_more_than_one_file_are_refused(tmp_path: Path) -> None:
    place = zoo(tmp_path)
    for steps in ([{"convert": {}}, {"inspect": {}}], {"split": {"at": "bn1"}}):
        with pytest.raises(ConfigSplitError) as error:
            batch({"do": steps, "output": {"layout": "mirror"}}, zoo=place, out=tmp_path / "out")
        assert error.value.code == "recipe-layout"
    (place / "top.keras").mkdir()
    shutil.copy(KERAS2 / "residual.h5", place / "top.keras" / "x.h5")
    with pytest.raises(ConfigSplitError, match="top"):
        batch({**CONVERT, "models": {"include": "*.h5"}}, zoo=place, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"folder": "../up"},
        {"folder": "a/../.."},
        {"folder": "/etc"},
        {"folder": ".staging-x"},
        {"result": {"outcome": "done", "outputs": [{"file": "../up"}]}},
        {"result": {"outcome": "done", "outputs": [{"file": "run.jsonl"}]}},
        {"result": {"outcome": "done", "outputs": ["x"]}},
        {"staging": "models"},
    ],
)
def test_a_log_that_names_what_is_not_of_the_batch_is_not_believed(change: dict[str, Any]) -> None:
    record = {"model": "m.h5", "key": None, "folder": "a", "stem": "m", "staging": None, "run": {}}
    record["result"] = {"outcome": "done", "outputs": [{"file": "m.keras"}]}
    assert run_log.is_record(record)
    assert not run_log.is_record(record | change)


def test_mirrors_at_a_url(tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    system.store.clear()
    place = zoo(tmp_path)
    try:
        batch(CONVERT, zoo=place, out="memory://out")
        assert {name.removeprefix("/out/") for name in system.find("/out")} >= MIRRORED
        assert batch(CONVERT, zoo=place, out="memory://out", resume=True).kept == 5
        system.pipe_file("/out/a/mine.txt", b"not of the batch")
        (place / "top.h5").unlink()
        batch(CONVERT, zoo=place, out="memory://out", resume=True)
        assert not system.exists("/out/top.keras")
        with pytest.raises(StoreError, match="has the output of a batch"):
            batch(CONVERT, zoo=place, out="memory://out")
        batch({"do": {"inspect": {}}}, zoo=place, out="memory://out", force=True)
        assert not system.exists("/out/a/b/model.keras")
        assert system.cat_file("/out/a/mine.txt") == b"not of the batch"
    finally:
        system.store.clear()
