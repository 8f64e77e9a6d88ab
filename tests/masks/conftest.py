"""Makes `support`, which the large tests share, importable; and writes the table of the long runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thousands of models are nothing that plain `pytest` may start."""
    if "exhaustive" in config.option.markexpr:
        return
    here = [item for item in items if item.get_closest_marker("exhaustive")]
    if here:
        config.hook.pytest_deselected(items=here)
        items[:] = [item for item in items if item not in here]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table where the docs have it, and print it."""
    from masked_tally import ROWS, publish

    options = terminalreporter.config.option
    if "exhaustive" in options.markexpr and not options.collectonly and ROWS.is_dir():
        terminalreporter.write_line(publish())
