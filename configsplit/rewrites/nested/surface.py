"""Bring tensors that lie inside nested models, and inside models in TimeDistributed, to the surface of the model around them.

A nested model is opened: its layers come up. A model in TimeDistributed is divided: the wrapper becomes several in a row, each
around a part of the model. Containers are handled from the outside in; what lies in a wrapped model is brought to the surface
of that model first, from an explicit stack of levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from configsplit.errors import CutError, ShapeError
from configsplit.graph.model import CallRef, Model, Node, TensorRef, TensorSpec
from configsplit.graph.provenance import Provenance, identity
from configsplit.graph.references import Place
from configsplit.inference import trace
from configsplit.rewrites.common import prune
from configsplit.rewrites.nested.wrapping import Specs, Wrapping, crossing_sets, known

if TYPE_CHECKING:
    from configsplit.rewrites.casts import Cast
    from configsplit.rewrites.masks import Handover
    from configsplit.rewrites.nested.conforming import Arriving
    from configsplit.rewrites.nested.divide import Divided
    from configsplit.rewrites.nested.open import Opened


class Told(NamedTuple):
    """What the user says of a tensor, or else (``by``) what tells its shape, and whether anything tells its type."""

    place: Place
    spec: TensorSpec
    by: str = ""
    typed: bool = True


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
        functional: whether a Sequential was made functional, since a part of it needs a second input.
        masks: tensors that are handed over with their masks.
        casts: tensors that are handed over in another dtype.
        given: what the user says of tensors of ``model``, and what follows from it for the pieces of a wrapper.
        told: the same as it was said, of tensors of the original.
    """

    model: Model
    provenance: Provenance
    boundaries: tuple[tuple[TensorRef, ...], ...]
    steps: tuple[Step, ...] = ()
    functional: bool = False
    masks: tuple[Handover, ...] = ()
    casts: tuple[Cast, ...] = ()
    given: Specs = field(default_factory=dict)
    told: tuple[Told, ...] = ()

    @property
    def is_original(self) -> bool:
        """Whether it is the model of the document as it is: nothing was opened, rewired or put in."""
        return not (self.steps or self.functional or self.masks or self.casts)


class _Into(NamedTuple):
    """A wrapper that is being worked in: its calls, and for each cut inside the boundaries and calls that want it."""

    layer: str
    calls: tuple[int, ...]
    wanted: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(slots=True)
