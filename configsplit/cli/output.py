"""How results look: one JSON document with ``--json``, else a few lines that a person likes to read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import click

from configsplit.errors import ConfigSplitError
from configsplit.graph.walking import grouped


def show(document: Any) -> None:
    """Print one JSON document, all that is not ASCII spelled out."""
    from configsplit.graph.json import dumps

    if _meta().get("progress") is not None:
        _meta()["progress"].clear()
    click.echo(dumps(document, indent=2))


def say(*lines: str, err: bool = False) -> None:
    """Print lines of which names in files are a part: nothing in these reaches the terminal as a command or begins a line."""
    text = "\n".join(map(_tame, lines))
    meta = _meta()
    if meta.get("progress") is not None:
        meta["progress"].clear()
    if meta.get("log") is not None:
        meta["log"].write("said", text)
    if err or not _quiet():
        click.echo(text, err=err)


def note(text: str) -> None:
    """Progress and messages go to stderr."""
    if not _quiet():
        say(text, err=True)
    elif _meta().get("log") is not None:
        _meta()["log"].write("said", text)


def _quiet() -> bool:
    return bool(_meta().get("quiet"))


def _meta() -> dict[str, Any]:
    """What the whole command line shares."""
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta


_STYLES = re.compile(r"(\x1b\[(?:[0-2]|3[1-7])m)")
"""Those that `click.style` gives to what is printed here; a name may have the same, which colours it."""


def _tame(line: str) -> str:
    if line.isprintable():
        return line
    pieces = (piece if number % 2 else _spelled(piece) for number, piece in enumerate(_STYLES.split(line)))
    return "".join(pieces)


def _spelled(text: str) -> str:
    return "\n    ".join(map(printable, text.split("\n")))


def printable(text: str) -> str:
    """Names of files and layers are whatever somebody wrote: what is no letter to be seen is spelled out."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def fail(error: ConfigSplitError) -> None:
    """Say what went wrong: on stderr for people, and on stdout too where JSON was asked for."""
    try:
        _tell(error)
    except MemoryError:  # not even enough to say it well
        os.write(2, b"error [no-memory] there is no more memory\n")


def _tell(error: ConfigSplitError) -> None:
    place = f"{click.style(error.where, bold=True)}: " if error.where else ""
    say(f"{click.style('error', fg='red', bold=True)} [{error.code}] {place}{error.message}", err=True)
    if error.hint:
        say(f"  {click.style('hint', fg='cyan')}: {error.hint}", err=True)
    context = click.get_current_context(silent=True)
    if context is not None and _wants_json(context):
        show({"error": error.as_json()})


def _wants_json(context: click.Context) -> bool:
    """The group handles errors after its verb's own context is gone: the arguments tell."""
    arguments: Sequence[str] = context.meta.get("arguments", ())
    return "--json" in arguments


def shape(dimensions: Iterable[int | None] | None) -> str:
    """``28×28×128``: the dimensions behind the batch, ``?`` for any size."""
    if dimensions is None:
        return "shape unknown"
    listed = [("?" if item is None else str(item)) for item in list(dimensions)[1:]]
    return "×".join(listed) or "scalar"


def tensor(item: Any) -> str:
    """One tensor of a manifest: ``add_3 (28×28×128 float32)``."""
    return f"{item.name} ({shape(item.shape)} {item.dtype or ''})".replace(" )", ")")


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Rows with their columns aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [(indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip() for row in rows]


_MANY = 3
"""More lines than these that differ in numbers alone are told once."""


def told_once(lines: Iterable[str]) -> list[str]:
    """Lines without those that differ from an earlier one in numbers alone, where these are many; with ``-v`` all of them."""
    alike = grouped((re.sub(r"\d+", "0", each), each) for each in lines)
    every = click.get_current_context().params["verbose"]
    return [
        line
        for kind in alike.values()
        for line in (kind if every or len(kind) <= _MANY else [f"{kind[0]} ({len(kind) - 1} more like this: -v)"])
    ]


def some_of(names: Sequence[str]) -> str:
    """Names in a row, of many the first few; with ``-v`` all of them."""
    every = click.get_current_context().params["verbose"]
    return ", ".join(names) if every or len(names) <= 8 else f"{', '.join(names[:7])} and {len(names) - 7} more"


def but_for(warnings: Iterable[str]) -> str:
    """What a proof leaves open: masks, shapes, dtypes and graphs of classes that nobody has declared."""
    told = list(warnings)
    open_ = [word for word in ("masks", "shapes", "dtypes", "graphs") if any(each.startswith(f"{word}: ") for each in told)]
    *first, last = open_ or [""]
    return f" but for {', '.join(first)}{' and ' if first else ''}{last} of undeclared classes" if open_ else ""
