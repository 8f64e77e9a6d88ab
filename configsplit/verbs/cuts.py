"""`cuts`: the places where a model can be cut, in order, each with its price; and which of them is best for two devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from configsplit.boundaries.costs import Costs, read_profile
from configsplit.boundaries.cut_rows import NOWHERE, Book, Cut, Latency, Side
from configsplit.boundaries.flattened import Flattened, flattened
from configsplit.boundaries.forbidden import forbidden, with_masks
from configsplit.boundaries.formulas import Formula
from configsplit.boundaries.pricing import Pricing
from configsplit.boundaries.reach import Reach
from configsplit.boundaries.sizes import apart, moved
from configsplit.cutting.places import CutPlace, Tally, cut_places, segmented
from configsplit.errors import CutError, Json, check_choice, check_number
from configsplit.graph.model import LayerPath, TensorRef, TensorSpec
from configsplit.inference.tensor_kinds import with_kinds
from configsplit.models.document import Document, Said
from configsplit.models.made import ModelLike, document_of
from configsplit.models.shown import Shown
from configsplit.models.wrapped import told_shapes
from configsplit.telling import doing
from configsplit.verbs.file_weights import stored_weights
from configsplit.verbs.notebook import cuts_html, data_frame
from configsplit.weights.implied import told_by_weights

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

Order = Literal["position", "bytes", "balance", "latency"]


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
class Cuts(Shown, Sequence[Cut]):
    """The places, in the order asked for: a sequence, of which each goes straight into `split`.

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

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Cut: ...
    @overload
    def __getitem__(self, index: slice) -> Cuts: ...
    def __getitem__(self, index: int | slice) -> Cut | Cuts:
        chosen = self.places[index]
        return chosen if isinstance(chosen, Cut) else replace(self, places=chosen)

    def filter(self, wanted: Callable[[Cut], bool]) -> Cuts:
        """The places for which ``wanted`` is true: ``cuts(m).filter(lambda cut: len(cut.tensors) == 1)``.

        Args:
            wanted: looks at one place.

        Returns:
            Those, in the same order.
        """
        return replace(self, places=tuple(place for place in self.places if wanted(place)))

    def to_dataframe(self) -> pandas.DataFrame:
        """The places as a table of pandas: a row for each, its sides' figures in columns of their own (``before_macs``).

        Returns:
            A ``pandas.DataFrame``.

        Raises:
            RuntimeUnavailableError: pandas is not installed.
        """
        return data_frame(place.as_json() for place in self.places or (NOWHERE,)).head(len(self))

    def _repr_html_(self) -> str:
        """For notebooks."""
        return cuts_html(self)

    def __repr__(self) -> str:
        return f"<{sum(bool(place.at) for place in self)} of {self.found} places to cut {self.document.path.name} at>"

    def as_json(self) -> dict[str, Json]:
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
    model: ModelLike,
    *,
    max_tensors: int | None = None,
    max_bytes: int | None = None,
    before: str | None = None,
    after: str | None = None,
    sort: Order | None = None,
    devices: TwoDevices | None = None,
    shapes: Said = (),
    sizes: Said = (),
    whole_nested: bool = False,
) -> Cuts:
    """The places where a model can be cut: for every layer call the smallest boundary through it, each head once. A boundary
    that `split` would refuse is no place.

    Args:
        model: a file, a loaded model, or the result of another verb.
        max_tensors: at most this many tensors across; 1 gives the places that everything passes through.
        max_bytes: at most this many bytes per sample across.
        before: only places with this tensor in the tail.
        after: only places with this tensor in the head.
        sort: along the model ("position"), fewest bytes first, best balanced first (multiply-accumulates), or fastest first.
        devices: rank by latency on two devices; the two ways of not cutting are then among the places.
        shapes, sizes: as for `split`. Without them, figures that depend on open sizes are formulas.
        whole_nested: only places outside nested models.

    Returns:
        The places in the requested order, each with the tensors that cross there (shape with the batch first, bytes of one
        sample) and with parameters and multiply-accumulates of one sample on either side.

    Raises:
        OptionError: an option has an unknown value.
        TensorReferenceError: ``before`` or ``after`` names no tensor.
        CutError: the order needs ``devices``.
        ShapeError: the answer depends on open sizes.

    Example:
        >>> places = configsplit.cuts("model.keras", max_tensors=1)
        >>> places[0]
        <cut at 'c1': 1.02 kB in 1 tensor, MACs 6.91 k | 9.23 k>
        >>> parts = configsplit.split("model.keras", at=places[0])
    """
    for option, most in (("max_tensors", max_tensors), ("max_bytes", max_bytes)):
        if most is not None:
            check_number(option, most, 0, whole=True)
    wish = _Wish(max_tensors, max_bytes, before, after, _order(sort, devices), devices)
    document = document_of(model)
    doing("pricing the places to cut at")
    said = told_shapes(document, shapes)
    told, sized = apart(document, [*said, *told_by_weights(document, said)], sizes)
    view = _view(flattened(document, told, whole=whole_nested), sized)
    listed, beyond = _listed(view, wish)
    if beyond:  # looked at as closed, too
        less = flattened(document, told, lambda path: path not in beyond)
        listed = listed.with_those_of(_listed(_view(less, sized), wish, ends=False)[0])
    costs, opens = view.pricing.costs, view.pricing.opens
    return Cuts(
        document=document,
        places=tuple(_sorted(listed.rows, wish.sort)),
        found=listed.count,
        uncounted=view.seen.paths(costs.uncounted),
        undeclared=view.seen.paths(costs.undeclared),
        sizes={each.name: f"{each.ref.layer}[{each.axis}]" for each in opens},
        unsettled=listed.unsettled,
        tried=view.pricing.span if view.pricing.varies else None,
    )


