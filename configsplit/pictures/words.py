"""Names and numbers as pictures write them. Names are whatever somebody wrote into a file: see `plain`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_UNITS = ("", "k", "M", "G", "T")


def plain(text: str) -> str:
    """A name on one line: what is no letter to be seen (marks that turn the direction of writing, too) is spelled out."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def shortened(text: str, width: int) -> str:
    """At most so many letters: both ends of a long name tell it from others, its middle does not."""
    text = plain(text)
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def beginning(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    return next((first[:place] for place, letter in enumerate(first) if last[place : place + 1] != letter), first)


def markup(text: str) -> str:
    """A name as it may stand in XML and HTML, attributes too."""
    return escape(plain(text), quote=True)


def amount(number: int | None) -> str:
    """``4.2k``; ``?`` where nobody knows."""
    if number is None:
        return "?"
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g}{_UNITS[unit]}"


def size(number: int | None) -> str:
    """``4.2 kB``."""
    if number is None:
        return "size open"
    told = amount(number)
    return f"{told[:-1]} {told[-1]}B" if told[-1].isalpha() else f"{told} B"
