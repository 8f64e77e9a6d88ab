"""What a function computes with while it is read: tensors, constants, names; and how they stand in an expression."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from configsplit.conversion.lambdas.marshal import Unread
from configsplit.graph.model import TensorRef, TensorSpec

ATOM = 9
"""How tightly a name or a call binds in an expression: nothing needs brackets around it."""

_SUM = 5
"""How tightly ``+`` binds."""

_MOST_SHOWN = 9
_MOST_TEXT = 240
_MOST_ITEMS = 1_000
_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: where it comes from, its shape and dtype, and the expression that it is, with how tightly that binds."""

    ref: TensorRef
    spec: TensorSpec
    text: str
    binds: int = ATOM


@dataclass(frozen=True, slots=True)
class Name:
    """A module or something in one: ``K.mean``, ``tf.float32``."""

    path: str


@dataclass(frozen=True, slots=True)
class Member:
    """Something of a value before it is called: ``x.get_shape``."""

    owner: Any
    name: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of a tensor as TensorFlow's own object."""

    sizes: tuple[int | None, ...]


def text_of(value: Any, binds: int = 0) -> str:
    """A value in an expression; in brackets where it binds less tightly than what stands around it."""
    text = f"[{', '.join(map(_leaf, value))}]" if type(value) is tuple and len(value) < _MOST_SHOWN else _leaf(value)
    negative = type(value) in (int, float) and value < 0
    if (type(value) is Tensor and value.binds < binds) or (negative and binds > _SUM):
        text = f"({text})"
    return text if len(text) <= _MOST_TEXT else "..."


def _leaf(value: Any) -> str:
    if type(value) is Tensor:
        return value.text
    if type(value) is slice:
        step = "" if value.step is None else f":{value.step}"
        return ":".join("" if end is None else str(end) for end in (value.start, value.stop)) + step
    if type(value) is Name:
        return value.path
    if value is ...:
        return "..."
    return f"{value:.8g}" if type(value) is float else "[...]" if type(value) is tuple else repr(value)


def number(value: Any) -> Any:
    """A number that constants made."""
    if (type(value) is float and not isfinite(value)) or (type(value) is int and abs(value) > _LARGEST):
        raise Unread("it computes a constant that is too large")
    return value


def calculated(symbol: str, left: Any, right: Any) -> Any:
    """What two constants make."""
    if None in (left, right):
        raise Unread("it computes with a size that only the running model knows")
    if type(left) in (int, float) and type(right) in (int, float):
        return number(_arithmetic(symbol, left, right))
    one, other = (side.sizes if type(side) is Sizes else side for side in (left, right))
    if type(one) is int and type(other) is tuple:
        one, other = other, one
    if symbol == "+" and type(one) is tuple and type(other) is tuple and len(one) + len(other) < _MOST_ITEMS:
        return (*one, *other)
    if symbol == "*" and type(one) is tuple and type(other) is int and len(one) * max(other, 0) < _MOST_ITEMS:
        return one * other
    raise Unread(f"it computes with constants in a way that is not read ({symbol})")


def _arithmetic(symbol: str, left: Any, right: Any) -> Any:
    try:
        match symbol:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "//":
                return left // right
            case "%":
                return left % right
            case "**" if abs(right) <= 64 and abs(left) <= 1 << 32:
                number = left**right
                return number if type(number) in (int, float) else None
    except ArithmeticError:
        pass
    raise Unread(f"it computes with constants in a way that is not read ({symbol})")
