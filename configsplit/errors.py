"""Every error that configsplit raises on purpose.

An error says what is wrong (the message), where (``where``: a path in the document, or a file), what to do (``hint``), and
carries a stable ``code`` that scripts may rely on; docs/errors.md lists the codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, get_args

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
"""A value as JSON has it."""


class ConfigSplitError(Exception):
    """Base of all errors of configsplit. ``message`` and ``hint`` name options as the command line does; as text, which is what
    Python shows, an error names them as Python does."""

    def __init__(self, message: str, *, code: str, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  hint: {in_python(self.hint)}" if self.hint else ""
        return f"{place}{in_python(self.message)}{advice}"

    def within(self, where: str) -> ConfigSplitError:
        """Put a place in front of the error's own; used while an error unwinds, so that its place becomes a whole path.

        Args:
            where: the place, a step of a path or a file.

        Returns:
            The error itself.
        """
        joint = "" if not self.where or self.where.startswith("[") or where.endswith(": ") else "."
        self.where = f"{where}{joint}{self.where}".removesuffix(": ")
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


_KEYWORDS = {
    "from": "from_",
    "input-range": "input_ranges",
    "lambda": "lambdas",
    "model": "donor",
    "open": "opened",
    "shape": "shapes",
    "size": "sizes",
}
"""Options that Python calls otherwise than the command line."""

_LISTS = ("calls", "custom_objects", "input_ranges", "lambdas", "opened", "shapes", "sizes")
_FLAGS = "bisect by-name fix-size force numeric resume unconfined whole-nested"
_SWITCHES = {flag: f"{flag.replace('-', '_')}=True" for flag in _FLAGS.split(" ")} | {"no-weights": "weights=False"}
_COMMAND = re.compile(r"`configsplit ([a-z]+)((?: [^`]*)?)`")
_VALUE = r"(?:json|keras|h5|proof|numeric|none)\b|[^\sa-z`,;:()-][^\s`;)]*|[\w/@]+[=.][^\s`;)]+"
_OPTION = re.compile(rf"(?<![^\s(`])--(?:(backend|balance|boundary|missing-weights) ([a-z]+)|([a-z][a-z-]*)\b(?: ({_VALUE}))?)")


def in_python(text: str) -> str:
    """A text with the options that it names as keywords of Python: ``--force`` is ``force=True``, ``--at LAYER`` is
    ``at="LAYER"``."""
    return _OPTION.sub(_keyword, _COMMAND.sub(_call, text)) if "--" in text or "`configsplit" in text else text


_STEP_WORDS = {"custom-objects": "plugins", "no-weights": "weights: false", "lambdas": "lambda"}
_OF_A_BATCH = frozenset({"force", "jobs", "resume"})


def in_recipe(text: str) -> str:
    """A text with the options that it names as a recipe has them: ``--shape LAYER=None,28`` is ``shape: LAYER=None,28``.
    Commands that it quotes stay."""
    pieces = re.split(r"(`configsplit [^`]*`)", text)
    return "".join(piece if number % 2 else _OPTION.sub(_key, piece) for number, piece in enumerate(pieces))


def _key(option: re.Match[str]) -> str:
    flag, value = option[1] or option[3], option[2] or option[4]
    if flag in _OF_A_BATCH:
        return option[0]
    word = _STEP_WORDS.get(flag, flag)
    if value is not None:
        return f"{word}: {value}"
    return word if ":" in word else f"{word}: true" if flag in _SWITCHES else f"{word}:"


def _call(command: re.Match[str]) -> str:
    """``configsplit layers MODEL`` as ``configsplit.layers(model)``."""
    verb, rest = command.groups()
    given = [word.lower() for word in _OPTION.sub("", rest).split()]
    out = next((option[4] for option in _OPTION.finditer(rest) if option[3] == "out"), None)
    given += [_keyword(option) for option in _OPTION.finditer(rest) if option[3] != "out"]
    verb = "verify_file" if (verb, given) == ("verify", ["file"]) else verb
    return f"`configsplit.{verb}" + (f"({', '.join(given)})" if rest else "") + (f'.save("{out}")`' if out else "`")


def _keyword(option: re.Match[str]) -> str:
    flag, value = option[1] or option[3], option[2] or option[4]
    if flag in _SWITCHES:
        return _SWITCHES[flag] + (f" {value}" if value else "")
    name = _KEYWORDS.get(flag, flag.replace("-", "_"))
    if value is None or value == "...":
        return "path" if flag == "out" else f"{name}={value or ''}"
    word = value.rstrip(".,")
    bare = word.strip("'")  # as a shell takes it
    text = bare if bare.isdigit() else f'"{bare}"'
    text = f"[{text}]" if name in _LISTS else text
    return (text if flag == "out" else f"{name}={text}") + value[len(word) :]


def not_taken(given: object, what: str, where: str, hint: str) -> OptionError:
    """The error for an object of a type that is not taken in the place of ``what``."""
    return OptionError(f"an object of type {type(given).__name__} is not {what}", code="model-unknown", where=where, hint=hint)


def closest(name: str, known: Iterable[str]) -> list[str]:
    """The names closest to a misspelt one, at most three, the closest first."""
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=3, cutoff=0.5)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the real names closest to a misspelt one."""
    return did_you_mean(closest(name, known))


def did_you_mean(names: Sequence[str]) -> str:
    """The same hint where the names are found already."""
    return f"did you mean {', '.join(map(repr, names))}?" if names else "`configsplit layers MODEL` lists the names"


def check_choice(option: str, value: object, choices: object) -> None:
    """Hold the word that was given for an option against the ``Literal`` of those that it may be. Raises OptionError if it is
    none of them; the hint names the nearest first.
    """
    words: tuple[str, ...] = get_args(choices)
    if value not in words:
        raise OptionError(
            f"{value!r} is not one of the choices", code="option-unknown", where=option, hint=nearest_choice(str(value), words)
        )


def check_number(
    option: str,
    value: object,
    least: float | None = None,
    most: float | None = None,
    *,
    whole: bool = False,
    open: bool = False,
) -> None:
    """Hold the number that was given for an option against its bounds; ``open``: the lower one is none of them. Raises
    OptionError if it is none, or beyond them.
    """
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    below = is_number and least is not None and (value <= least if open else not value >= least)  # type: ignore[operator]
    if not is_number or below or (most is not None and value > most):  # type: ignore[operator]
        kind = "a whole number" if whole else "a number"
        bounds = [] if least is None else [f"{'above' if open else 'from'} {least:g}"]
        bounds += [] if most is None else [f"up to {most:g}"]
        hint = " ".join([f"give {kind}", *bounds])
        raise OptionError(f"{value!r} is out of range", code="option-range", where=option, hint=hint)


def nearest_choice(value: str, words: Sequence[str]) -> str:
    """A hint with all words that an option may be, the nearest first."""
    from difflib import get_close_matches

    close = get_close_matches(value, words, n=1, cutoff=0.4)
    listed = f"it is one of {', '.join(map(repr, words))}"
    return f"did you mean {close[0]!r}? {listed}" if close else listed
