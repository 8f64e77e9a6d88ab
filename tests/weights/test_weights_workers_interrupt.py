"""Ctrl-C at the moment at which a thread is about to start."""

from __future__ import annotations

import pytest

from configsplit.containers.system import threads as workers_module
from configsplit.containers.system.threads import Workers


def test_an_interrupt_before_a_thread_starts_stays_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workers_module, "start_new_thread", interrupted)
    with pytest.raises(KeyboardInterrupt), Workers() as workers:
        workers.submit(lambda stop: None)


@pytest.mark.parametrize("dies", [True, False])
def test_without_threads_the_work_is_done_all_the_same(dies: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread can be had; or there is one, which ends before it has begun, for want of memory."""

    def start(*_: object) -> None:
        if not dies:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers_module, "start_new_thread", start)
    with Workers() as workers:
        tasks = [workers.submit(lambda stop, number=number: number) for number in range(5)]
    assert [task.result() for task in tasks] == [0, 1, 2, 3, 4]
