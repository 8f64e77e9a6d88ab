"""What Keras takes as the value of a key of a layer's config, where it refuses others when it builds the layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any


@dataclass(frozen=True, slots=True)
class Values:
    """Which values a key may have: in words, and as a test. ``names`` are all there are, where they are words."""

    wish: str
    takes: Callable[[Any], bool]
    names: tuple[str, ...] = ()


def or_none(values: Values, none: bool = True) -> Values:
    """The same, or nothing at all; as it is where not ``none``."""
    if not none:
        return values
    return Values(f"{values.wish}, or null", lambda value: value is None or values.takes(value), values.names)


def whole(least: int = 1, *, none: bool = False, truth: bool = True, cut: bool = False) -> Values:
    """A whole number; ``truth``: true counts as 1; ``cut``: of other numbers the digits behind the point are cut off."""

    def takes(value: Any) -> bool:
        if isinstance(value, bool):
            return truth and int(value) >= least
        if isinstance(value, float) and cut:
            return isfinite(value) and int(value) >= least
        return isinstance(value, int) and value >= least

    return or_none(Values(f"a whole number of at least {least}", takes), none)


def number(least: float, most: float | None = None, *, none: bool = False, above: bool = False) -> Values:
    """A number within bounds, which belong to it; ``above``: the lower one does not."""

    def takes(value: Any) -> bool:
        low = isinstance(value, (int, float)) and (value > least if above else value >= least)
        return low and (most is None or value <= most)

    first = f"above {least:g}" if above else f"of at least {least:g}"
    bounds = first if most is None else f"{first} and at most {most:g}" if above else f"from {least:g} to {most:g}"
    return or_none(Values(f"a number {bounds}", takes), none)


def one_or_two(alone: Values, first: Values | None = None, second: Values | None = None, *, ordered: bool = False) -> Values:
    """A number, or two, which may have bounds of their own; ``ordered``: the second is not below the first."""
    low, high = first or alone, second or first or alone

    def takes(value: Any) -> bool:
        if not isinstance(value, tuple):
            return alone.takes(value)
        return len(value) == 2 and low.takes(value[0]) and high.takes(value[1]) and not (ordered and value[1] < value[0])

    return Values(f"{alone.wish}, or two of them that bound a range", takes)


def axis_sizes(rank: int, least: int = 1, *, none: bool = False, cut: bool = False) -> Values:
    """One whole number for all axes, or one for each; ``cut``: of several, the digits behind the point are cut off."""
    alone, each_axis = whole(least), whole(least, cut=cut)

    def takes(value: Any) -> bool:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return len(value) == rank and all(map(each_axis.takes, value))
        return alone.takes(value)

    several = f", or {rank} of them" if rank > 1 else ""
    return or_none(Values(f"a whole number of at least {least}{several}", takes), none)


def several(values: Values, least: int = 0) -> Values:
    """One of them, or a list of such, with at least so many."""

    def takes(value: Any) -> bool:
        if isinstance(value, tuple):
            return len(value) >= least and all(map(values.takes, value))
        return values.takes(value)

    return Values(f"{values.wish}, or several", takes)


def edges(rank: int) -> Values:
    """What is added or taken away at the edges of an image: one number, one for each axis, or two for each."""
    pair = axis_sizes(2, 0)

    def takes(value: Any) -> bool:
        if isinstance(value, int):
            return value >= 0
        return isinstance(value, Sequence) and len(value) == rank and all(map(pair.takes, value))

    return Values(f"a whole number of at least 0, {rank} of them, or {rank} pairs", takes)


def one_of(names: str, *, none: bool = False, case: bool = True) -> Values:
    """One of these words; ``case``: in capitals too."""
    listed = tuple(names.split())

    def takes(value: Any) -> bool:
        return isinstance(value, str) and (value.lower() if case else value) in listed

    return or_none(Values(f"one of {', '.join(listed)}", takes, listed), none)


def permutation(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(each in value for each in range(1, len(value) + 1))


def _is_entry(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("class_name"), str) and "config" in value


LAYER = Values("a layer: its class_name and its config", _is_entry)
DATA_FORMAT = one_of("channels_first channels_last", none=True)
PADDING = one_of("valid same")
ANYTHING = Values("anything", lambda value: True)
NOTHING = Values("null", lambda value: value is None)
EMPTY = Values("null", lambda value: not value)
UNFILLED = Values("null", lambda value: value is None or (not value and not isinstance(value, (int, float))))
NOT_NONE = Values("a number", lambda value: value is not None)
WHOLE = Values("a whole number", lambda value: isinstance(value, int))
SEED = Values("a whole number, or null", lambda value: not isinstance(value, (str, float, bool, tuple)))
TRUTH = Values("true or false", lambda value: isinstance(value, bool))
AXES = Values("axes, each once", lambda value: not isinstance(value, tuple) or len(set(value)) == len(value))
AXIS = Values("a whole number, or several, each once", lambda value: several(WHOLE).takes(value) and AXES.takes(value))
SOME_AXIS = Values(AXIS.wish, lambda value: value != () and AXIS.takes(value))
