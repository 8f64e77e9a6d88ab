"""Whole processes, timed from outside: wall clock and peak memory of each, several contenders in turn."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

OUT = Path(__file__).resolve().parent / "out"
_ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Contender:
    """A command, what to clear away before each run, and what was measured of every run: seconds, seconds of the
    processor (all threads), and peak bytes."""

    name: str
    command: Sequence[str]
    clear: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def worked(self) -> float:
        """Seconds of the processor, the least of all runs: what others do beside can only add to it."""
        return min(self.work)

    @property
    def peak(self) -> float:
        """Megabytes."""
        return max(self.memory) / 1e6

    def run(self, *, count: bool = True) -> None:
        """Run the command once; with ``count`` False only to warm the caches.

        The disk is at rest before the clock starts: what the contender before has written is not paid for by this one.
        """
        self.clear()
        os.sync()
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.name} failed:\n{complaint.decode()}")
        if count:
            self.seconds.append(seconds)
            self.work.append(usage.ru_utime + usage.ru_stime)
            self.memory.append(usage.ru_maxrss * 1024)


@cache
def configsplit() -> list[str]:
    """The command as a user has it: this tree installed as a wheel, in an environment of its own without the extras."""
    venv = OUT / "venv"
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([*pip, "-c", str(_ROOT / "constraints.txt"), str(_ROOT)], check=True)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", str(_ROOT)], check=True)
    return [str(venv / "bin" / "configsplit")]


def environment() -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}


def alternate(contenders: Sequence[Contender], rounds: int) -> None:
    """One run of each to warm up, then ``rounds`` times each in turn, so that a slow minute hits all of them."""
    for number in range(rounds + 1):
        for contender in contenders:
            contender.run(count=number > 0)
        said = ", ".join(f"{each.name} {each.seconds[-1]:.2f}" for each in contenders) if number else "caches warm"
        print(f"round {number} of {rounds}: {said}", file=sys.stderr, flush=True)


def removal(*paths: Path) -> Callable[[], None]:
    """Clears outputs of an earlier run away."""

    def clear() -> None:
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    return clear


def machine() -> str:
    """One line that says on what was measured."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("keras", "tensorflow", "h5py"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB of memory, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found[1].strip() if found else platform.processor() or "an unnamed processor"


COLUMNS = ["", "seconds", "fastest", "slowest", "CPU seconds", "peak MB"]


def row(each: Contender) -> list[str]:
    """What was measured of a contender, under `COLUMNS`."""
    seconds = (each.median, min(each.seconds), max(each.seconds), statistics.median(each.work))
    return [each.name, *(f"{number:.2f}" for number in seconds), f"{each.peak:.0f}"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def write_section(path: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    whole = path.read_text("utf-8")
    head, found, rest = whole.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} has no place for the section {name!r}")
    path.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}", "utf-8")
