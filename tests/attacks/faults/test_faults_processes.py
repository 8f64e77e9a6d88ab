"""Faults that are there when the process starts, while Python still loads the package: in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from itertools import cycle, islice

import pytest
from fault_verbs import LINES, World, content, verbs_run

SHELL = {
    "stdout closed": '"$@" >&-',
    "nobody reads": '"$@" | head -0',
    "all closed": '"$@" <&- >&- 2>&-',
    "no environment": 'env -i "$@"',
    "16 MB short of memory": 'ulimit -v 60000; "$@"',
    "hardly any memory": 'ulimit -v 45000; "$@"',
    "5 open files": 'ulimit -n 5; "$@"',
    "no folder to stand in": 'mkdir gone && cd gone && rmdir ../gone; "$@"',
    "one thread": 'ulimit -u 1; "$@"',
    "stdout full": '"$@" >/dev/full',
    "stdin closed": '"$@" <&-',
    "stderr full": '"$@" 2>/dev/full',
}
"""Each with one verb, in turn: what comes after the start is the matrix's."""


VERBS = [verb for verb in LINES if verb not in ("profile", "expand")]  # which would run Keras
PAIRS = list(islice(zip(cycle(SHELL), cycle(VERBS), strict=False), max(len(SHELL), len(VERBS))))
"""Every fault and every verb, however many there are of each."""


@pytest.mark.parametrize(("fault", "verb"), PAIRS)
def test_a_fault_from_the_start(world: World, fault: str, verb: str) -> None:
    target, whole = world.target(), world.whole(verb)
    words = [str(world.folder / word) if (world.folder / word).exists() else word for word in world.line(LINES[verb], target)]
    verbs_run.append(verb)
    command = ["bash", "-c", SHELL[fault], "bash", sys.executable, "-m", "configsplit", *words]
    before = content(target)
    done = subprocess.run(command, cwd=world.folder, capture_output=True, text=True, check=False, timeout=300)
    after = content(target)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1), done
    assert after in (before, whole.after), sorted(after)
    if after == before:
        assert "error [" in done.stderr, done
