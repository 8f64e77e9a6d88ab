"""Shapes that weights tell: the kernel of a Conv says what it takes, and so what an undeclared class before it gives.

Number of axes and channels are certain then, all other sizes stay open. Where weights behind would need one of those, the user
has to say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from configsplit.catalog.facts import UNDECLARED, LayerFacts
from configsplit.catalog.table import ships
from configsplit.errors import ShapeError, StoreError, WeightsError
from configsplit.graph.model import CallRef, LayerPath, Model, Shape, TensorRef, TensorSpec
from configsplit.graph.references import Place
from configsplit.graph.walking import grouped
from configsplit.inference import RULE_ERRORS, Built, Inference, takers
from configsplit.inference.known import NOTHING
from configsplit.models.document import Document

if TYPE_CHECKING:
    from configsplit.rewrites.nested.surface import Told
    from configsplit.weights.parts import Weights


def told_by_weights(document: Document, said: Sequence[Told] = (), *, everywhere: bool = False) -> list[Told]:
    """What nothing else tells of tensors behind classes that nobody has declared.

    Args:
        document: with its weights.
        said: what the user says, which stands.
        everywhere: whether nested models are used as they stand, so that they must not need an open size either.

    Returns:
        One entry for each such tensor, also in nested models; none where the file holds no weights, or others.
    """

    inference = document.infer()
    if not any(each.reasons for _, _, each in _levels(inference)):
        return []
    from configsplit.weights.parts import weights_in

    with ExitStack() as stack:
        try:
            source = stack.enter_context(document.opened())
        except StoreError as error:
            if error.code != "live-unsaved":
                raise
            return []
        try:
            held = None if source.weights is None else weights_in(document.model, source.weights)
        except (StoreError, WeightsError):
            held = None  # what is wrong is said where weights are moved
        if held is None:
            return []
        known = {told.place for told in said}
        certain = [told for told in _told(inference, held) if told.place not in known]
        if everywhere:
            return certain if certain and _suffices(document, [*said, *certain], held, everywhere) else []
        options = [certain, *(_by_evidence(document, said, held, closed) for closed in (False, True))]
        good = [fresh for fresh in options if fresh and _suffices(document, [*said, *fresh], held, everywhere)]
        if not good:  # something was taken for what it is not
            options[1:] = [_by_evidence(document, said, held, closed, held_up=True) for closed in (False, True)]
            good = [fresh for fresh in options[1:] if fresh and _suffices(document, [*said, *fresh], held, everywhere)]
        return min(good, key=lambda fresh: _doubts(document, [*said, *fresh], fresh is options[-1]), default=[])


def known_with_weights(document: Document, sizes: Mapping[TensorRef, TensorSpec] = NOTHING) -> Inference:
    """What is known of a model's tensors (as `Document.infer` has it), with what its weights tell of those behind undeclared
    classes; to be shown.
    """
    told = told_by_weights(document)
    if not told:
        return document.infer(sizes)
    specs = {each.place.ref: each.spec for each in told if not each.place.inside}
    return document.infer_given({**specs, **sizes}, within=within(document.model, told))


def _doubts(document: Document, told: Sequence[Told], closed: bool) -> tuple[int, int, bool, int]:
    """How much is left in doubt, the worst first: tensors whose shape nobody can tell yet; layers of undeclared classes that
    take one whose last size is open; whether sizes are taken for granted; such layers that take one with any size open, by
    which they may compute when they are built."""
    levels = [each for _, _, each in _levels(_inferred(document, told))]
    taken = [
        each.specs.get(use.ref, TensorSpec()).shape or ()
        for each in levels
        for layer in each.model.layers
        if layer.calls and layer.model is None and each.shape_undeclared(layer)
        for use in layer.calls[0].uses()
    ]
    lost = sum(len(each.reasons) for each in levels)
    return lost, sum(None in shape[1:][-1:] for shape in taken), closed, sum(None in shape[1:] for shape in taken)


def _inferred(document: Document, told: Sequence[Told], facts: Mapping[str, LayerFacts] = NOTHING) -> Inference:
    given = {each.place.ref: each.spec for each in told if not each.place.inside}
    return document.infer_given(given, facts=facts, within=within(document.model, told))


_MOST_ROUNDS = 64
"""So many classes behind one another, each of which goes by the one before, are looked at."""


def _by_evidence(document: Document, said: Sequence[Told], held: Weights, closed: bool, *, held_up: bool = False) -> list[Told]:
    """What classes that nobody has declared seem to give, each by what those before it give; and what code of the file says,
    which is never run. Held up against the weights of the file, class by class, what contradicts them is not taken."""
    from configsplit.conversion.lambdas.reading import reading_facts

    seeming: list[Told] = []
    dropped: set[Place] = set()
    read = reading_facts(alone=True)
    for _ in range(_MOST_ROUNDS):
        try:
            inference = _inferred(document, [*said, *seeming], read)
        except ShapeError:
            return []
        more = [each for each in _seeming(inference, held, closed) if each.place not in dropped]
        if held_up and _agreed(document, [*said, *seeming, *more], held, everywhere=False) is None:
            dropped |= {each.place for each in _contradicting(document, [*said, *seeming], more, held) or more}
            continue
        if not more:
            return [*_of_code(document.infer(), inference), *seeming]
        seeming += more
    return seeming


def _contradicting(document: Document, before: Sequence[Told], more: Sequence[Told], held: Weights) -> list[Told]:
    """What is told of a class that contradicts the weights by itself."""
    classes = grouped((_class_at(document.model, each.place), each) for each in more)
    groups = [group for group in classes.values() if _agreed(document, [*before, *group], held, everywhere=False) is None]
    return [each for group in groups for each in group]


def _of_code(before: Inference, after: Inference) -> Iterator[Told]:
    from configsplit.rewrites.nested.surface import Told

    now = {path: each for _, path, each in _levels(after)}
    for inside, path, each in _levels(before):
        layers = each.model.by_name()
        for ref in each.reasons:
            spec = now[path].specs.get(ref, TensorSpec())
            if spec.shape is not None and (each.facts(layers[ref.layer]) or UNDECLARED).code_key and ref not in now[path].given:
                yield Told(Place(inside, ref), spec, "is what its code says, which was read and not run")


def _seeming(inference: Inference, held: Weights, closed: bool) -> Iterator[Told]:
    from configsplit.rewrites.nested.surface import Told
    from configsplit.weights.evidence import of_own_cell, seems
    from configsplit.weights.wanted import Wanted, shapes_in, stacked_layers, untyped, wanted_by_takers

    for inside, path, each in _levels(inference):
        if not each.reasons:
            continue
        wanted = wanted_by_takers(each, takers(each, _implied(each, path, held)), path, held, closed=closed)
        stacked = stacked_layers(each, path, held)
        layers, ends, doubtful = each.model.by_name(), {*each.model.output_refs()}, untyped(each, path, held)
        for ref in each.reasons:
            layer = layers[ref.layer]
            facts = each.facts(layer) or UNDECLARED
            told = not (layer.model or each.shape_undeclared(layer) or facts.code_key or facts.wraps == "steps")
            if ref in ends:
                continue  # what a model gives out may be of any type
            shapes, beside, wish = shapes_in(layer, path, held), layer.name in stacked, wanted.get(ref, Wanted())
            if told:
                seen = of_own_cell(each, layer, ref.call, shapes, wish)
            else:
                seen = seems(each, layer, ref.call, shapes, wish, stacked=beside, closed=closed)
            several = TensorRef(ref.layer, ref.call, 1) in each.specs  # numbers and phases, steps and a mask: of any type
            if seen is not None and not (several and ref in doubtful):
                yield Told(Place(inside, ref), *seen, typed=ref not in doubtful)


def within(model: Model, told: Sequence[Told]) -> dict[int, dict[TensorRef, TensorSpec]]:
    """What is told of tensors of nested models, by the `id` of each, as `trace` takes it."""
    specs: dict[int, dict[TensorRef, TensorSpec]] = {}
    for each in told:
        held = _model_at(model, each.place)
        if held is not None and each.place.inside:
            specs.setdefault(id(held), {})[each.place.ref] = each.spec
    return specs


def _model_at(model: Model, place: Place) -> Model | None:
    held: Model | None = model
    for call in place.inside:
        held = None if held is None else held.by_name()[call.layer].model
    return held


def _class_at(model: Model, place: Place) -> str:
    held = _model_at(model, place)
    return "" if held is None else held.by_name()[place.ref.layer].class_name


def _levels(inference: Inference) -> Iterator[tuple[tuple[CallRef, ...], LayerPath, Inference]]:
    """Each model once, by its first call: nested ones may be shared at every level."""
    seen: set[int] = set()
    todo: list[tuple[tuple[CallRef, ...], Inference]] = [((), inference)]
    while todo:
        inside, each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield inside, tuple(call.layer for call in inside), each
        todo += [((*inside, call), inner) for call, inner in reversed(each.inner.items())]


def _told(inference: Inference, held: Weights) -> Iterator[Told]:
    from configsplit.rewrites.nested.surface import Told

    for inside, path, each in _levels(inference):
        built = takers(each, _implied(each, path, held))
        for ref, spec in built.specs.items():
            if ref in each.reasons and each.shape_undeclared(each.model.by_name()[ref.layer]):
                by = f"follows from the weights of {_whose(built, ref)}, with sizes that they do not tell left open"
                yield Told(Place(inside, ref), spec, by)


def _whose(built: Built, ref: TensorRef) -> str:
    return " and ".join(repr(each.name) for each in built.shapes.get(ref, ())) or "what is behind it"


def _implied(inference: Inference, path: LayerPath, held: Weights) -> Mapping[str, Shape]:
    """Of layers whose class takes one number of axes only: what each takes."""
    shapes = {}
    for layer in inference.model.layers:
        facts = inference.facts(layer)
        if facts is None or not ships(facts) or facts.input_of is None or facts.ranks[0] < 3:
            continue
        places = held.datasets(whole) if (whole := (*path, layer.name)) in held.layers else ()
        try:
            shapes[layer.name] = facts.input_of(layer.config, tuple(held.file.datasets[places[0]].shape))
        except RULE_ERRORS:
            continue  # the file holds none of this layer, or such as no kernel has
    return shapes


def _suffices(document: Document, told: Sequence[Told], held: Weights, everywhere: bool) -> bool:
    """Whether nothing contradicts, no weights are others than those of the file, and none need a size that stays open."""
    if (after := _agreed(document, told, held, everywhere)) is None:
        return False
    levels = [each for _, _, each in _levels(after)] if everywhere else [after]
    return not any(_needs_open_size(each, layer.name) for each in levels for layer in each.model.layers)


def _agreed(document: Document, told: Sequence[Told], held: Weights, everywhere: bool) -> Inference | None:
    """What is known with what is told; None where that contradicts the document, or the weights of the file."""
    from configsplit.weights.parts import check_shapes

    given: dict[TensorRef, TensorSpec] = {each.place.ref: each.spec for each in told if not each.place.inside}
    try:
        after = document.infer_given(given, within=within(document.model, told) if everywhere else {})
        check_shapes(document.model, after, held, partly=True)
    except (ShapeError, WeightsError):
        return None
    return after


def _needs_open_size(inference: Inference, name: str) -> bool:
    layer = inference.model.by_name()[name]
    facts = inference.facts(layer)
    if facts is None or layer.model is not None or not layer.calls:
        return False
    try:
        inference.table.weights(facts, inference.call(layer, 0))
    except RULE_ERRORS as error:
        return isinstance(error, ShapeError) and error.code == "size-open"
    return False
