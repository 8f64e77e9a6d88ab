"""Work in a forked process: it can be ended at any moment, and limited in time and memory. Where there is no fork, nobody has
one, and who wants it does without."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from configsplit.containers.system.closing import Closing

_END = b"\n"


def can_fork() -> bool:
    """Whether the system has processes of that kind."""
    return hasattr(os, "fork")


class Forked(Closing):
    """A forked process that does one thing and says a line about it; leaving the ``with`` block ends it.

    All that the work needs must be imported already. Only the thread that asks for it goes on in the other process.

    Raises:
        OSError: the system gives no process.
    """

    def __init__(self, work: Callable[[Orphaned], bytes]) -> None:
        self._answer, give = os.pipe()
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except BaseException:
            os.close(self._answer)
            os.close(give)
            raise
        if self.pid:
            os.close(give)
            return
        try:  # the child's whole life: the parent's buffers, handlers and temporary files are not its own
            os.close(self._answer)
            faulthandler.disable()
            os.write(give, work(Orphaned(parent)) + _END)
        finally:
            os._exit(0)

    def said(self, seconds: float | None = None) -> bytes | None:
        """What it said; None where it died or takes longer than so many ``seconds``."""
        said = b""
        while not said.endswith(_END):
            piece = os.read(self._answer, 1 << 16) if _is_ready(self._answer, seconds) else b""
            if not piece:
                return None
            said += piece
        return said.removesuffix(_END)

    def close(self) -> None:
        """It is done, or nobody wants it any more."""
        os.close(self._answer)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Orphaned(threading.Event):
    """Set as soon as the parent is gone: nobody wants the work then."""

    def __init__(self, parent: int) -> None:
        super().__init__()
        self._parent = parent

    def is_set(self) -> bool:
        return os.getppid() != self._parent


def _is_ready(pipe: int, seconds: float | None) -> bool:
    if seconds is None:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        return bool(poll.poll(1000 * seconds))
    return bool(select.select([pipe], [], [], seconds)[0])


def limit(seconds: int, more: int) -> None:
    """Limit this process for good: seconds of the processor, bytes of memory beyond what it has. Where the system has no such
    limits it goes without."""
    with suppress(ImportError):
        import resource

        for kind, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_AS, _taken(resource.getpagesize()) + more),
        ):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _taken(page: int) -> int:
    """Address space that this process has. macOS does not tell, nor does it hold anybody to it."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[0]) * page if told.exists() else 1 << 40
