"""What lies before and behind a tensor, in layers; nested models are looked into where the tensor lies inside one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from configsplit.graph.calls import CallGraph, call_graph, closure
from configsplit.graph.model import CallRef, LayerPath, Model, TensorRef, walk
from configsplit.graph.references import Place


def before(model: Model, places: Iterable[Place]) -> tuple[LayerPath, ...]:
    """The layers that compute the tensors, those that make them included; in document order.

    A nested model that is needed whole is one path.
    """
    paths: set[LayerPath] = set()
    for place in places:
        for path, _, graph, call in _levels(model, place):
            seeds = graph.before[call] if len(path) < len(place.inside) else [call]
            paths |= _paths(graph, closure(seeds, graph.before), path)
    return _ordered(model, paths)


def after(model: Model, places: Iterable[Place]) -> tuple[LayerPath, ...]:
    """The layers that are computed from the tensors, those that make them not included; in document order."""
    paths: set[LayerPath] = set()
    for place in places:
        reached: Collection[TensorRef] = [place.ref]
        for path, inner, graph, call in reversed(list(_levels(model, place))):
            if len(path) < len(place.inside):
                reached = [TensorRef(*graph.calls[call], output) for output in _outputs(model, path, place, reached)]
            behind = closure((taker for ref in reached for taker in graph.consumers.get(ref, ())), graph.after)
            paths |= _paths(graph, behind, path)
            reached = {ref for ref in inner.output_refs() if ref in reached or graph.producer(ref) in behind}
    return _ordered(model, paths)


def _outputs(model: Model, path: LayerPath, place: Place, reached: Collection[TensorRef]) -> list[int]:
    """The numbers of the outputs of the nested model below ``path`` that are reached inside it."""
    inner = _model_at(model, (*path, place.inside[len(path)].layer))
    return [number for number, ref in enumerate(inner.output_refs()) if ref in reached]


def _levels(model: Model, place: Place) -> list[tuple[LayerPath, Model, CallGraph, int]]:
    """Each model on the way in: its path, itself, its graph, and the call that leads further (or makes the tensor)."""
    steps = [*place.inside, CallRef(place.ref.layer, place.ref.call)]
    levels = []
    for depth, step in enumerate(steps):
        path = tuple(call.layer for call in place.inside[:depth])
        inner = _model_at(model, path)
        graph = call_graph(inner)
        levels.append((path, inner, graph, graph.number[step]))
    return levels


def _model_at(model: Model, path: LayerPath) -> Model:
    for name in path:
        inner = model.by_name()[name].model
        if inner is None:
            raise KeyError(name)
        model = inner
    return model


def _paths(graph: CallGraph, calls: Collection[int], path: LayerPath) -> set[LayerPath]:
    return {(*path, graph.calls[call].layer) for call in calls}


def _ordered(model: Model, paths: set[LayerPath]) -> tuple[LayerPath, ...]:
    """In document order, without what lies inside a nested model that is there as a whole."""
    return tuple(
        path for path, _ in walk(model) if path in paths and not any(path[:length] in paths for length in range(1, len(path)))
    )
