"""Every old file converted with ``verify="numeric"``: what became of each, and the table of docs/conversion.md that says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from configsplit.errors import ConfigSplitError, RuntimeUnavailableError
from configsplit.models.document import load
from configsplit.runtime import converted
from configsplit.verbs.convert import convert
from support.conversion import GIVEN, PLUGINS, Bench
from support.conversion_files import OldFile
from support.conversion_report import PAGE, by_number
from support.frameworks import Failed

ROWS = PAGE.parents[1] / ".exhaustive" / "numeric_conversion"
BEGIN, END = "<!-- numeric table: written by `make exhaustive` -->", "<!-- end of the numeric table -->"


PATIENCE = 600.0
"""Seconds for one model in one framework."""


@dataclass(slots=True)
class Verdicts:
    """One line of the table. ``wrong`` has what is none of the rest, and must be empty."""

    release: str
    files: int = 0
    identical: int = 0
    rounded: int = 0
    largest: float = 0.0
    unread: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unrun: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def in_processes(bench: Bench) -> Any:
    """What takes the place of `configsplit.runtime.converted._run`, which starts two processes for each model."""

    def run(model: Path, weights: Path | None, framework: str, inputs: int, place: Path, seed: int, *_: Any) -> dict[str, Any]:
        process = bench.keras if framework == "keras" else bench.tf_keras
        step = {
            "model": str(model),
            "weights": None if weights is None else str(weights),
            "inputs": [{"file": str(place.parent / "inputs.npz"), "index": number} for number in range(inputs)],
            "outputs": f"{place}.npz",
            "fill": None,
            "probe": [],
            "seed": seed,
        }
        try:
            told = process.run(step, PATIENCE)
        except Failed as error:
            raise Unrun(framework, str(error)) from None
        return {"version": told["version"], "masks": []}

    return run


class Unrun(Exception):  # noqa: N818  # no error of the package's: what a framework said
    """A framework that does not run a model, and why."""

    def __init__(self, framework: str, why: str) -> None:
        super().__init__(why)
        self.framework = framework


def judge(file: OldFile, target: Path, verdicts: Verdicts) -> None:
    """Convert a file, run both, and count what comes of it."""
    verdicts.files += 1
    lost = file.lost()
    if file.path.suffix == ".json" and file.weights is None:
        verdicts.unrun["the architecture alone"] += 1
        return
    try:
        document = load(file.path, weights=file.weights, custom_objects=[PLUGINS])
        made = convert(document, backend="tensorflow", **GIVEN.get(file.model, {}))
    except ConfigSplitError as error:
        _note(verdicts.unread, verdicts, file, lost, error.code)
        return
    if made.refusals:
        _note(verdicts.refused, verdicts, file, lost or "said", made.refusals[0].reason.partition(":")[0])
        return
    try:
        report = made.save(target, force=True, verify="numeric", custom_objects=[PLUGINS]).numeric
    except ConfigSplitError as error:
        known = isinstance(error, RuntimeUnavailableError)  # Keras 1 runs nowhere today
        _note(verdicts.unrun, verdicts, file, "Keras 1" if known else lost, error.code)
        return
    except Unrun as error:
        refused = error.framework != "keras" and "took too long" not in str(error)  # who did not answer has said nothing
        kind = str(error).partition(":")[0]
        _note(verdicts.unrun, verdicts, file, "tf_keras" if refused else lost, f"{error.framework} does not run it ({kind})")
        return
    assert report is not None
    verdicts.identical += report.identical
    verdicts.rounded += not report.identical
    verdicts.largest = max(verdicts.largest, report.difference)


def _note(where: Counter[str], verdicts: Verdicts, file: OldFile, excuse: str, what: str) -> None:
    where[what] += 1
    if not excuse:
        verdicts.wrong.append(f"{file.title}: {what}")


def patched(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr(converted, "_run", in_processes(bench))


# ---------------------------------------------------------------- the table


def store(verdicts: Verdicts) -> None:
    ROWS.mkdir(parents=True, exist_ok=True)
    (ROWS / f"{verdicts.release}.json").write_text(
        json.dumps({each.name: getattr(verdicts, each.name) for each in fields(verdicts)}, indent=1)
    )


def publish() -> str:
    """Write the table into docs/conversion.md, and return it."""
    rows = [Verdicts(**json.loads(path.read_text())) for path in sorted(ROWS.glob("*.json"), key=by_number)]
    text = "\n".join([BEGIN, "", *_table(rows), "", *_reasons(rows), END])
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{text}{rest.partition(END)[2]}", "utf-8")
    return text


def _table(rows: Sequence[Verdicts]) -> Iterator[str]:
    yield "| release | files | same bits | rounded | largest difference | refused | lost by the file | not run | wrong |"
    yield f"|---|{'---:|' * 8}"
    for row in rows:
        yield _line(row.release, [row])
    yield _line("**all**", rows)


def _line(title: str, rows: Sequence[Verdicts]) -> str:
    counts = [sum(each) for each in zip(*map(_counts, rows), strict=True)]
    largest = max((row.largest for row in rows), default=0.0)
    files, same, rounded, refused, lost, unrun, wrong = counts
    return f"| {title} | {files} | {same} | {rounded} | {largest:.1e} | {refused} | {lost} | {unrun} | {wrong} |"


def _counts(row: Verdicts) -> list[int]:
    several = (row.refused, row.unread, row.unrun)
    return [row.files, row.identical, row.rounded, *(sum(each.values()) for each in several), len(row.wrong)]


def _reasons(rows: Sequence[Verdicts]) -> Iterator[str]:
    for title, name in (("Refused", "refused"), ("Lost by the file", "unread"), ("Not run", "unrun")):
        total: Counter[str] = Counter()
        for row in rows:
            total.update(getattr(row, name))
        if total:
            yield f"{title}: {'; '.join(f'{why} ({count})' for why, count in total.most_common())}."
            yield ""
