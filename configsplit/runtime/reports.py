"""What a run in Keras found, as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from configsplit.display.html import box, shape, table, title
from configsplit.errors import Json
from configsplit.runtime.arrays import Stored, greatest_difference, greatest_value, same_bits
from configsplit.runtime.coverage import MaskReport, not_numbers
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericReport:
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
    def identical(self) -> bool:
        return all(output.identical for output in self.outputs)

    @property
    def passed(self) -> bool:
        return all(output.within(self.tolerance) for output in self.outputs)

    @property
    def unexercised(self) -> tuple[str, ...]:
        """What equal outputs say nothing about, in words: masks that were never on or never off, outputs without a number."""
        masks = [missing for mask in self.masks if (missing := mask.missing())]
        return (*masks, *(f"{output.name!r} is NaN throughout" for output in self.outputs if _nothing_but_nan(output)))

    def as_json(self) -> dict[str, Json]:
        return {"identical": self.identical, "unexercised": list(self.unexercised), **asdict(self)}


def _nothing_but_nan(output: OutputReport) -> bool:
    return output.nan > 0 and output.nan == math.prod(output.shape)


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
