"""Run the tests of attacks and write into docs/security.md what each verb met: ``python benchmarks/threats.py``.

A cell says how many times a verb was given something hostile of that kind (a folder of tests/attacks). Nothing is written if
a test fails.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from configsplit.verbs.table import VERBS, record

ROOT = Path(__file__).resolve().parents[1]
ATTACKS = ROOT / "tests" / "attacks"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- threats -->", "<!-- end of threats -->"
FOLDERS = sorted(item.name for item in ATTACKS.iterdir() if any(item.glob("test_*.py")))


class Recorder:
    """Counts calls of verbs, in this process and in those that the tests of faults start, by the folder of the test."""

    def __init__(self) -> None:
        self.runs: Counter[tuple[str, str]] = Counter()
        self.tests: Counter[str] = Counter()
        self.bad: list[str] = []
        self.seconds, self.inputs = 0.0, 0
        self._threat = ""
        for verb in VERBS:
            module, _, name = record(verb).function.partition(":")
            self._count(import_module(module), name, verb)

    def _count(self, module: Any, name: str, verb: str) -> None:
        function = getattr(module, name)

        @functools.wraps(function)
        def counted(*arguments: Any, **keywords: Any) -> Any:
            self.runs[self._threat, verb] += 1
            return function(*arguments, **keywords)

        setattr(module, name, counted)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._threat = item.path.relative_to(ATTACKS).parts[0]
        before = len(self._elsewhere())
        self._measure()
        yield
        for verb in self._elsewhere()[before:]:
            self.runs[self._threat, verb] += 1

    @staticmethod
    def _elsewhere() -> list[str]:
        """Verbs that were run in other processes."""
        return sys.modules["fault_verbs"].verbs_run if "fault_verbs" in sys.modules else []

    def _measure(self) -> None:
        module: Any = sys.modules.get("fuzz_run")
        if module is not None and not hasattr(module.run, "__wrapped__"):
            module.run = self._measured(module.run)

    def _measured(self, run: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(run)
        def measured(item: Any) -> Any:
            outcome = run(item)
            if not outcome.failure:  # one test makes inputs fail on purpose
                self.inputs += 1
                self.seconds = max(self.seconds, outcome.seconds)
            return outcome

        return measured

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.bad.append(report.nodeid)
        elif report.when == "call" and report.passed:
            self.tests[self._threat] += 1


def table(seen: Recorder) -> list[str]:
    lines = [f"| verb | {' | '.join(f'`{name}`' for name in FOLDERS)} |", f"|---|{'---:|' * len(FOLDERS)}"]
    for verb in VERBS:
        counts = [seen.runs[folder, verb] for folder in FOLDERS]
        if any(counts):
            lines.append(f"| {verb} | {' | '.join(f'{count:,}' if count else '' for count in counts)} |")
    lines.append(f"| tests | {' | '.join(f'**{seen.tests[folder]:,}**' for folder in FOLDERS)} |")
    return [*lines, "", f"Of {seen.inputs:,} fuzzed inputs the longest took {seen.seconds:.1f} s of processor time."]


def main() -> int:
    os.chdir(ROOT)
    seen = Recorder()
    code = pytest.main(["-q", "-m", "not exhaustive", "-p", "no:cacheprovider", str(ATTACKS)], plugins=[seen])
    if code or seen.bad:
        print(f"nothing is written: {len(seen.bad)} tests failed")
        return 1
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    rows = "\n".join(table(seen))
    PAGE.write_text(f"{before}{BEGIN}\n\n{rows}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
