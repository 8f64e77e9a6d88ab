"""Threads that move and hash bytes while others wait for the disk; the work itself runs outside of Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import TypeVar

from configsplit.stores.window import Cancelled

T = TypeVar("T")


class Workers:
    """Runs ``work(stop)`` in threads; leaving the ``with`` block waits for all of it, and on an error calls it off.

    ``Job.run`` and ``Source.sha256`` are such work. Two threads: a third gains nothing where the disk is one.
    """

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="configsplit")
        self._stop = Event()
        self._futures: list[Future[object]] = []

    def submit(self, work: Callable[[Event], T]) -> Future[T]:
        """Begin ``work`` as soon as a thread is free."""
        future = self._pool.submit(self._guarded, work)
        self._futures.append(future)  # type: ignore[arg-type]
        return future

    def _guarded(self, work: Callable[[Event], T]) -> T:
        try:
            return work(self._stop)
        except BaseException:
            self._stop.set()  # one failure calls the others off
            raise

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wait for all work. Raises the first error that was no mere consequence of another."""
        if error is not None:
            self._stop.set()
        try:
            self._pool.shutdown(wait=True)
        except BaseException:  # Ctrl-C while waiting
            self._stop.set()
            self._pool.shutdown(wait=True)
            raise
        if error is None or isinstance(error, Cancelled):
            self._raise_first()

    def _raise_first(self) -> None:
        errors = [error for future in self._futures if (error := future.exception()) is not None]
        real = [error for error in errors if not isinstance(error, Cancelled)]
        if errors:
            raise (real or errors)[0]
