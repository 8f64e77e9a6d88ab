"""Running a job in a worker process, and saying what went wrong there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from configsplit import errors
from configsplit.errors import ConfigSplitError, VerificationError
from configsplit.plugins.registry import plugins
from configsplit.runtime.build import refuse_hazards
from configsplit.runtime.confinement import policy
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.examine import examine

_TAIL_LINES = 15
_TAIL_CHARACTERS = 3000
_NO_MEMORY = ("MemoryError", "bad_alloc", "ResourceExhausted", "OOM when allocating", "Cannot allocate memory", "Out of memory")
"""What Python, C++, TensorFlow, the system and XLA say when the limit of memory is reached."""

_KILLED, _CPU_TIME = -9, -24


def a_step(
    model: Path,
    weights: Path | None,
    framework: str,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Path,
    seed: int,
    **more: Any,
) -> dict[str, Any]:
    """A step of a job (see `configsplit.runtime.worker`): a model that is run on what lies in files."""
    files = {"model": str(model), "weights": None if weights is None else str(weights), "outputs": str(outputs)}
    return {**files, "framework": framework, "inputs": list(inputs), "seed": seed, "fill": None, "probe": [], **more}


def run_steps(
    steps: Sequence[Mapping[str, Any]],
    folder: Path,
    custom_objects: Sequence[str],
    limits: Limits,
    *,
    allow_lambda: bool = False,
) -> list[dict[str, Any]]:
    """Run steps in one process, and say of each what ran it; raises as `run_in_worker` does."""
    job = {"custom_objects": list(custom_objects), "allow_lambda": allow_lambda, "steps": steps}
    done: list[dict[str, Any]] = run_in_worker(job, folder, limits=limits)["steps"]
    return done


def run_in_worker(job: Mapping[str, Any], folder: Path, *, limits: Limits) -> dict[str, Any]:
    """Run a job (see `configsplit.runtime.worker`) in a confined process of its own, with ``folder`` for its files.

    Raises:
        VerificationError: the process died, ran out of memory or of time; the message ends with what it said last.
        RuntimeUnavailableError: it could not be confined.
        ConfigSplitError: what configsplit itself refused in there, as the class that was raised.
    """
    named = ("model", "weights")
    steps = [{**step, **{key: str(Path(step[key]).absolute()) for key in named if step.get(key)}} for step in job["steps"]]
    files = [Path(step[key]) for step in steps for key in named if step.get(key)]
    models = [Path(step["model"]) for step in steps]
    work = {**job, "steps": steps}
    return run_module("configsplit.runtime.worker", work, folder, models=models, read=files, limits=limits)


def run_module(
    module: str,
    job: Mapping[str, Any],
    folder: Path,
    *,
    models: Sequence[Path],
    read: Sequence[Path],
    limits: Limits,
    settings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run ``main`` of a module on a job; see `run_in_worker`. The module writes ``result.json`` beside ``job.json``."""
    path, log = folder.resolve() / "job.json", folder / "stderr.txt"
    specs = [str(Path(spec).absolute()) if Path(spec).exists() else spec for spec in job.get("custom_objects", ())]
    refuse_before(models, specs, allow_lambda=bool(job.get("allow_lambda")))
    path.write_text(json.dumps({**job, "custom_objects": specs}))
    try:
        with log.open("wb") as said:
            code = policy.run(module, [str(path)], folder, read=read, specs=specs, limits=limits, log=said, settings=settings)
    except TimeoutError:
        _out_of_time(limits, log, _unfinished(job, read))
    if code != 0:
        _died(code, limits, log, _unfinished(job, read))
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    if "error" in result:
        if "failed to map segment" in result["error"]["message"]:  # the limit was too low to load the framework
            _no_memory(log, _unfinished(job, read))
        raise _as_error(result["error"])
    return result


def answer(arguments: Sequence[str], do: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """What ``main`` of such a module does with the job in the file ``arguments[0]``; what a framework raises ends it."""
    path = Path(arguments[0])
    try:
        result = do(json.loads(path.read_text()))
    except ConfigSplitError as error:
        result = {"error": {**error.as_json(), "type": type(error).__name__}}
    (path.parent / "result.json").write_text(json.dumps(result))
    return 0


def refuse_before(models: Sequence[Path], specs: Sequence[str], *, allow_lambda: bool) -> None:
    """Refuse what the worker would refuse, before it pays for the import of a framework. Raises as `refuse_hazards` does."""
    known = plugins(specs).names()
    for model in models:
        if model.exists():
            refuse_hazards(examine(model).document(), classes=known, allow_lambda=allow_lambda)


def _unfinished(job: Mapping[str, Any], read: Sequence[Path]) -> str:
    """The model at which a job stopped."""
    left = [str(step["model"]) for step in job.get("steps", ()) if not Path(step["outputs"]).exists()]
    return next(iter([*left, *map(str, read)]), "")


def _died(code: int, limits: Limits, log: Path, where: str) -> NoReturn:
    if code == _CPU_TIME:
        _out_of_time(limits, log, where)
    if code == _KILLED or any(sign in _said(log) for sign in _NO_MEMORY):
        _no_memory(log, where)
    what = f"was ended by signal {-code}" if code < 0 else "failed"
    _fail(
        f"{what} in the framework",
        "runtime-failed",
        log,
        where,
        "the file may need another Keras release, custom objects, or other inputs (--size, --input-range, --inputs)",
    )


def _no_memory(log: Path, where: str) -> NoReturn:
    hint = "allow more with --memory, or use fewer samples"
    _fail("was ended for want of memory", "runtime-out-of-memory", log, where, hint)


def _out_of_time(limits: Limits, log: Path, where: str) -> NoReturn:
    what = f"took longer than {limits.timeout:g} seconds"
    _fail(what, "runtime-timeout", log, where, "allow more with --timeout, or use fewer samples")


def _said(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:]
    return "\n".join(lines)[-_TAIL_CHARACTERS:]


def _fail(what: str, code: str, log: Path, where: str, hint: str) -> NoReturn:
    tail = _said(log)
    raise VerificationError(f"running the model {what}" + (f":\n{tail}" if tail else ""), code=code, where=where, hint=hint)


def _as_error(error: Mapping[str, str]) -> ConfigSplitError:
    kind = getattr(errors, error["type"], ConfigSplitError)
    made: ConfigSplitError = kind(error["message"], code=error["code"], where=error["where"], hint=error["hint"])
    return made
