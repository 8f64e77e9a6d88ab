"""One old file: read, written back, cut, converted, loaded by Keras 3, its numbers held against its own release's."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from configsplit.containers.source import open_source
from configsplit.dialects import emit
from configsplit.errors import ConfigSplitError
from configsplit.graph.json import loads
from configsplit.models.document import Document, load
from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, same_bits
from configsplit.verbs.convert import Converted, convert
from support.conversion_files import OldFile
from support.conversion_rounding import UNKNOWN, rounding
from support.frameworks import Failed, FrameworkProcess
from support.matrix import inputs_of
from support.outcomes import Row, cut
from support.places import everywhere, spread

PLUGINS = Path(__file__).with_name("converted_plugins.py")
PATIENCE = 60.0
"""Seconds for one model in one framework."""

BOUND = 1e-5
"""How far an output may be from the recorded one, relative to the largest number in it."""

HALF = 1e-3
"""The same for a model that computes in half precision, which every machine rounds in its own way."""

LAMBDAS = ("lam=mine:twice_and_one", "named=mine:named_fn")
GIVEN: Mapping[str, Mapping[str, Sequence[str]]] = {
    "lambdas": {"lambdas": LAMBDAS, "shapes": ("lam=None,4", "named=None,4")},
    "merge_modes": {"lambdas": ("merge_7=mine:difference",), "shapes": ("merge_7=None,5",)},
}
"""What a person has to say of two models: what takes the place of code, and what shape it gives."""


@dataclass(slots=True)
class Outcome:
    """One line of the table: how many files of a release came how far.

    ``bits`` counts those whose outputs are those of tf_keras to the last bit, of ``twins`` that it could run; ``rounded`` has
    the others, each with its cause. ``alone`` counts the files that Keras 3 loads by itself with the right numbers. ``lost``,
    ``refused`` and ``failures`` name each case.
    """

    release: str
    files: int = 0
    read: int = 0
    same: int = 0
    places: int = 0
    cut: int = 0
    converted: int = 0
    loaded: int = 0
    compared: int = 0
    equal: int = 0
    twins: int = 0
    bits: int = 0
    alone: int = 0
    rounded: list[dict[str, Any]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    uncut: Counter[str] = field(default_factory=Counter)


class Bench:
    """Keras 3 and tf_keras, each in a process of its own, and a folder to work in."""

    def __init__(self, folder: Path, tf_keras: FrameworkProcess | None = None) -> None:
        self.folder = folder
        self.keras = FrameworkProcess("keras", PLUGINS, "support.converted_keras")
        self.tf_keras = tf_keras or FrameworkProcess("tf_keras")

    def close(self) -> None:
        self.keras.close()
        self.tf_keras.close()

    def run(
        self, process: FrameworkProcess, model: Path, weights: Path | None, given: Sequence[Stored], *, safe: bool
    ) -> list[Stored]:
        """The outputs of a model. Raises Failed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        inputs, outputs = self.folder / "inputs.npz", self.folder / "outputs.npz"
        arrays.save(inputs, given)
        process.run(
            {
                "model": str(model),
                "weights": None if weights is None else str(weights),
                "inputs": [{"file": str(inputs), "index": index} for index in range(len(given))],
                "outputs": str(outputs),
                "fill": None,
                "probe": [],
                "seed": 0,
                "allow_lambda": not safe,
            },
            PATIENCE,
        )
        return arrays.load(outputs)


def try_old_file(file: OldFile, bench: Bench, outcome: Outcome, *, cuts: bool = True, others: bool = True) -> None:
    """Everything that is asked of one file; ``others`` also runs tf_keras, and Keras 3 on the file as it is."""
    outcome.files += 1
    if lost := file.lost():
        outcome.lost.append(f"{file.title}: {lost}")
    try:
        document = load(file.path, weights=file.weights, custom_objects=[PLUGINS])
    except ConfigSplitError as error:
        if not file.lost():
            outcome.failures.append(f"{file.title}: not read: {error.code}")
        return
    outcome.read += 1
    with open_source(file.path) as source:
        outcome.same += emit(document.model) == loads(source.config_text)
    if cuts:
        _cut(document, bench.folder / "parts", outcome)
    try:
        made = convert(document, backend="tensorflow", **GIVEN.get(file.model, {}))
    except ConfigSplitError as error:
        outcome.failures.append(f"{file.title}: {error.code}: {error}")
        return
    if made.refusals:
        outcome.refused += [f"{file.title}: {each.layer}: {each.reason}" for each in made.refusals]
        if not file.lost():
            outcome.failures.append(f"{file.title}: refused: {made.refusals[0].reason}")
        return
    outcome.converted += 1
    _run(file, made, bench, outcome, others)


def _cut(document: Document, folder: Path, outcome: Outcome) -> None:
    row = Row(outcome.release)
    for place in spread(everywhere(document.model), 40):
        cut(document, place, folder, row)
    shutil.rmtree(folder, ignore_errors=True)
    outcome.places += row.asked - row.ends
    outcome.cut += row.proven
    outcome.uncut.update(row.refused)
    outcome.failures += row.failures


