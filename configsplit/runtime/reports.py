"""What a run in Keras found, as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from configsplit.display.html import box, shape, table, title
from configsplit.errors import Json
from configsplit.runtime.arrays import Stored, greatest_difference, greatest_value, same_bits
from configsplit.runtime.feeding import FedInput


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReport:
    """One output of the original model against the same output of the parts.

    ``max_abs_difference`` is None where shapes differ or the values are not numbers. ``nan`` counts the elements of the
    original's output that are NaN: there equal bits say that both sides went wrong, not that both are right. ``largest`` is
    the largest absolute value of the original's output.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    identical: bool
    max_abs_difference: float | None
    nan: int = 0
    largest: float = 0.0

    def within(self, tolerance: float) -> bool:
        """Whether the two are equal to the bit, or differ by no more than ``tolerance``, times the largest value where that is
        above 1."""
        apart = self.max_abs_difference
        return self.identical or (tolerance > 0 and apart is not None and apart <= tolerance * max(1.0, self.largest))


def outputs_html(head: str, outputs: Sequence[OutputReport], tolerance: float, *facts: str) -> str:
    """For notebooks: every output of two models that ran on the same inputs, and how far they are apart."""
    rows = [
        (each.name, shape(each.shape), each.dtype, "equal to the bit" if each.identical else _apart(each, tolerance))
        for each in outputs
    ]
    return box(title(head, *facts), table(rows, ("output", "shape", "type", "")))


def _apart(output: OutputReport, tolerance: float) -> str:
    apart = output.max_abs_difference
    told = "different" if apart is None else f"{apart:.3g} apart"
    return f"{told}, within the tolerance" if output.within(tolerance) else told


class OfOutputs:
    """What reports say of all outputs together."""

    __slots__ = ()
    outputs: tuple[OutputReport, ...]
    tolerance: float

    @property
    def identical(self) -> bool:
        return all(output.identical for output in self.outputs)

    @property
    def passed(self) -> bool:
        return all(output.within(self.tolerance) for output in self.outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericReport(OfOutputs):
    """What a numeric verification found.

    Attributes:
        outputs: one report for each output of the original.
        framework, version, backend: what ran the original ("keras", "3.15.1", "tensorflow").
        weights: "file", or "filled" where the model came without weights and both sides got the same made-up ones.
        first_difference: the first part with an output that differs from the same tensor inside the original; None where
            all is identical, or where the tensors at the cut cannot be named in the live original.
        deterministic: False if the original, run once more with other random seeds, did not repeat itself: it samples at
            inference, and no split of it can be compared.
        masks: every mask that a layer of the original made while it ran, and every boolean input and boolean tensor between
            the parts, with how often each was on and off.
        inputs: what the models were fed with; ``given`` tells whether these were the user's own numbers, ``sized`` whether
            the model leaves sizes of them open.
        tolerance: by how much outputs may differ (`OutputReport.within`); 0 asks for equal bits.
    """

    outputs: tuple[OutputReport, ...]
    framework: str
    version: str
    backend: str
    weights: Literal["file", "filled"]
    samples: int
    seed: int
    seconds: float
    first_difference: int | None = None
    deterministic: bool = True
    masks: tuple[MaskReport, ...] = ()
    inputs: tuple[FedInput, ...] = ()
    given: bool = False
    sized: bool = False
    tolerance: float = 0.0

    def _repr_html_(self) -> str:
        """For notebooks."""
        ran = f"{self.framework} {self.version}, {self.samples} samples"
        return outputs_html("equal when run" if self.passed else "different when run", self.outputs, self.tolerance, ran)

    @property
    def unexercised(self) -> tuple[str, ...]:
        """What equal outputs say nothing about, in words: masks that were never on or never off, outputs without a number."""
        masks = [missing for mask in self.masks if (missing := mask.missing())]
        return (
            *masks,
            *(f"{output.name!r} is NaN throughout" for output in self.outputs if output.nan == math.prod(output.shape) > 0),
        )

    def as_json(self) -> dict[str, Json]:
        return {"identical": self.identical, "unexercised": list(self.unexercised), **asdict(self)}


def output_report(name: str, one: Stored, other: Stored) -> OutputReport:
    return OutputReport(
        name=name,
        shape=tuple(one.values.shape),
        dtype=one.dtype,
        identical=same_bits(one, other),
        max_abs_difference=greatest_difference(one, other),
        nan=not_numbers(one),
        largest=greatest_value(one),
    )


# What a numeric verification exercised: masks that were on and off, booleans true and false, outputs that are numbers.
#
# Equal outputs prove nothing about a mask that never left anything out, nor about one that left out everything.


Where: TypeAlias = Literal["layer", "boundary", "input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskReport:
    """A mask that a layer made while the original ran, or a boolean tensor: of the inputs, or between the parts.

    Attributes:
        where: "layer" (``name`` is the path of the layer that made the mask), "boundary" or "input" (the tensor's name there).
        kept: elements that were true: steps that counted.
        padded: elements that were false: steps that were left out.
    """

    where: Where
    name: str
    kept: int
    padded: int

    @property
    def both_ways(self) -> bool:
        return self.kept > 0 and self.padded > 0

    def missing(self) -> str:
        """What was never seen, in words; empty if nothing is missing."""
        if self.both_ways:
            return ""
        subject = {
            "layer": f"the mask of {self.name!r}",
            "boundary": f"the boolean tensor {self.name!r} between the parts",
            "input": f"the boolean input {self.name!r}",
        }[self.where]
        if not self.kept and not self.padded:
            return f"{subject} could not be seen"
        if self.where == "layer":
            return f"{subject} {'never left anything out' if self.kept else 'left out everything'}"
        return f"{subject} was never {'false' if self.kept else 'true'}"


def made_by_layers(reports: Iterable[Mapping[str, Any]]) -> tuple[MaskReport, ...]:
    """Reports of what a worker saw (`configsplit.runtime.observed_masks`)."""
    return tuple(MaskReport(where="layer", name=each["layer"], kept=each["kept"], padded=each["padded"]) for each in reports)


def boolean(where: Where, name: str, tensor: Stored) -> tuple[MaskReport, ...]:
    """A report of a tensor, if it is boolean."""
    if tensor.dtype != "bool":
        return ()
    kept = int(np.count_nonzero(tensor.values))
    return (MaskReport(where=where, name=name, kept=kept, padded=int(tensor.values.size) - kept),)


def not_numbers(tensor: Stored) -> int:
    """How many elements of a tensor are NaN."""
    if tensor.dtype == "bfloat16":
        return int(np.isnan((tensor.values.astype(np.uint32) << 16).view(np.float32)).sum())
    return int(np.isnan(tensor.values).sum()) if tensor.values.dtype.kind in "fc" else 0