class Level:
    """A model whose tensors are being brought up: that of the document, or one in a wrapper of the level before."""

    model: Model
    places: list[list[Place]]
    into: _Into | None = None
    told: list[Told] = field(default_factory=list)
    provenance: Provenance = field(init=False)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provenance = identity(self.model)

    def container(self) -> str | None:
        """The layer in which the first tensor that is still hidden lies."""
        return next((place.inside[0].layer for boundary in self.places for place in boundary if place.inside), None)

    def _calls(self, name: str) -> list[int]:
        inside = (place.inside[0] for boundary in self.places for place in boundary if place.inside)
        return sorted({call.call for call in inside if call.layer == name})

    def open(self, name: str, calls: Sequence[int], wrapping: Wrapping | None) -> None:
        from configsplit.rewrites.nested.open import open_calls

        self.take(name, open_calls(self.model, name, calls, arriving(self.model, self.given(), wrapping)))

    def take(self, name: str, opened: Opened) -> None:
        """Go on with the model in which a nested model is opened; it is entered among the steps."""
        self.places = [[followed(place, opened, name) for place in boundary] for boundary in self.places]
        self.told = [told._replace(place=followed(told.place, opened, name)) for told in self.told]
        self.model, self.provenance = opened.model, opened.provenance.after(self.provenance)
        self.steps.append(Step(name, opened.calls))

    def open_around(self, name: str, wrapping: Wrapping | None) -> None:
        """Open every call of a nested model in which a wanted tensor lies."""
        self.open(name, self._calls(name), wrapping)

    def open_every(self, name: str, wrapping: Wrapping | None) -> None:
        """Open every call, so that no part has the weights of a layer twice; where others cannot be opened they stay closed."""
        from configsplit.rewrites.nested.open import open_calls

        known, calls = arriving(self.model, self.given(), wrapping), range(len(self.model.by_name()[name].calls))
        try:
            opened = open_calls(self.model, name, calls, known)
        except (CutError, ShapeError):
            opened = open_calls(self.model, name, self._calls(name), known)
        self.take(name, opened)

    def told_inside(self, name: str, calls: Sequence[int]) -> list[Told]:
        """What is said of tensors of the model in a wrapper, whichever of these calls it was said of."""
        return [
            told._replace(place=place._replace(inside=place.inside[1:]))
            for told in self.told
            if (place := told.place).inside and place.inside[0].layer == name and place.inside[0].call in calls
        ]

    def inside(self, name: str, wrapping: Wrapping) -> Level:
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
        model = wrapping.read(self.model.by_name()[name])
        return Level(model, [list(cut) for cut in wanted], into, self.told_inside(name, calls))

    def cut(self, into: _Into, done: Surfaced, wrapping: Wrapping) -> None:
        """Divide a wrapper, and say where the tensors are that were wanted inside. What lies at the ends of the wrapped model
        is at the surface already."""
        inner = [[ref for ref in cut if not at_end(ref, done.model)] for cut in done.boundaries]
        cuts, numbers = crossing_sets(done.model, inner, wrapping, done.given)
        starts: dict[tuple[int, int], list[TensorRef]] = {}
        for refs, wanted in zip(done.boundaries, into.wanted, strict=True):
            for boundary, call in wanted:
                ends = [end(self.model, CallRef(into.layer, call), ref, done.model) for ref in refs]
                starts.setdefault((boundary, call), []).extend(ref for ref in ends if ref is not None)
        divided = self.divide(into.layer, into.calls, done, cuts, wrapping) if cuts else None
        if divided is not None:
            starts = {key: list(map(divided.outer, refs)) for key, refs in starts.items()}
            for hidden, number, wanted in zip(inner, numbers, into.wanted, strict=True):
                for boundary, call in wanted:
                    starts[boundary, call] += divided.tensors(call, number, hidden) if number is not None else []
        self.places = [
            list(dict.fromkeys(each for place in places for each in replaced(place, into.layer, number, starts, divided)))
            for number, places in enumerate(self.places)
        ]

    def divide(
        self, name: str, calls: Sequence[int], done: Surfaced, cuts: Sequence[Sequence[TensorRef]], wrapping: Wrapping
    ) -> Divided:
        """Put the divided wrapper in its place; it is entered among the steps."""
        from configsplit.rewrites.nested.divide import derived, divide

        divided = divide(self.model, name, calls, done.model, done.provenance, cuts, wrapping, done.given)
        before = wrapping.specs(self.model, self.given())
        self.told = [
            told._replace(place=around(told.place, divided))
            for told in self.told
            if not (told.place.inside and told.place.inside[0] in {CallRef(name, call) for call in calls})
        ]
        after = wrapping.specs(divided.model, self.given())
        self.told += [Told(Place((), ref), spec) for ref, spec in derived(divided, before, after).items()]
        self.model, self.provenance = divided.model, divided.provenance.after(self.provenance)
        self.steps.append(Step(name, tuple(calls), tuple(map(tuple, cuts)), done.steps, divided.pieces))
        return divided

    def given(self) -> dict[TensorRef, TensorSpec]:
        """What is said of tensors that are at the surface."""
        return {told.place.ref: told.spec for told in self.told if not told.place.inside}

    def given_in_all(self, wrapping: Wrapping | None) -> dict[TensorRef, TensorSpec]:
        """The same, with what follows from what is said of tensors in nested models that stay closed."""
        if not any(told.place.inside for told in self.told):
            return self.given()
        from configsplit.rewrites.nested.closed import of_closed

        infer = (lambda model, given: trace(model, given=given)) if wrapping is None else wrapping.infer
        told = [(each.place, each.spec) for each in self.told]
        return {**of_closed(infer(self.model, {}), told, infer), **self.given()}

    def finished(self, wrapping: Wrapping | None = None, *, look: bool = True) -> Surfaced:
        """Nothing is hidden any more: what no output needs goes, where anything was opened. Without ``look`` nobody looks
        whether that takes a mask off a tensor.

        Raises:
            CutError: by ``wrapping``, where something goes that took a mask off a tensor.
        """
        wanted = tuple(tuple(place.ref for place in boundary) for boundary in self.places)
        if not self.steps:
            return Surfaced(self.model, self.provenance, wanted, given=self.given_in_all(wrapping))
        model, kept = prune(self.model)
        if wrapping is not None and look:
            wrapping.check_pruned(self.model, model)
        there = tuple(tuple(alive(ref, kept) for ref in boundary) for boundary in wanted)
        given = still_told(self.given_in_all(wrapping), kept)
        return Surfaced(model, kept.after(self.provenance), there, tuple(self.steps), given=given)


def arriving(model: Model, given: Specs, wrapping: Wrapping | None) -> Arriving:
    """What is known of the tensors of a model of which something is opened."""
    from configsplit.rewrites.nested.conforming import Arriving

    if wrapping is None:
        return Arriving(trace(model, given=given))
    return Arriving(wrapping.infer(model, given), wrapping.conforms)


