"""How a batch went, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from configsplit.batches.causes import Cause
from configsplit.errors import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a batch went.

    Attributes:
        outcomes: how many models are done, failed and skipped.
        kept: how many of them an earlier run had finished, and nothing has changed since.
        causes: why models failed, and then why they were skipped; the most frequent first.
        source_bytes, output_bytes: of the models that are done.
        began, host: when this run began, and on which machine.
        seconds: wall clock of this run.
        out, ledger, report: where the results are.
    """

    outcomes: Mapping[str, int]
    kept: int
    causes: tuple[Cause, ...]
    source_bytes: int
    output_bytes: int
    began: str
    host: str
    seconds: float
    engine: str
    out: str
    ledger: str
    report: str

    @property
    def well(self) -> bool:
        """Whether no model failed."""
        return not self.outcomes["failed"]

    def as_json(self) -> dict[str, Json]:
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"outcomes": dict(self.outcomes), "causes": [cause.as_json() for cause in self.causes]}
