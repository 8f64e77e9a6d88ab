"""Runs the command line hundreds of times, each in a forked process under a fault, without loading it again each time.

One JSON object a line on stdin, one answer a line on stdout; see `Job` for what may be asked. A *moment* is the time
just before a call in `CALLS` that changes something on disk, or takes a lock.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import errno
import fcntl
import hashlib
import io
import json
import mmap
import os
import resource
import signal
import stat
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = ("mkdir", "rmdir", "rename", "replace", "unlink", "chmod", "open", "write", "pwrite", "fsync", "ftruncate")
_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_USER = 0x20000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _PRIVATE = 1, 32, 4096, 1 << 18 | 1 << 14

Job = dict[str, Any]
"""``arguments``, ``cwd``; ``target``: the folder whose content is told before and after; and the faults, each optional:
``moment`` with ``signal``, ``errno`` or ``pause`` (what happens then; a pause makes the first file and waits for the second),
``limits`` (of the system, by name; ``AS`` counts from what is there), ``mount`` (``full`` with ``size``, or ``read-only``) at
the target, ``mode`` of the target, ``environment``, ``stdout`` (``closed``, ``all closed``, ``broken`` or a path)."""


def content(folder: Path) -> dict[str, str]:
    """Everything below a folder, hidden things too: kind, mode and digest of each."""
    while True:
        found = {}
        with contextlib.suppress(FileNotFoundError):  # another run beside this one tidies up: look again
            for path in sorted(folder.rglob("*")):
                status = path.lstat()
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
                found[str(path.relative_to(folder))] = f"{stat.filemode(status.st_mode)} {digest}"
            return found


class Moments:
    """Counts calls in memory that the supervisor sees, and lets the fault come at the one that is asked for."""

    def __init__(self, job: Job) -> None:
        self.job, self.shared = job, mmap.mmap(-1, 16)

    @property
    def count(self) -> int:
        return int(struct.unpack("q", self.shared[:8])[0])

    def watch(self) -> None:
        for name in CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        io.open = builtins.open = self._counted(io.open)  # type: ignore[assignment]
        fcntl.flock = self._counted(fcntl.flock)

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            if _changes(call, arguments):
                count = self.count
                self.shared[:8] = struct.pack("q", count + 1)
                if count == self.job.get("moment"):
                    self._strike()
            return call(*arguments, **keywords)

        return counted

    def _strike(self) -> None:
        if "pause" in self.job:
            here, on = self.job["pause"]
            Path(here).touch()
            while not Path(on).exists():
                time.sleep(0.002)
        elif "signal" in self.job:
            os.kill(os.getpid(), self.job["signal"])
        else:
            raise OSError(self.job["errno"], os.strerror(self.job["errno"]))


def _changes(call: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    if call.__name__ != "open":
        return True
    how = arguments[1] if len(arguments) > 1 else "r"
    return bool(how & (os.O_WRONLY | os.O_RDWR)) if isinstance(how, int) else bool(set(how) & set("wax+"))


def _limit(job: Job) -> None:
    for name, value in job.get("limits", {}).items():
        if name == "AS":
            value += int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def _without_privileges() -> None:
    """Root may write anywhere, unless what it may do by being root is taken from it: capabilities, by a call of the system."""
    header, none = struct.pack("ii", 0x20080522, 0), struct.pack("6I", *[0] * 6)
    if os.geteuid() == 0 and _LIBC.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _mount(job: Job) -> None:
    """A full or read-only file system at the target, for this process and its children alone."""
    flags, user, group = _NEW_MOUNTS, os.geteuid(), os.getegid()
    if _LIBC.unshare(flags if user == 0 else flags | _NEW_USER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    target = os.fsencode(job["target"])
    _mounted(b"none", b"/", b"", _PRIVATE, b"")
    if job["mount"] == "full":
        _mounted(b"none", target, b"tmpfs", 0, f"size={job['size']},mode=755".encode())
    else:
        _mounted(target, target, b"", _BIND, b"")
        _mounted(b"none", target, b"", _BIND | _REMOUNT | _READ_ONLY, b"")


def _mounted(*arguments: Any) -> None:
    source, target, kind, flags, data = arguments
    if _LIBC.mount(source, target, kind, ctypes.c_ulong(flags), data) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def _command(job: Job, moments: Moments, out: int, err: int) -> None:
    """The command itself, as `configsplit.__main__` runs it; never returns."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for fd, place in ((out, 1), (err, 2)):
        os.dup2(fd, place)
    os.closerange(3, 64)
    os.chdir(job["cwd"])
    for name, value in job.get("environment", {}).items():
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
    tempfile.tempdir = None
    sys.argv = ["configsplit", *job["arguments"]]
    sys.stdout, sys.stderr = io.open(1, "w", closefd=False), io.open(2, "w", closefd=False)  # noqa: SIM115, UP020
    _spoil_output(job.get("stdout", ""))
    code = 70
    try:
        if "mode" in job:
            _without_privileges()
        moments.watch()
        _limit(job)
        from configsplit.__main__ import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - shown as Python would
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os._exit(code)


