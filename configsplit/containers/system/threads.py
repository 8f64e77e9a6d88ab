"""Threads that move and hash bytes while others wait for the disk; the work itself runs outside of Python's lock.

Bare threads: to load ``concurrent.futures`` takes as long as hashing 15 MB, and ``Thread.start`` waits without end for a thread
that found no memory to begin with. Nobody here waits for a thread: work that none has begun is done by who wants its result.
"""

from __future__ import annotations

from _thread import start_new_thread
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from configsplit.containers.system.window import Cancelled

T = TypeVar("T")


class Task(Generic[T]):
    """Work that was submitted."""

    def __init__(self, work: Callable[[Event], T], stop: Event) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._stop = stop
        self._begun = Lock()
        self._done = Event()
        self._value: T | None = None

    def run(self) -> None:
        """Do it, unless somebody has begun it."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._value = self._work(self._stop)
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self.error = error
            self._stop.set()  # one failure calls the others off
        finally:
            self._done.set()
            del self._work  # and what it holds: the text of a file, say

    def wait(self) -> None:
        """Until it is done."""
        self.run()
        self._done.wait()

    def result(self) -> T:
        """What the work gave, once it is done. Raises what it raised."""
        self.wait()
        if self.error is not None:
            raise self.error
        return cast("T", self._value)


class Workers:
    """Runs ``work(stop)`` in threads; leaving the ``with`` block waits for all of it, and on an error calls it off.

    ``Job.run`` and ``Source.sha256`` are such work. Two threads: a third gains nothing where the disk is one.
    """

    usual = 2
    """Threads where nobody says how many. One that runs several models at once, each in a process, sets it to 1."""

    def __init__(self, threads: int | None = None) -> None:
        self._most = threads or self.usual
        self._running = 0
        self._lock = Lock()
        self._stop = Event()
        self._tasks: list[Task[Any]] = []
        self._waiting: deque[Task[Any]] = deque()

    def submit(self, work: Callable[[Event], T]) -> Task[T]:
        """Begin ``work`` as soon as a thread is free."""
        task = Task(work, self._stop)
        self._tasks.append(task)
        with self._lock:
            self._waiting.append(task)
            if self._running == self._most:
                return task
            self._running += 1
        with suppress(RuntimeError, MemoryError):  # the system gives no thread
            start_new_thread(self._run, ())
        return task

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                task = self._waiting.popleft()
            task.run()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wait for all work. Raises the first error that was no mere consequence of another."""
        if error is not None:
            self._stop.set()
        try:
            self._join()
        except BaseException:  # Ctrl-C while waiting
            self._stop.set()
            self._join()
            raise
        if error is None or isinstance(error, Cancelled):
            self._raise_first()

    def _join(self) -> None:
        for task in self._tasks:
            task.wait()

    def _raise_first(self) -> None:
        errors = [task.error for task in self._tasks if task.error is not None]
        real = [error for error in errors if not isinstance(error, Cancelled)]
        if errors:
            raise (real or errors)[0]
