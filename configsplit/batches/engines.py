"""Where jobs run: an engine is an executor of ``concurrent.futures`` with a width. Nothing here schedules anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from configsplit.batches.job import do
from configsplit.batches.worker_pool import attempt, close_all, stop_all
from configsplit.errors import RuntimeUnavailableError, StoreError

EACH = 500_000_000
"""Bytes of memory that a worker is taken to need where the recipe sets no limit; with numeric verification five times that."""

PATIENCE = 5
"""Seconds to wait for a scheduler."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An executor, how many jobs it works on at once, what it is called, and the function that it runs for each job."""

    executor: Executor
    width: int
    name: str
    attempt: Callable[[Mapping[str, Any]], dict[str, Any]] = attempt


@contextmanager
def local(jobs: int) -> Iterator[Engine]:
    """So many worker processes on this machine. Each thread of the pool does nothing but wait for its process."""
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="slot")
    try:
        yield Engine(executor, jobs, f"{jobs} worker{'s' if jobs > 1 else ''}")
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        stop_all()  # after an error or Ctrl-C threads wait for workers still
        executor.shutdown()
        close_all()


@contextmanager
def cluster(address: str) -> Iterator[Engine]:
    """A Dask cluster. It places jobs, and gives those of a worker that is lost to another."""
    try:
        from distributed import Client
    except ImportError:
        raise RuntimeUnavailableError(
            "Dask is not installed", code="extra-missing", where=address, hint="pip install 'configsplit[cluster]'"
        ) from None

    class Closing(Client):
        """One that is closed where it does not come about: Python waits at its end for what it then still holds."""

        def start(self, **options: Any) -> None:
            try:
                super().start(**options)  # type: ignore[no-untyped-call]
            except BaseException:
                self.close()  # type: ignore[no-untyped-call]
                raise

    try:
        client: Any = Closing(  # type: ignore[no-untyped-call]
            address, timeout=PATIENCE, set_as_default=False
        )
    except (OSError, ValueError, MemoryError) as error:
        foreign = isinstance(error, MemoryError)  # the first bytes of what answers were taken for a size
        raise StoreError(
            f"no scheduler answers: {'this is no server of Dask' if foreign else error}",
            code="cluster-unreachable",
            where=address,
            hint="start one: `dask scheduler`, and `dask worker tcp://...:8786` on every machine",
        ) from None
    try:
        threads = sum(client.nthreads().values())
        yield Engine(client.get_executor(pure=False), max(8, threads), f"cluster {address}, {threads} threads")
    finally:
        client.close()


def check_limits(limits: Iterable[int | None]) -> None:
    """Refuse limits of memory that nobody could keep."""
    if not any(limits):
        return
    try:
        import psutil  # noqa: F401
    except ImportError:
        raise RuntimeUnavailableError(
            "`limits: memory` needs psutil, which is not installed",
            code="extra-missing",
            where="limits.memory",
            hint="pip install 'configsplit[batch]'",
        ) from None


def most_jobs(memory: int | None, numeric: bool) -> int:
    """How many workers this machine has cores and memory for."""
    each = memory or (EACH * 5 if numeric else EACH)
    return max(1, min(_cores(), _available() // each))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _available() -> int:
    try:
        import psutil
    except ImportError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return int(psutil.virtual_memory().available)


# Jobs done in this very process, for stores that no other process sees (``memory://``). Nothing isolates one from the next.


def attempt_here(job: Mapping[str, Any]) -> dict[str, Any]:
    """As `slot.attempt` does, without a process of its own."""
    return {**do(job), "worker": "this process"}
