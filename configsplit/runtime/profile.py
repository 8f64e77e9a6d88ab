"""Measure how long each layer of a model takes: ``python -m configsplit.runtime.profile JOB.json``, in a process of its own.

The model runs whole and eagerly, and every layer's ``call`` is timed where Keras calls it, so that no layer is fed anything it
would not get in earnest. Runs before the first that counts warm caches up; of the others the median counts, layer by layer.
A layer that is called several times gets the mean of its calls. On a CPU an eager call has its result when it returns.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from configsplit.errors import ConfigSplitError, RuntimeUnavailableError, VerificationError
from configsplit.runtime import arrays
from configsplit.runtime.build import load
from configsplit.runtime.documents import examine
from configsplit.runtime.frameworks import framework, framework_name
from configsplit.runtime.samples import make_inputs, read_hints
from configsplit.runtime.worker import call, custom_classes, environment

_WARM_UP = 2


def measure(
    path: Path,
    weights: Path | None,
    dialect: str,
    inputs: Sequence[Mapping[str, Any]],
    *,
    samples: int,
    rounds: int,
    custom_objects: Sequence[str] = (),
    timeout: float = 3600.0,
) -> dict[str, Any]:
    """``{"framework", "version", "milliseconds": {layer: milliseconds for one call}}``, measured in a fresh process.

    Raises:
        RuntimeUnavailableError: no installed framework runs the dialect.
        VerificationError: the model could not be run.
    """
    examined = examine(path, weights)
    job = {
        "model": str(path.resolve()),
        "weights": None if weights is None else str(weights.resolve()),
        "framework": framework_name(dialect),
        "rounds": rounds,
        "custom_objects": list(custom_objects),
    }
    with tempfile.TemporaryDirectory(prefix="configsplit-profile-") as name:
        folder = Path(name)
        hints = read_hints(examined.text, examined.words)
        arrays.save(folder / "inputs.npz", make_inputs(inputs, hints, samples=samples, seed=0))
        (folder / "job.json").write_text(json.dumps(job))
        return _run(folder, path, timeout)


def _run(folder: Path, path: Path, timeout: float) -> dict[str, Any]:
    # -P keeps the working directory out of sys.path, as for the worker of the numeric verification
    command = [sys.executable, "-P", "-m", "configsplit.runtime.profile", str(folder / "job.json")]
    quiet = {key: value for key, value in environment().items() if key != "TF_DETERMINISTIC_OPS"}
    try:
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise VerificationError(
            f"profiling took longer than {timeout:g} seconds", code="runtime-timeout", where=str(path)
        ) from None
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise VerificationError(f"the model could not be run:\n{tail}", code="runtime-failed", where=str(path))
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    if "error" in result:
        found = result["error"]
        kind = RuntimeUnavailableError if found["code"].startswith("runtime") else VerificationError
        raise kind(found["message"], code=found["code"], where=found["where"], hint=found["hint"])
    return result


def main(arguments: Sequence[str]) -> int:
    """Measure what the job in ``arguments[0]`` asks for; ``result.json`` appears beside it."""
    path = Path(arguments[0])
    try:
        result = _measured(json.loads(path.read_text()), path.parent)
    except ConfigSplitError as error:
        result = {"error": error.as_json()}
    (path.parent / "result.json").write_text(json.dumps(result))
    return 0


def _measured(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    used = framework(job["framework"])
    classes = custom_classes(job["custom_objects"], used.name)
    weights = Path(job["weights"]) if job["weights"] else None
    model = load(Path(job["model"]), weights, framework=used, classes=classes)
    inputs = arrays.load(folder / "inputs.npz")
    runs = []
    for number in range(_WARM_UP + job["rounds"]):
        with _timed(model) as times:
            call(model, used, inputs)
        if number >= _WARM_UP:
            runs.append(times)
    names = dict.fromkeys(name for run in runs for name in run)
    milliseconds = {name: _median([run[name] for run in runs if name in run]) for name in names}
    return {"framework": used.name, "version": used.version, "milliseconds": milliseconds}


def _median(runs: Sequence[Sequence[float]]) -> float:
    return round(statistics.median(statistics.fmean(calls) for calls in runs) * 1000, 6)


@contextmanager
def _timed(model: Any) -> Iterator[dict[str, list[float]]]:
    """Seconds of every call of every layer of the model itself while it runs."""
    times: dict[str, list[float]] = {}
    layers = [layer for layer in getattr(model, "operations", model.layers) if type(layer).__name__ != "InputLayer"]
    originals = [(layer, layer.call) for layer in layers]
    try:
        for layer, original in originals:
            # past __setattr__, which would take the function for something to be saved
            object.__setattr__(layer, "call", partial(_clocked, original, times.setdefault(layer.name, [])))
        yield times
    finally:
        for layer, _ in originals:
            object.__delattr__(layer, "call")
        for name in [name for name, calls in times.items() if not calls]:
            del times[name]


def _clocked(original: Callable[..., Any], times: list[float], *args: Any, **kwargs: Any) -> Any:
    start = time.perf_counter()
    result = original(*args, **kwargs)
    times.append(time.perf_counter() - start)
    return result


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
