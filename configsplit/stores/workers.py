"""Threads that move and hash bytes while others wait for the disk; the work itself runs outside of Python's lock.

Plain threads: to load ``concurrent.futures`` takes as long as hashing 15 MB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from configsplit.stores.window import Cancelled

T = TypeVar("T")


class Task(Generic[T]):
    """Work that was submitted."""

    def __init__(self, work: Callable[[Event], T]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._done = Event()
        self._value: T | None = None

    def run(self, stop: Event) -> None:
        try:
            self._value = self._work(stop)
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self.error = error
            stop.set()  # one failure calls the others off
        finally:
            self._done.set()

    def result(self) -> T:
        """What the work gave, once it is done. Raises what it raised."""
        self._done.wait()
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
        self._threads: list[Thread] = []
        self._tasks: list[Task[Any]] = []
        self._waiting: deque[Task[Any]] = deque()

    def submit(self, work: Callable[[Event], T]) -> Task[T]:
        """Begin ``work`` as soon as a thread is free."""
        task = Task(work)
        self._tasks.append(task)
        with self._lock:
            self._waiting.append(task)
            if self._running == self._most:
                return task
            self._running += 1
        thread = Thread(target=self._run, name=f"configsplit-{len(self._threads)}")
        self._threads.append(thread)
        thread.start()
        return task

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                task = self._waiting.popleft()
            task.run(self._stop)

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
        for thread in self._threads:
            if thread.ident is not None:  # Ctrl-C may come just before a thread is started
                thread.join()

    def _raise_first(self) -> None:
        errors = [task.error for task in self._tasks if task.error is not None]
        real = [error for error in errors if not isinstance(error, Cancelled)]
        if errors:
            raise (real or errors)[0]
