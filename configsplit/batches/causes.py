"""Why models failed or were skipped, counted; and which errors are no failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from configsplit.errors import ConfigSplitError, Json

_HARMLESS = frozenset({"convert-keras3", "weights-only"})
_NO_MODEL = frozenset({"document-not-a-model", "not-a-model"})


def is_harmless(error: ConfigSplitError, source: Path) -> bool:
    """Whether an error says no more than that there is nothing to do: a model of Keras 3 that was to be converted, weights
    alone, a file that is sound and no model. What is called ``.keras``, and a folder, says of itself that it is a model."""
    return error.code in _HARMLESS or (error.code in _NO_MODEL and source.suffix != ".keras" and not source.is_dir())


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for which models failed or were skipped: its code, how many, and what the first of them was told; ``others``
    are the other messages that came with the code."""

    outcome: str
    code: str
    count: int
    message: str
    hint: str
    others: int = 0

    def as_json(self) -> dict[str, Json]:
        return asdict(self)


def merged(each: Iterable[Cause | None]) -> tuple[Cause, ...]:
    """Causes of single models, counted: of failures before those of skips, the most frequent first."""
    causes: dict[tuple[str, str], Cause] = {}
    messages: dict[tuple[str, str], set[str]] = {}
    for told in filter(None, each):
        key = told.outcome, told.code
        known = causes.get(key)
        causes[key] = told if known is None else replace(known, count=known.count + 1)
        messages.setdefault(key, set()).add(told.message)
    counted = (replace(cause, others=len(messages[key]) - 1) for key, cause in causes.items())
    return tuple(sorted(counted, key=lambda cause: (cause.outcome, -cause.count, cause.code)))


def cause_of(result: Mapping[str, Any]) -> Cause | None:
    """Why one model failed or was skipped; None for one that is done."""
    if result["outcome"] == "failed":
        error = result["error"]
        return Cause("failed", error["code"], 1, error["message"], error["hint"])
    if result["outcome"] == "skipped":
        return Cause("skipped", result["cause"], 1, result["reason"], "")
    return None


# How a batch went, in numbers.


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
