"""A conversion held against its original by numbers: the old model in tf_keras, the new one in Keras 3, on the same inputs.

Two frameworks may round in another order, so that equal bits cannot be demanded of every model: the largest difference is told,
and one that no rounding explains is an error.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from configsplit.catalog.facts import LayerFacts
from configsplit.errors import ConfigSplitError, Json, VerificationError
from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, greatest_difference, greatest_value, same_bits
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.examine import examine
from configsplit.runtime.feeding import Feed, save_choices
from configsplit.runtime.frameworks import framework_name
from configsplit.runtime.process import a_step, run_steps
from configsplit.runtime.reports import MaskReport, boolean, made_by_layers, not_numbers

BOUND = 1e-5
"""The largest difference that rounding may make, relative to the largest number of an output."""

HALF = 1e-2
"""The same where an output or a layer is of half precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """One output of both models; ``difference`` is None where both are the same texts, ``largest`` the largest number in it.
    ``nan`` counts the elements that are NaN on both sides, which say little."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    identical: bool
    difference: float | None
    largest: float
    nan: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedReport:
    """What both models computed: every output within what rounding explains, else there is no report but an error.

    ``frameworks`` ran the old and the new model; ``unexercised`` are masks that were never on or never off; ``instead`` says
    what ran in the old model in the place of each Lambda (``rescale: x / 127.5 - 1``): code is never run.
    """

    outputs: tuple[OutputDifference, ...]
    frameworks: tuple[str, str]
    samples: int
    seed: int
    seconds: float
    unexercised: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        return all(output.identical for output in self.outputs)

    @property
    def difference(self) -> float:
        """The largest absolute difference of any output."""
        return max((output.difference or 0.0 for output in self.outputs), default=0.0)

    def as_json(self) -> dict[str, Json]:
        return {"identical": self.identical, "difference": self.difference, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The old model: its files, what its inputs are (``{"name", "shape", "dtype"}``), and the names of its outputs.

    ``half`` says whether a layer of it computes in half precision, ``bare`` that it has no weights.
    """

    path: Path
    weights: Path | None
    dialect: str
    facts: Mapping[str, LayerFacts]
    inputs: Sequence[Mapping[str, Any]]
    outputs: Sequence[str]
    half: bool
    bare: bool


def compare_converted(
    original: Original, converted: Path, back: bool = False, *, feed: Feed, custom_objects: Sequence[str], limits: Limits
) -> ConvertedReport:
    """Run an old model and its conversion, each in a confined process, and compare their outputs.

    Args:
        original: the old model.
        converted: the file of the new one: of Keras 3, or with ``back`` of Keras 2.
        back: whether the conversion goes back to Keras 2.
        feed: what both are given.
        custom_objects: plug-ins.
        limits: what a process may take.

    Returns:
        What both computed.

    Raises:
        RuntimeUnavailableError: nothing that runs today reads the old model's dialect (Keras 1), or it is not installed.
        VerificationError: a model has no weights, or does not run, or an output differs by more than rounding explains; or
            what the user gives does not fit the inputs.
        DocumentError: a file holds code or reaches outside, and must not be run.
    """
    started = time.monotonic()
    names = framework_name(original.dialect), framework_name("keras2" if back else "keras3")
    if original.bare:
        raise VerificationError(
            "there are no weights to run the models with",
            code="verify-converted-weights",
            where=str(original.path),
            hint="give them with --weights FILE, or use --verify proof",
        )
    with tempfile.TemporaryDirectory(prefix="configsplit-") as folder:
        place = Path(folder)
        waiting, number, seed = _inputs(original, feed, place), len(original.inputs), feed.seed
        old = _run(original.path, original.weights, names[0], number, place / "old", seed, custom_objects, limits, waiting)
        given = arrays.load(place / "inputs.npz")
        new = _run(converted, None, names[1], number, place / "new", seed, custom_objects, limits)
        outputs = _outputs(original, arrays.load(place / "old.npz"), arrays.load(place / "new.npz"))
    masks = (*made_by_layers(old["masks"]), *_boolean(original, given))
    return ConvertedReport(
        outputs=outputs,
        frameworks=(_title(names[0], old), _title(names[1], new)),
        samples=given[0].values.shape[0] if given and given[0].values.shape else 1,
        seed=seed,
        seconds=round(time.monotonic() - started, 3),
        unexercised=tuple(missing for mask in masks if (missing := mask.missing())),
    )


