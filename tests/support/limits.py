"""Limits for a block of code in this process: so much time of the processor, and so much more memory than there was."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class TooLongError(BaseException):
    """The processor time of one input is used up. No handler of the code under test may take it for an error of its own."""


def most_resident() -> int:
    """The most memory that this process has ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def limited(seconds: float, memory: int) -> Iterator[None]:
    """An alarm after so much processor time, and no more address space than what is there and twice so much more."""

    def ring(*_: Any) -> None:
        raise TooLongError

    old = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGPROF, ring)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * memory, old[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, old)
