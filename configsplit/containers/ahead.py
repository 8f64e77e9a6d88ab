"""The digest of a file that will be asked for, begun while Python still loads what reads it."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from configsplit.containers.source import Source
from configsplit.containers.system.forked import Forked, can_fork
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
        self._child: Forked | None = None

    def __enter__(self) -> Ahead:
        with suppress(OSError, ValueError, StoreError):
            path = self._source.path
            if path.is_file() and path.stat().st_size >= WORTH and can_fork() and threading.active_count() == 1:
                self._source.kind  # noqa: B018 - opens the file, which must be the one that is cut
                self._child = Forked(lambda orphaned: self._source.sha256(orphaned).encode("ascii"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._child is not None:
            self._child.end()
        self._source.close()

    def sha256(self, source: Source) -> str:
        """The digest of a source, if it is the very file that was read ahead; otherwise it is read now.

        Raises:
            StoreError: as `Source.sha256` does.
        """
        if self._child is not None and self._source.is_as(source):
            digest = self._child.said() or b""
            if len(digest) == _DIGITS:  # else the child met something that is wrong with the file, or was killed
                return digest.decode("ascii")
        return source.sha256()
