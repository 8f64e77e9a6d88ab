"""Cut a model into parts that together compute what it computes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from configsplit.cutting.minimum_cut import Choice, Cost, heads, partition
from configsplit.errors import ShapeError
from configsplit.graph.calls import CallGraph, call_graph
from configsplit.graph.model import CallRef, Model, TensorRef, TensorSpec
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.rewrites.part import Extracted, part

UNKNOWN = 1 << 60
"""Price in bytes of a tensor of unknown shape or kind: crossed only where there is no other way."""


class UnknownShape(NamedTuple):
    """Why nobody can tell a tensor's shape, and the name by which the user can."""

    why: str
    name: str


Why = Callable[[TensorRef], UnknownShape]


class Wire(NamedTuple):
    """Where a part's input or the whole's output comes from: output ``number`` of a part, or (``part`` None) the whole's
    input of that number."""

    part: int | None
    number: int


@dataclass(frozen=True)
class Split:
    """What goes into which part, in an order in which each can run, and the wires between them.

    Attributes:
        model: the model that is cut.
        specs: shape and dtype of its tensors.
        calls: per part, its calls; InputLayers are in none.
        inputs, gives: per part, the tensors of ``model`` that it takes and gives.
        wires: per part, the source of each of its inputs.
        outputs: the source of each output of the whole, in the order of ``model.outputs``.
        shared: layers whose weights stand in more than one part.
    """

    model: Model
    specs: Mapping[TensorRef, TensorSpec]
    calls: tuple[tuple[CallRef, ...], ...]
    inputs: tuple[tuple[TensorRef, ...], ...]
    gives: tuple[tuple[TensorRef, ...], ...]
    wires: tuple[tuple[Wire, ...], ...]
    outputs: tuple[Wire, ...]
    shared: tuple[str, ...]

    @cached_property
    def homes(self) -> Mapping[CallRef, int]:
        """The part that each call is in."""
        return {call: number for number, calls in enumerate(self.calls) for call in calls}

    def crossing(self) -> dict[TensorRef, dict[int, list[CallRef]]]:
        """Every tensor that crosses, with the calls that take it in each other part; parts in order."""
        graph, originals = call_graph(self.model), set(self.model.input_refs())
        crossing: dict[TensorRef, dict[int, list[CallRef]]] = {}
        for ref in (ref for taken in self.inputs for ref in taken if ref not in originals and ref not in crossing):
            behind = [graph.calls[taker] for taker in graph.consumers[ref]]
            homes = sorted({self.homes[call] for call in behind} - {self.homes[CallRef(ref.layer, ref.call)]})
            crossing[ref] = {home: [call for call in behind if self.homes[call] == home] for home in homes}
        return crossing

    @cached_property
    def parts(self) -> tuple[Extracted, ...]:
        """The parts, with their provenance; built when they are first asked for, since masks and casts may come in between."""
        originals = set(self.model.input_refs())
        names = labels(self.model, [ref for taken in self.inputs for ref in taken if ref not in originals])
        return tuple(
            part(self.model, calls, taken, given, name=f"{self.model.name}_part_{number}", specs=self.specs, labels=names)
            for number, (calls, taken, given) in enumerate(zip(self.calls, self.inputs, self.gives, strict=True))
        )


def bytes_per_sample(spec: TensorSpec, open_size: int = 1) -> int:
    """Size of one sample of a tensor: the product of its dimensions behind the batch; those of any size count as ``open_size``,
    which is a price only for who knows it."""
    if spec.shape is None:
        return UNKNOWN
    size = ITEM_SIZE.get(spec.dtype or "float32", 4)
    for dimension in spec.shape[1:]:
        size *= open_size if dimension is None else dimension
    return size


ITEM_SIZE = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("int8", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"), 1),
    "complex128": 16,
    "string": 16,
}
"""Bytes of one element; 4 for all others. A string has no size of its own: 16 stands for a short word."""


def split_model(
    model: Model,
    boundaries: Sequence[Sequence[TensorRef]],
    specs: Mapping[TensorRef, TensorSpec],
    choice: Choice = "smallest",
    why: Why | None = None,
    avoid: Collection[TensorRef] = (),
    price: Cost | None = None,
) -> Split:
    """Cut ``model`` at one or several boundaries; ``specs`` describes every tensor of its top level.

    ``why`` says of a tensor without a shape why it has none, and how to give it; tensors to
    ``avoid`` cross only where there is no other way. ``price`` is that of a tensor, by default what ``specs`` tells.

    Raises:
        CutError: a boundary cannot be cut.
        ShapeError: a tensor that crosses has an unknown shape or dtype.
    """
    graph = call_graph(model)
    prices = dict.fromkeys(avoid, UNKNOWN)
    price = price or (lambda ref: prices.get(ref) or bytes_per_sample(specs.get(ref, TensorSpec())))
    chosen = heads(graph, boundaries, choice, price)
    return assemble(model, graph, partition(graph, chosen), specs, why)


