"""A digest that was begun ahead is the digest of the file that is cut, or is not used.

Each test runs in a process of its own, as the command does: where threads run, nothing is read ahead.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAD = """
import os, sys, threading
from pathlib import Path
from configsplit.containers.early_digest import EarlyDigest
path = Path(sys.argv[1])
"""


def told(code: str, path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(("size", "forked"), [(10, "False"), (3 << 20, "True")])
def test_the_digest(size: int, forked: str, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b"{" * size)
    code = "with EarlyDigest(path) as early: print(early.sha256(), early._child is not None)"
    assert told(code, path) == [hashlib.sha256(b"{" * size).hexdigest(), forked]


def test_a_file_that_took_its_place_is_found_out(tmp_path: Path) -> None:
    path, other = tmp_path / "m.json", tmp_path / "n.json"
    path.write_bytes(b"{" * (3 << 20))
    other.write_bytes(b"[" * (3 << 20))
    code = """
with EarlyDigest(path) as early:
    os.replace(path.with_name("n.json"), path)
    print(early.sha256())
    try:
        early.source.check_unchanged()
    except StoreError as error:
        print(error.code)
"""
    assert told("from configsplit.errors import StoreError" + code, path) == [
        hashlib.sha256(b"{" * (3 << 20)).hexdigest(),
        "source-changed",
    ]


def test_a_child_that_was_killed_costs_time_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b"{" * (64 << 20))
    code = """
import signal
with EarlyDigest(path) as early:
    os.kill(early._child.pid, signal.SIGKILL)
    print(early.sha256())
"""
    assert told(code, path) == [hashlib.sha256(b"{" * (64 << 20)).hexdigest()]


def test_it_is_called_off(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate(4 << 40)  # sparse: it cannot have been hashed to its end
    code = """
with EarlyDigest(path) as early:
    pass
try:
    os.kill(early._child.pid, 0)
except ProcessLookupError:
    print("gone")
"""
    assert told(code, path) == ["gone"]


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate(4 << 40)  # sparse: half an hour to hash
    code = """
import signal
with EarlyDigest(path) as early:
    print(early._child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", HEAD + code, str(path)], stdout=subprocess.PIPE, text=True, check=False)
    assert (child := int(done.stdout)) > 0
    assert not is_running_after(120, child)


def is_running_after(seconds: float, pid: int) -> bool:
    """Whether a process is there still at the end of so many seconds; it is asked often, and mostly gone at once."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":  # ended, and nobody has asked
                return False
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def test_a_damaged_archive_is_named_by_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    code = """
import zipfile
with zipfile.ZipFile(path, "w") as made:
    made.writestr("config.json", "{}")
    made.writestr("model.weights.h5", b"a" * (2 << 20))
data = bytearray(path.read_bytes())
data[1 << 20] = 0
path.write_bytes(data)
from configsplit.errors import StoreError
with EarlyDigest(path) as early:
    try:
        early.sha256()
    except StoreError as error:
        print(error.code, early._child is not None)
"""
    assert told(code, path) == ["archive-damaged", "True"]


def test_nothing_is_read_ahead_of_what_is_not_there_or_beside_threads(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b"{" * (3 << 20))
    code = """
with EarlyDigest(path.with_name("missing.json")) as one, EarlyDigest(path.parent) as two:
    print(one._child, two._child)
held = threading.Event()
thread = threading.Thread(target=held.wait)
thread.start()
with EarlyDigest(path) as three:
    print(three._child, len(three.sha256()))
held.set()
"""
    assert told(code, path) == ["None", "None", "None", "64"]
