"""Parts run in real Keras, one long-lived process for each framework, every model fresh from disk, tensors through npz."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configsplit.records import manifest as record
from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, greatest_difference, same_bits
from configsplit.runtime.confinement.policy import environment
from configsplit.runtime.examine import examine
from configsplit.runtime.frameworks import framework_name
from configsplit.runtime.inputs import make_inputs, read_hints

PLUGINS = Path(__file__).with_name("plugins.py")


class Failed(Exception):  # noqa: N818 - an answer, not a mistake in the test
    """The framework could not load or run a model; the message is the framework's own."""


_RUNNING: dict[str, subprocess.Popen[str]] = {}
"""One for each framework, whoever asks with whatever plug-ins: each takes four seconds to start, and half a gigabyte."""


class FrameworkProcess:
    """A worker for "keras" or "tf_keras"; started when first needed, and again if a file killed it.

    Its models find the classes of ``plugins``, and may call the ``FUNCTIONS`` of a module by name.
    """

    def __init__(self, name: str, plugins: Path = PLUGINS, functions: str = "") -> None:
        self.name = name
        self.custom = {"plugins": str(plugins), "functions": functions or f"support.plugin_{name}"}
        self.version = ""

    def run(self, step: Mapping[str, Any], patience: float = 120) -> dict[str, Any]:
        """Run one step of `configsplit.runtime.worker`, for at most so many seconds; the answer. Raises Failed."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({**step, **self.custom}) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], patience)[0]:
            process.kill()  # tf_keras turns in circles over some graphs
        answer = process.stdout.readline()
        if not answer:
            self.close()
            raise Failed(f"the process died, or took too long: {Path(step['model']).name}")
        found = json.loads(answer)
        if "error" in found:
            raise Failed(found["error"])
        self.version = found["version"]
        return dict(found)

    def _started(self) -> subprocess.Popen[str]:
        if self.name not in _RUNNING:
            surroundings = environment()
            surroundings["PYTHONPATH"] = f"{Path(__file__).resolve().parents[1]}:{surroundings['PYTHONPATH']}"
            command = [sys.executable, "-P", "-m", "support.framework_worker", self.name]
            _RUNNING[self.name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=surroundings
            )
        return _RUNNING[self.name]

    def close(self) -> None:
        if (process := _RUNNING.pop(self.name, None)) is not None:
            process.communicate()


def end_all() -> None:
    """End the processes that run; who asks one again starts it again."""
    for name in list(_RUNNING):
        FrameworkProcess(name).close()


class Original:
    """A model run once as a whole, against which any number of splits of it are held.

    ``outputs`` is what it gave.
    """

    def __init__(
        self,
        process: FrameworkProcess,
        source: Path,
        folder: Path,
        *,
        tensors: Sequence[Mapping[str, Any]],
        weights: Path | None = None,
        recorded: Path | None = None,
        samples: int = 2,
    ) -> None:
        self._process, self._folder = process, folder
        examined = examine(source, weights)
        self.filled = examined.kind == "json" and weights is None
        given = _recorded(recorded, tensors) if recorded is not None else None
        if given is None:
            given = make_inputs(tensors, read_hints(examined.text, examined.words), samples=samples, seed=0)
        folder.mkdir(parents=True, exist_ok=True)
        arrays.save(folder / "inputs.npz", given)
        wanted = [{"file": str(folder / "inputs.npz"), "index": index} for index in range(len(tensors))]
        self._whole = self._step(source, weights, wanted, folder / "whole.npz", {}, 0)
        process.run(self._whole)
        self.outputs = arrays.load(folder / "whole.npz")
        self._check_shapes(recorded)

    def _check_shapes(self, recorded: Path | None) -> None:
        """Some releases misread earlier documents: Keras 3.11 and later take ``[x]`` for a list where 3.10 meant ``x``."""
        if recorded is None:
            return
        with np.load(recorded, allow_pickle=False) as file:
            ranks = [file[f"out_{number}"].ndim for number in range(len(self.outputs)) if f"out_{number}" in file]
        if ranks != [output.values.ndim for output in self.outputs]:
            raise Failed("the framework gives outputs of another rank than the release that wrote the file")

    def repeats(self) -> bool:
        """Whether it gives the same again with another seed; what samples at inference cannot be compared."""
        again = self._folder / "again.npz"
        self._process.run({**self._whole, "outputs": str(again), "seed": 1})
        return all(map(same_bits, self.outputs, arrays.load(again)))

    def _step(
        self, model: Path, weights: Path | None, inputs: list[dict[str, Any]], outputs: Path, fill: dict[str, str], seed: int
    ) -> dict[str, Any]:
        return {
            "model": str(model),
            "weights": str(weights) if weights else None,
            "inputs": inputs,
            "outputs": str(outputs),
            "fill": fill if self.filled else None,
            "probe": [],
            "seed": seed,
        }

    def differences(self, directory: Path, manifest: record.Manifest) -> list[str]:
        """Run the parts in ``directory`` one after the other; what differs from the whole, in words. Raises Failed."""
        for number, part in enumerate(manifest.parts):
            self._process.run(
                self._step(
                    directory / part.file,
                    directory / part.weights if part.weights else None,
                    [self._place(tensor.source) for tensor in part.inputs],
                    self._folder / f"part-{number}.npz",
                    {new: "/".join(old) for new, old in part.layers.items()},
                    0,
                )
            )
        found = [self._read(tensor.source) for tensor in manifest.outputs]
        assert len(found) == len(self.outputs)
        return [
            f"output {number}: {one.dtype}{one.values.shape} against {other.dtype}{other.values.shape}, "
            f"off by {greatest_difference(one, other)}"
            for number, (one, other) in enumerate(zip(self.outputs, found, strict=True))
            if not same_bits(one, other)
        ]

    def _place(self, source: Any) -> dict[str, Any]:
        if isinstance(source, record.FromInput):
            return {"file": str(self._folder / "inputs.npz"), "index": source.input}
        return {"file": str(self._folder / f"part-{source.part}.npz"), "index": source.output}

    def _read(self, source: Any) -> Stored:
        place = self._place(source)
        return arrays.load(Path(place["file"]))[place["index"]]


def process_for(processes: dict[str, FrameworkProcess], dialect: str) -> FrameworkProcess:
    name = framework_name(dialect)
    return processes.setdefault(name, FrameworkProcess(name))


def _recorded(path: Path, tensors: Sequence[Mapping[str, Any]]) -> list[Stored] | None:
    """The inputs that the writing release was given, if they fit the model's inputs one by one."""
    with np.load(path, allow_pickle=False) as file:
        found = [file[f"in_{number}"] for number in range(len(tensors)) if f"in_{number}" in file]
    made = [_fitting(array, spec) for array, spec in zip(found, tensors, strict=False)]
    return [item for item in made if item is not None] if len(found) == len(tensors) and None not in made else None


def _fitting(array: Any, spec: Mapping[str, Any]) -> Stored | None:
    shape, dtype = spec["shape"], spec["dtype"]
    if shape is not None and len(array.shape) != len(shape):
        return None
    if array.dtype.kind in "US":
        return arrays.encode(array)
    if dtype == "string" or dtype in arrays.RAW:
        return None
    return Stored(dtype or array.dtype.name, np.ascontiguousarray(array.astype(dtype or array.dtype)))
