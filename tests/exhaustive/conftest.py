"""The long matrices. They run only where they are asked for (``-m exhaustive``); their rows become one table at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import conversion_report
from support.frameworks import FrameworkProcess
from support.outcomes import Row
from support.report import ROWS, publish, store


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A matrix of an hour is nothing that plain `pytest` may start."""
    if "exhaustive" in config.option.markexpr:
        return
    here = [item for item in items if item.get_closest_marker("exhaustive")]
    if here:
        config.hook.pytest_deselected(items=here)
        items[:] = [item for item in items if item not in here]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and write it where the README points."""
    options = terminalreporter.config.option
    if "exhaustive" in options.markexpr and not options.collectonly and ROWS.is_dir():
        terminalreporter.write_line(publish())
    if "exhaustive" in options.markexpr and not options.collectonly and conversion_report.ROWS.is_dir():
        terminalreporter.write_line(conversion_report.publish())


@pytest.fixture(scope="session")
def processes() -> Iterator[dict[str, FrameworkProcess]]:
    """One long-lived process for each framework."""
    found: dict[str, FrameworkProcess] = {}
    yield found
    for process in found.values():
        process.close()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Iterator[Callable[[str, Row], None]]:
    """Put a row into a section of the table. A row that an earlier run left for this test is taken away first."""

    def put(section: str, row: Row) -> None:
        store(request.node.nodeid, section, row)

    store(request.node.nodeid, "", None)
    return put
