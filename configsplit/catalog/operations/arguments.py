"""The arguments of an operation layer, in whichever of three ways the document spells them.

Keras 3 puts static arguments into the config and the rest into the node; ``TFOpLambda`` has one positional argument and names
the others; ``TensorFlowOpLayer`` keeps a node of a TensorFlow graph, with constants by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from configsplit.catalog.facts import CallFacts
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
    """What an operation is called with. ``tensorflow`` tells TensorFlow's dtype rules from those of Keras 3."""

    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    tensorflow: bool

    def get(self, position: int, names: str, default: Any = _MISSING) -> Any:
        """The argument at a position, or by any of several space-separated names. Raises ShapeError where it is missing."""
        if 0 <= position < len(self.positional):
            return plain(self.positional[position])
        for name in names.split():
            if name in self.named:
                return plain(self.named[name])
        if default is _MISSING:
            raise unknown(f"the argument {names.split()[0]!r} is missing")
        return default

    def operand(self, position: int, names: str = "x input a tensor data values") -> Operand:
        return operand(self.get(position, names))

    def operands(self, position: int, names: str) -> list[Operand]:
        """A list of tensors given as one argument."""
        found = self.get(position, names)
        return [operand(item) for item in (found if isinstance(found, tuple) else (found,))]

    def axes(self, rank: int, position: int = 1, names: str = "axis", default: Any = None) -> tuple[int, ...]:
        return axes_of(self.get(position, names, default), rank)


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


def arguments(call: CallFacts) -> Arguments:
    """The arguments of one call of an operation layer."""
    if call.class_name == "TensorFlowOpLayer":
        return _graph_arguments(call)
    named = {**call.config, **call.kwargs}
    return Arguments(call.args, named, call.class_name in ("TFOpLambda", "SlicingOpLambda"))


def _graph_arguments(call: CallFacts) -> Arguments:
    """TensorFlow counts inputs and constants together; attributes hold one key that names their type."""
    node, constants = call.config["node_def"], call.config.get("constants") or {}
    tensors = iter(call.inputs)
    placed = [constants[str(i)] if str(i) in constants else next(tensors, None) for i in range(len(node["input"]))]
    named = {key: next(iter(value.values()), None) for key, value in (node.get("attr") or {}).items()}
    return Arguments(tuple(placed), named, True)


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
    found: dict[str, frozenset[str]] = {}
    for name, above in reversed(_ABOVE.items()):
        found[name] = frozenset({name}).union(*(found[other] for other in above))
    return found


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
