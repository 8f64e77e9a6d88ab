"""Bring tensors that lie inside nested models, and inside models in TimeDistributed, to the surface of the model around them.

A nested model is opened: its layers come up. A model in TimeDistributed is divided: the wrapper becomes several in a row, each
around a part of the model. Containers are handled from the outside in; what lies in a wrapped model is brought to the surface
of that model first, from an explicit stack of levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from configsplit.errors import CutError
from configsplit.ir.graph import CallRef, Model, Node, TensorRef
from configsplit.ir.provenance import Provenance, identity
from configsplit.ir.references import Place
from configsplit.rewrites.divide import CLOSED, Divided, Wrapping, crossing_sets, divide
from configsplit.rewrites.open import Opened, open_calls
from configsplit.rewrites.prune import prune
from configsplit.rewrites.widen import Cast


class Step(NamedTuple):
    """What was done to bring tensors up: calls of a layer of the model as it was then.

    Without ``cuts`` it was a nested model, and was opened. With them it was a model in TimeDistributed, and was divided after
    the tensors of each cut (tensors of the wrapped model once ``inside`` is done in it); ``pieces`` are the new layers.
    """

    layer: str
    calls: tuple[int, ...]
    cuts: tuple[tuple[TensorRef, ...], ...] = ()
    inside: tuple[Step, ...] = ()
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surfaced:
    """A model in which every wanted tensor lies at the surface.

    Attributes:
        model: the model with nested models opened as far as needed.
        provenance: where its layers came from in the original.
        boundaries: the wanted tensors, as tensors of ``model``.
        steps: what was opened or divided, in order.
        explicit_masks: whether the masks of ``model`` are tensors of the graph now.
        casts: tensors that are handed over in another dtype.
    """

    model: Model
    provenance: Provenance
    boundaries: tuple[tuple[TensorRef, ...], ...]
    steps: tuple[Step, ...] = ()
    explicit_masks: bool = False
    casts: tuple[Cast, ...] = ()


class _Into(NamedTuple):
    """A wrapper that is being worked in: its calls, and for each cut inside the boundaries and calls that want it."""

    layer: str
    calls: tuple[int, ...]
    wanted: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(slots=True)
class _Level:
    """A model whose tensors are being brought up: that of the document, or one in a wrapper of the level before."""

    model: Model
    places: list[list[Place]]
    into: _Into | None = None
    provenance: Provenance = field(init=False)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provenance = identity(self.model)

    def container(self) -> str | None:
        """The layer in which the first tensor that is still hidden lies."""
        return next((place.inside[0].layer for boundary in self.places for place in boundary if place.inside), None)

    def is_nested(self, name: str) -> bool:
        return self.model.by_name()[name].model is not None

    def _calls(self, name: str) -> list[int]:
        inside = (place.inside[0] for boundary in self.places for place in boundary if place.inside)
        return sorted({call.call for call in inside if call.layer == name})

    def open(self, name: str, calls: Sequence[int]) -> None:
        opened = open_calls(self.model, name, calls)
        self.places = [[_follow(place, opened, name) for place in boundary] for boundary in self.places]
        self.model, self.provenance = opened.model, opened.provenance.after(self.provenance)
        self.steps.append(Step(name, opened.calls))

    def open_all(self, name: str) -> None:
        """Open every call of a nested model in which a wanted tensor lies."""
        self.open(name, self._calls(name))

    def inside(self, name: str, wrapping: Wrapping) -> _Level:
        """The level of the model in a wrapper, with one boundary for each cut that anything wants in it."""
        wanted: dict[tuple[Place, ...], list[tuple[int, int]]] = {}
        calls = self._calls(name)
        for number, boundary in enumerate(self.places):
            for call in calls:
                within = [place for place in boundary if place.inside and place.inside[0] == CallRef(name, call)]
                if within:
                    key = tuple(place._replace(inside=place.inside[1:]) for place in within)
                    wanted.setdefault(key, []).append((number, call))
        into = _Into(name, tuple(calls), tuple(map(tuple, wanted.values())))
        return _Level(wrapping.read(self.model.by_name()[name]), [list(cut) for cut in wanted], into)

    def cut(self, into: _Into, done: Surfaced, wrapping: Wrapping) -> None:
        """Divide a wrapper, and say where the tensors are that were wanted inside. What lies at the ends of the wrapped model
        is at the surface already."""
        inner = [[ref for ref in cut if not _at_end(ref, done.model)] for cut in done.boundaries]
        cuts, numbers = crossing_sets(done.model, inner, wrapping)
        found: dict[tuple[int, int], list[TensorRef]] = {}
        for refs, wanted in zip(done.boundaries, into.wanted, strict=True):
            for boundary, call in wanted:
                ends = [_end(self.model, CallRef(into.layer, call), ref, done.model) for ref in refs]
                found.setdefault((boundary, call), []).extend(ref for ref in ends if ref is not None)
        divided = self.divide(into.layer, into.calls, done, cuts, wrapping) if cuts else None
        if divided is not None:
            found = {key: list(map(divided.outer, refs)) for key, refs in found.items()}
            for hidden, number, wanted in zip(inner, numbers, into.wanted, strict=True):
                for boundary, call in wanted:
                    found[boundary, call] += divided.tensors(call, number, hidden) if number is not None else []
        self.places = [
            list(dict.fromkeys(each for place in places for each in _replaced(place, into.layer, number, found, divided)))
            for number, places in enumerate(self.places)
        ]

    def divide(
        self, name: str, calls: Sequence[int], done: Surfaced, cuts: Sequence[Sequence[TensorRef]], wrapping: Wrapping
    ) -> Divided:
        """Put the divided wrapper in its place; it is entered among the steps."""
        divided = divide(self.model, name, calls, done.model, done.provenance, cuts, wrapping)
        self.model, self.provenance = divided.model, divided.provenance.after(self.provenance)
        self.steps.append(Step(name, tuple(calls), tuple(map(tuple, cuts)), done.steps, divided.pieces))
        return divided

    def finished(self) -> Surfaced:
        """Nothing is hidden any more: what no output needs goes, where anything was opened."""
        wanted = tuple(tuple(place.ref for place in boundary) for boundary in self.places)
        if not self.steps:
            return Surfaced(self.model, self.provenance, wanted)
        model, kept = prune(self.model)
        alive = tuple(tuple(_alive(ref, kept) for ref in boundary) for boundary in wanted)
        return Surfaced(model, kept.after(self.provenance), alive, tuple(self.steps))


NOTHING: Mapping[str, Sequence[int]] = MappingProxyType({})


def surface(
    model: Model,
    boundaries: Sequence[Sequence[Place]],
    wrapping: Wrapping = CLOSED,
    also: Mapping[str, Sequence[int]] = NOTHING,
) -> Surfaced:
    """Open and divide whatever the places lie in, from the outside in.

    ``wrapping`` reads and writes models that stand in the config of a wrapper; ``also`` names nested models whose calls are
    opened whether or not a place lies in them.

    Raises:
        CutError: one of them cannot be opened.
    """
    levels = [_Level(model, [list(boundary) for boundary in boundaries])]
    for passed, calls in also.items():
        levels[0].open(passed, calls)
    while True:
        level = levels[-1]
        name = level.container()
        if name is not None and level.is_nested(name):
            level.open_all(name)
        elif name is not None:
            levels.append(level.inside(name, wrapping))
        elif level.into is None:
            return level.finished()
        else:
            levels.pop()
            levels[-1].cut(level.into, level.finished(), wrapping)


def reopen(
    model: Model,
    steps: Iterable[Step],
    wrapping: Wrapping = CLOSED,
    check: Callable[[Model, Model, Divided], None] = lambda around, inner, divided: None,
) -> Surfaced:
    """Repeat the steps of an earlier `surface`. ``check`` is shown each division: the model around before it, the wrapped
    model, and what came out."""
    levels = [(_Level(model, []), list(reversed(list(steps))))]
    finished: dict[int, Surfaced] = {}
    while True:
        level, todo = levels[-1]
        if not todo:
            levels.pop()
            if not levels:
                return level.finished()
            finished[len(levels)] = level.finished()
        elif not todo[-1].cuts:
            level.open(todo[-1].layer, todo[-1].calls)
            todo.pop()
        elif (done := finished.pop(len(levels), None)) is not None:
            step = todo.pop()
            around = level.model
            check(around, done.model, level.divide(step.layer, step.calls, done, step.cuts, wrapping))
        else:
            inner = wrapping.read(level.model.by_name()[todo[-1].layer])
            levels.append((_Level(inner, []), list(reversed(todo[-1].inside))))


def _alive(ref: TensorRef, kept: Provenance) -> TensorRef:
    origin = kept.layers.get((ref.layer,))
    if origin is None or ref.call not in origin.calls:
        raise CutError(
            f"no output of the model needs {ref.layer!r} in this call of the nested model",
            code="cut-dead-tensor",
            hint="cut at a tensor that an output depends on, or in another call",
        )
    return ref._replace(call=origin.calls.index(ref.call))


def _at_end(ref: TensorRef, model: Model) -> bool:
    return ref in model.output_refs() or ref in model.input_refs()


def _end(model: Model, call: CallRef, ref: TensorRef, inner: Model) -> TensorRef | None:
    """The tensor of the surface that an input or output of a wrapped model is in one call; None for any other tensor."""
    if ref in inner.output_refs():
        return TensorRef(*call, inner.output_refs().index(ref))
    if ref in inner.input_refs():
        return Node(model.by_name()[call.layer].calls[call.call].args).uses()[inner.input_refs().index(ref)].ref
    return None


def _replaced(
    place: Place, name: str, boundary: int, found: dict[tuple[int, int], list[TensorRef]], divided: Divided | None
) -> list[Place]:
    """Where a place is after a wrapper was divided: the tensors that stand for it."""
    if place.inside and place.inside[0].layer == name:
        return [Place((), ref) for ref in found[boundary, place.inside[0].call]]
    if divided is None:
        return [place]
    if place.inside:
        return [Place((_call_of(divided.outer(TensorRef(*place.inside[0]))), *place.inside[1:]), place.ref)]
    return [Place((), divided.outer(place.ref))]


def _follow(place: Place, opened: Opened, name: str) -> Place:
    """Where a place is after an opening."""
    if not place.inside:
        return Place((), opened.outer(place.ref))
    (first, *rest) = place.inside
    if first.layer != name:
        return Place((_call_of(opened.outer(TensorRef(*first))), *rest), place.ref)
    if rest:
        return Place((_call_of(opened.inner(first.call, TensorRef(*rest[0]))), *rest[1:]), place.ref)
    return Place((), opened.inner(first.call, place.ref))


def _call_of(ref: TensorRef) -> CallRef:
    return CallRef(ref.layer, ref.call)
