"""Hostile members are reported by name and harm nothing: not the zoo, not the output, not the memory, not the other models."""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import pytest
import zoos

from configsplit.batches.batch import batch

RESIDUAL = zoos.RELEASES / "keras-3.15.1" / "residual.keras"


def hostile(zoo: Path) -> Path:
    """Every kind of bad member, beside two good ones."""
    zoo.mkdir()
    shutil.copy(RESIDUAL, zoo / "good.keras")
    (zoo / "good.json").write_text(zoos.architecture("good", 4))
    whole = RESIDUAL.read_bytes()
    (zoo / "truncated.keras").write_bytes(whole[: len(whole) // 2])
    (zoo / "empty.keras").write_bytes(b"")
    (zoo / "picture.keras").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (zoo / "text.json").write_text("not json at all")
    (zoo / "list.json").write_text("[1, 2, 3]")
    (zoo / "deep.json").write_text("[" * 100_000)
    _bomb(zoo / "bomb.keras")
    _declared(zoo / "declared.h5")
    _archive_declares(zoo / "declares.keras")
    shutil.copy(zoos.RELEASES / "keras-3.15.1" / "lambdas.json", zoo / "lambda.json")
    (zoo / "folder.keras").mkdir()
    (zoo / "folder.keras" / "stray.bin").write_bytes(b"x")
    os.mkfifo(zoo / "pipe.keras")
    (zoo / "loop_a.keras").symlink_to("loop_b.keras")
    (zoo / "loop_b.keras").symlink_to("loop_a.keras")
    (zoo / "dangling.keras").symlink_to("nowhere.keras")
    (zoo / "sub").mkdir()
    (zoo / "sub" / "up").symlink_to("..")
    return zoo


def _bomb(path: Path) -> None:
    """256 MB of zeros, packed into 256 kB, as the architecture."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("config.json", "w", force_zip64=True) as member:
        for _ in range(64):
            member.write(bytes(4 << 20))


def _declared(path: Path) -> None:
    """A dataset of 2 GB in a file of a few kB: nothing of it was ever written."""
    with h5py.File(path, "w") as file:
        model = json.loads((zoos.RELEASES / "keras-2.3.1" / "residual.json").read_text())
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"c1"]
        layer = group.create_group("c1")
        layer.attrs["weight_names"] = [b"c1/kernel:0"]
        layer.create_dataset("c1/kernel:0", shape=(500_000_000,), dtype="f4", chunks=(1 << 20,))


def _archive_declares(path: Path) -> None:
    """An archive of less than 1 kB whose directory says that the architecture has 2 GB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as file:
        file.writestr("config.json", "{}")
    raw = bytearray(made.getvalue())
    at = raw.index(b"PK\x01\x02")
    raw[at + 20 : at + 28] = struct.pack("<II", 2_000_000_000, 2_000_000_000)
    path.write_bytes(raw)
    assert len(raw) < 1024


EXPECTED = {
    "bomb.keras": "archive-bomb",
    "dangling.keras": "file-missing",
    "declared.h5": "hdf5-declared-size",
    "declares.keras": "archive-damaged",
    "deep.json": "json-too-deep",
    "empty.keras": "file-empty",
    "folder.keras": "not-a-model",
    "loop_a.keras": "io-failed",
    "loop_b.keras": "io-failed",
    "picture.keras": "not-a-model",
    "pipe.keras": "file-kind",
    "truncated.keras": "archive-damaged",
}


def test_hostile_members_are_reported_and_harm_nothing(tmp_path: Path) -> None:
    zoo, out = hostile(tmp_path / "zoo"), tmp_path / "out"
    before = zoos.snapshot(zoo)
    summary = batch(zoos.PARTS, zoo=zoo, out=out, jobs=1)
    assert zoos.failures(out) == EXPECTED
    found = zoos.ledger(out)
    assert {name for name, line in found.items() if line["outcome"] == "done"} == {"good.json", "good.keras", "lambda.json"}
    assert found["sub/up/"] == {
        "model": "sub/up/",
        "outcome": "skipped",
        "cause": "zoo-member",
        "reason": "a link back to a folder that it lies in",
    }
    assert {cause.code: cause.count for cause in summary.causes if cause.outcome == "skipped"} == {
        "document-not-a-model": 1,
        "not-a-model": 1,
        "zoo-member": 1,
    }
    assert [item["code"] for item in found["lambda.json"]["hazards"]] == ["hazard-lambda"] * 2  # code, and a function by name
    assert zoos.snapshot(zoo) == before
    assert {path.name for path in (out / "models").iterdir()} == {"good.json", "good.keras", "lambda.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"zoo", "out"}
    assert max(record["run"]["memory"] for record in zoos.records(out) if "memory" in record["run"]) < 250_000_000
    for line in found.values():
        assert str(tmp_path) not in json.dumps(line), "results must not name places of this machine"
    batch(zoos.PARTS, zoo=zoo, out=tmp_path / "again", jobs=2)
    assert zoos.results(tmp_path / "again") == zoos.results(out)


def _bound_by_permissions() -> None:
    """Root may read everything: drop that right, for this process and all that it starts."""
    if os.getuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert libc.prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


UNBOUND = os.getuid() == 0 and sys.platform != "linux"
"""Permissions bind nobody who is root. On Linux root can give that right up, as the test does; elsewhere it cannot."""


@pytest.mark.skipif(UNBOUND, reason="root reads everything here, whatever the permissions say")
def test_unreadable_members(tmp_path: Path) -> None:
    zoo, out = tmp_path / "zoo", tmp_path / "out"
    (zoo / "closed").mkdir(parents=True)
    for name in ("open.json", "secret.json", "closed/inside.json"):
        (zoo / name).write_text(zoos.architecture("model", 3))
    (zoo / "secret.json").chmod(0)
    (zoo / "closed").chmod(0)
    try:
        done = subprocess.run(
            zoos.command(zoos.recipe(tmp_path, zoos.PARTS), "--zoo", zoo, "--out", out, "--jobs", 1),
            preexec_fn=_bound_by_permissions,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    finally:
        (zoo / "closed").chmod(0o700)
    assert done.returncode == 1, done.stderr
    found = zoos.ledger(out)
    assert zoos.failures(out) == {"secret.json": "no-permission"}
    assert (found["closed/"]["outcome"], "cannot be read" in found["closed/"]["reason"]) == ("skipped", True)
    assert found["open.json"]["outcome"] == "done"


def test_names_that_terminals_and_pages_would_obey(tmp_path: Path) -> None:
    zoo, out = tmp_path / "zoo", tmp_path / "out"
    zoo.mkdir()
    for name in (
        "\x1b[2J\x1b[31mred.json",
        "line\nbreak.json",
        "<script>alert(1)<.json",
        "…×.json",
    ):
        (zoo / name).write_text("{")
    done = zoos.run(zoos.recipe(tmp_path, zoos.PARTS), "--zoo", zoo, "--out", out, "--jobs", 1)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert len(zoos.ledger(out)) == 4
    assert "<script>alert" not in (out / "report.html").read_text()
