"""Open every nested model that can be opened: the flat graph in which places and plans are looked for.

Where each tensor and each call of the original lies in it is followed, so that what is chosen there can be named as people name
it, and carried out on a model in which only those are open that have to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from configsplit.catalog.classes import is_of_keras
from configsplit.errors import CutError, ShapeError
from configsplit.graph.model import CallRef, Layer, LayerPath, Model, TensorRef
from configsplit.graph.provenance import Provenance
from configsplit.graph.references import Place, outputs_used
from configsplit.inference.known import called
from configsplit.rewrites.common import prune
from configsplit.rewrites.nested.surface import Level, Surfaced, Told, arriving
from configsplit.rewrites.nested.wrapping import Wrapping

if TYPE_CHECKING:
    from configsplit.rewrites.nested.open import Opened

MOST_CALLS = 200_000
"""How many calls a flat graph may have: calls of nested models inside nested models multiply."""

Inner = tuple[tuple[CallRef, ...], CallRef]
"""A call of the original: the calls of nested models that lead to it, and its own."""


@dataclass(frozen=True, slots=True)
class Flat:
    """A model with nested models opened.

    Attributes:
        whole: the model, as `surface` gives one.
        homes: where each tensor of the original is now, those of outer models first; also what is handed to the inputs of
            opened models. What no output needs is nowhere.
        calls: where each call of the original is now, but those of opened models. One of an input of an opened model is what
            Keras does in passing to the tensor that is handed to it.
        dead: the calls inside opened models that no output needs.
        opened: the nested models that are open.
    """

    whole: Surfaced
    homes: Mapping[Place, TensorRef]
    calls: Mapping[Inner, CallRef]
    dead: tuple[Inner, ...]
    opened: frozenset[LayerPath]


class _Tensor(NamedTuple):
    """A tensor of the original; ``handed`` says that it is an input of a nested model."""

    place: Place
    handed: bool

    @property
    def call(self) -> Inner:
        return self.place.inside, CallRef(self.place.ref.layer, self.place.ref.call)


def path_of(inner: Inner) -> LayerPath:
    """The names that lead to a call."""
    inside, call = inner
    return (*(each.layer for each in inside), call.layer)


def outer_calls(inside: tuple[CallRef, ...]) -> list[Inner]:
    """The calls of nested models that lead to a place, the outermost first."""
    return [(inside[:length], outer) for length, outer in enumerate(inside)]


def anything(path: LayerPath) -> bool:
    """Every nested model is wanted."""
    return True


def nothing(path: LayerPath) -> bool:
    """None is."""
    return False


def flatten(
    model: Model,
    wrapping: Wrapping | None = None,
    told: Iterable[Told] = (),
    wanted: Callable[[LayerPath], bool] = anything,
) -> Flat:
    """Open all calls of the nested models that are wanted, from the outside in; what cannot be opened stays closed. Raises
    CutError if the flat graph would be too large.
    """
    level = Level(model, [], None, said := list(told))
    every = list(_tensors(model, wanted))
    level.places = [[each.place] for each in every]
    opened = _open(level, wrapping, wanted)
    there = {each: now[0].ref for each, now in zip(every, level.places, strict=True) if not now[0].inside}
    level.places = []
    kept = prune(level.model)[1] if level.steps else None
    alive = {each: now for each, ref in there.items() if (now := _alive(ref, kept)) is not None}
    whole = replace(level.finished(wrapping, look=False), told=tuple(said))
    calls = {each.call: CallRef(ref.layer, ref.call) for each, ref in alive.items() if _stands(each, ref, whole.provenance)}
    dead = (each.call for each, ref in there.items() if each not in alive and _stands(each, ref, level.provenance))
    homes = {each.place: ref for each, ref in alive.items()}
    return Flat(whole, homes, calls, tuple(dict.fromkeys(call for call in dead if call[0])), frozenset(opened))


def _open(level: Level, wrapping: Wrapping | None, wanted: Callable[[LayerPath], bool]) -> set[LayerPath]:
    """Open what is wanted and can be; gives the paths of it."""
    opened, closed = set[LayerPath](), set[str]()
    while (name := _next(level, closed, wanted)) is not None:
        known = _opened(level, name, wrapping)
        if known is None or len(known.calls) < len(level.model.by_name()[name].calls):
            closed.add(name)
        if known is not None:
            opened.add(level.provenance.layers[name,].path)
            level.take(name, known)
    return opened


def _next(level: Level, closed: set[str], wanted: Callable[[LayerPath], bool]) -> str | None:
    """The first nested model that is to be opened still, but for those that were put in, which tie masks to tensors."""
    origins = level.provenance.layers
    held = (
        layer.name for layer in level.model.layers if _opens(layer) and layer.name not in closed and (layer.name,) in origins
    )
    return next((name for name in held if wanted(origins[name,].path)), None)


def _opens(layer: Layer) -> bool:
    """Whether a layer is a nested model of a class of Keras: one of the user's own may do something else than its graph."""
    return layer.model is not None and is_of_keras(layer.entry)


def _opened(level: Level, name: str, wrapping: Wrapping | None) -> Opened | None:
    """A nested model opened in as many of its calls as it can be."""
    from configsplit.rewrites.nested.open import open_calls

    known, count = arriving(level.model, level.given(), wrapping), len(level.model.by_name()[name].calls)

    def opened(calls: Sequence[int]) -> Opened | None:
        try:
            return open_calls(level.model, name, calls, known)
        except (CutError, ShapeError):
            return None

    whole = opened(range(count))
    if whole is not None or count == 1:
        return whole
    some = [call for call in range(count) if opened([call]) is not None]
    return opened(some) if some else None


def _tensors(model: Model, wanted: Callable[[LayerPath], bool]) -> Iterator[_Tensor]:
    """Every tensor of a model and of the nested models that are wanted, outer ones first."""
    todo: list[tuple[tuple[CallRef, ...], Model]] = [((), model)]
    used: dict[int, dict[tuple[str, int], list[int]]] = {}
    count = 0
    for inside, within in todo:  # grows while it is read
        numbers = used[id(within)] = used.get(id(within)) or outputs_used(within)
        count += len(numbers)
        if count > MOST_CALLS:
            raise CutError(
                f"with all its nested models opened the model has more than {MOST_CALLS:,} calls",
                code="nested-too-many",
                hint="leave nested models whole: --whole-nested",
            )
        for layer in within.layers:
            handed = layer.is_input and bool(inside)
            for call in range(len(called(layer))):
                outputs = numbers.get((layer.name, call), [0])
                yield from (_Tensor(Place(inside, TensorRef(layer.name, call, output)), handed) for output in outputs)
                if layer.model is not None and _opens(layer) and wanted(path_of((inside, CallRef(layer.name)))):
                    todo.append(((*inside, CallRef(layer.name, call)), layer.model))


def _alive(ref: TensorRef, kept: Provenance | None) -> TensorRef | None:
    """Where a tensor is after `prune`; None where no output needs it."""
    if kept is None:
        return ref
    origin = kept.layers.get((ref.layer,))
    if origin is None or ref.call not in origin.calls:
        return None
    return ref._replace(call=origin.calls.index(ref.call))


def _stands(tensor: _Tensor, ref: TensorRef, provenance: Provenance) -> bool:
    """Whether ``ref`` is made by the very layer that makes the tensor in the original, not by one inside it or before it; or
    by what Keras does to the tensor in passing."""
    origin = provenance.layers.get((ref.layer,))
    return tensor.handed if origin is None else origin.path == path_of(tensor.call)
