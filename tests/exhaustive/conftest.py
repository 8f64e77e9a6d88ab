"""The long matrices. They run only where they are asked for (``-m exhaustive``); their rows become one table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support import conversion_report, kerashub_page, numeric_conversion
from support.outcomes import Row
from support.report import ROWS, publish, store


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and write it where the README points."""
    options = terminalreporter.config.option
    if "exhaustive" in options.markexpr and not options.collectonly and ROWS.is_dir():
        terminalreporter.write_line(publish())
    if "exhaustive" in options.markexpr and not options.collectonly and conversion_report.ROWS.is_dir():
        terminalreporter.write_line(conversion_report.publish())
    if "exhaustive" in options.markexpr and not options.collectonly and any(numeric_conversion.ROWS.glob("*.json")):
        terminalreporter.write_line(numeric_conversion.publish())
    if "exhaustive" in options.markexpr and not options.collectonly and any(kerashub_page.ROWS.glob("*.json")):
        terminalreporter.write_line(kerashub_page.publish())


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Iterator[Callable[[str, Row], None]]:
    """Put a row into a section of the table. A row that an earlier run left for this test is taken away first."""

    def put(section: str, row: Row) -> None:
        store(request.node.nodeid, section, row)

    store(request.node.nodeid, "", None)
    return put
