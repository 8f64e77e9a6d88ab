"""The arguments of an operation, by the names that its declaration has, and what tensors and constants among them are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from configsplit.catalog.rules import Outputs, axes_of, policy, shape_of, unknown
from configsplit.graph.json import FrozenDict, Number
from configsplit.graph.model import Constant, Shape, TensorSpec

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor or constant among the arguments. ``dtype`` is None for a Python number, which takes the others' dtype."""

    shape: Shape
    dtype: str | None
    fraction: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """What an operation is called with, by the names that its declaration has.

    ``tensorflow`` tells TensorFlow's dtype rules from those of Keras 3.
    """

    names: tuple[str, ...]
    given: Mapping[str, Any]
    tensorflow: bool

    def get(self, which: int | str, default: Any = _MISSING) -> Any:
        """The argument of a name, or at a place among the declared parameters. Raises ShapeError where it is missing."""
        name = which if isinstance(which, str) else self.names[which]
        if name in self.given:
            return plain(self.given[name])
        if default is _MISSING:
            raise unknown(f"the argument {name!r} is missing")
        return default

    def number(self, which: int | str, default: Any = _MISSING) -> int:
        """A whole number; the default also stands for None."""
        value = self.get(which, default)
        return int(default if value is None and default is not _MISSING else value)

    def operand(self, which: int | str) -> Operand:
        return operand(self.get(which))

    def operands(self, which: int | str) -> list[Operand]:
        """A list of tensors given as one argument."""
        value = self.get(which)
        return [operand(item) for item in (value if isinstance(value, tuple) else (value,))]

    def axes(self, rank: int, which: int | str = "axis") -> tuple[int, ...]:
        return axes_of(self.get(which, None), rank)


def plain(value: Any) -> Any:
    return value.value if type(value) is Constant else value


def operand(value: Any) -> Operand:
    """Raises ShapeError where the value is neither tensor nor constant, or a tensor of unknown shape."""
    value = plain(value)
    if isinstance(value, TensorSpec):
        return Operand(shape_of(value), value.dtype)
    if isinstance(value, FrozenDict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        config = value["config"]
        return Operand(_array_shape(config["value"]), str(config["dtype"]))
    if isinstance(value, (bool, int, float, Number, tuple)):
        return Operand(_array_shape(value), None, isinstance(_first_number(value), (float, Number)))
    raise unknown(f"a {type(value).__name__} is no operand")


def _array_shape(value: Any) -> Shape:
    shape: list[int] = []
    while isinstance(value, tuple):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _first_number(value: Any) -> Any:
    while isinstance(value, tuple) and value:
        value = value[0]
    return value


def promoted(operands: list[Operand], *, tensorflow: bool) -> str | None:
    """The dtype of several operands together. TensorFlow promotes nothing: all tensors have one dtype."""
    dtypes = [item.dtype for item in operands if item.dtype is not None]
    if tensorflow and dtypes:
        return dtypes[0]
    numbers = ["float" if item.fraction else "int" for item in operands if item.dtype is None]
    return promote([*dtypes, *numbers])


class Parameter(NamedTuple):
    """One parameter of an operation: its name, those that it had in other releases, whether it takes all that is left."""

    name: str
    others: tuple[str, ...]
    several: bool


@cache
def parameters(declared: str) -> tuple[Parameter, ...]:
    """The parameters of a declaration, in order: ``input axis|dim``, ``*operands subscripts``."""
    words = ((each.startswith("*"), each.removeprefix("*").split("|")) for each in declared.split())
    return tuple(Parameter(names[0], tuple(names[1:]), several) for several, names in words)


def bound(declared: str, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the names that are declared; what has no place among them keeps the name that it has."""
    given: dict[str, Any] = {}
    known, rest = parameters(declared), tuple(positional)
    for parameter in known:
        if rest or parameter.several:
            given[parameter.name], rest = (rest, ()) if parameter.several else (rest[0], rest[1:])
    names = {other: parameter.name for parameter in known for other in parameter.others}
    for key, value in named.items():
        name = names.get(key, key)
        if value is not None or name not in given:
            given[name] = value
    return given


def arguments(declared: str, positional: Sequence[Any], named: Mapping[str, Any], *, tensorflow: bool) -> Arguments:
    """One call of an operation as the rule for its outputs asks for it."""
    names = tuple(parameter.name for parameter in parameters(declared))
    return Arguments(names, bound(declared, positional, named), tensorflow)


def one(shape: Shape, dtype: str | None) -> Outputs:
    return (TensorSpec(shape, dtype),)


def dtype_name(value: Any) -> str | None:
    """A dtype as the document spells it: ``float32``, ``DT_FLOAT``, ``tf.float32`` or a policy."""
    name = policy(value)
    if name is None:
        return None
    known_as = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BFLOAT16": "bfloat16"}
    return known_as.get(name) or name.removeprefix("tf.").removeprefix("DT_").lower()


# The dtype that several operands have together, by Keras 3's rules of promotion.


_ABOVE = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "int8": ("int16",),
    "int16": ("int32",),
    "uint16": ("int32", "uint32"),
    "int32": ("int64",),
    "uint32": ("int64", "uint64"),
    "int64": ("float",),
    "uint64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}
"""What each dtype widens to. ``int`` and ``float`` are Python's numbers, which have a kind but no width."""


def _closed() -> dict[str, frozenset[str]]:
    """Each dtype with all that it can become; the table above is ordered, so its end is known first."""
    closed: dict[str, frozenset[str]] = {}
    for name, above in reversed(_ABOVE.items()):
        closed[name] = frozenset({name}).union(*(closed[other] for other in above))
    return closed


_REACHES = _closed()
INTEGERS = frozenset(name for name in _ABOVE if name.startswith(("int", "uint")))


_AS_KERAS_HAS_IT = {"int": "int32", "float": "float32", "uint64": "uint32"}


def promote(dtypes: Iterable[str]) -> str | None:
    """The narrowest dtype that holds all of them, ``int`` and ``float`` as 32 bits; None where one is not known.

    Dtypes that do not take part in promotion (``string``, ``complex64``) stay what they are among themselves.
    """
    several = set(dtypes)
    if len(several) == 1:
        (only,) = several
        return _AS_KERAS_HAS_IT.get(only, only)
    if not several or not several <= _REACHES.keys():
        return None
    common = frozenset.intersection(*(_REACHES[name] for name in several))
    least = next(name for name in common if len(_REACHES[name]) == len(common))
    return _AS_KERAS_HAS_IT.get(least, least)
