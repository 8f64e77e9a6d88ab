"""Measure how long each layer of a model takes, in a process of its own that `configsplit.runtime.confinement.start` starts.

The model runs whole and eagerly, and every layer's ``call`` is timed where Keras calls it, so that no layer is fed anything it
would not get in earnest. Runs before the first that counts warm caches up; of the others the median counts, layer by layer.
A layer that is called several times gets the mean of its calls. On a CPU an eager call has its result when it returns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from configsplit.graph.model import INPUT
from configsplit.runtime import arrays
from configsplit.runtime.build import load
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.examine import examine
from configsplit.runtime.feeding import Feed, facts_of, save_choices
from configsplit.runtime.frameworks import framework, framework_name
from configsplit.runtime.process import answer, run_module
from configsplit.runtime.worker import call, custom_classes, first_taken

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
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """``{"framework", "version", "milliseconds": {layer: milliseconds for one call}}``, measured in a fresh process.

    Raises:
        RuntimeUnavailableError: no installed framework runs the dialect, or the process cannot be confined.
        VerificationError: the model could not be run.
    """
    examined = examine(path, weights)
    job = {
        "model": str(path.absolute()),
        "weights": None if weights is None else str(weights.absolute()),
        "framework": framework_name(dialect),
        "rounds": rounds,
        "custom_objects": list(custom_objects),
    }
    with tempfile.TemporaryDirectory(prefix="configsplit-profile-") as name:
        folder = Path(name)
        waiting = save_choices(folder, examined, inputs, Feed(samples=samples), facts_of(custom_objects))
        files = [path, *([] if weights is None else [weights])]
        settings = {"TF_DETERMINISTIC_OPS": "0"}  # what is measured should run as it does elsewhere
        work = {**job, "choices": waiting}
        return run_module(
            "configsplit.runtime.profile", work, folder, models=[path], read=files, limits=limits, settings=settings
        )


def main(arguments: Sequence[str]) -> int:
    """Measure what a job asks for."""
    return answer(arguments, _measured)


def _measured(job: Mapping[str, Any]) -> dict[str, Any]:
    used = framework(job["framework"])
    classes = custom_classes(job["custom_objects"], used.name)
    weights = Path(job["weights"]) if job["weights"] else None
    model = load(Path(job["model"]), weights, framework=used, classes=classes)

    def taken(choice: str) -> list[arrays.Stored]:
        tensors = arrays.load(Path(choice))
        call(model, used, tensors)
        return tensors

    inputs = first_taken(job["choices"], taken)
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
    """Seconds of every call of every layer of the model while it runs, those in nested models as ``OUTER/INNER``."""
    times: dict[str, list[float]] = {}
    originals = [(name, layer, layer.call) for name, layer in _layers(model)]
    try:
        for name, layer, original in originals:
            # past __setattr__, which would take the function for something to be saved
            object.__setattr__(layer, "call", partial(_clocked, original, times.setdefault(name, [])))
        yield times
    finally:
        for _, layer, _ in originals:
            object.__delattr__(layer, "call")
        for name in [name for name, calls in times.items() if not calls]:
            del times[name]


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer and operation with its path, each once."""
    todo, seen = [("", model)], {id(model)}
    for before, within in todo:  # grows while it is read
        for layer in getattr(within, "operations", within.layers):
            if type(layer).__name__ != INPUT and id(layer) not in seen:
                seen.add(id(layer))
                yield before + layer.name, layer
                if hasattr(layer, "layers"):
                    todo.append((f"{before}{layer.name}/", layer))


def _clocked(original: Callable[..., Any], times: list[float], *args: Any, **kwargs: Any) -> Any:
    start = time.perf_counter()
    result = original(*args, **kwargs)
    times.append(time.perf_counter() - start)
    return result
