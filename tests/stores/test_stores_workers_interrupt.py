"""Ctrl-C at the moment at which a thread is about to start."""

from __future__ import annotations

from threading import Thread

import pytest

from configsplit.stores import Workers


def test_an_interrupt_before_a_thread_starts_stays_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), Workers() as workers:
        workers.submit(lambda stop: None)
