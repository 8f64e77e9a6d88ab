"""What a page says of each place to cut at, and the words of the command that cuts there."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BARE = re.compile(r"[A-Za-z0-9_/.,:@%+][A-Za-z0-9_/.,:@%+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A place: what ``--at`` takes, the tensors that cross and their bytes for one sample, and what lies on either side."""

    at: str
    tensors: tuple[str, ...]
    bytes: int
    input_bytes: int
    macs: tuple[int, int]
    parameters: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """A pipeline of so many stages: what crosses each boundary, and what the planner says of it."""

    count: int
    boundaries: tuple[tuple[str, ...], ...]
    largest: int
    bytes: int
    states: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Prices:
    """The places along a model.

    Attributes:
        file: the model's name, for a command in its folder.
        note: why there are none, or not all.
        macs, inputs: multiply-accumulates and bytes of the inputs of the whole: what not cutting costs.
        stages: the best pipelines, where they were asked for.
    """

    file: str
    places: tuple[Price, ...] = ()
    note: str = ""
    macs: int = 0
    inputs: int = 0
    stages: tuple[Stages, ...] = ()

    @property
    def command(self) -> str:
        """The beginning of the command that cuts."""
        file = f"./{self.file}" if self.file.startswith("-") else self.file
        return f"configsplit split {shell_word(file)}"


def option(at: str) -> str:
    """``--at REF``; a reference that begins with a dash would be taken for an option."""
    return f"--at={shell_word(at)}" if at.startswith("-") else f"--at {shell_word(at)}"


def shell_word(text: str) -> str:
    """One word for a shell, whatever is in it; what is no letter to be seen is spelled as its bytes (bash, zsh, ksh)."""
    if _BARE.fullmatch(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(map(_spelled, text)) + "'"


def _spelled(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))