def _order(asked: Order | None, devices: TwoDevices | None) -> Order:
    """The order asked for; by latency, if nothing is said and there are devices."""
    if asked is None:
        return "position" if devices is None else "latency"
    check_choice("sort", asked, Order)
    if asked == "latency" and devices is None:
        raise CutError(
            "places are ranked by latency only for two devices",
            code="cuts-no-devices",
            hint="give --head-speed (or --head-profile), the same of the tail, and --link",
        )
    return asked


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for."""

    tensors: int | None
    bytes: int | None
    before: str | None
    after: str | None
    sort: Order
    devices: TwoDevices | None

    @property
    def ranked(self) -> bool:
        """Whether the choice or the order goes by prices."""
        return self.bytes is not None or self.sort in ("bytes", "balance") or self.devices is not None


@dataclass(frozen=True, slots=True)
class _View:
    """One form of the model, with some nested models opened: its prices, and the tensors that must not cross."""

    seen: Flattened
    pricing: Pricing
    kept_clear: frozenset[TensorRef]


def _view(seen: Flattened, sizes: Mapping[TensorRef, TensorSpec]) -> _View:
    document, whole = seen.document, seen.flat.whole
    inference, doubtful = with_kinds(document.infer_given(whole.given, whole.model))
    kept_clear = with_masks(replace(forbidden(inference, doubtful), nameless=seen.nameless), document, inference).all
    given = {**whole.given, **moved(sizes, document.model, whole.model)}
    return _View(seen, Pricing(document, whole.model, given, inference, doubtful, stored_weights(seen, inference)), kept_clear)


@dataclass(frozen=True, slots=True)
class _Listed:
    """The rows of one view, how many calls of the original lie before each, and how many places there were."""

    rows: tuple[Cut, ...]
    before: tuple[int, ...]
    count: int
    unsettled: int

    def with_those_of(self, other: _Listed) -> _Listed:
        """With the rows of another view that are not among these, each where it belongs."""
        known = {(row.at, row.tensors) for row in self.rows}
        more = [pair for pair in zip(other.before, other.rows, strict=True) if (pair[1].at, pair[1].tensors) not in known]
        pairs = sorted((*zip(self.before, self.rows, strict=True), *more), key=lambda pair: pair[0])
        count, unsettled = self.count + len(more), max(self.unsettled, other.unsettled)
        return _Listed(tuple(row for _, row in pairs), tuple(before for before, _ in pairs), count, unsettled)


def _listed(view: _View, wish: _Wish, *, ends: bool = True) -> tuple[_Listed, set[LayerPath]]:
    """The rows that are wanted; and the nested models in which places lie that no reference reaches."""
    pricing = view.pricing
    if wish.ranked and pricing.is_open:
        raise pricing.needed("which places are the best" if wish.bytes is None else "which places keep to the limit of bytes")
    book = Book(view.seen, pricing.costs)
    every, unsettled = _places(pricing, view.kept_clear)
    reach = Reach(view.seen, book.whole)
    beyond = {place: reach.beyond(place, book.at(place)) for place in every}
    reached = [place for place in every if not beyond[place]]
    lies = _Filter(view.seen, book, wish)
    kept = [place for place in reached if lies.within(place)]
    rows = [book.row(place) for place in kept]
    if pricing.is_open:
        rows = _as_formulas(view, kept, rows)
    before = [reach.calls(place) for place in kept]
    if wish.devices is not None:
        clock = _Clock(view.seen, pricing.costs, book, wish.devices)
        rows = [clock.timed(row, place) for row, place in zip(rows, kept, strict=True)]
        if ends and wish.before is None and wish.after is None:
            rows, before = [*clock.ends(), *rows], [0, 0, *before]
    return _Listed(tuple(rows), tuple(before), len(reached), unsettled), set().union(*beyond.values())


def _places(pricing: Pricing, kept_clear: frozenset[TensorRef]) -> tuple[list[CutPlace], int]:
    """The places of a model, and how many there are besides for some of the sizes tried only."""
    tables: list[dict[tuple[int, int], CutPlace]] = []
    for costs in pricing.distinct:
        places = cut_places(pricing.graph, segmented(pricing.graph, costs.price), costs.price)
        tables.append({(place.segment, place.mask): place for place in places if kept_clear.isdisjoint(place.tensors)})
    always = set(tables[0]).intersection(*tables)
    return [place for key, place in tables[0].items() if key in always], len(set().union(*tables)) - len(always)


def _as_formulas(view: _View, places: Sequence[CutPlace], rows: Sequence[Cut]) -> list[Cut]:
    """The same rows for any size. Which calls hold the most at once depends on the size: peaks are not told."""
    pricing = view.pricing

    def prices(costs: Costs) -> list[int]:
        book = Book(view.seen, costs)
        return [price for place in places for price in book.of_size(place)]

    figures, peak = iter(pricing.figures(prices)), Formula(pricing.names)
    priced = []
    for place, row in zip(places, rows, strict=True):
        across, direct, head, tail = (next(figures) for _ in range(4))
        before = replace(row.before, macs=head, peak_activation_bytes=peak)
        after = replace(row.after, macs=tail, peak_activation_bytes=peak)
        shapes = tuple(pricing.base.specs.get(ref, TensorSpec()).shape for ref in place.tensors)
        priced.append(replace(row, shapes=shapes, bytes=across, input_bytes=direct, before=before, after=after))
    return priced


class _Filter:
    """Which places are wanted."""

    def __init__(self, seen: Flattened, book: Book, wish: _Wish) -> None:
        self._book, self._tensors, self._bytes = book, wish.tensors, wish.bytes
        self._out = [seen.graph.producer(ref) for ref in seen.tensors(wish.before)] if wish.before else []
        self._in = [seen.graph.producer(ref) for ref in seen.tensors(wish.after)] if wish.after else []

    def within(self, place: CutPlace) -> bool:
        if self._tensors is not None and len(place.tensors) > self._tensors:
            return False
        if self._bytes is not None and place.bytes > self._bytes:
            return False
        if not self._out and not self._in:
            return True
        head = self._book.whole.head(place)
        return not head.intersection(self._out) and all(call in head or self._book.is_input(call) for call in self._in)


_NOTHING = Side(calls=0, parameters=0, weight_bytes=0, macs=0, peak_activation_bytes=0)

ALL_TAIL, ALL_HEAD = "(all on the tail)", "(all on the head)"


class _Clock:
    """Seconds on two devices. Inputs begin at the head: what the tail takes of them crosses the link too. Results go back for
    nothing."""

    def __init__(self, seen: Flattened, costs: Costs, book: Book, devices: TwoDevices) -> None:
        self._seen, self._book, self._devices = seen, book, devices
        self._sides = [self._measured(costs, device) for device in (devices.head, devices.tail)]

    def _measured(self, costs: Costs, device: float | str | Path | Mapping[str, float]) -> tuple[Tally, float]:
        """A sum over calls, and how much of it is one second."""
        if isinstance(device, (int, float)):
            return Tally(self._book.whole, costs.macs), float(device)
        profile = device if isinstance(device, Mapping) else read_profile(device)
        return Tally(self._book.whole, self._seen.milliseconds(costs, profile)), 1e9

    def timed(self, row: Cut, place: CutPlace) -> Cut:
        (head, pace), (tail, other) = self._sides
        before, after = _seconds(head.sides(place)[0], pace), _seconds(tail.sides(place)[1], other)
        return self._with(row, before, after, self._book.of_size(place)[:2])

    def ends(self) -> list[Cut]:
        """The two ways of not cutting."""
        whole, ((head, pace), (tail, other)) = self._book.everything(), self._sides
        return [
            self._with(_uncut(ALL_TAIL, _NOTHING, whole), 0.0, _seconds(tail.total, other), (0, self._book.inputs)),
            self._with(_uncut(ALL_HEAD, whole, _NOTHING), _seconds(head.total, pace), 0.0, (0, 0)),
        ]

    def _with(self, row: Cut, head: float, tail: float, crossing: tuple[int, int]) -> Cut:
        (across, sent), devices, inputs = crossing, self._devices, self._book.inputs
        if devices.input_bytes is not None and inputs:
            sent = devices.input_bytes * sent // inputs
        latency = Latency(head=head, link=_seconds(across + sent, devices.link), tail=tail)
        return replace(row, input_bytes=sent, latency=latency)


def _seconds(amount: float, pace: float) -> float:
    try:
        return amount / pace
    except OverflowError:
        raise CutError(
            "the model is so large that its time cannot be given in seconds",
            code="cut-not-timed",
            hint="leave --head-speed, --tail-speed and --link out",
        ) from None


def _uncut(name: str, before: Side, after: Side) -> Cut:
    return Cut(at="", through=name, tensors=(), shapes=(), bytes=0, input_bytes=0, before=before, after=after)


def _sorted(rows: Sequence[Cut], order: Order) -> list[Cut]:
    """Ties stay in the order of the model."""
    if order == "bytes":
        return sorted(rows, key=lambda row: row.bytes if isinstance(row.bytes, int) else 0)
    if order == "balance":
        return sorted(rows, key=lambda row: row.imbalance or 0)
    if order == "latency":
        return sorted(rows, key=lambda row: row.latency.total if row.latency else 0.0)
    return sorted(rows, key=lambda row: row.before.calls) if any(row.latency for row in rows) else list(rows)
