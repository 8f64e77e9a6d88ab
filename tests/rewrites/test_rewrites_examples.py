"""Every example runs, and shows what it says it shows."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAYS = {
    "features": ["5 layers, 6 weights", "late: (1, 14, 14, 16)"],
    "noise_between_halves": ["bit for bit: True", "gaussian_noise"],
    "swap_head": ["features     stayed", "classes      moved"],
    "phone_server": ["bit for bit: True"],
    "pipeline": ["bit for bit: True", "the same: True"],
    "subclassed": ["block@0/conv@0", "bit for bit: True", "part-0, part-1, trace.json", "2 variables"],
}


@pytest.mark.parametrize("name", SAYS)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run as a program, in this process: the frameworks need not be loaded once more for each."""
    path = EXAMPLES / f"{name}.py"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    told = capsys.readouterr().out
    for words in SAYS[name]:
        assert words in told
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind"


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"demo", *SAYS}


@pytest.mark.exhaustive
def test_the_demo(tmp_path: Path) -> None:
    """Its commands are those of README.md, which are run in any case."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")], capture_output=True, text=True, cwd=tmp_path, env=quiet, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "outputs bit-identical" in done.stdout
