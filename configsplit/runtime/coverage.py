"""What a numeric verification exercised: masks that were on and off, booleans true and false, outputs that are numbers.

Equal outputs prove nothing about a mask that never left anything out, nor about one that left out everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from configsplit.runtime.arrays import Stored

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
