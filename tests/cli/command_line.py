"""The command line as tests call it: in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from configsplit.cli.main import cli

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
RESIDUAL = RELEASES / "keras-3.15.1" / "residual.keras"


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    def failed(self, code: str) -> Outcome:
        """Asserts that the command ended with 1, naming the error on stderr and nothing on stdout."""
        assert (self.code, self.out) == (1, ""), self
        assert f"error [{code}]" in self.err, self.err
        return self


def run(*arguments: object) -> Outcome:
    """Run a command in this process. What it raises besides its exit fails the test."""
    done = CliRunner().invoke(cli, [str(item) for item in arguments], prog_name="configsplit")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "configsplit", *(str(item) for item in arguments)]


def process(
    *arguments: object, cwd: Path, before: Callable[[], None] | None = None, environment: dict[str, str] | None = None
) -> Outcome:
    """Run a command in a process of its own, which is what a user does."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
        preexec_fn=before,
        env={**os.environ, **(environment or {})},
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too, but for what Python leaves beside a plug-in."""
    return sorted(item.name for item in folder.iterdir() if item.name != "__pycache__")
