"""Calls that take what no layer of their class can take, or of which weights would be made whose size is open."""

from __future__ import annotations

from collections.abc import Iterator

from configsplit.catalog.table import ships
from configsplit.errors import ShapeError
from configsplit.graph.model import Layer, LayerPath
from configsplit.inference.infer import RULE_ERRORS, Inference


def clashing(inference: Inference) -> Iterator[tuple[LayerPath, str]]:
    """Every such call, in a model and in those that are nested in it, where all that is known of tensors is certain.

    Args:
        inference: what is known of the model.

    Yields:
        The path of the layer, and why it cannot be built.
    """
    for path, each in _every(inference):
        if not (each.by_record or each.by_build):
            yield from (((*path, call.layer), why) for call, why in each.clashes.items())
            yield from (((*path, layer.name), why) for layer in each.model.layers for why in _open_weights(each, layer))


def clashes_in(inference: Inference) -> dict[LayerPath, str]:
    """Every call, in a model and in those nested in it, that cannot take what is said to arrive there.

    Args:
        inference: what is known of the model.
    """
    return {(*path, call.layer): why for path, each in _every(inference) for call, why in each.clashes.items()}


def _every(inference: Inference) -> Iterator[tuple[LayerPath, Inference]]:
    seen: set[int] = set()
    todo: list[tuple[LayerPath, Inference]] = [((), inference)]
    while todo:
        path, each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield path, each
        nested = [*each.inner.items(), *each.wrapped.items()]
        todo += [((*path, call.layer), inner) for call, inner in reversed(nested)]


def _open_weights(inference: Inference, layer: Layer) -> Iterator[str]:
    """Keras 3 records what is known of every tensor; in older documents a size may only look open."""
    facts = inference.facts(layer)
    if inference.dialect != "keras3" or facts is None or not ships(facts) or layer.model is not None or not layer.calls:
        return
    try:
        inference.table.weights(facts, inference.call(layer, 0))
    except RULE_ERRORS as error:
        if isinstance(error, ShapeError) and error.code == "size-open":
            yield f"its weights would have an open size: {error.message}"
