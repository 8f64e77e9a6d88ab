"""Every error that configsplit raises on purpose.

An error says what is wrong (the message), where (``where``: a path in the document, or a file), what to do (``hint``), and
carries a stable ``code`` that scripts may rely on; docs/errors.md lists the codes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, get_args

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
"""A value as JSON has it."""


class ConfigSplitError(Exception):
    """Base of all errors of configsplit."""

    def __init__(self, message: str, *, code: str, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.message}{advice}"

    def within(self, where: str) -> ConfigSplitError:
        """Put a place in front of the error's own; used while an error unwinds, so that its place becomes a whole path.

        Args:
            where: the place, a step of a path or a file.

        Returns:
            The error itself.
        """
        joint = "" if not self.where or self.where.startswith("[") else "."
        self.where = f"{where}{joint}{self.where}"
        return self

    def as_json(self) -> dict[str, Json]:
        """The error as one JSON object.

        Returns:
            ``code``, ``message``, ``where`` and ``hint``.
        """
        return {"code": self.code, "message": self.message, "where": self.where, "hint": self.hint}


class OptionError(ConfigSplitError):
    """A function was given a word that it does not take."""


class DocumentError(ConfigSplitError):
    """The architecture document is not what its dialect allows."""


class TensorReferenceError(ConfigSplitError):
    """A layer or tensor named by the user does not exist, or the name does not say which one is meant."""


class CutError(ConfigSplitError):
    """The model cannot be cut there."""


class ShapeError(ConfigSplitError):
    """A shape or dtype is unknown, or does not fit."""


class StoreError(ConfigSplitError):
    """A file cannot be read or written, or is not what it seems."""


class WeightsError(ConfigSplitError):
    """Weights do not fit the architecture, or cannot be placed for certain."""


class ConversionError(ConfigSplitError):
    """The model cannot be converted; ``refusals`` lists every reason, with layer and remedy."""

    def __init__(
        self, message: str, *, code: str, where: str = "", hint: str = "", refusals: tuple[dict[str, str], ...] = ()
    ) -> None:
        super().__init__(message, code=code, where=where, hint=hint)
        self.refusals = refusals

    def as_json(self) -> dict[str, Json]:
        return {**super().as_json(), "refusals": list(self.refusals)}


class PluginError(ConfigSplitError):
    """A custom-object plug-in cannot be used."""


class VerificationError(ConfigSplitError):
    """The parts do not equal the whole."""


class RuntimeUnavailableError(ConfigSplitError):
    """The step needs Keras or tf_keras, which is not installed."""


def closest(name: str, known: Iterable[str]) -> list[str]:
    """The names closest to a misspelt one, at most three, the closest first."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the real names closest to a misspelt one."""
    return did_you_mean(closest(name, known))


def did_you_mean(names: Sequence[str]) -> str:
    """The same hint where the names are found already."""
    return f"did you mean {', '.join(map(repr, names))}?" if names else "`configsplit layers MODEL` lists the names"


def check_choice(option: str, value: object, choices: object) -> None:
    """Hold the word that was given for an option against the ``Literal`` of those that it may be.

    Raises:
        OptionError: it is none of them; the hint names the nearest first.
    """
    words: tuple[str, ...] = get_args(choices)
    if value not in words:
        raise OptionError(
            f"{option} cannot be {value!r}", code="option-unknown", where=option, hint=nearest_choice(str(value), words)
        )


def nearest_choice(value: str, words: Sequence[str]) -> str:
    """A hint with all words that an option may be, the nearest first."""
    close = difflib.get_close_matches(value, words, n=1, cutoff=0.4)
    listed = f"it is one of {', '.join(map(repr, words))}"
    return f"did you mean {close[0]!r}? {listed}" if close else listed
