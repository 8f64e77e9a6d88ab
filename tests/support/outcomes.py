"""What became of every cut that was asked for, counted: the rows of the table that `make exhaustive` prints."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from configsplit.errors import ConfigSplitError, VerificationError
from configsplit.models.document import Document
from configsplit.saving.parts import Saved
from configsplit.verbs.split import split

NOTHING_TO_CUT = frozenset({"cut-at-output", "cut-at-input", "cut-empty-part"})
"""The place is the last output, or an input: there is no model on one of the sides."""


@dataclass(slots=True)
class Row:
    """One line of the table; ``failures`` says each cut that is wrong, which must be none.

    ``sliceable`` are the cuts that Keras's own slicing can make, by the structure of the graph; ``extra`` says what was refused
    where.
    """

    title: str
    files: int = 0
    asked: int = 0
    ends: int = 0
    proven: int = 0
    compared: int = 0
    identical: int = 0
    sliceable: int = 0
    loaded: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    not_run: Counter[str] = field(default_factory=Counter)
    not_loaded: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    extra: Counter[str] = field(default_factory=Counter)

    def add(self, other: Row) -> None:
        self.files += other.files
        self.asked += other.asked
        self.ends += other.ends
        self.proven += other.proven
        self.compared += other.compared
        self.identical += other.identical
        self.sliceable += other.sliceable
        self.loaded += other.loaded
        for counts in ("refused", "unread", "not_run", "not_loaded"):
            getattr(self, counts).update(getattr(other, counts))
        self.failures += other.failures
        self.extra.update(other.extra)


def cut(document: Document, place: str, folder: Path, row: Row) -> Saved | None:
    """Split, save and prove; the outcome is counted in ``row``. None where there is nothing to cut, or it was refused."""
    row.asked += 1
    try:
        saved: Saved = split(document, place).save(folder, verify="proof", force=True)
    except VerificationError as error:
        row.failures.append(f"{document.path.name} at {place}: not proven: {error}")
    except ConfigSplitError as error:
        if error.code in NOTHING_TO_CUT:
            row.ends += 1
        else:
            row.refused[error.code] += 1
            row.extra[f"{error.code} in {document.path.name.partition('.')[0]}"] += 1
    except Exception as error:  # a traceback is a failure of this cut, and no reason to leave the others untried
        logging.exception(place)
        row.failures.append(f"{document.path.name} at {place}: {type(error).__name__}: {error}")
    else:
        row.proven += 1
        return saved
    return None


def total(rows: Iterable[Row], title: str) -> Row:
    made = Row(title)
    for row in rows:
        made.add(row)
    return made


def table(rows: Iterable[Row], first: str) -> Iterator[str]:
    """The rows as a Markdown table."""
    heads = [
        "files",
        "places",
        "ends",
        "cut and proven",
        "refused",
        "parts loaded",
        "not loaded, like the original",
        "Keras's slicing",
        "run in Keras",
        "bit-identical",
        "different",
    ]
    yield f"| {' | '.join([first, *heads])} |"
    yield f"| --- |{''.join(' --- |' if head == 'refused' else ' ---: |' for head in heads)}"
    for row in rows:
        numbers = [row.files, row.asked, row.ends, row.proven]
        slices = f"{row.sliceable} ({row.sliceable / row.proven:.0%})" if row.sliceable else ""
        loads = [row.loaded, row.not_loaded.total()] if row.loaded or row.not_loaded else ["", ""]
        runs = [row.compared, row.identical, row.compared - row.identical] if row.compared else ["", "", ""]
        cells = [*numbers, reasons(row.refused), *loads, slices, *runs]
        yield f"| {' | '.join([row.title, *map(str, cells)])} |"


def reasons(counts: Mapping[str, int]) -> str:
    if not counts:
        return "0"
    return ", ".join(f"{number} {code}" for code, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
