"""A source whose digest will be asked for, begun while Python still loads what reads it."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from configsplit.containers.fetched import elsewhere
from configsplit.containers.source import Source
from configsplit.errors import StoreError

if TYPE_CHECKING:
    from configsplit.containers.system.forked import Forked

WORTH = 1 << 20
"""Bytes below which a process costs more than it gains."""
_DIGITS = 64


class EarlyDigest:
    """A source, and its `Source.sha256` in a process of its own, from now on. Leaving the ``with`` block closes the source and
    calls it off.

    A thread would wait for Python's lock most of the time, since loading modules holds it. Where no process can be forked
    (Windows; or where threads run, which a fork would leave behind) nothing is read ahead. It never raises by itself: what is
    wrong with the file is said by who reads the source, or when the digest is asked for.
    """

    def __init__(self, path: Path, weights: Path | None = None) -> None:
        self.source = Source(path=path, weights_path=weights)
        self._child: Forked | None = None

    def __enter__(self) -> EarlyDigest:
        with suppress(OSError, ValueError, StoreError):
            path = self.source.path
            if not path.is_file() or path.stat().st_size < WORTH or threading.active_count() > 1 or elsewhere(path) is not None:
                return self
            from configsplit.containers.system.forked import Forked, can_fork

            if can_fork():
                self.source.kind  # noqa: B018 - opens the file, which must be the one that is cut
                self._child = Forked(lambda orphaned: self.source.sha256(orphaned).encode("ascii"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._child is not None:
            self._child.end()
        self.source.close()

    def sha256(self) -> str:
        """The digest of the source; where it could not be read ahead, it is read now. Raises StoreError as `Source.sha256`
        does.
        """
        if self._child is not None:
            digest = self._child.said() or b""
            if len(digest) == _DIGITS:  # else the child met something that is wrong with the file, or was killed
                return digest.decode("ascii")
        return self.source.sha256()
