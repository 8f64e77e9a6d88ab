"""A slot: one worker process and the one job that it is at. Whatever happens to the process is that job's alone.

Pools of the standard library do not know which of their processes had which job: when one is killed, all jobs under way fail.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

POLL = 0.1
"""Seconds between looks at the memory of a worker."""

_STARTING = {"seconds": 300, "memory": None}
"""What a worker may take to start; on a busy machine that is long, and it does not count as a model's time."""


class Lost(Exception):  # noqa: N818 - becomes an outcome
    """The worker did not survive the job: ``cause`` is "killed", "timeout" or "memory"."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


class Slot:
    """Runs jobs one after the other in a process of its own, which is replaced when it is lost or has grown."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = ""
        self._buffer = b""
        self._stopped = False

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to a job. Raises Lost if the worker was killed, or had to be."""
        self._send(json.dumps(job).encode("utf-8") + b"\n")
        answer: dict[str, Any] = json.loads(self._line(job["limits"]))
        if answer["run"]["memory"] > job["limits"]["recycle"]:
            self.close()
        return answer

    def stop(self) -> None:
        """Call the job off, from another thread: `run` raises `Lost`, now and from now on."""
        self._stopped = True
        process = self._process
        if process is not None:
            _kill(process)

    def close(self) -> None:
        """End the worker, and all that it has started."""
        process, self._process, self._buffer = self._process, None, b""
        if process is None:
            return
        _kill(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _send(self, line: bytes) -> None:
        """Hand the job over. A worker that died while it had nothing to do is nobody's fault: there is a new one."""
        for _ in range(3):
            if self._process is not None and self._process.poll() is not None:
                self.close()
            if self._process is None:
                self._start()
            if self._write(line):
                return
            self.close()
        raise Lost("killed", "no worker could be started")

    def _write(self, line: bytes) -> bool:
        process = self._process
        if process is None or process.stdin is None or self._stopped:
            return False
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except OSError:
            return False
        return True

    def _start(self) -> None:
        """Start a worker, and wait until it says that it is there."""
        self._scratch = tempfile.mkdtemp(prefix="configsplit-worker-")
        self._process = subprocess.Popen(
            # -P keeps the working directory out of sys.path: a folder of models must not bring a module of its own
            [sys.executable, "-P", "-m", "configsplit.batches.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYDANTIC_DISABLE_PLUGINS": "__all__", "TMPDIR": self._scratch},
        )
        self._line(_STARTING)

    def _line(self, limits: Mapping[str, Any]) -> bytes:
        """The next line that the worker says, within the limits."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        end = None if limits["seconds"] is None else time.monotonic() + limits["seconds"]
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if selector.select(POLL):
                    self._read(process)
                    continue
                if self._stopped:
                    self._lose("killed", "the job was called off")
                if end is not None and time.monotonic() > end:
                    self._lose("timeout", f"it took longer than {limits['seconds']:g} seconds")
                if limits["memory"] is not None and _memory(process.pid) > limits["memory"]:
                    self._lose("memory", f"it needed more than {limits['memory']} bytes of memory")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        piece = os.read(process.stdout.fileno(), 1 << 16)
        self._buffer += piece
        if not piece:
            code = process.wait()
            self._lose(
                "killed", f"the worker was ended by signal {-code}" if code < 0 else f"the worker ended with code {code}"
            )

    def _lose(self, cause: str, message: str) -> None:
        self.close()
        raise Lost(cause, message)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _memory(pid: int) -> int:
    """Bytes that a process and all its descendants hold; 0 where nobody can tell."""
    try:
        import psutil
    except ImportError:
        return 0
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total


_OWN = threading.local()


def attempt(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do a job in the slot of this thread: the one function that engines place. Runs in any thread of any machine.

    Returns:
        The worker's answer, or ``{"lost": cause, "message": ...}``; ``worker`` names machine and thread.
    """
    slot: Slot | None = getattr(_OWN, "slot", None)
    if slot is None:
        slot = _OWN.slot = Slot()
        with _LOCK:
            _SLOTS.append(slot)
    name = f"{socket.gethostname()}-{os.getpid()}-{threading.current_thread().name.rpartition('_')[2]}"
    RUNNING[name] = (job["model"], time.monotonic())
    try:
        return {**slot.run(job), "worker": name}
    except Lost as lost:
        return {"lost": lost.cause, "message": lost.message, "worker": name}
    finally:
        RUNNING.pop(name, None)


RUNNING: dict[str, tuple[str, float]] = {}
"""What each slot of this process is at, and since when (`time.monotonic`)."""

_LOCK = threading.Lock()
_SLOTS: list[Slot] = []


def stop_all() -> None:
    """Call off all jobs of this process; the threads that wait for them go on."""
    with _LOCK:
        for slot in _SLOTS:
            slot.stop()


def close_all() -> None:
    """End all workers of this process. No thread may be at one any more."""
    with _LOCK:
        slots = _SLOTS[:]
        _SLOTS.clear()
    for slot in slots:
        slot.close()
