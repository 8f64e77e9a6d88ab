"""The worker process: one job a line on stdin, one answer a line on stdout, ``ready`` first; gone when stdin is closed.

    python -P -m configsplit.batches.worker

A process of our own rather than one of ``multiprocessing``: it can be started from daemonic processes, as Dask's workers are,
never imports the program that called us, and notices the death of its parent even by kill -9.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any


def main() -> None:
    """Answer jobs until there are no more."""
    answers = _own_stdout()
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    from configsplit.batches.job import do
    from configsplit.containers.system.files import settle_later
    from configsplit.containers.system.threads import Workers

    Workers.usual = 1  # there are as many of us as there are cores
    settle_later()  # outputs are held against their digests before an earlier run's are relied on
    gc.collect()
    gc.freeze()  # what is loaded by now stays for good and need not be searched again
    gc.disable()  # graphs have no cycles, and searching them again and again doubles the time; `_told` collects once a model
    _say(answers, {"ready": os.getpid()})
    while True:
        line = jobs.get()
        _say(answers, _told(do(json.loads(line))))


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _own_stdout() -> IO[str]:
    """The stdout that we were given, which from now on nobody else writes to: what others print goes to stderr."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _listen(jobs: queue.SimpleQueue[str]) -> None:
    """Read jobs. When stdin ends our parent is gone, however that happened: we go too, and all that we have started."""
    for line in sys.stdin:
        jobs.put(line)
    if Path(tempfile.gettempdir()).name.startswith("configsplit-worker-"):
        shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)  # it is this process's own, see `slot`
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    gc.collect()
    answer["run"] |= {"memory": _resident()}
    return answer


def _resident() -> int:
    """Bytes of memory that this process holds."""
    try:
        import psutil
    except ImportError:
        return 0
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