def _run(file: OldFile, made: Converted, bench: Bench, outcome: Outcome, others: bool) -> None:
    whole = file.weights is not None or file.path.suffix != ".json"
    target = bench.folder / ("converted.keras" if whole else "converted.json")
    bench.folder.mkdir(parents=True, exist_ok=True)
    try:
        made.save(target, force=True)
    except ConfigSplitError as error:
        outcome.failures.append(f"{file.title}: {error.code}: {error}")
        return
    given = _given(file, made.document)
    if given is None or not (whole or _has_no_weights(made)):
        _load_only(file, target, bench, outcome)
        return
    try:
        found = bench.run(bench.keras, target, None, given, safe=file.model not in GIVEN)
    except Failed as error:
        outcome.failures += [] if file.lost() else [f"{file.title}: Keras 3: {error}"]
        return
    outcome.loaded += 1
    _compare(file, made, target, given, found, bench, outcome, others)


def _load_only(file: OldFile, target: Path, bench: Bench, outcome: Outcome) -> None:
    """There is nothing to compare: no inputs were recorded, or no weights."""
    try:
        bench.run(bench.keras, target, None, [], safe=file.model not in GIVEN)
    except Failed as error:
        if "runtime-input-count" not in str(error) and "inputs, the manifest feeds it" not in str(error):
            outcome.failures.append(f"{file.title}: Keras 3: {error}")
            return
    outcome.loaded += 1


def _has_no_weights(made: Converted) -> bool:
    from configsplit.inference import counted

    found = counted(made.document.infer())
    return found.parameters == 0 and not found.unknown


def _compare(
    file: OldFile,
    made: Converted,
    target: Path,
    given: Sequence[Stored],
    found: Sequence[Stored],
    bench: Bench,
    outcome: Outcome,
    others: bool,
) -> None:
    wanted = recorded_outputs(file)
    outcome.compared += 1
    half = any("16" in str(layer.config.get("dtype")) for layer in made.document.model.layers)
    far = differences(found, wanted, HALF if half else BOUND)
    twin = _other(bench.tf_keras, file, given, bench) if others or far else None
    outcome.twins += twin is not None
    bits = twin is not None and len(twin) == len(found) and all(map(same_bits, twin, found))
    outcome.bits += bits
    if twin is not None and not bits:
        outcome.rounded.append(rounding(file, made, target, found, twin, bench))
        outcome.failures += [f"{file.title}: not tf_keras's bits: {UNKNOWN}"] if UNKNOWN in outcome.rounded[-1]["why"] else []
    if not far or bits:
        outcome.equal += 1
    elif not file.lost():
        outcome.failures.append(f"{file.title}: {'; '.join(far)}")
    alone = _other(bench.keras, file, given, bench) if others else None
    outcome.alone += alone is not None and not differences(alone, wanted)


def _other(process: FrameworkProcess, file: OldFile, given: Sequence[Stored], bench: Bench) -> list[Stored] | None:
    """The outputs of the old file itself in some framework; None where it does not load or run there."""
    try:
        return bench.run(process, file.path, file.weights, given, safe=False)
    except Failed:
        return None


def _given(file: OldFile, document: Document) -> list[Stored] | None:
    """The recorded inputs; those of a file that lost the names of its inputs are as many as were recorded."""
    if file.recorded is None:
        return None
    specs = inputs_of(document)
    with np.load(file.recorded, allow_pickle=False) as recorded:
        found = [recorded[f"in_{number}"] for number in range(len(specs)) if f"in_{number}" in recorded]
    return [_stored(array, spec) for array, spec in zip(found, specs, strict=False)] if len(found) == len(specs) else None


def _stored(array: Any, spec: Mapping[str, Any]) -> Stored:
    if array.dtype.kind in "US":
        return arrays.encode(array)
    dtype = spec["dtype"] or array.dtype.name
    return Stored(dtype, np.ascontiguousarray(array.astype(dtype)))


def recorded_outputs(file: OldFile) -> list[Any]:
    assert file.recorded is not None
    with np.load(file.recorded, allow_pickle=False) as recorded:
        return [recorded[f"out_{number}"] for number in range(sum(name.startswith("out_") for name in recorded))]


def differences(found: Sequence[Stored], wanted: Sequence[Any], bound: float = BOUND) -> list[str]:
    """What differs by more than that, in words."""
    if len(found) != len(wanted):
        return [f"{len(found)} outputs where {len(wanted)} were recorded"]
    told = []
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        values = one.values
        if other.dtype.kind in "US":
            same = np.array_equal(arrays.encode(other).values, values)
            told += [] if same else [f"output {number}: other strings"]
        elif values.shape != other.shape:
            told.append(f"output {number} is {values.shape}, recorded was {other.shape}")
        elif other.size:
            far = np.abs(values.astype("float64") - other.astype("float64")).max() / max(float(np.abs(other).max()), 1e-6)
            told += [] if far <= bound else [f"output {number} is off by {far:.1e}"]
    return told
