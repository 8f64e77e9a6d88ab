"""The table of docs/conversion.md: one row a release, kept as files so that several processes may write them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from support.conversion import Outcome

_ROOT = Path(__file__).resolve().parents[2]
ROWS = _ROOT / ".exhaustive" / "conversion"
PAGE = _ROOT / "docs" / "conversion.md"
BEGIN, END = "<!-- table: written by `make exhaustive` -->", "<!-- end of the table -->"

_HEADS = (
    "release", "files", "read", "round trip", "places", "cut and proven", "converted", "loaded by Keras 3", "equal", "compared",
    "tf_keras to the bit", "file lost it", "Keras 3 alone",
)  # fmt: skip


def store(outcome: Outcome) -> None:
    ROWS.mkdir(parents=True, exist_ok=True)
    (ROWS / f"{outcome.release}.json").write_text(
        json.dumps({each.name: getattr(outcome, each.name) for each in fields(outcome)}, indent=1)
    )


def stored() -> list[Outcome]:
    found = [json.loads(path.read_text()) for path in sorted(ROWS.glob("*.json"), key=by_number)]
    return [Outcome(**{**row, "uncut": Counter(row["uncut"])}) for row in found]


def by_number(path: Path) -> list[tuple[int, str]]:
    """``tf-2.4`` before ``tf-2.10``."""
    return [(int(step), "") if step.isdigit() else (-1, step) for step in re.split(r"(\d+)", path.stem)]


def publish() -> str:
    """Write the table into docs/conversion.md, and return it."""
    rows = stored()
    text = "\n".join([BEGIN, "", *_table(rows), "", *_notes(rows), END])
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{text}{rest.partition(END)[2]}", "utf-8")
    return text


def _cells(row: Outcome) -> list[str]:
    numbers = [row.files, row.read, row.same, row.places, row.cut, row.converted, row.loaded, row.equal, row.compared]
    return [
        row.release,
        *(f"{number:,}" for number in numbers),
        f"{row.bits} of {row.twins}",
        str(len(row.lost)),
        str(row.alone),
    ]


def _table(rows: list[Outcome]) -> Iterator[str]:
    yield f"| {' | '.join(_HEADS)} |"
    yield f"|---|{'---:|' * (len(_HEADS) - 1)}"
    for row in [*rows, _total(rows)]:
        yield f"| {' | '.join(_cells(row))} |"


def _total(rows: Iterable[Outcome]) -> Outcome:
    made = Outcome("**all**")
    for row in rows:
        for each in fields(row):
            if isinstance(value := getattr(row, each.name), int):
                setattr(made, each.name, getattr(made, each.name) + value)
        made.lost += row.lost
    return made


def _notes(rows: Sequence[Outcome]) -> Iterator[str]:
    lost: dict[str, list[str]] = {}
    for row in rows:
        for case in row.lost:
            file, _, why = case.partition(": ")
            lost.setdefault(why, []).append(f"{row.release}/{file}")
    if lost:
        yield "What the files themselves have lost:"
        yield ""
        for why, files in sorted(lost.items()):
            yield f"- {why}: {len(files)} files, as {files[0]}"
        yield ""
    yield from _rounded(rows)
    failures = [f"{row.release}: {failure}" for row in rows for failure in row.failures]
    if failures:
        yield f"**{len(failures)} failures**, the first: {failures[0]}"
        yield ""


def _rounded(rows: Sequence[Outcome]) -> Iterator[str]:
    """Each cause, with the files, and the largest difference in them, relative to the largest number of an output."""
    causes: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        for case in row.rounded:
            for why in case["why"]:
                causes.setdefault(why, []).append((f"{row.release}/{case['file']}", case["off"]))
    if causes:
        yield "Not to the last bit, and why:"
        yield ""
        for why, cases in sorted(causes.items()):
            names = ", ".join(name for name, _ in cases)
            yield f"- {why}. {len(cases)} files, off by {max(off for _, off in cases):.1e} at the most: {names}"
        yield ""
