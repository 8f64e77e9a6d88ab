"""Files whose names are no UTF-8: names are bytes, and what writes one into JSON writes what every reader of JSON takes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import RESIDUAL, run

from configsplit.graph.json import dumps, spelled, unspelled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there names are bytes")

ODD = os.fsdecode(b"m\xff \xc3\xbc\xe9.keras")
SPELLED = "m%FF \u00fc%E9.keras"
CUT = "res"


def clean(text: str) -> Any:
    """JSON that holds nothing but characters."""
    found = json.loads(text)
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    (folder := tmp_path / os.fsdecode(b"f\xfe")).mkdir()
    return Path(shutil.copy(RESIDUAL, folder / ODD))


def test_names_are_spelled_and_found_again() -> None:
    assert spelled(ODD) == SPELLED
    assert os.fsencode(unspelled(spelled(os.fsdecode(b"a\xff%")))) == b"a\xff%"
    assert unspelled("100%.keras %7F %ff") == "100%.keras %7F %ff"
    for text in ("\U0001f600", "\\udcff", "\\\\", "\udbff\udfff"):
        assert json.loads(dumps({"a": text})) == json.loads(json.dumps({"a": text}))
    assert dumps(["\\\udcff\U0001f6ff"]) == '["\\\\%FF\\ud83d\\udeff"]'


def test_parts_know_their_source_again(odd: Path, tmp_path: Path) -> None:
    parts = tmp_path / os.fsdecode(b"p\xff")
    assert run("split", str(odd), "--at", CUT, "--out", str(parts)).code == 0
    manifest = clean((parts / "manifest.json").read_text("utf-8"))
    assert manifest["source"]["file"] == SPELLED
    assert run("verify", str(parts)).code == 0
    assert run("join", str(parts), "--out", str(parts / ODD)).code == 0
    shutil.move(odd, parts.parent / ODD)  # beside the parts
    assert run("verify", str(parts)).code == 0
    (parts.parent / ODD).rename(parts.parent / SPELLED)  # it may be called so
    assert run("verify", str(parts)).code == 0
    (parts.parent / SPELLED).unlink()
    failed = run("verify", str(parts), "--json")
    assert failed.code == 1
    assert clean(failed.out)["error"]["code"] == "source-missing"


MADE = [("convert",), ("rename", f"{CUT}=other"), ("extract", "--to", CUT), ("freeze", "--before", CUT)]


@pytest.mark.parametrize("verb", MADE, ids=lambda verb: verb[0])
def test_files_know_their_source_again(verb: tuple[str, ...], odd: Path, tmp_path: Path) -> None:
    new = tmp_path / os.fsdecode(b"n\xff.keras")
    done = run(verb[0], str(odd), *verb[1:], "--out", str(new), "--json")
    assert done.code == 0, done.err
    clean(done.out)
    record = clean(new.with_name(f"{new.name}.provenance.json").read_text("utf-8"))
    assert record["sources"][0]["file"] == SPELLED
    assert record["result"]["file"] == "n%FF.keras"
    assert run("verify", str(new)).code == 0


def test_weights_that_stand_apart_are_found_again(odd: Path, tmp_path: Path) -> None:
    new = tmp_path / os.fsdecode(b"n\xff.json")
    assert run("extract", str(odd), "--to", CUT, "--out", str(new)).code == 0
    record = clean(new.with_name(f"{new.name}.provenance.json").read_text("utf-8"))
    assert record["result"]["weights"] == "n%FF.weights.h5"
    assert run("verify", str(new)).code == 0
    arrays = tmp_path / os.fsdecode(b"w\xff.safetensors")
    assert run("weights", str(odd), "--out", str(arrays)).code == 0
    whole = new.with_suffix(".keras")
    assert run("extract", str(new), "--weights", str(apart_of(new)), "--to", CUT, "--out", str(whole)).code == 0
    record = clean(whole.with_name(f"{whole.name}.provenance.json").read_text("utf-8"))
    assert record["sources"][0]["weights"] == "n%FF.weights.h5"
    assert run("verify", str(whole)).code == 0


def apart_of(architecture: Path) -> Path:
    return architecture.with_name(f"{architecture.stem}.weights.h5")


@pytest.mark.parametrize("verb", [("inspect",), ("layers",), ("cuts",), ("validate",), ("inspect", "--hazards")], ids=" ".join)
def test_what_is_printed_is_json(verb: tuple[str, ...], odd: Path) -> None:
    done = run(verb[0], str(odd), *verb[1:], "--json")
    assert done.code == 0, done.err
    clean(done.out)


def test_batches(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name, at, code in (("good", CUT, 0), ("bad", "nobody", 1)):
        recipe = tmp_path / f"{name}.yaml"
        recipe.write_text(f"recipe: 1\ndo:\n  split: {{at: {at}}}\n")
        words = ("batch", str(recipe), "--zoo", str(odd.parent), "--out", str(out / name), "-j", "1")
        done = run(*words, "--write-overrides", str(tmp_path / f"{name}-next.yaml"), "--json")
        assert done.code == code, done.err
        clean(done.out)
        (line,) = (out / name / "ledger.jsonl").read_text("utf-8").splitlines()
        assert clean(line)["model"] == SPELLED
        before = (out / name / "ledger.jsonl").read_bytes()
        assert run(*words, "--resume").code == code
        assert (out / name / "ledger.jsonl").read_bytes() == before
    (parts,) = (out / "good").rglob("manifest.json")
    assert clean(parts.read_text("utf-8"))["source"]["file"] == SPELLED
    assert run("verify", str(parts.parent), "--source", str(odd)).code == 0
    mended = run("batch", str(tmp_path / "bad-next.yaml"), "--zoo", str(odd.parent), "--out", str(out / "bad"), "--resume")
    assert mended.code == 0, mended.err