def _title(framework: str, ran: Mapping[str, Any]) -> str:
    return f"{'Keras' if framework == 'keras' else framework} {ran['version']}"


def _inputs(original: Original, feed: Feed, folder: Path) -> list[str]:
    """Files of the same kinds of input as a split is verified with; the old model takes the first that it can."""
    return save_choices(folder, examine(original.path, original.weights), original.inputs, feed, original.facts)


def _boolean(original: Original, given: Sequence[Stored]) -> list[MaskReport]:
    names = [str(spec["name"]) for spec in original.inputs]
    return [report for name, tensor in zip(names, given, strict=True) for report in boolean("input", name, tensor)]


def _run(
    model: Path,
    weights: Path | None,
    framework: str,
    inputs: int,
    place: Path,
    seed: int,
    custom_objects: Sequence[str],
    limits: Limits,
    waiting: Sequence[str] = (),
) -> dict[str, Any]:
    """Run one model in a process of its own, and say what ran it; on the first of the inputs ``waiting`` that it takes."""
    given = [{"file": str(place.parent / "inputs.npz"), "index": number} for number in range(inputs)]
    step = a_step(model, weights, framework, given, place.with_suffix(".npz"), seed, choices=list(waiting))
    try:
        return run_steps([step], place.parent, custom_objects, limits)[0]
    except ConfigSplitError as error:
        if error.code not in ("runtime-failed", "runtime-timeout", "runtime-endless"):
            raise
        raise _does_not_run(error, framework, str(model), "converted model" if place.name == "new" else "original") from None


def _does_not_run(error: ConfigSplitError, framework: str, where: str, which: str) -> VerificationError:
    declare = "declare custom classes for both frameworks in a plug-in (--custom-objects FILE.py)"
    remedy = "allow more with --timeout" if error.code == "runtime-timeout" else declare
    name = "Keras 3" if framework == "keras" else framework
    return VerificationError(
        f"{name} does not run the {which}, so nothing was compared: {error.message}",
        code="verify-converted-run",
        where=where,
        hint="use --verify proof" if error.code == "runtime-endless" else f"{remedy}, or use --verify proof",
    )


def _outputs(original: Original, old: Sequence[Stored], new: Sequence[Stored]) -> tuple[OutputDifference, ...]:
    names = original.outputs
    if len(old) != len(new):
        raise _differs(original, f"it gives {len(new)} outputs, the original {len(old)}")
    labels = names if len(names) == len(old) else [f"output {number}" for number in range(len(old))]
    return tuple(_output(original, name, *pair) for name, *pair in zip(labels, old, new, strict=True))


def _output(original: Original, name: str, old: Stored, new: Stored) -> OutputDifference:
    identical, difference = same_bits(old, new), greatest_difference(old, new)
    largest = _largest(old)
    if not identical and difference is None:
        raise _differs(original, f"output {name!r} is {_told(new)}, in the original {_told(old)}, or NaN in one of them alone")
    bound = HALF if original.half or "16" in old.dtype else BOUND
    if difference is not None and difference > bound * max(largest, 1e-6):
        raise _differs(original, f"output {name!r} is off by {difference:.3g}, and its largest number is {largest:.3g}")
    return OutputDifference(
        name=name,
        shape=tuple(old.values.shape),
        dtype=old.dtype,
        identical=identical,
        difference=difference,
        largest=largest,
        nan=not_numbers(old),
    )


def _told(tensor: Stored) -> str:
    return f"{tensor.dtype} {tuple(tensor.values.shape)}"


def _largest(tensor: Stored) -> float:
    """The largest finite number of a tensor, without its sign."""
    if tensor.dtype in ("string", "bfloat16"):
        return 1.0
    return greatest_value(tensor)


def _differs(original: Original, what: str) -> VerificationError:
    return VerificationError(
        f"the converted model does not compute what the original computes: {what}",
        code="verify-converted",
        where=str(original.path),
        hint="nothing was written; please report it, with the file if you can",
    )
