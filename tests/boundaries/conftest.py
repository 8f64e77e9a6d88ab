"""Writes the table of the long runs."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table where the docs have it, and print it."""
    from masked_tally import ROWS, publish

    options = terminalreporter.config.option
    if "exhaustive" in options.markexpr and not options.collectonly and ROWS.is_dir():
        terminalreporter.write_line(publish())
