"""The digest of a file that will be asked for, begun while Python still loads what reads it."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from configsplit.containers.source import Source
from configsplit.errors import StoreError

WORTH = 1 << 20
"""Bytes below which a process costs more than it gains."""
_DIGITS = 64


class Ahead:
    """`Source.sha256` in a process of its own, from now on. Leaving the ``with`` block calls it off.

    A thread would wait for Python's lock most of the time, since loading modules holds it. Where no process can be forked
    (Windows; or where threads run, which a fork would leave behind) nothing is read ahead. It never raises by itself: what is
    wrong with the file is said by who opens it, or when the digest is asked for.
    """

    def __init__(self, path: Path) -> None:
        self._source = Source(path=path)
        self._child = self._answer = 0

    def __enter__(self) -> Ahead:
        with suppress(OSError, ValueError, StoreError):
            status = self._source.path.stat()
            if stat.S_ISREG(status.st_mode) and status.st_size >= WORTH and _may_fork():
                self._source.kind  # noqa: B018 - opens the file, which must be the one that is cut
                self._begin()
        return self

    def _begin(self) -> None:
        self._answer, give = os.pipe()
        alone = _Alone(os.getpid())
        self._child = os.fork()
        if self._child:
            os.close(give)
            return
        try:
            os.write(give, self._source.sha256(alone).encode("ascii"))
        finally:
            os._exit(0)  # whatever happened: the parent's buffers, handlers and temporary files are not the child's

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._child:
            import signal

            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            os.close(self._answer)
        self._source.close()

    def sha256(self, source: Source) -> str:
        """The digest of a source, if it is the very file that was read ahead; otherwise it is read now.

        Raises:
            StoreError: as `Source.sha256` does.
        """
        if self._child and self._source.is_as(source):
            digest = os.read(self._answer, _DIGITS)
            if len(digest) == _DIGITS:  # else the child met something that is wrong with the file, or was killed
                return digest.decode("ascii")
        return source.sha256()


class _Alone(threading.Event):
    """Set as soon as the parent is gone: nobody wants the digest then."""

    def __init__(self, parent: int) -> None:
        super().__init__()
        self._parent = parent

    def is_set(self) -> bool:
        return os.getppid() != self._parent


def _may_fork() -> bool:
    return hasattr(os, "fork") and threading.active_count() == 1
