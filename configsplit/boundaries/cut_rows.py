"""One row of the list of places: everything that is told of a place to cut at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from configsplit.boundaries.costs import Costs
from configsplit.boundaries.flattened import Flattened
from configsplit.boundaries.formulas import Figure, Formula, plain
from configsplit.cutting.places import CutPlace, Tally, segmented
from configsplit.cutting.working_set import WorkingSets
from configsplit.display.figures import count, figure, size
from configsplit.errors import Json
from configsplit.graph.model import Shape, TensorRef, TensorSpec
from configsplit.graph.references import outputs_used
from configsplit.rewrites.split import UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What lies on one side of a cut, for one sample. Layers that both sides call count on both."""

    calls: int
    parameters: int
    weight_bytes: int
    macs: Figure
    peak_activation_bytes: Figure | None

    def as_json(self) -> dict[str, Json]:
        return {key: value for name in self.__slots__ for key, value in plain(name, getattr(self, name)).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds from input to output on two devices with a link between them."""

    head: float
    link: float
    tail: float

    @property
    def total(self) -> float:
        return self.head + self.link + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One place to cut at.

    Attributes:
        at: what ``--at`` takes to cut exactly there; empty for the two ways of not cutting at all.
        through: the first call, in document order, whose smallest boundary this is.
        tensors: what crosses; ``bytes`` is its size per sample, a formula where it depends on open sizes, as other figures do.
        input_bytes: original inputs that the tail takes directly, per sample.
        shapes: of each tensor, the batch first, None for an open size; None where nobody knows it.
        latency: with two devices.
    """

    at: str
    through: str
    tensors: tuple[str, ...]
    shapes: tuple[Shape | None, ...]
    bytes: Figure
    input_bytes: Figure
    before: Side
    after: Side
    latency: Latency | None = None

    @property
    def imbalance(self) -> float | None:
        """The larger side's multiply-accumulates over their mean; None where they depend on open sizes."""
        before, after = self.before.macs, self.after.macs
        if isinstance(before, Formula) or isinstance(after, Formula):
            return None
        return 2 * max(before, after) / (before + after) if before + after else 1.0

    def __repr__(self) -> str:
        macs = " | ".join(figure(side.macs, count) for side in (self.before, self.after))
        name = repr(self.at) if self.at else self.through
        tensors = "1 tensor" if len(self.tensors) == 1 else f"{len(self.tensors)} tensors"
        return f"<cut at {name}: {figure(self.bytes, size)} in {tensors}, MACs {macs}>"

    def as_json(self) -> dict[str, Json]:
        row: dict[str, Any] = {"at": self.at, "through": self.through, "tensors": list(self.tensors)}
        row["shapes"] = [None if shape is None else list(shape) for shape in self.shapes]
        row |= {**plain("bytes", self.bytes), **plain("input_bytes", self.input_bytes), "imbalance": self.imbalance}
        row |= {"before": self.before.as_json(), "after": self.after.as_json()}
        if self.latency is not None:
            times = self.latency
            row["seconds"] = {"total": times.total, "head": times.head, "link": times.link, "tail": times.tail}
        return row


_EMPTY = Side(calls=0, parameters=0, weight_bytes=0, macs=0, peak_activation_bytes=0)
NOWHERE = Cut(at="", through="", tensors=(), shapes=(), bytes=0, input_bytes=0, before=_EMPTY, after=_EMPTY)
"""No place at all: what columns a table has."""


class Book:
    """Everything that a row says of a place."""

    def __init__(self, seen: Flattened, costs: Costs) -> None:
        self._seen, self._costs, graph = seen, costs, costs.graph
        self.whole = segmented(graph, costs.price)
        self._tallies = [Tally(self.whole, measure) for measure in (costs.parameters, costs.weights, costs.macs)]
        self._working = WorkingSets(graph, self.whole, costs.price)
        model = costs.inference.model
        self._used = outputs_used(model)
        refs = [ref for ref in model.input_refs() if graph.consumers.get(ref)]
        self._places = {call: unit for unit, call in enumerate(self.whole.order)}
        self._inputs = {ref: [self._places[call] for call in graph.consumers[ref]] for ref in refs}
        self.inputs = sum(map(costs.price, refs))

    def is_input(self, call: int) -> bool:
        return self._costs.graph.is_input[call]

    def at(self, place: CutPlace) -> tuple[TensorRef, ...]:
        """The tensors that `split` is given to cut there."""
        call = self._costs.graph.calls[place.through]
        return place.at or ((TensorRef(*call, self._used[call][0]),) if len(self._used[call]) == 1 else ())

    def row(self, place: CutPlace) -> Cut:
        call = self._costs.graph.calls[place.through]
        names = self._seen.names
        through = names[TensorRef(*call, self._used[call][0])] if len(self._used[call]) == 1 else self._seen.call_names[call]
        sides = [tally.sides(place) for tally in self._tallies]
        peaks = self._working.peaks(place)
        inside = self.whole.marks[place.segment] + place.mask.bit_count()
        calls = (inside, len(self.whole.order) - inside)
        before, after = (side_of(calls[side], [pair[side] for pair in sides], peaks[side]) for side in (0, 1))
        return Cut(
            at=",".join(names[ref] for ref in place.at) or through,
            through=through,
            tensors=tuple(names[ref] for ref in place.tensors),
            shapes=tuple(self._costs.inference.specs.get(ref, TensorSpec()).shape for ref in place.tensors),
            bytes=place.bytes,
            input_bytes=self._direct(place),
            before=before,
            after=after,
        )

    def _direct(self, place: CutPlace) -> int:
        """Bytes of the original inputs that the tail takes."""
        first, mask = self.whole.marks[place.segment], place.mask
        return sum(
            self._costs.price(ref)
            for ref, takers in self._inputs.items()
            if any(taker >= first and not mask >> (taker - first) & 1 for taker in takers)
        )

    def of_size(self, place: CutPlace) -> tuple[int, int, int, int]:
        """What depends on the sizes of inputs: bytes across, bytes of inputs behind, multiply-accumulates of both sides."""
        return (sum(map(self._costs.price, place.tensors)), self._direct(place), *self._tallies[2].sides(place))

    def everything(self) -> Side:
        """The whole model as one side."""
        return side_of(len(self.whole.order), [tally.total for tally in self._tallies], self._working.whole)


def side_of(calls: int, sums: Sequence[int], peak: int) -> Side:
    """One side; its peak is None where a tensor in it has an unknown shape."""
    parameters, weights, macs = sums
    known = None if peak >= UNKNOWN else peak
    return Side(calls=calls, parameters=parameters, weight_bytes=weights, macs=macs, peak_activation_bytes=known)
