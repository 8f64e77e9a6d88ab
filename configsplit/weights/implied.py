"""Shapes that weights tell: the kernel of a Conv says what it takes, and so what an undeclared class before it gives.

Number of axes and channels are certain then, all other sizes stay open. Where weights behind would need one of those, the user
has to say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from configsplit.catalog.table import ships
from configsplit.errors import ShapeError, StoreError, WeightsError
from configsplit.graph.model import CallRef, LayerPath, Model, Shape, TensorRef, TensorSpec
from configsplit.graph.references import Place
from configsplit.inference import RULE_ERRORS, Built, Inference, takers
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

    with document.opened() as source:
        try:
            held = None if source.weights is None else weights_in(document.model, source.weights)
        except (StoreError, WeightsError):
            held = None  # what is wrong is said where weights are moved
        if held is None:
            return []
        known = {told.place for told in said}
        found = [told for told in _told(inference, held) if told.place not in known]
    return found if found and _suffices(document, [*said, *found], everywhere) else []


def within(model: Model, told: Sequence[Told]) -> dict[int, dict[TensorRef, TensorSpec]]:
    """What is told of tensors of nested models, by the `id` of each, as `trace` takes it."""
    found: dict[int, dict[TensorRef, TensorSpec]] = {}
    for place, spec, _ in told:
        held: Model | None = model
        for call in place.inside:
            held = None if held is None else held.by_name()[call.layer].model
        if held is not None and place.inside:
            found.setdefault(id(held), {})[place.ref] = spec
    return found


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
            if ref in each.reasons and each.facts(each.model.by_name()[ref.layer]) is None:
                yield Told(Place(inside, ref), spec, _whose(built, ref))


def _whose(built: Built, ref: TensorRef) -> str:
    return " and ".join(repr(each.name) for each in built.shapes.get(ref, ())) or "what is behind it"


def _implied(inference: Inference, path: LayerPath, held: Weights) -> Mapping[str, Shape]:
    """Of layers whose class takes one number of axes only: what each takes."""
    found = {}
    for layer in inference.model.layers:
        facts = inference.facts(layer)
        if facts is None or not ships(facts) or facts.input_of is None or facts.ranks[0] < 3:
            continue
        places = held.datasets(whole) if (whole := (*path, layer.name)) in held.layers else ()
        try:
            found[layer.name] = facts.input_of(layer.config, tuple(held.file.datasets[places[0]].shape))
        except RULE_ERRORS:
            continue  # the file holds none of this layer, or such as no kernel has
    return found


def _suffices(document: Document, told: Sequence[Told], everywhere: bool) -> bool:
    """Whether nothing contradicts, and no weights need a size that stays open."""
    given: dict[TensorRef, TensorSpec] = {each.place.ref: each.spec for each in told if not each.place.inside}
    try:
        after = document.infer_given(given, within=within(document.model, told) if everywhere else {})
    except ShapeError:
        return False
    levels = [each for _, _, each in _levels(after)] if everywhere else [after]
    return not any(_needs_open_size(each, layer.name) for each in levels for layer in each.model.layers)


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