def assemble(
    model: Model,
    graph: CallGraph,
    parts: Sequence[Sequence[int]],
    specs: Mapping[TensorRef, TensorSpec],
    why: Why | None = None,
) -> Split:
    """Wire the parts of a partition, given as the calls of each. Raises ShapeError if a tensor that crosses has an unknown
    shape or dtype.
    """
    wiring = Wiring(graph, parts, model.input_refs())
    crossing = list(dict.fromkeys(ref for number in range(len(parts)) for ref in wiring.crossing(number)))
    _require_shapes(model, crossing, specs, why)
    inputs = tuple(tuple(wiring.inputs(number)) for number in range(len(parts)))
    return Split(
        model=model,
        specs=specs,
        calls=tuple(tuple(graph.calls[call] for call in calls) for calls in parts),
        inputs=inputs,
        gives=tuple(tuple(wiring.outputs(number)) for number in range(len(parts))),
        wires=tuple(tuple(map(wiring.source, refs)) for refs in inputs),
        outputs=tuple(map(wiring.giver, graph.outputs)),
        shared=wiring.shared(),
    )


class Wiring:
    """Which tensors each part takes and gives.

    Original inputs come first among the inputs of a part, in their own order, then what other parts give, in document order.
    An input that is itself an output of the model passes through a part that takes it anyway; an input that nothing uses
    stays with the first part, so that nothing is lost.
    """

    def __init__(self, graph: CallGraph, parts: Sequence[Sequence[int]], inputs: Sequence[TensorRef]) -> None:
        self._graph = graph
        self._inputs = {ref: index for index, ref in enumerate(inputs)}
        self._home = {call: number for number, calls in enumerate(parts) for call in calls}
        self._takes: list[set[TensorRef]] = [set() for _ in parts]
        self._gives: list[dict[TensorRef, None]] = [{} for _ in parts]
        self._taken()
        self._given()

    def _taken(self) -> None:
        for ref, takers in self._graph.consumers.items():
            for taker in takers:
                if self._home.get(self._graph.producer(ref)) != self._home[taker]:
                    self._takes[self._home[taker]].add(ref)
        for ref in self._inputs:
            if not any(ref in takes for takes in self._takes):
                self._takes[0].add(ref)

    def _given(self) -> None:
        for number in range(len(self._takes)):
            for ref in self.crossing(number):
                self._gives[self._home[self._graph.producer(ref)]][ref] = None
        for gives in self._gives:
            ordered = sorted(gives, key=self._place)
            gives.clear()
            gives.update(dict.fromkeys(ordered))
        for ref in self._graph.outputs:
            self._gives[self._giver(ref)][ref] = None

    def _place(self, ref: TensorRef) -> tuple[int, int]:
        return self._graph.producer(ref), ref.output

    def _giver(self, ref: TensorRef) -> int:
        if ref in self._inputs:
            return next(number for number, takes in enumerate(self._takes) if ref in takes)
        return self._home[self._graph.producer(ref)]

    def crossing(self, number: int) -> list[TensorRef]:
        """What the part takes from other parts."""
        return sorted((ref for ref in self._takes[number] if ref not in self._inputs), key=self._place)

    def inputs(self, number: int) -> list[TensorRef]:
        return [*(ref for ref in self._inputs if ref in self._takes[number]), *self.crossing(number)]

    def outputs(self, number: int) -> list[TensorRef]:
        return list(self._gives[number])

    def source(self, ref: TensorRef) -> Wire:
        """Where a part gets an input from."""
        return Wire(None, self._inputs[ref]) if ref in self._inputs else self.giver(ref)

    def giver(self, ref: TensorRef) -> Wire:
        """The part, and its output, that gives a tensor."""
        number = self._giver(ref)
        return Wire(number, list(self._gives[number]).index(ref))

    def shared(self) -> tuple[str, ...]:
        """Layers that are called in more than one part."""
        homes: dict[str, set[int]] = {}
        for call, number in self._home.items():
            homes.setdefault(self._graph.calls[call].layer, set()).add(number)
        return tuple(sorted(layer for layer, numbers in homes.items() if len(numbers) > 1))


def labels(model: Model, crossing: Sequence[TensorRef]) -> dict[TensorRef, str]:
    """Readable names for the inputs that stand for crossing tensors: the layer's own, with call and output where needed."""
    layers, used = model.by_name(), outputs_used(model)
    names: dict[TensorRef, str] = {}
    for ref in crossing:
        call = f"_{ref.call}" if len(layers[ref.layer].calls) > 1 else ""
        output = f"_{ref.output}" if used[ref.layer, ref.call] != [0] else ""
        names[ref] = f"{ref.layer}{call}{output}"
    return names


def _require_shapes(
    model: Model, crossing: Sequence[TensorRef], specs: Mapping[TensorRef, TensorSpec], why: Why | None
) -> None:
    unknown = [ref for ref in crossing if (spec := specs.get(ref)) is None or spec.shape is None or spec.dtype is None]
    if unknown:
        layers, used = model.by_name(), outputs_used(model)
        names = [tensor_name(ref, layers, used) for ref in unknown]
        reason, name = why(unknown[0]) if why else UnknownShape("no rule tells it", names[0])
        raise ShapeError(
            f"the shape of {', '.join(names)} is not recorded in the document and cannot be inferred: {reason}",
            code="shape-unknown",
            where=names[0],
            hint=f"give it: --shape {name}=None,28,28,128 (a dtype may follow: ...,128:float32), "
            "or declare the class in a plug-in: --custom-objects FILE.py",
        )
