"""`cuts`: the places where a model can be cut, in order, each with its price; and which of them is best for two devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from configsplit.boundaries.costs import Costs, read_profile
from configsplit.boundaries.forbidden import barriers, with_masks
from configsplit.boundaries.formulas import Figure, Formula, plain
from configsplit.boundaries.pricing import Pricing
from configsplit.boundaries.sizes import given_sizes
from configsplit.cutting.places import CutPlace, Tally, cut_places, segmented
from configsplit.cutting.working_set import WorkingSets
from configsplit.errors import CutError
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.graph.references import boundary, outputs_used, tensor_name
from configsplit.inference.tensor_kinds import with_kinds
from configsplit.models.document import Document, given_shapes

Order = Literal["position", "bytes", "balance", "latency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What lies on one side of a cut, for one sample. Layers that both sides call count on both."""

    calls: int
    parameters: int
    weight_bytes: int
    macs: Figure
    peak_activation_bytes: Figure

    def as_json(self) -> dict[str, Any]:
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
        latency: with two devices.
    """

    at: str
    through: str
    tensors: tuple[str, ...]
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

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"at": self.at, "through": self.through, "tensors": list(self.tensors)}
        found |= {**plain("bytes", self.bytes), **plain("input_bytes", self.input_bytes), "imbalance": self.imbalance}
        found |= {"before": self.before.as_json(), "after": self.after.as_json()}
        if self.latency is not None:
            times = self.latency
            found["seconds"] = {"total": times.total, "head": times.head, "link": times.link, "tail": times.tail}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoDevices:
    """How fast each side is, and the link between them.

    Attributes:
        head, tail: multiply-accumulates per second, or measured milliseconds of each layer (or a file of them, `profile`):
            layers that mostly read weights, as large Dense ones do, are slower than their multiply-accumulates tell.
        link: bytes per second.
        input_bytes: size of one sample of all original inputs as they are sent; by default that of the tensors.
    """

    head: float | str | Path | Mapping[str, float]
    tail: float | str | Path | Mapping[str, float]
    link: float
    input_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """The places, in the order asked for.

    Attributes:
        found: how many there were before filters.
        uncounted: layers that nobody can count and that count as nothing; ``undeclared`` those whose class is not declared.
        sizes: the open sizes that formulas are of: what they are called, and the input and axis of each.
        unsettled: how many boundaries are the smallest through a tensor for some of the sizes tried only; they are left out.
        tried: the smallest and the largest of these sizes.
    """

    document: Document
    places: tuple[Cut, ...]
    found: int
    uncounted: tuple[str, ...]
    undeclared: tuple[str, ...]
    sizes: Mapping[str, str]
    unsettled: int
    tried: tuple[int, int] | None

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.document.path.name,
            "found": self.found,
            "uncounted": list(self.uncounted),
            "undeclared": list(self.undeclared),
            "open_sizes": dict(self.sizes),
            "unsettled": self.unsettled,
            "tried": None if self.tried is None else list(self.tried),
            "cuts": [place.as_json() for place in self.places],
        }


def cuts(
    document: Document,
    *,
    max_tensors: int | None = None,
    max_bytes: int | None = None,
    before: str | None = None,
    after: str | None = None,
    sort: Order | None = None,
    devices: TwoDevices | None = None,
    shapes: Iterable[str] | Mapping[TensorRef, TensorSpec] = (),
    sizes: Iterable[str] | Mapping[TensorRef, TensorSpec] = (),
) -> Cuts:
    """The places where a model can be cut: for every layer call the smallest boundary through it, each head once. A boundary
    that `split` would refuse is no place.

    Args:
        document: what `load` gave.
        max_tensors: at most so many tensors across; 1 gives the places that everything passes through.
        max_bytes: at most so many bytes per sample across.
        before: only places that leave this tensor to the tail.
        after: only places that have this tensor in the head.
        sort: along the model ("position"), fewest bytes first, best balanced first (multiply-accumulates), or fastest first.
        devices: rank by latency on two devices; both ways of not cutting are among the places then.
        shapes, sizes: as for `split`. Without the sizes of inputs that have open ones, figures are formulas.

    Raises:
        TensorReferenceError: ``before`` or ``after`` names no tensor.
        CutError: the order asks for devices that are not given.
        ShapeError: what was asked for depends on sizes that are open.
    """
    if sort == "latency" and devices is None:
        raise CutError(
            "places are ranked by latency only for two devices",
            code="cuts-no-devices",
            hint="give --head-speed (or --head-profile), the same of the tail, and --link",
        )
    model = document.model
    given = dict(shapes) if isinstance(shapes, Mapping) else given_shapes(model, list(shapes))
    inference, doubtful = with_kinds(document.infer_given(given))
    shut = with_masks(barriers(inference, doubtful), document, inference).all
    pricing = Pricing(document, model, {**given, **given_sizes(document.infer(), sizes)}, inference, doubtful)
    ranked = max_bytes is not None or sort in ("bytes", "balance") or devices is not None
    if ranked and pricing.is_open:
        raise pricing.needed("which places are the best" if max_bytes is None else "which places keep to the limit of bytes")
    book = _Book(pricing.costs)
    every, unsettled = _places(pricing, shut)
    lies = _Filter(pricing.costs, book, before, after, max_tensors, max_bytes)
    kept = [place for place in every if lies.within(place)]
    rows = [book.row(place) for place in kept]
    if pricing.is_open:
        rows = _as_formulas(pricing, kept, rows)
    if devices is not None:
        clock = _Clock(pricing.costs, book, devices)
        ends = clock.ends() if before is None and after is None else []
        rows = [*ends, *(clock.timed(row, place) for row, place in zip(rows, kept, strict=True))]
    order = sort or ("position" if devices is None else "latency")
    return Cuts(
        document=document,
        places=tuple(_sorted(rows, order)),
        found=len(every),
        uncounted=pricing.costs.uncounted,
        undeclared=pricing.costs.undeclared,
        sizes={each.name: f"{each.ref.layer}[{each.axis}]" for each in pricing.opens},
        unsettled=unsettled,
        tried=pricing.span if pricing.varies else None,
    )


def _places(pricing: Pricing, shut: frozenset[TensorRef]) -> tuple[list[CutPlace], int]:
    """The places of a model, and how many there are besides for some of the sizes tried only."""
    found: list[dict[tuple[int, int], CutPlace]] = []
    for costs in pricing.distinct:
        places = cut_places(pricing.graph, segmented(pricing.graph, costs.price), costs.price)
        found.append({(place.segment, place.mask): place for place in places if shut.isdisjoint(place.tensors)})
    always = set(found[0]).intersection(*found)
    return [place for key, place in found[0].items() if key in always], len(set().union(*found)) - len(always)


def _as_formulas(pricing: Pricing, places: Sequence[CutPlace], rows: Sequence[Cut]) -> list[Cut]:
    """The same rows for any size. Which calls hold the most at once depends on the size: peaks are not told."""

    def prices(costs: Costs) -> list[int]:
        book = _Book(costs)
        return [price for place in places for price in book.of_size(place)]

    figures, peak = iter(pricing.figures(prices)), Formula(pricing.names)
    priced = []
    for row in rows:
        across, direct, head, tail = (next(figures) for _ in range(4))
        before = replace(row.before, macs=head, peak_activation_bytes=peak)
        after = replace(row.after, macs=tail, peak_activation_bytes=peak)
        priced.append(replace(row, bytes=across, input_bytes=direct, before=before, after=after))
    return priced


class _Filter:
    """Which places are wanted."""

    def __init__(
        self, costs: Costs, book: _Book, before: str | None, after: str | None, tensors: int | None, size: int | None
    ) -> None:
        self._book, self._tensors, self._bytes = book, tensors, size
        model = costs.inference.model
        self._out = [costs.graph.producer(ref) for ref in boundary(model, before)] if before else []
        self._in = [costs.graph.producer(ref) for ref in boundary(model, after)] if after else []

    def within(self, place: CutPlace) -> bool:
        if self._tensors is not None and len(place.tensors) > self._tensors:
            return False
        if self._bytes is not None and place.bytes > self._bytes:
            return False
        if not self._out and not self._in:
            return True
        head = self._book.whole.head(place)
        return not head.intersection(self._out) and all(call in head or self._book.is_input(call) for call in self._in)


class _Book:
    """Everything that a row says of a place."""

    def __init__(self, costs: Costs) -> None:
        self._costs, graph = costs, costs.graph
        self.whole = segmented(graph, costs.price)
        self._tallies = [Tally(self.whole, measure) for measure in (costs.parameters, costs.weights, costs.macs)]
        self._working = WorkingSets(graph, self.whole, costs.price)
        model = costs.inference.model
        self._layers, self._used = model.by_name(), outputs_used(model)
        refs = [ref for ref in model.input_refs() if graph.consumers.get(ref)]
        self._places = {call: unit for unit, call in enumerate(self.whole.order)}
        self._inputs = {ref: [self._places[call] for call in graph.consumers[ref]] for ref in refs}
        self.inputs = sum(map(costs.price, refs))

    def is_input(self, call: int) -> bool:
        return self._costs.graph.is_input[call]

    def name(self, ref: TensorRef) -> str:
        return tensor_name(ref, self._layers, self._used)

    def row(self, place: CutPlace) -> Cut:
        call = self._costs.graph.calls[place.through]
        through = self.name(TensorRef(*call, self._used[call][0])) if len(self._used[call]) == 1 else self._call(call)
        names = tuple(map(self.name, place.tensors))
        sides = [tally.sides(place) for tally in self._tallies]
        peaks = self._working.peaks(place)
        inside = self.whole.marks[place.segment] + place.mask.bit_count()
        calls = (inside, len(self.whole.order) - inside)
        before, after = (_side(calls[side], [pair[side] for pair in sides], peaks[side]) for side in (0, 1))
        return Cut(
            at=",".join(map(self.name, place.at)) or through,
            through=through,
            tensors=names,
            bytes=place.bytes,
            input_bytes=self._direct(place),
            before=before,
            after=after,
        )

    def _call(self, call: tuple[str, int]) -> str:
        layer, number = call
        return f"{layer}@{number}" if len(self._layers[layer].calls) > 1 else layer

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
        return _side(len(self.whole.order), [tally.total for tally in self._tallies], self._working.whole)


def _side(calls: int, sums: Sequence[int], peak: int) -> Side:
    parameters, weights, macs = sums
    return Side(calls=calls, parameters=parameters, weight_bytes=weights, macs=macs, peak_activation_bytes=peak)


_NOTHING = Side(calls=0, parameters=0, weight_bytes=0, macs=0, peak_activation_bytes=0)

ALL_TAIL, ALL_HEAD = "(all on the tail)", "(all on the head)"


class _Clock:
    """Seconds on two devices. Inputs begin at the head: what the tail takes of them crosses the link too. Results go back for
    nothing."""

    def __init__(self, costs: Costs, book: _Book, devices: TwoDevices) -> None:
        self._book, self._devices = book, devices
        self._sides = [self._measured(costs, device) for device in (devices.head, devices.tail)]

    def _measured(self, costs: Costs, device: float | str | Path | Mapping[str, float]) -> tuple[Tally, float]:
        """A sum over calls, and how much of it is one second."""
        if isinstance(device, (int, float)):
            return Tally(self._book.whole, costs.macs), float(device)
        profile = device if isinstance(device, Mapping) else read_profile(device)
        layers = {layer.name for layer in costs.inference.model.layers}
        return Tally(self._book.whole, costs.milliseconds(profile, layers)), 1e9

    def timed(self, row: Cut, place: CutPlace) -> Cut:
        (head, pace), (tail, other) = self._sides
        return self._with(row, head.sides(place)[0] / pace, tail.sides(place)[1] / other, self._book.of_size(place)[:2])

    def ends(self) -> list[Cut]:
        """The two ways of not cutting."""
        whole, ((head, pace), (tail, other)) = self._book.everything(), self._sides
        return [
            self._with(_uncut(ALL_TAIL, _NOTHING, whole), 0.0, tail.total / other, (0, self._book.inputs)),
            self._with(_uncut(ALL_HEAD, whole, _NOTHING), head.total / pace, 0.0, (0, 0)),
        ]

    def _with(self, row: Cut, head: float, tail: float, crossing: tuple[int, int]) -> Cut:
        (across, sent), devices, inputs = crossing, self._devices, self._book.inputs
        if devices.input_bytes is not None and inputs:
            sent = devices.input_bytes * sent // inputs
        latency = Latency(head=head, link=(across + sent) / devices.link, tail=tail)
        return replace(row, input_bytes=sent, latency=latency)


def _uncut(name: str, before: Side, after: Side) -> Cut:
    return Cut(at="", through=name, tensors=(), bytes=0, input_bytes=0, before=before, after=after)


def _sorted(rows: Sequence[Cut], order: Order) -> list[Cut]:
    """Ties stay in the order of the model."""
    if order == "bytes":
        return sorted(rows, key=lambda row: row.bytes if isinstance(row.bytes, int) else 0)
    if order == "balance":
        return sorted(rows, key=lambda row: row.imbalance or 0)
    if order == "latency":
        return sorted(rows, key=lambda row: row.latency.total if row.latency else 0.0)
    return sorted(rows, key=lambda row: row.before.calls) if any(row.latency for row in rows) else list(rows)
