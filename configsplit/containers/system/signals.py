"""Signals that ask a process to end unwind its stack, so that it cleans up; while it does, they wait."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_OURS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name))


class Signals:
    """SIGTERM and SIGHUP as Ctrl-C, from `take` to `give_back`; left alone where a program has its own handlers."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._holding, self._came = 0, 0

    def take(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _OURS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self._hear)

    def give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal takes effect behind the body: what tidies up must not be left midway, nor a swap."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
            if self._came and not self._holding:
                number, self._came = self._came, 0
                _leave(number)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._holding:
            self._came = number
        else:
            _leave(number)


def _leave(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
