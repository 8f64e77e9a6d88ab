"""Running a job in a worker process, and saying what went wrong there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from configsplit import errors
from configsplit.errors import ConfigSplitError, VerificationError
from configsplit.runtime.worker import environment

_TAIL_LINES = 15
_TAIL_CHARACTERS = 3000


def run_in_worker(job: Mapping[str, Any], folder: Path, *, timeout: float) -> dict[str, Any]:
    """Run a job (see `configsplit.runtime.worker`) in a process of its own, with ``folder`` for its files.

    Raises:
        VerificationError: the process died, ran out of memory or of time; the message ends with what it said last.
        ConfigSplitError: what configsplit itself refused in there, as the class that was raised.
    """
    path, log = folder / "job.json", folder / "stderr.txt"
    path.write_text(json.dumps(job))
    # -P keeps the working directory out of sys.path: a folder of models must not be able to bring a keras.py of its own
    command = [sys.executable, "-P", "-m", "configsplit.runtime.worker", str(path)]
    with log.open("wb") as stderr:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment(), timeout=timeout, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            _fail(job, f"took longer than {timeout:g} seconds", "runtime-timeout", log, "allow more time, or fewer samples")
    if code != 0:
        _died(job, code, log)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    if "error" in result:
        raise _as_error(result["error"])
    return result


def _died(job: Mapping[str, Any], code: int, log: Path) -> NoReturn:
    if code == -9:
        _fail(job, "was killed, most likely for want of memory", "runtime-out-of-memory", log, "use fewer samples")
    what = f"was ended by signal {-code}" if code < 0 else "failed"
    _fail(job, f"{what} in the framework", "runtime-failed", log, "the file may need another Keras release, or custom objects")


def _fail(job: Mapping[str, Any], what: str, code: str, log: Path, hint: str) -> NoReturn:
    unfinished = [step["model"] for step in job["steps"] if not Path(step["outputs"]).exists()]
    lines = log.read_text("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:]
    tail = "\n".join(lines)[-_TAIL_CHARACTERS:]
    where = unfinished[0] if unfinished else ""
    raise VerificationError(f"running the model {what}" + (f":\n{tail}" if tail else ""), code=code, where=where, hint=hint)


def _as_error(found: Mapping[str, str]) -> ConfigSplitError:
    kind = getattr(errors, found["type"], ConfigSplitError)
    made: ConfigSplitError = kind(found["message"], code=found["code"], where=found["where"], hint=found["hint"])
    return made
