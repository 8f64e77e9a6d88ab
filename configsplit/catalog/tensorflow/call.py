"""One call of a TensorFlow function on its way to Keras 3, as the declarations beside this file ask for its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

from configsplit.catalog.keras3.refusals import Stop
from configsplit.graph.json import FrozenDict, Number, rebuild
from configsplit.graph.model import Constant, Shape, TensorRef, TensorSpec, Use

INSTEAD = "put a layer that computes the same in its place (`configsplit replace`)"
"""The remedy for an operation that has no rule."""


def plain_constant(value: Any) -> Any:
    return rebuild(value, lambda item: item.value if type(item) is Constant else item)


class Building(Protocol):
    """The new model, as far as the conversion of one call asks it.

    Attributes:
        tensors: old tensor -> new tensor.
        symbols: old tensors that are shapes, of which Keras 3 makes no tensors.
        samples: old tensors that have a row for each sample that the model is given.
    """

    tensors: dict[TensorRef, TensorRef]
    symbols: dict[TensorRef, Dimensions]
    samples: dict[TensorRef, None]

    def spec(self, ref: TensorRef) -> TensorSpec:
        """Shape and dtype of an old tensor, as far as they are known."""

    def operation(self, kind: str, wish: str, args: Iterable[Any], config: Mapping[str, Any]) -> Use:
        """Call an operation of Keras 3; ``config`` are its static arguments."""

    def with_kwargs(self, made: Use, kwargs: Mapping[str, Any]) -> None:
        """Give an operation that was called a moment ago more arguments, by name."""

    def layer(self, class_name: str, wish: str, config: Mapping[str, Any]) -> str:
        """Add a layer of Keras that the old model did not have; its name."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Use:
        """Call a new layer."""

    def note(self, layer: str, what: str) -> None:
        """Tell the user what is not what it was."""


@dataclass(frozen=True, slots=True)
class OperationCall:
    """One call of one TensorFlow function.

    Attributes:
        building: the new model.
        layer: the name of the old layer.
        title: what messages call the function.
        names: its declared parameters, in order.
        given: the arguments by those names, tensors among them old ones.
    """

    building: Building
    layer: str
    title: str
    names: tuple[str, ...]
    given: Mapping[str, Any]

    def value(self, which: int | str) -> Any:
        """An argument as it is, by name or by its place among the parameters; None where there is none."""
        return self.given.get(self.name(which))

    def name(self, which: int | str) -> str:
        return which if isinstance(which, str) else self.names[which]

    def stop(self, reason: str) -> Stop:
        return Stop("convert-operation", f"{self.title} {reason}", INSTEAD)

    def has(self, name: str) -> bool:
        return self.value(name) is not None

    def spec(self, which: int | str) -> TensorSpec:
        """Shape and dtype of a tensor argument."""
        value = self.value(which)
        return self.building.spec(value.ref) if type(value) is Use else TensorSpec()

    def shape(self, which: int | str) -> Shape:
        """That of a tensor or of a constant; empty where it is not known."""
        value = self.value(which)
        if type(value) is Use:
            return self.spec(which).shape or ()
        sizes: list[int] = []
        while type(value) is tuple:
            sizes.append(len(value))
            value = value[0]
        return tuple(sizes)

    def rank(self, which: int | str) -> int:
        shape = self.spec(which).shape
        if shape is None:
            raise self.stop("is called on a tensor of unknown shape")
        return len(shape)

    def tensor(self, which: int | str, like: int | str | None = None) -> Any:
        """A tensor (a new one), or a constant in its place; an array takes the dtype of the tensor ``like``."""
        value = self.value(which)
        if value is None:
            raise self.stop(f"lacks its argument {self.name(which)!r}")
        return self.new(value, None if like is None else self.spec(like).dtype)

    def new(self, value: Any, dtype: str | None = None) -> Any:
        if type(value) is Use:
            if value.ref in self.building.symbols:
                raise self.stop("computes with the shape of a tensor")
            return Use(self.building.tensors[value.ref])
        if type(value) is tuple and not any(type(item) is Use for item in value):
            return array(value, dtype)
        return rebuild(value, self.new) if type(value) is tuple else value

    def static(self, which: int | str, default: Any = None) -> Any:
        """An argument that has to be known when the model is built."""
        name, value = self.name(which), self.value(which)
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
        value = self.value(name)
        if type(value) is Use:
            value = (value,) if self._dimension(value, name).scalar else self._dimension(value, name).sizes
        items = value if type(value) is tuple else (value,)
        return tuple(self._dimension(item, name).sizes[0] if type(item) is Use else item for item in items)

    def _dimension(self, use: Use, name: str) -> Dimensions:
        known = self.building.symbols.get(use.ref)
        if known is None:
            raise self.stop(f"takes {name!r} from a tensor")
        return known

    def emit(self, kind: str, *args: Any, **config: Any) -> Use:
        """Call an operation of Keras; ``config`` are its static arguments."""
        wish = kind.rpartition(".")[2]
        return self.building.operation(kind, _snake(wish), args, config)

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


FULL = FrozenDict({"class_name": "__ellipsis__", "config": FrozenDict()})
"""``...`` among the places of a slice."""


def dtype_of(value: object) -> str:
    """The name of a dtype: ``float32`` of ``<dtype: 'float32'>``."""
    return str(value).removeprefix("<dtype: '").removesuffix("'>")
