"""The digest of a file that will be asked for, begun while Python still loads what reads it."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

from configsplit.stores.source import Source

WORTH = 1 << 20
"""Bytes below which a thread costs more than it gains."""


class Ahead:
    """`Source.sha256` in a thread of its own, from now on. Leaving the ``with`` block calls it off.

    It never raises by itself: what is wrong with the file is said by who opens it, or when the digest is asked for.
    """

    def __init__(self, path: Path) -> None:
        self._source = Source(path=path)
        self._stop = Event()
        self._digest = ""
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="ahead", daemon=True)

    def __enter__(self) -> Ahead:
        try:
            status = self._source.path.stat()
        except (OSError, ValueError):
            return self
        if stat.S_ISREG(status.st_mode) and status.st_size >= WORTH:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._source.close()

    def _work(self) -> None:
        try:
            self._digest = self._source.sha256(self._stop)
        except BaseException as error:  # noqa: BLE001 - raised again where the digest is asked for
            self._error = error

    def sha256(self, source: Source) -> str:
        """The digest of a source, if it is the very file that was read ahead; otherwise it is read now.

        Raises:
            StoreError: as `Source.sha256` does.
        """
        if self._thread.ident is not None:
            self._thread.join()
        if self._thread.ident is None or not self._source.is_as(source):
            return source.sha256()
        if self._error is not None:
            raise self._error
        return self._digest
