"""What hostile code would try if it ran where models are built: each attempt ends "done", or in what the system said.

``main`` is run by `configsplit.runtime.confinement.start` in place of the worker, as code of a file that got past every check.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: Any) -> None:
    if _LIBC.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _fork() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _connect(kind: int, address: Any, family: int = socket.AF_INET) -> None:
    with socket.socket(family, kind) as made:
        made.connect(address)


def _through_a_link(private: Path, outside: Path) -> None:
    link = private / "link"
    link.symlink_to(outside)
    (link / "through-a-link").write_text("x")


def _raise_limit() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def attempts(job: dict[str, Any], private: Path) -> dict[str, Callable[[], Any]]:
    outside, model = Path(job["outside"]), Path(job["model"])
    return {
        "write a file": lambda: (outside / "written").write_text("x"),
        "write by the root of /proc": lambda: Path(f"/proc/self/root{outside}/written-too").write_text("x"),
        "write through a link": lambda: _through_a_link(private, outside),
        "make a folder": lambda: (outside / "folder").mkdir(),
        "link a file": lambda: os.link(model, outside / "linked"),
        "append to the model": lambda: model.open("a").write(" "),
        "truncate the model": lambda: os.truncate(model, 5),
        "rename a file": lambda: (model.parent / "renamable").rename(outside / "renamed"),
        "remove a file": lambda: (model.parent / "removable").unlink(),
        "change the model's mode": lambda: model.chmod(0o600),
        "change the model's time": lambda: os.utime(model, (0, 0)),
        "read a secret": lambda: (outside / "secret").read_text(),
        "list a foreign folder": lambda: list(outside.iterdir()),
        "read another process": lambda: Path(f"/proc/{job['parent']}/environ").read_bytes(),
        "connect by TCP": lambda: _connect(socket.SOCK_STREAM, ("127.0.0.1", job["port"])),
        "connect by UDP": lambda: _connect(socket.SOCK_DGRAM, ("127.0.0.1", job["port"])),
        "connect by a socket file": lambda: _connect(socket.SOCK_STREAM, job["socket"], socket.AF_UNIX),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "fork": _fork,
        "run a program": lambda: subprocess.run(["/bin/true"], check=True),
        "run a shell": lambda: _shell("true"),
        "signal the parent": lambda: os.kill(job["parent"], 0),
        "leave the group": lambda: os.setpgid(0, 0) if os.getpgrp() != os.getpid() else os.setsid(),
        "raise its limits": _raise_limit,
        "make a program in memory": lambda: os.close(os.memfd_create("m")),
        "trace": lambda: _call(101 if os.uname().machine == "x86_64" else 117, 0, 0, 0, 0),
        "unshare": lambda: _call(272 if os.uname().machine == "x86_64" else 97, 0x10000000),
        "io_uring": lambda: _call(425, 1, ctypes.create_string_buffer(120)),
        "call by 32-bit numbers": lambda: _call(0x40000000 + 41, 2, 1, 0),
    }


def _shell(text: str) -> None:
    if (code := os.system(text)) != 0:
        raise OSError(code, "the shell did not run")


def _permitted(private: Path, model: Path) -> None:
    """What a worker needs: its folder, its model, threads, numpy."""
    (private / "own").write_text("x")
    (private / "own").rename(private / "owned")
    (private / "owned").unlink()
    model.read_bytes()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    import numpy

    assert numpy.ones((100, 100)) @ numpy.ones(100) is not None
    assert sys.flags.safe_path


def main(arguments: Sequence[str]) -> int:
    place = Path(arguments[0])
    job = json.loads(place.read_text())
    told = {}
    for name, attempt in attempts(job, place.parent).items():
        try:
            attempt()
            told[name] = "done"
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            told[name] = f"{type(error).__name__}: {error}"
    _permitted(place.parent, Path(job["model"]))
    (place.parent / "result.json").write_text(json.dumps(told))
    return 0


def sleep(arguments: Sequence[str]) -> int:
    """Start another process that sleeps, tell its number, and sleep."""
    child = subprocess.Popen(["/bin/sleep", "60"])
    Path(arguments[0]).write_text(str(child.pid))
    return child.wait()
