"""The process that runs models, started by `configsplit.runtime.confinement.start`: ``main([JOB.json])``.

A job is a list of steps; a step loads one file freshly from disk, reads its inputs from .npz, runs it and writes its outputs
to .npz. Nothing but numbers on disk passes between steps, so no live tensor can carry a mask or a history from one part to
the next. One process runs all steps of a job in turn: a process for each would pay the framework's import (4 to 6 seconds)
every time and prove nothing more, as each step drops its model and clears the framework's session.

Exactness. Every part must round exactly as the whole does:

- The models are called eagerly, op by op (``model(x, training=False)``). Under ``predict`` TensorFlow's graph rewriter may fuse
  Conv + BatchNorm + ReLU where it sees them together, and a cut between them takes the sight away: the same arithmetic,
  rounded in another order. Measured on tf_keras 2.21: 3e-7 off under ``predict``, nothing off here.
- Whole and parts run with the same batch, in one process: kernels choose their blocking by shape and by number of threads.
- Op determinism is on: sums by atomic additions, on GPUs above all, would differ from run to run.
- The GPU stays out of it (`confinement.environment`), as does TensorFloat-32, which would hide differences in the last bits.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from configsplit.errors import ConfigSplitError, VerificationError
from configsplit.plugins.registry import plugins
from configsplit.runtime import arrays
from configsplit.runtime.arrays import Array
from configsplit.runtime.build import Classes, layers_with_weights, load, variables
from configsplit.runtime.frameworks import Framework, framework
from configsplit.runtime.observed_masks import watched
from configsplit.runtime.process import answer
from configsplit.runtime.recorded_calls import recording


def main(arguments: Sequence[str]) -> int:
    """Run a job."""
    return answer(arguments, run_job)


def run_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """Run every step of ``{"custom_objects": [...], "allow_lambda": bool, "steps": [...]}`` and say what ran them."""
    made: list[dict[str, Any]] = []
    for step in job["steps"]:
        used = _imported(step["framework"])
        make_deterministic(used, step["seed"])
        classes = custom_classes(job["custom_objects"], used.name)
        told = run_step(step, used, classes, allow_lambda=job["allow_lambda"])
        made.append({"framework": used.name, "version": used.version, "backend": used.backend, **told})
    return {"steps": made}


def _imported(name: str) -> Framework:
    """A framework, whose own million objects need not be looked at after every step for what may go."""
    first = name not in sys.modules
    used = framework(name)
    if first:
        gc.freeze()
    return used


def custom_classes(specs: Sequence[str], name: str) -> Classes:
    """The classes and functions that plug-ins declare for "keras" or "tf_keras": installed ones and those of ``specs``. Raises
    PluginError if a plug-in cannot be used, or its class is not where it says.
    """
    return plugins(specs).keras_objects("keras" if name == "keras" else "tf_keras")


def make_deterministic(used: Framework, seed: int) -> None:
    """Seed everything, and leave no op a choice."""
    used.module.utils.set_random_seed(seed)
    if used.name == "tf_keras" or used.backend == "tensorflow":
        config = importlib.import_module("tensorflow").config.experimental
        config.enable_op_determinism()
        config.enable_tensor_float_32_execution(False)


def run_step(step: Mapping[str, Any], used: Framework, classes: Classes, *, allow_lambda: bool) -> dict[str, Any]:
    """Load, fill if asked, run, write, and forget. Of several ``choices`` of inputs the first is taken that the model takes.

    Returns ``given``, the names of the layers whose outputs were asked for and given, and ``masks``, what the masks of the run
    were (`configsplit.runtime.observed_masks`).
    """
    result = _ran(step, used, classes, allow_lambda=allow_lambda)
    used.module.backend.clear_session()
    gc.collect()
    return result


def _ran(step: Mapping[str, Any], used: Framework, classes: Classes, *, allow_lambda: bool) -> dict[str, Any]:
    weights = Path(step["weights"]) if step["weights"] else None
    model = load(Path(step["model"]), weights, framework=used, classes=classes, allow_lambda=allow_lambda)
    return first_taken(step.get("choices") or [""], lambda choice: _run(model, step, used, choice))


T = TypeVar("T")


def first_taken(choices: Sequence[str], attempt: Callable[[str], T]) -> T:
    """What comes of the first of several inputs that a model takes; what it says of the first, where it takes none."""
    refusal: Exception | None = None
    for choice in choices:
        try:
            return attempt(choice)
        except (ConfigSplitError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - what a model says of a size that it does not take is its own
            refusal = refusal or error
    raise refusal or RuntimeError("there was nothing to run the model on")


def _run(model: Any, step: Mapping[str, Any], used: Framework, choice: str) -> dict[str, Any]:
    """One run; on ``choice``, if there is one, which stays in the place of the inputs if the model takes it."""
    if choice:
        shutil.copyfile(choice, step["inputs"][0]["file"])
    inputs = [_read(source) for source in step["inputs"]]
    if step["fill"] is not None:
        if not model.built:  # a Sequential without an input shape has no weights before its first call
            call(model, used, inputs)
        fill_weights(model, used, step["fill"])
    if step.get("record"):
        return _recorded(model, used, inputs, step)
    probed, given = _probed(model, used, step["probe"])
    with watched(used) as watch:
        outputs = call(probed, used, inputs)
    arrays.save(Path(step["outputs"]), outputs)
    return {"given": given, "masks": watch.masks()}


def _recorded(model: Any, used: Framework, inputs: Sequence[arrays.Stored], step: Mapping[str, Any]) -> dict[str, Any]:
    """One run of which everything is kept that its layers give (`configsplit.runtime.recorded_calls`)."""
    tensors = [to_tensor(item, used) for item in inputs]
    with recording(model, used, Path(step["record"]), lambda tensor: to_stored(tensor, used)) as recorder:
        recorder.feed(tensors)
        outputs = call_on(model, used, tensors)
    arrays.save(Path(step["outputs"]), outputs)
    return {"calls": recorder.calls}


def _read(source: Mapping[str, Any]) -> arrays.Stored:
    """A tensor that waits on disk."""
    stored: arrays.Stored = arrays.load(Path(source["file"]))[source["index"]]
    told = source.get("boundary")
    if told is None or (_takes(told["shape"], stored.values.shape) and told["dtype"] in (None, stored.dtype)):
        return stored
    name, sizes = told["tensor"], ", ".join("any" if size is None else str(size) for size in told["shape"] or ())
    raise VerificationError(
        f"the tensor {name!r} does not match {told['part']}, which takes {told['dtype']} ({sizes}): it is "
        f"{stored.dtype} {stored.values.shape}",
        code="verify-boundary",
        where=name,
        hint=_remedy(told, stored),
    )


def _remedy(told: Mapping[str, Any], stored: arrays.Stored) -> str:
    """What to do about a boundary of which the file, or a plug-in, says something false."""
    whose, shape = told["culprit"], stored.values.shape
    if not whose:
        return "what --shape or a plug-in says of the layer that makes it is false"
    ways = ["declare in a plug-in what its class gives"]
    if told["dtype"] in (None, stored.dtype):
        itself = whose.rpartition("/")[2] == told["tensor"]
        ways = [f"split again with --shape {whose}=None,{','.join(map(str, shape[1:]))}"] * itself + ways
        ways = [f"split again with --open {whose}"] * (len(shape) == len(told["shape"] or ())) + ways
    return f"what the file records of {whose!r} is false: {', or '.join(ways)}"


def _takes(shape: Sequence[int | None] | None, given: Sequence[int]) -> bool:
    if shape is None:
        return True
    return len(shape) == len(given) and all(size in (None, is_) for size, is_ in zip(shape, given, strict=True))


def call(model: Any, used: Framework, inputs: Sequence[arrays.Stored]) -> list[arrays.Stored]:
    """Run a model eagerly on its flattened inputs and flatten what it gives. Raises VerificationError if the number of inputs
    does not fit, or an output is sparse or ragged.
    """
    return call_on(model, used, [to_tensor(item, used) for item in inputs])


def call_on(model: Any, used: Framework, tensors: list[Any]) -> list[arrays.Stored]:
    """The same on tensors of the framework."""
    outputs = model(_structured(model, used, tensors), training=False)
    return [to_stored(tensor, used) for tensor in used.flatten(outputs)]


def _structured(model: Any, used: Framework, tensors: list[Any]) -> Any:
    """The tensors in the structure (dict, nested lists) in which the model wants them."""
    sequential = isinstance(model, used.module.Sequential)
    expected = 1 if sequential else len(model.inputs)
    if len(tensors) != expected:
        raise VerificationError(
            f"the model takes {expected} inputs, the manifest feeds it {len(tensors)}",
            code="runtime-input-count",
            where=str(model.name),
            hint="the manifest does not belong to this part",
        )
    return tensors[0] if sequential else used.pack(model.input, tensors)


def to_tensor(item: arrays.Stored, used: Framework) -> Any:
    if used.name == "tf_keras" or used.backend == "tensorflow":
        tensorflow = importlib.import_module("tensorflow")
        if item.dtype in arrays.RAW:
            return tensorflow.bitcast(tensorflow.constant(item.values), item.dtype)
        return tensorflow.constant(item.values, dtype=item.dtype)
    return used.module.ops.convert_to_tensor(arrays.decode(item), dtype=item.dtype)


def to_stored(tensor: Any, used: Framework) -> arrays.Stored:
    if not hasattr(tensor, "shape") or hasattr(tensor, "dense_shape") or hasattr(tensor, "row_splits"):
        raise VerificationError(
            f"an output of the kind {type(tensor).__name__} cannot be compared through files",
            code="runtime-tensor-kind",
            hint="only dense tensors are supported; verify by proof instead",
        )
    return arrays.encode(np.asarray(used.module.ops.convert_to_numpy(tensor) if used.name == "keras" else tensor))


def _probed(model: Any, used: Framework, names: Sequence[str]) -> tuple[Any, list[str]]:
    """The same model, giving the outputs of those named layers that have exactly one; unchanged where nothing is asked."""
    tensors = {name: tensor for name in names if (tensor := _only_output(model, name)) is not None}
    try:
        return (used.module.Model(model.input, list(tensors.values())), list(tensors)) if tensors else (model, [])
    except AttributeError:  # a Sequential that has no graph of its own until it is called
        return model, []


def _only_output(model: Any, name: str) -> Any:
    try:
        output = model.get_layer(name).output
    except (ValueError, AttributeError):  # no such layer, or a layer with several calls
        return None
    return None if isinstance(output, (list, tuple, dict)) else output


# Weights for an architecture that came without any: the same in the whole and in its parts, by the layer's original path.


_POSITIVE = ("variance", "running_std")
_AROUND_ONE = ("gamma", "scale", "alpha")


def fill_weights(model: Any, framework: Framework, paths: Mapping[str, str]) -> None:
    """Set every floating weight of a model to numbers that depend only on its layer's original path and its own index.

    ``paths`` says what a layer, or the nested model that it stands in, was called in the original; a layer it does not
    mention kept its path. No two layers get the same numbers, so that any mix-up shows.
    """
    for path, layer in layers_with_weights(model, framework).items():
        original = _original(path, paths)
        for i, variable in enumerate(variables(layer)):
            variable.assign(_values(variable, original, i))


def _original(path: str, paths: Mapping[str, str]) -> str:
    parts = path.split("/")
    for length in range(len(parts), 0, -1):
        if (original := paths.get("/".join(parts[:length]))) is not None:
            return "/".join([original, *parts[length:]])
    return path


def _values(variable: Any, path: str, index: int) -> Array:
    current: Array = np.asarray(variable)
    if "float" not in current.dtype.name:  # counters, seeds, quantized kernels: their values mean something
        return current
    name = str(variable.name).rsplit("/", 1)[-1]
    return numbers(f"{path}#{index}", tuple(current.shape), name).astype(current.dtype)


def numbers(key: str, shape: tuple[int, ...], name: str) -> Array:
    """Numbers that keep activations of ordinary size through a hundred layers: saturated outputs would hide differences."""
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
    if any(word in name for word in _POSITIVE):
        return rng.uniform(0.5, 1.5, shape)
    if len(shape) >= 2:
        return rng.standard_normal(shape) / math.sqrt(math.prod(shape[:-1]))
    return (1.0 if any(word in name for word in _AROUND_ONE) else 0.0) + 0.1 * rng.standard_normal(shape)
