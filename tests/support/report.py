"""The table of `make exhaustive`: rows as files, so that several processes may write them, and one page of all."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

from support.outcomes import Row, table, total

_ROOT = Path(__file__).resolve().parents[2]
ROWS = _ROOT / ".exhaustive" / "rows"
PAGE = _ROOT / "docs" / "exhaustive.md"

_HEAD = """# Every cut

Written by `make exhaustive`. *Places* are all outputs of all calls of all layers, also inside nested models. *Ends* are those
where there is nothing to cut: inputs, and outputs that nothing takes. *Cut and proven*: the parts, read back from
their files, recompose to the original graph, and every weight is the original's, bit for bit. *Parts loaded*: with their
weights, by the real Keras of the original, Keras 3 or tf_keras (for Keras 1: after `convert`, by Keras 3); parts that it does
not load are counted separately if it does not load the original either. *Run in Keras*: original and parts
loaded from disk and run there, tensors handed over through files; *different* must be 0.
"""
SECTIONS = {
    "applications-keras": "keras.applications, as Keras 3 writes them",
    "applications-tf_keras": "tf_keras.applications: no shape recorded, all inferred",
    "numeric": "keras.applications, run in Keras 3 with made-up weights",
    "seed": "ResNet152 with Scale layers, Keras 2.0.9",
    "corpus": "Small difficult models, saved by 20 releases in every way they offer",
    "padded": "The same, those with masks, on padded inputs",
}


def store(test: str, section: str, row: Row | None) -> None:
    """Keep the row of a test, or take an earlier one away."""
    path = ROWS / f"{hashlib.sha256(test.encode()).hexdigest()[:16]}.json"
    if row is None:
        path.unlink(missing_ok=True)
        return
    ROWS.mkdir(parents=True, exist_ok=True)
    told = {"section": section, "commit": _commit(), "row": {field.name: getattr(row, field.name) for field in fields(row)}}
    path.write_text(json.dumps(told, indent=1))


@cache
def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def stored() -> Iterator[tuple[str, Row]]:
    for path in sorted(ROWS.glob("*.json")):
        found = json.loads(path.read_text())
        counters = {field.name for field in fields(Row) if "Counter" in str(field.type)}
        yield (
            found["section"],
            Row(**{key: Counter(value) if key in counters else value for key, value in found["row"].items()}),
        )


def publish() -> str:
    """Write docs/exhaustive.md from the rows that there are, and return its text."""
    rows = list(stored())
    commits = sorted({json.loads(path.read_text())["commit"] for path in ROWS.glob("*.json")})
    lines = [_HEAD, f"These rows are of commit {' and '.join(commits)}.", ""]
    for section, title in SECTIONS.items():
        here = sorted((row for name, row in rows if name == section), key=lambda row: row.title)
        if here:
            first = "release" if section in ("corpus", "padded") else "model"
            lines += [f"## {title}", "", *table([*here, total(here, "**all**")], first)]
            lines += ["", *_notes(here), ""]
    text = "\n".join(lines).rstrip() + "\n"
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)
    return text


def _notes(rows: Iterable[Row]) -> Iterator[str]:
    everything = total(rows, "")
    for name, counts in (
        ("Files not cut", everything.unread),
        ("Parts not loaded", everything.not_loaded),
        ("Proven but not run", everything.not_run),
        ("Refused", everything.extra),
    ):
        if counts:
            yield f"{name}:"
            yield ""
            yield from (f"- {number} × {_short(what)}" for what, number in counts.most_common())
            yield ""
    if everything.failures:
        yield f"**{len(everything.failures)} failures**, the first: {_short(everything.failures[0])}"


def _short(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= 160 else f"{first[:157]}..."


if __name__ == "__main__":
    print(publish())  # noqa: T201 - this is a program
