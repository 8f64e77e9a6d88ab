"""How a process that builds a model is held: what it may read, where it may write, how much it may take.

    Linux    Landlock (or namespaces), seccomp, no new privileges, limits of memory, CPU time and file size
    macOS    a profile of sandbox-exec, and the limits
    others   nothing that holds: building there needs an explicit ``confined=False``

Everywhere: an environment with little in it, a private folder as home and for temporary files, a process group of its own,
killed as a whole when its time is up or its parent ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from configsplit.errors import RuntimeUnavailableError
from configsplit.runtime.confinement.start import NOT_CONFINED

_GB = 1 << 30
_TIMEOUT = 3600.0
_KEPT = """
    KERAS_BACKEND TF_USE_LEGACY_KERAS TF_ENABLE_ONEDNN_OPTS TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS OMP_NUM_THREADS
    OPENBLAS_NUM_THREADS LANG LC_ALL LC_CTYPE TZ LD_LIBRARY_PATH DYLD_LIBRARY_PATH SYSTEMROOT
"""
"""Variables of the environment that a framework may need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a process that builds models may take.

    Attributes:
        timeout: seconds of the clock; the same for each processor's time.
        memory: bytes; by default 8 GB, or eight times the size of the files where that is more.
        confined: whether the operating system holds it; False only where the user says so.
    """

    timeout: float = _TIMEOUT
    memory: int | None = None
    confined: bool = True

    @classmethod
    def of(cls, timeout: float | None, gigabytes: float | None, unconfined: bool) -> Limits:
        """Limits as options give them; None for what is usual."""
        memory = None if gigabytes is None else int(gigabytes * _GB)
        return cls(timeout=_TIMEOUT if timeout is None else timeout, memory=memory, confined=not unconfined)

    def memory_for(self, files: Iterable[Path]) -> int:
        if self.memory is not None:
            return self.memory
        return max(8 * _GB, 8 * sum(path.stat().st_size for path in files if path.is_file()))


def environment() -> dict[str, str]:
    """Environment of a worker: a quiet, deterministic framework that finds configsplit as this process did."""
    root = str(Path(__file__).resolve().parents[3])
    inherited = os.environ.get("PYTHONPATH")
    return {
        "KERAS_BACKEND": "tensorflow",
        **{name: os.environ[name] for name in _KEPT.split() if name in os.environ},
        "PATH": os.defpath,
        "PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_DETERMINISTIC_OPS": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def mode(limits: Limits) -> str:
    """How a worker is held on this machine: "linux", "sandbox-exec" or "none"."""
    if not limits.confined:
        return "none"
    if sys.platform == "linux":
        return "linux"
    if sys.platform == "darwin" and shutil.which("sandbox-exec"):
        return "sandbox-exec"
    raise _no_way(f"{sys.platform} has nothing that configsplit knows of")


def _no_way(reason: str) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(
        f"the process that builds the model cannot be confined: {reason}",
        code="runtime-not-confined",
        hint="--unconfined builds it anyway; use it only for files whose author you trust",
    )


def run(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    *,
    read: Sequence[Path],
    specs: Sequence[str] = (),
    limits: Limits,
    log: BinaryIO,
    settings: Mapping[str, str] | None = None,
) -> int:
    """Run ``main`` of a module in a confined process that reads ``read`` and writes to ``folder``; returns its exit code.

    ``specs`` are the user's plug-ins: their files and what lies beside them may be read.

    Raises:
        RuntimeUnavailableError: the process could not be confined.
        TimeoutError: its time was up; the whole group was killed.
    """
    how = mode(limits)
    code = _launch(_command(how, folder, read, specs, limits, [module, *arguments]), folder, limits, log, settings or {})
    if code == NOT_CONFINED:
        raise _no_way("the system refused it")
    return code


def in_force(limits: Limits | None = None) -> tuple[str, ...]:
    """What holds a worker on this machine, in words, found out by confining a process; empty where nothing can."""
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="configsplit-") as name:
        folder = Path(name).resolve()
        with (folder / "log").open("w+b") as log:
            code = _launch(_command(mode(limits), folder, [], [], limits, []), folder, limits, log, {})
            log.seek(0)
            told = log.read().decode("utf-8", "replace").strip()
    if code:
        raise _no_way(told.splitlines()[-1] if told else f"exit code {code}")
    return tuple(json.loads(told.splitlines()[-1]))


def _command(
    how: str, folder: Path, read: Sequence[Path], specs: Sequence[str], limits: Limits, target: list[str]
) -> list[str]:
    readable = sorted({*_program_places(), *map(str, (path.resolve() for path in read)), *_plugin_places(specs)})
    private = str(folder.resolve())
    policy = {
        "mode": how,
        "read": readable,
        "write": [private],
        "memory": limits.memory_for(read),
        "seconds": limits.timeout,
        "parent": os.getpid(),
    }
    place = folder / "policy.json"
    place.write_text(json.dumps(policy))
    # -P keeps the working directory out of sys.path: a folder of models must not be able to bring a keras.py of its own
    command = [sys.executable, "-P", "-m", "configsplit.runtime.confinement.start", str(place), *target]
    return ["sandbox-exec", "-p", profile(readable, [private]), *command] if how == "sandbox-exec" else command


def _launch(command: list[str], folder: Path, limits: Limits, log: BinaryIO, settings: Mapping[str, str]) -> int:
    private = str(folder.resolve())
    surroundings = {**environment(), "HOME": private, "TMPDIR": private, **settings}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=surroundings, cwd=private, start_new_session=True
    )
    try:
        return process.wait(limits.timeout)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _program_places() -> set[str]:
    """Where Python, configsplit and the frameworks lie."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable, str(Path(sys.executable).resolve())}
    places |= {place for place in sys.path if place and Path(place).is_absolute()}
    places |= {str(Path(__file__).resolve().parents[3])}
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):  # packages that are installed where they are worked on
            places |= {str(place) for place in getattr(module, "MAPPING", {}).values()}
    return {os.path.realpath(place) for place in places}


def _plugin_places(specs: Sequence[str]) -> set[str]:
    """The folders of plug-ins that are files: a declaration may name a module beside it."""
    return {str(Path(spec).resolve().parent) for spec in specs if Path(spec).exists()}


def profile(readable: Sequence[str], writable: Sequence[str]) -> str:
    """A profile for macOS's sandbox-exec: no network, programs or processes; writing only to ``writable``."""
    quoted = [[f"(subpath {json.dumps(path)})" for path in paths] for paths in (readable, writable)]
    system = '(subpath "/usr") (subpath "/System") (subpath "/Library") (subpath "/private/etc") (subpath "/dev")'
    return "\n".join(
        (
            "(version 1)",
            "(deny default)",
            f"(allow process-exec (literal {json.dumps(os.path.realpath(sys.executable))}) "
            f"(literal {json.dumps(sys.executable)}))",
            "(allow signal (target self))",
            "(allow sysctl-read)",
            "(allow mach-lookup)",
            "(allow file-read-metadata)",
            f"(allow file-read* {system} {' '.join(quoted[0] + quoted[1])})",
            f'(allow file-write* {" ".join(quoted[1])} (literal "/dev/null"))',
        )
    )
