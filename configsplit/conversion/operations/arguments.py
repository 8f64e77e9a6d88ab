"""The arguments of one operation, as the rules of the table ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from configsplit.catalog.keras3.refusals import Stop
from configsplit.conversion.building import Building
from configsplit.graph.json import FrozenDict, Number, rebuild
from configsplit.graph.model import Constant, Layer, Node, TensorSpec, Use

INSTEAD = "put a layer that computes the same in its place (`configsplit replace`)"
"""The remedy for an operation that has no rule."""


def plain_constant(value: Any) -> Any:
    return rebuild(value, lambda item: item.value if type(item) is Constant else item)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of one TensorFlow function; ``given`` are its arguments by name, tensors among them old ones."""

    building: Building
    layer: Layer
    number: int
    title: str
    given: dict[str, Any]

    def stop(self, reason: str) -> Stop:
        return Stop("convert-operation", f"{self.title} {reason}", INSTEAD)

    def has(self, name: str) -> bool:
        return self.given.get(name) is not None

    def spec(self, name: str) -> TensorSpec:
        """Shape and dtype of a tensor argument."""
        value = self.given.get(name)
        return self.building.spec(value.ref) if type(value) is Use else TensorSpec()

    def rank(self, name: str) -> int:
        shape = self.spec(name).shape
        if shape is None:
            raise self.stop("is called on a tensor of unknown shape")
        return len(shape)

    def tensor(self, name: str, like: str | None = None) -> Any:
        """A tensor (a new one), or a constant in its place; an array takes the dtype of the tensor ``like``."""
        value = self.given.get(name)
        if value is None:
            raise self.stop(f"lacks its argument {name!r}")
        return self.new(value, None if like is None else self.spec(like).dtype)

    def new(self, value: Any, dtype: str | None = None) -> Any:
        if type(value) is Use:
            if value.ref in self.building.symbols:
                raise self.stop("computes with the shape of a tensor")
            return Use(self.building.tensors[value.ref])
        if type(value) is tuple and not any(type(item) is Use for item in value):
            return array(value, dtype)
        return rebuild(value, self.new) if type(value) is tuple else value

    def static(self, name: str, default: Any = None) -> Any:
        """An argument that has to be known when the model is built."""
        value = self.given.get(name)
        if value is None:
            return default
        if type(value) is Use and (known := self.building.symbols.get(value.ref)) is not None:
            value = known.sizes[0] if known.scalar else known.sizes
            if not known.known:
                raise self.stop(f"takes {name!r} from the shape of a tensor, which only the running model knows")
        if type(value) is Use or (type(value) is tuple and any(type(item) is Use for item in value)):
            raise self.stop(f"takes {name!r} from a tensor")
        return int(value.value) if isinstance(value, Number) and value.value == int(value.value) else value

    def sizes(self, name: str) -> tuple[Size, ...]:
        """A shape as an argument; None for what only the running model knows."""
        value = self.given.get(name)
        if type(value) is Use:
            value = (value,) if self._dimension(value, name).scalar else self._dimension(value, name).sizes
        items = value if type(value) is tuple else (value,)
        return tuple(self._dimension(item, name).sizes[0] if type(item) is Use else item for item in items)

    def _dimension(self, use: Use, name: str) -> Dimensions:
        known: Dimensions | None = self.building.symbols.get(use.ref)
        if known is None:
            raise self.stop(f"takes {name!r} from a tensor")
        return known

    def emit(self, kind: str, *args: Any, **config: Any) -> Use:
        """Call an operation of Keras; ``config`` are its static arguments."""
        wish = kind.rpartition(".")[2]
        return self.building.operation(kind, _snake(wish), args, config)

    def with_kwargs(self, made: Use, **kwargs: Any) -> None:
        """Give an operation that was called a moment ago more arguments, by name."""
        calls = self.building.layers[made.ref.layer].calls
        calls[0] = Node(calls[0].args, calls[0].kwargs | kwargs)

    def outputs(self, use: Use, count: int) -> tuple[Use, ...]:
        """Several outputs of one operation."""
        return tuple(Use(use.ref._replace(output=number)) for number in range(count))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


# Shapes that a graph computes with: ``tf.shape(x)[0]`` is no tensor in Keras 3, where reshaping knows what it needs.


class Samples(Enum):
    """The one size that a model does not know and that its layers all agree on."""

    NUMBER = "how many samples the model is given"


Size: TypeAlias = "int | Samples | None"
"""A size; None where only the running model knows it."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions of a tensor (or one of them, if ``scalar``)."""

    sizes: tuple[Size, ...]
    scalar: bool = False

    @property
    def known(self) -> bool:
        return all(type(size) is int for size in self.sizes)


def array(value: object, dtype: str | None) -> FrozenDict:
    """A constant array, as Keras 3 writes numpy's. The file lost its dtype, which its numbers tell if nothing else does."""
    return FrozenDict({"class_name": "__numpy__", "config": FrozenDict({"value": value, "dtype": dtype or _dtype(value)})})


def _dtype(value: object) -> str:
    while type(value) is tuple and value:
        value = value[0]
    return {bool: "bool", int: "int32"}.get(type(value), "float32")


def piece(start: object, stop: object, step: object) -> FrozenDict:
    """A slice, as Keras 3 writes it."""
    return FrozenDict({"class_name": "__slice__", "config": FrozenDict({"start": start, "stop": stop, "step": step})})
