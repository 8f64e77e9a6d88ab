"""How a batch looks while it runs: a live view on a terminal, plain lines elsewhere. Both go to stderr."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from configsplit.cli.output import note, printable, say
from configsplit.display.figures import size

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from configsplit.batches.run import Event, Through

EVERY = 10.0
"""Seconds between plain lines."""


class Progress:
    """What has happened so far."""

    def __init__(self) -> None:
        self.models = 0
        self.engine = ""
        self.counts: Counter[str] = Counter()
        self.kept = 0
        self.retries = 0
        self.bytes = 0
        self.running: Mapping[str, tuple[str, float]] = {}
        self.workers: Counter[str] = Counter()
        self.started = time.monotonic()
        self._done = 0

    def update(self, event: Event) -> None:
        if event["event"] == "start":
            self.models, self.engine = event["models"], event["engine"]
        elif event["event"] == "tick":
            self.running = event["running"]
        elif event["event"] == "retry":
            self.retries += 1
        else:
            self.counts[event["result"]["outcome"]] += 1
            self.kept += bool(event["kept"])
            self._worked(event)

    def _worked(self, event: Through) -> None:
        """Models that are kept or skipped take next to no time: counting them would promise an early end."""
        if event["kept"] or event["result"]["outcome"] == "skipped":
            return
        self._done += 1
        self.workers[event.get("worker") or "?"] += 1
        self.bytes += event["result"].get("source", {"bytes": 0})["bytes"]

    @property
    def through(self) -> int:
        return self.counts.total()

    @property
    def rate(self) -> float:
        """Models a second, of those that were worked on."""
        return self._done / max(0.001, time.monotonic() - self.started)

    @property
    def remaining(self) -> str:
        if not self._done:
            return "?"
        left = round((self.models - self.through) / max(1e-9, self.rate))
        return f"{left // 3600}:{left % 3600 // 60:02d}:{left % 60:02d}" if left >= 3600 else f"{left // 60}:{left % 60:02d}"

    def line(self) -> str:
        """One line that says it all."""
        per_second = size(self.bytes / max(0.001, time.monotonic() - self.started))
        words = [f"{self.through} of {self.models}", f"{self.rate:.1f} models/s", f"{per_second}/s", f"{self.remaining} left"]
        words += [f"{self.counts['failed']} failed"] if self.counts["failed"] else []
        words += [f"{self.kept} kept"] if self.kept else []
        words += [f"{self.retries} tried again"] if self.retries else []
        return ", ".join(words)


class PlainView(AbstractContextManager["PlainView"]):
    """A line every ten seconds, and one for every model that fails."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._last = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def __call__(self, event: Event) -> None:
        self._progress.update(event)
        if event["event"] == "start":
            note(f"{event['models']} models, {event['engine']}")
        elif failure := failed(event):
            note(failure)
        elif time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            note(self._progress.line())


class LiveView(AbstractContextManager["LiveView"]):
    """A bar for the whole, a line for each worker, the last failures."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._progress = Progress()
        self._failures: list[str] = []
        self._live = Live(console=Console(stderr=True), refresh_per_second=8, get_renderable=self.drawn, transient=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        self._progress.update(event)
        if failure := failed(event):
            self._failures = [*self._failures[-4:], failure]

    def drawn(self) -> Group:
        """All of it, as rich prints it."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        progress = self._progress
        rows: list[RenderableType] = [Text(f"{progress.engine}  {progress.line()}", "bold")]
        bar = ProgressBar(total=max(1, progress.models), completed=progress.through)
        rows.append(Padding(bar, 0))  # a bar ends no line: the first worker would stand behind it, out of sight
        workers = Table.grid(padding=(0, 2))
        for name, count in () if progress.running else progress.workers.most_common(12):  # those of a cluster
            workers.add_row(Text(name), Text(f"{count} models", "dim"))
        for name, (model, since) in sorted(progress.running.items()):
            workers.add_row(
                Text(name.rpartition("-")[2], "dim"), Text(printable(model)), Text(f"{time.monotonic() - since:.0f} s", "dim")
            )
        rows.append(workers)
        rows += [Text(failure, "red") for failure in self._failures]
        return Group(*rows)


def failed(event: Event) -> str:
    """A line for a model that failed or is tried again; nothing for others."""
    if event["event"] == "retry":
        return f"tried again  {printable(event['model'])}: {event['cause']}"
    if event["event"] != "model" or event["result"]["outcome"] != "failed" or event["kept"]:
        return ""
    error = event["result"]["error"]
    return f"failed  {printable(event['model'])}: [{error['code']}] {printable(error['message'])}"


def view(quiet: bool) -> PlainView | LiveView:
    """The live view on a terminal where rich is installed, else lines."""
    if not quiet and sys.stderr.isatty():
        try:
            import rich  # noqa: F401
        except ImportError:
            say("(pip install 'configsplit[batch]' shows a live view here)", err=True)
        else:
            return LiveView()
    return PlainView()
