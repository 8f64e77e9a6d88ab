"""Model, Layer, Node and TensorRef: one graph for every dialect.

A `Layer` holds its entry of the document verbatim; what the graph needs of it (its calls, a nested model) is held beside it
and put back by the dialect when the document is written. Calls are numbered from 0 in document order, whatever the dialect
counts from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, Literal, NamedTuple, TypeAlias

from configsplit.graph.json import EMPTY, FrozenDict, rebuild

LayerPath: TypeAlias = tuple[str, ...]
"""Names from the outermost model down to a layer: ``("encoder", "block3", "conv")``."""

Shape: TypeAlias = tuple[int | None, ...]
"""Dimensions of a tensor, batch first; ``None`` where any size will do."""

INPUT = "InputLayer"
"""The class of layers that stand for the inputs of a model."""

Structure: TypeAlias = Any
"""Nested tuples and FrozenDicts whose leaves are `Use`, `Constant`, `TensorRef` or plain JSON values (constants)."""


class TensorRef(NamedTuple):
    """One output of one call of a layer."""

    layer: str
    call: int = 0
    output: int = 0


class CallRef(NamedTuple):
    """One call of a layer."""

    layer: str
    call: int = 0


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What is known of a tensor. ``shape`` includes the batch dimension; ``None`` is an unknown shape, or dtype."""

    shape: Shape | None = None
    dtype: str | None = None
    sparse: bool = False
    ragged: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """A tensor as an argument of a call; ``recorded`` is what the document says of it there (Keras 3: shape, dtype).

    Where a rewrite made the use, ``spec`` says it instead, for dialects that want it written.
    """

    ref: TensorRef
    recorded: FrozenDict | None = None
    spec: TensorSpec | None = None

    def of(self, ref: TensorRef) -> Use:
        """The same of another tensor; itself where that is the one it is of."""
        return self if ref == self.ref else Use(ref, self.recorded, self.spec)


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant that stands where a tensor usually does (TF 2.4 to 2.15: ``_CONSTANT_VALUE``)."""

    value: Any


@dataclass(frozen=True, slots=True)
class Node:
    """One call of a layer.

    ``form`` is the dialect's spelling of the call where it has several; the dialect that read it writes it the same way.
    ``opened`` marks a call that takes a tensor into or out of a nested model that was opened: of the masks that come through
    there the document said nothing.
    """

    args: tuple[Structure, ...] = ()
    kwargs: FrozenDict = field(default_factory=FrozenDict)
    form: str = ""
    opened: bool = field(default=False, compare=False)

    def uses(self) -> list[Use]:
        """All tensor arguments in the order in which Keras visits them: positional, then keywords, dict keys sorted.

        tf_keras since 2.16 visits the keywords as they are written; see `settled`.
        """
        args = self.args
        if len(args) == 1 and type(args[0]) is Use and not self.kwargs:
            return [args[0]]
        uses = leaves(args)
        return uses + leaves(self.kwargs) if self.kwargs else uses

    def only_use(self) -> Use | None:
        """The one tensor that the call takes, where that is all it takes, as most calls do; else None."""
        args = self.args
        return args[0] if len(args) == 1 and type(args[0]) is Use and not self.kwargs else None

    def settled(self) -> Node:
        """The same call with its keywords in an order that every release visits alike: sorted, if several hold tensors."""
        if len(self.kwargs) < 2 or leaves(self.kwargs) == leaves(tuple(self.kwargs.values())):
            return self
        return replace(self, kwargs=FrozenDict(sorted(self.kwargs.items())))

    def map_uses(self, change: Callable[[Use], Use]) -> Node:
        """The same call with other tensors; itself where its one tensor stays."""
        if (only := self.only_use()) is not None:
            return self if (new := change(only)) is only else Node((new,), self.kwargs, self.form, self.opened)

        def leaf(value: Any) -> Any:
            return change(value) if type(value) is Use else value

        return Node(rebuild(self.args, leaf), rebuild(self.kwargs, leaf), self.form, self.opened)


CHAINED = "chained"
"""`Node.form` of a call inside a Sequential, of whose arguments no document says anything."""


OPERATION_MODULES = ("keras.src.ops", "keras.ops", "keras.src.activations", "keras.src.quantizers")
"""Where Keras 3 keeps operations: some activations and one quantizer are such, too, when they are called on a tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer with all its calls.

    ``entry`` is the layer's object in the document, verbatim, but for the values that the graph holds: ``inbound_nodes``
    and the ``config`` of a nested model stand in it as None, to keep their place. It is empty for a fresh InputLayer, which
    is described by ``spec`` alone. ``base`` is the number by which the document's nodes call this layer's call 0 (nested
    models count from 1 in some dialects). ``implicit`` marks the input of a Sequential that no document entry describes.
    """

    name: str
    class_name: str
    entry: FrozenDict = field(default_factory=FrozenDict)
    calls: tuple[Node, ...] = ()
    model: Model | None = None
    spec: TensorSpec | None = None
    base: int = 0
    implicit: bool = False

    @property
    def config(self) -> FrozenDict:
        """The layer's own configuration; empty where the document has none."""
        config = self.entry.get("config")
        return config if type(config) is FrozenDict else EMPTY

    def called(self, calls: tuple[Node, ...]) -> Layer:
        """The same layer with other calls; itself where they are those that it has."""
        if len(calls) == len(self.calls) and all(map(is_, calls, self.calls)):
            return self
        return Layer(
            name=self.name,
            class_name=self.class_name,
            entry=self.entry,
            calls=calls,
            model=self.model,
            spec=self.spec,
            base=self.base,
            implicit=self.implicit,
        )

    def named(self) -> Layer:
        """With its name in its entry, where the document has none for it and it is called after its place."""
        told = self.implicit or self.is_input or self.model is not None or self.entry.get("name") or self.config.get("name")
        return self if told else replace(self, entry=self.entry | {"name": self.name})

    @property
    def is_input(self) -> bool:
        return self.class_name == INPUT

    @property
    def is_operation(self) -> bool:
        """Whether this is an operation of Keras 3, which is no layer there: without flags, weights, or a place in files."""
        return str(self.entry.get("module") or "").startswith(OPERATION_MODULES)


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Model:
    """A functional or Sequential model.

    ``inputs`` and ``outputs`` are structures of TensorRef, nested as Keras nests them. ``entry`` and ``config`` are the
    document's objects verbatim with None in place of what the graph holds (``entry`` is empty for a nested model: there the
    layer has it). ``form`` is the dialect's spelling where it has several.
    """

    name: str
    kind: Literal["functional", "sequential"]
    layers: tuple[Layer, ...]
    inputs: Structure
    outputs: Structure
    config: FrozenDict = field(default_factory=FrozenDict)
    entry: FrozenDict = field(default_factory=FrozenDict)
    dialect: str = ""
    form: str = ""

    def by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def input_refs(self) -> list[TensorRef]:
        """The inputs, flattened in the order of ``keras.Model.inputs``."""
        return leaves(self.inputs, TensorRef)

    def output_refs(self) -> list[TensorRef]:
        """The outputs, flattened in the order of ``keras.Model.outputs``; one tensor may stand there twice."""
        return leaves(self.outputs, TensorRef)

    def with_layers(self, layers: tuple[Layer, ...]) -> Model:
        return replace(self, layers=layers)


