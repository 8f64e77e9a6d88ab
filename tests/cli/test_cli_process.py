"""What only a process of its own shows: signals, pipes, hash seeds, and the same bytes every time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import RELEASES, RESIDUAL, command, names, process, run
from made_models import chain

KERAS2 = RELEASES / "keras-2.3.1"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (RESIDUAL, ["--at", "c2"]),
        (RESIDUAL, ["--at", "c1", "--at", "res", "--to", "json"]),
        (KERAS2 / "residual.h5", ["--at", "c2"]),
        (KERAS2 / "siamese.json", ["--at", "shared@1", "--boundary", "late"]),
        (RELEASES / "keras-3.15.1" / "nested2.keras", ["--at", "mid/inner/d0"]),
    ],
)
def test_the_same_command_gives_the_same_bytes(model: Path, options: list[str], tmp_path: Path) -> None:
    """In different folders of one depth, with different seeds of Python's hashes."""
    for seed in ("1", "2"):
        folder = tmp_path / f"run-{seed}"
        folder.mkdir()
        environment = {"PYTHONHASHSEED": seed}
        assert process("split", model, *options, "--out", folder / "out", cwd=tmp_path, environment=environment).code == 0
    assert contents(tmp_path / "run-1" / "out") == contents(tmp_path / "run-2" / "out")


HELD = """
import time
from configsplit.__main__ import main
from configsplit.containers.staging import Staging
Staging.commit = lambda *_, **__: time.sleep(600)
main()
"""
"""The command line, which stops before the hidden folder becomes the output: so that it is not done when the signal comes."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_split_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    model = tmp_path / "model" / "chain.json"
    model.parent.mkdir()
    model.write_text(chain(8))
    target = tmp_path / "target"
    target.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-c", HELD, "split", str(model), "--at", "a4", "--out", str(target / "deep" / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_signals,
    )
    try:
        _wait_for_a_hidden_folder(target, running)
        running.send_signal(number)
        out, err = running.communicate(timeout=300)
    finally:
        running.kill()
    assert running.returncode == 128 + number, err
    assert out == ""
    assert "Traceback" not in err
    assert names(target) == []


def _hear_signals() -> None:
    """A shell that runs the tests in the background makes their processes deaf to Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _wait_for_a_hidden_folder(folder: Path, running: subprocess.Popen[str]) -> None:
    """Until the split writes: its hidden folder stands beside the output, and the output not yet."""
    deadline = time.monotonic() + 300
    while not any(folder.glob("deep/.configsplit-*/new/*")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_closed_pipe_is_no_error_message(tmp_path: Path) -> None:
    """As in `configsplit inspect --json MODEL | head -1`."""
    running = subprocess.Popen(
        command("inspect", RESIDUAL, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    err = running.stderr.read()
    running.wait(timeout=300)
    assert "Traceback" not in err


def test_python_m_is_the_same_command(tmp_path: Path) -> None:
    assert process("plugins", cwd=tmp_path).out == run("plugins").out


def test_a_part_can_be_split_again(tmp_path: Path) -> None:
    assert run("split", RESIDUAL, "--at", "res", "--out", tmp_path / "once").code == 0
    assert run("split", tmp_path / "once" / "part-0.keras", "--at", "c2", "--out", tmp_path / "twice").code == 0
    assert run("verify", tmp_path / "twice").code == 0
