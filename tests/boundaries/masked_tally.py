"""What became of each attempt, counted, and the table of the long runs. Every outcome is legal but those in BAD."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random

import numpy as np
from masked_files import LIVE, Case, PartError, case
from masked_live import LIVE_VERBS
from masked_verbs import VERBS, Attempt, NothingToDoError

from configsplit.errors import ConfigSplitError
from configsplit.testing.masked_building import Arrays
from configsplit.testing.masked_sketch import Generation

_ROOT = Path(__file__).resolve().parents[2]
ROWS = _ROOT / ".exhaustive" / "masks"
PAGE = _ROOT / "docs" / "masked-models.md"

NOTHING_THERE = frozenset(
    {
        "cut-at-input", "cut-at-output", "cut-empty-part", "cut-not-parallel", "cut-dead-tensor",
        "extract-missing", "extract-unused", "reference-not-nested",
    }
)  # fmt: skip
"""Refusals that have nothing to do with masks: there is no such cut."""


@dataclass
class Tally:
    """One row: a verb on models of one kind. ``wrong`` says each attempt that must not be, with what builds the model."""

    verb: str
    generation: Generation
    suffix: str
    custom: float
    models: int = 0
    tries: int = 0
    identical: int = 0
    warned: int = 0
    no_place: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    backend: str = field(default_factory=lambda: os.environ.get("KERAS_BACKEND", "tensorflow"))
    commit: str = field(default_factory=lambda: _commit())

    def run(self, numbers: range, tries: int = 3, models: int | None = None) -> Tally:
        """So many attempts on the model of each number, until there are so many models."""
        for number in numbers:
            if self.models == models:
                break
            with tempfile.TemporaryDirectory() as scratch:
                made = case(self.generation, self.suffix, number, Path(scratch), self.custom)
                if made is None:
                    continue
                self.models += 1
                if self.models % 25 == 0:
                    made.frame.keras.backend.clear_session()
                for index in range(1 if self.verb == "convert" else tries):
                    self._try(made, number, index, Path(scratch))
        return self

    def _try(self, made: Case, number: int, index: int, scratch: Path) -> None:
        folder = scratch / str(index)
        folder.mkdir()
        try:
            verbs = LIVE_VERBS if self.suffix == LIVE else VERBS
            attempt = verbs[self.verb](made, Random(f"{self.verb}/{number}/{index}"), folder)
        except NothingToDoError:
            return
        except ConfigSplitError as error:
            self.tries += 1
            self._refused(error.code)
            return
        except Exception as error:  # noqa: BLE001 - an error without a code is a finding
            self._bad(number, index, f"no coded error: {type(error).__name__}: {error}")
            return
        self._compared(made, attempt, number, index)

    def _refused(self, code: str) -> None:
        if code in NOTHING_THERE:
            self.no_place += 1
        else:
            self.refused[code] += 1

    def _compared(self, made: Case, attempt: Attempt, number: int, index: int) -> None:
        try:
            off = difference(attempt.right, attempt.got(), attempt.close)
        except PartError as error:
            self._bad(number, index, f"{attempt.asked}: {error}")
            return
        if off is None:
            self.tries += 1
            self.identical += 1
        elif any("mask" in warning for warning in attempt.warnings):
            self.tries += 1
            self.warned += 1
        else:
            self._bad(number, index, f"{attempt.asked}: {off}")

    def _bad(self, number: int, index: int, what: str) -> None:
        self.tries += 1
        again = f"Tally({self.verb!r}, {self.generation!r}, {self.suffix!r}, {self.custom}).run(range({number}, {number + 1}))"
        self.wrong.append(f"{what}\n    {again}, try {index}")


def difference(right: Arrays, got: Arrays, close: float) -> str | None:
    """None where all bits are the same, or all numbers ``close``."""
    if [each.shape for each in right] != [each.shape for each in got]:
        return f"shapes {[each.shape for each in got]}, not {[each.shape for each in right]}"
    for number, (one, other) in enumerate(zip(right, got, strict=True)):
        if one.dtype == other.dtype and one.tobytes() == other.tobytes():
            continue
        if close and np.allclose(one, other, rtol=close, atol=close, equal_nan=True):
            continue
        with np.errstate(invalid="ignore"):
            return f"output {number} is off by {np.nanmax(np.abs(one.astype('float64') - other.astype('float64'))):.3g}"
    return None


# ---------------------------------------------------------------- the table


def _commit() -> str:
    """The commit that is tried."""
    try:
        return subprocess.check_output(["git", "-C", str(_ROOT), "rev-parse", "--short", "HEAD"], text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return "?"


def store(tally: Tally) -> None:
    ROWS.mkdir(parents=True, exist_ok=True)
    name = f"{tally.verb}/{tally.generation}/{tally.suffix}/{tally.custom}/{tally.backend}"
    (ROWS / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json").write_text(
        json.dumps({each.name: getattr(tally, each.name) for each in fields(tally)}, indent=1)
    )


_HEAD = """# Masked models

Written by `make exhaustive`. Random models with masks, built and saved by real Keras (keras 3.15.1, tf_keras 2.21): makers,
users and stoppers of masks, in functional and Sequential models, nested and shared, in wrappers, behind merges, with
undeclared classes (*custom* is how often one is drawn where it would fit). Each verb is tried at random places;
parts and results are loaded by Keras, fed with numpy, and compared with the original on inputs most of whose samples are
padded. *Identical*: to the last bit (for convert, which uses other kernels, to 3e-5). *Warned*: the verb changed the effect of
a mask and said so. *No place*: there is no such cut, with or without masks. *Wrong*: numbers differ, or Keras does not load
what was written, or an error has no code; must be 0. A new run of a row replaces the earlier one.

| verb | files | custom | models | tries | identical | warned | no place | refused | wrong | commit |
|---|---|---:|---:|---:|---:|---:|---:|---|---:|---|
"""


def publish() -> str:
    """Put the rows that there are into docs/masked-models.md, and return its text."""
    lines = {_key(line): line for line in PAGE.read_text().splitlines(keepends=True) if line.startswith(tuple(_OPENINGS))}
    lines |= {_key(line): line for line in map(_line, (json.loads(path.read_text()) for path in ROWS.glob("*.json")))}
    text = _HEAD + "".join(lines[key] for key in sorted(lines))
    PAGE.write_text(text)
    return text


_OPENINGS = {f"| {verb} |": place for place, verb in enumerate(VERBS)}


def _key(line: str) -> tuple[int, str, int]:
    """Verb, files and how many custom classes: what makes a row."""
    verb, files, custom = line.split("|")[1:4]
    return _OPENINGS[f"|{verb}|"], files.strip(), int(custom.strip(" %"))


def _line(row: dict[str, object]) -> str:
    refused = row["refused"]
    assert isinstance(refused, dict)
    assert isinstance(row["wrong"], list)
    codes = ", ".join(f"{code} {number}" for code, number in sorted(refused.items(), key=lambda item: -item[1])) or "0"
    files = re.sub("keras", "Keras ", str(row["generation"])) + (" live" if row["suffix"] == LIVE else f" `.{row['suffix']}`")
    files += " on JAX" if row["backend"] == "jax" else ""
    counts = " | ".join(str(row[key]) for key in ("models", "tries", "identical", "warned", "no_place"))
    ends = f"{codes} | {len(row['wrong'])} | {row['commit']}"
    return f"| {row['verb']} | {files} | {float(str(row['custom'])):.0%} | {counts} | {ends} |\n"
