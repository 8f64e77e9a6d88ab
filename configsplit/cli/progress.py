"""What a verb says while it is under way: a line of progress on a terminal, what was decided with ``-v``, a log file."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from configsplit.errors import StoreError
from configsplit.telling import Kind, listening

AFTER = 1.0
"""Seconds after which a terminal shows what is being done."""


class Progress:
    """One line on a terminal, with what is being done and for how long; gone before anything else is printed."""

    def __init__(self) -> None:
        self._what = ""
        self._began = time.monotonic()
        self._shown = False
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        thread = threading.Thread(target=self._run, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread can be started: `ulimit -u`
            return

    def tell(self, what: str) -> None:
        self._what, self._began = what, time.monotonic()

    def clear(self) -> None:
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._shown = False

    def end(self) -> None:
        self._ended.set()
        self.clear()

    def _run(self) -> None:
        while not self._ended.wait(AFTER):
            with self._lock:
                if self._what and not self._ended.is_set() and time.monotonic() - self._began >= AFTER / 2:
                    sys.stderr.write(f"\r\x1b[K{self._what[:100]} ({time.monotonic() - self._began:.0f} s)")
                    sys.stderr.flush()
                    self._shown = True


class Log:
    """The log file: a line for each step, decision and message, with the time."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: TextIO = path.open("a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            message = f"the log file cannot be written: {error.strerror}"
            raise StoreError(message, code="log-unwritable", where=str(path), hint="choose another --log-file") from None

    def write(self, kind: str, text: str) -> None:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
        for line in click.unstyle(text).splitlines():
            self._file.write(f"{began} {kind:7} {line}\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@contextmanager
def under_way(name: str, *, quiet: bool, verbose: bool, log: Path | None) -> Iterator[None]:
    """The time in which a verb is carried out. `batch` has a view of its own. Raises StoreError if the log file cannot be
    written.
    """
    from configsplit.cli.output import note, printable

    meta = click.get_current_context().meta
    meta["log"] = file = None if log is None else Log(log)
    clever = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    meta["progress"] = progress = Progress() if clever and not quiet else None

    def tell(kind: Kind, words: str) -> None:
        if kind == "doing" and progress is not None:
            progress.tell(printable(words))
        if kind == "decided" and verbose:
            note(f"{click.style('decided', fg='cyan')}: {words}")
        elif file is not None:
            file.write(kind, printable(words))

    if progress is not None and name != "batch":
        progress.start()
    if file is not None:
        file.write("began", f"configsplit {' '.join(map(printable, meta.get('arguments', ())))}")
    try:
        if progress is None and file is None and not verbose:
            yield
        else:
            with listening(tell):
                yield
    finally:
        if progress is not None:
            progress.end()
