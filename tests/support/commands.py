"""A command that a page shows, carried out in this process: another one takes a third of a second to load the package.

That `configsplit` and `python -m configsplit` are the same command is tested in tests/cli/test_cli_process.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from configsplit.cli.main import cli


def told(arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit code, and what is printed: first what is the result, then what is said about it."""
    with chdir(folder):
        done = CliRunner(env=dict(environment or {})).invoke(cli, list(arguments), prog_name="configsplit")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout + done.stderr