def _spoil_output(how: str) -> None:
    if how == "broken":
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 1)
    elif how.startswith("/"):
        os.dup2(os.open(how, os.O_WRONLY), 1)
    for fd in {"closed": (1,), "all closed": (0, 1, 2)}.get(how, ()):
        os.close(fd)  # Python has no sys.stdout then
        sys.stdout = None  # type: ignore[assignment]
        sys.stderr = sys.stderr if how == "closed" else None  # type: ignore[assignment]


def _supervise(job: Job) -> dict[str, Any]:
    """Set the scene, run the command in it, and tell what became of it."""
    target = Path(job["target"])
    if "mount" in job:
        _mount(job)
    before = content(target)
    moments, (out, give_out), (err, give_err) = Moments(job), os.pipe(), os.pipe()
    if "mode" in job:
        target.chmod(job["mode"])
    child = os.fork()
    if not child:
        _command(job, moments, give_out, give_err)
    _, status = os.waitpid(child, 0)
    if "mode" in job:
        target.chmod(0o755)
    os.close(give_out)
    os.close(give_err)
    texts = [os.read(fd, 1 << 16).decode("utf-8", "replace") for fd in (out, err)]  # what a pipe holds is enough
    return {
        "code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1],
        "before": before, "after": content(target), "moments": moments.count, "target": str(target),
    }  # fmt: skip


def _answer(job: Job) -> str:
    """In a process of its own, whose mounts go with it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = json.dumps(_supervise(job))
        except OSError as error:
            answer = json.dumps({"broken": f"{errno.errorcode.get(error.errno or 0)}: {error}"})
        with os.fdopen(write, "w") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def _warm_up() -> None:
    """Load all that the verbs load when they are called, but for what loads a framework."""
    from importlib import import_module
    from pkgutil import walk_packages

    import configsplit
    import configsplit.__main__

    left_out = ("__main__", "configsplit.runtime.", "configsplit.keras", "configsplit.custom_objects.", "configsplit.testing")
    for found in walk_packages(configsplit.__path__, "configsplit."):
        if not found.name.startswith(left_out[1:]) and not found.name.endswith(left_out[0]):
            import_module(found.name)
    times = {"milliseconds": {"c1": 1.5, "c2": 0.5}, "framework": "keras", "version": "3"}
    import_module("configsplit.runtime.profile").measure = lambda *_, **__: times  # type: ignore[attr-defined]
    import_module("configsplit.runtime.expansion.worker").expansion = _graph  # type: ignore[attr-defined]


def _graph(document: str, *_: Any, **__: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"opened": [], "whole": {}, "mended": {}, "arrays": [], "classes": {}, "run": True}
    return {**told, "document": json.loads(document), "class": "Functional"}


def serve() -> None:
    _warm_up()
    for line in sys.stdin:
        sys.stdout.write(_answer(json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