def surface(
    model: Model,
    boundaries: Sequence[Sequence[Place]],
    wrapping: Wrapping | None = None,
    also: Sequence[str] = (),
    told: Iterable[Told] = (),
    *,
    every_call: bool = False,
) -> Surfaced:
    """Open and divide whatever the places lie in, from the outside in.

    ``wrapping`` reads and writes models that stand in the config of a wrapper; ``also`` names nested models, as they are called
    once the places are at the surface, all calls of which are opened then; ``told`` is what the user says of tensors. With
    ``every_call`` nested models are opened in all their calls, also in those in which no place lies.

    Raises:
        CutError: one of them cannot be opened.
        ShapeError: nobody can say what shape crosses inside a wrapper.
    """
    levels = [Level(model, [list(boundary) for boundary in boundaries], None, said := list(told))]
    more = list(reversed(also))
    while True:
        level = levels[-1]
        name = level.container()
        if name is not None and level.model.by_name()[name].model is not None:
            (level.open_every if every_call else level.open_around)(name, wrapping)
        elif name is not None:
            levels.append(level.inside(name, known(wrapping, name)))
        elif level.into is None and more:
            level.open(more[-1], range(len(level.model.by_name()[more.pop()].calls)), wrapping)
        elif level.into is None:
            return replace(level.finished(wrapping), told=tuple(said))
        else:
            levels.pop()
            levels[-1].cut(level.into, level.finished(wrapping), known(wrapping, level.into.layer))


def reopen(
    model: Model,
    steps: Iterable[Step],
    wrapping: Wrapping | None = None,
    check: Callable[[Model, Surfaced, Divided], None] = lambda around, inner, divided: None,
    told: Iterable[Told] = (),
) -> Surfaced:
    """Repeat the steps of an earlier `surface`. ``check`` is shown each division: the model around before it, the wrapped
    model, and what came out."""
    levels = [(Level(model, [], None, said := list(told)), list(reversed(list(steps))))]
    finished: dict[int, Surfaced] = {}
    while True:
        level, todo = levels[-1]
        if not todo:
            levels.pop()
            if not levels:
                return replace(level.finished(wrapping), told=tuple(said))
            finished[len(levels)] = level.finished(wrapping)
        elif not todo[-1].cuts:
            level.open(todo[-1].layer, todo[-1].calls, wrapping)
            todo.pop()
        elif (done := finished.pop(len(levels), None)) is not None:
            step = todo.pop()
            around = level.model
            check(around, done, level.divide(step.layer, step.calls, done, step.cuts, known(wrapping, step.layer)))
        else:
            step = todo[-1]
            inner = known(wrapping, step.layer).read(level.model.by_name()[step.layer])
            levels.append((Level(inner, [], None, level.told_inside(step.layer, step.calls)), list(reversed(step.inside))))


# Where tensors are after a step of `surface`, and what is said of them.


def alive(ref: TensorRef, kept: Provenance) -> TensorRef:
    """Where a tensor is after `prune`."""
    origin = kept.layers.get((ref.layer,))
    if origin is None or ref.call not in origin.calls:
        raise CutError(
            f"no output of the model needs {ref.layer!r} in this call of the nested model",
            code="cut-dead-tensor",
            hint="cut at a tensor that an output depends on, or in another call",
        )
    return ref._replace(call=origin.calls.index(ref.call))


def still_told(given: Mapping[TensorRef, TensorSpec], kept: Provenance) -> dict[TensorRef, TensorSpec]:
    """What is said of the tensors that are still there."""
    return {
        ref._replace(call=origin.calls.index(ref.call)): spec
        for ref, spec in given.items()
        if (origin := kept.layers.get((ref.layer,))) is not None and ref.call in origin.calls
    }


def at_end(ref: TensorRef, model: Model) -> bool:
    """Whether a tensor is an input or output of the model."""
    return ref in model.output_refs() or ref in model.input_refs()


def end(model: Model, call: CallRef, ref: TensorRef, inner: Model) -> TensorRef | None:
    """The tensor of the surface that an input or output of a wrapped model is in one call; None for any other tensor."""
    if ref in inner.output_refs():
        return TensorRef(*call, inner.output_refs().index(ref))
    if ref in inner.input_refs():
        return Node(model.by_name()[call.layer].calls[call.call].args).uses()[inner.input_refs().index(ref)].ref
    return None


def replaced(
    place: Place, name: str, boundary: int, starts: dict[tuple[int, int], list[TensorRef]], divided: Divided | None
) -> list[Place]:
    """Where a place is after a wrapper was divided: the tensors that stand for it."""
    if place.inside and place.inside[0].layer == name:
        return [Place((), ref) for ref in starts[boundary, place.inside[0].call]]
    return [place if divided is None else around(place, divided)]


def around(place: Place, divided: Divided) -> Place:
    """Where a place outside of what was divided is now."""
    if place.inside:
        return Place((_call_of(divided.outer(TensorRef(*place.inside[0]))), *place.inside[1:]), place.ref)
    return Place((), divided.outer(place.ref))


def followed(place: Place, opened: Opened, name: str) -> Place:
    """Where a place is after an opening."""
    if not place.inside:
        return Place((), opened.outer(place.ref))
    (first, *rest) = place.inside
    if first.layer != name or first.call not in opened.calls:
        return Place((_call_of(opened.outer(TensorRef(*first))), *rest), place.ref)
    if rest:
        return Place((_call_of(opened.inner(first.call, TensorRef(*rest[0]))), *rest[1:]), place.ref)
    return Place((), opened.inner(first.call, place.ref))


def _call_of(ref: TensorRef) -> CallRef:
    return CallRef(ref.layer, ref.call)