def leaves(structure: Structure, kind: type[Any] = Use) -> list[Any]:
    """Leaves of one type, in Keras's flattening order (dict keys sorted); iterative."""
    if type(structure) is tuple and len(structure) == 1 and type(structure[0]) is kind:
        return [structure[0]]  # most calls take one tensor
    items: list[Any] = []
    todo = [structure] if structure else []
    while todo:
        item = todo.pop()
        if type(item) is kind:
            items.append(item)
        elif type(item) is tuple:
            todo.extend(reversed(item))
        elif isinstance(item, Mapping):
            todo.extend(item[key] for key in sorted(item, reverse=True))
    return items


HeldBy: TypeAlias = Callable[["Layer"], "Model | None"]
"""What a layer holds that can be reached into: the nested model that it is, or also a model that it wraps."""


def nested(layer: Layer) -> Model | None:
    """The nested model that a layer is; None for any other layer."""
    return layer.model


def walk(model: Model, inside: HeldBy = nested) -> Iterator[tuple[LayerPath, Layer]]:
    """Every layer of the model and of the models nested in it, outer ones first, each with its path."""
    todo: list[tuple[LayerPath, Layer]] = [((layer.name,), layer) for layer in reversed(model.layers)]
    while todo:
        path, layer = todo.pop()
        yield path, layer
        if (held := inside(layer)) is not None:
            todo.extend(((*path, inner.name), inner) for inner in reversed(held.layers))


def free_name(wish: str, taken: set[str]) -> str:
    """The name itself where it is free, else with the first of the suffixes _2, _3, ... that is; it is taken then."""
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    taken.add(name)
    return name
