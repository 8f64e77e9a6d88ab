"""The sub-network between any tensors: several starts, several ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from configsplit.errors import CutError
from configsplit.graph.calls import CallGraph, call_graph, closure
from configsplit.graph.model import CallRef, Model, TensorRef, TensorSpec
from configsplit.graph.provenance import identity
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.graph.walking import reached
from configsplit.rewrites.common import Rewritten
from configsplit.rewrites.part import part
from configsplit.rewrites.split import labels


def between(
    model: Model, starts: Sequence[TensorRef], ends: Sequence[TensorRef], specs: Mapping[TensorRef, TensorSpec]
) -> Rewritten:
    """What computes ``ends`` from ``starts``. Starts that are no inputs of the model become fresh InputLayers.

    Without ``starts`` it begins at the inputs of the model that the ends need; without ``ends`` it goes to its outputs.

    Raises:
        CutError: more is needed than the starts; each missing tensor is named. Or a start is not needed.
    """
    wanted = list(dict.fromkeys(ends)) or model.output_refs()
    given = list(dict.fromkeys(starts))
    graph = call_graph(model)
    calls = needed_calls(graph, given, wanted)
    if given:
        _check(model, graph, given, wanted, calls)
    else:
        given = [ref for ref in model.input_refs() if graph.producer(ref) in calls or ref in wanted]
    if given == model.input_refs() and wanted == model.output_refs():
        return Rewritten(model, identity(model))
    inside = [graph.calls[call] for call in sorted(calls) if not graph.is_input[call]]
    made = part(model, inside, given, wanted, name=model.name, specs=specs, labels=labels(model, given))
    return Rewritten(made.model, made.provenance)


def needed_calls(graph: CallGraph, starts: Sequence[TensorRef], ends: Sequence[TensorRef]) -> set[int]:
    """The calls that the ends need if the starts are given; original inputs among them that are no starts, too."""
    known = set(starts)

    def makers(refs: Iterable[TensorRef]) -> list[int]:
        return [graph.producer(ref) for ref in refs if ref not in known]

    return {*reached(makers(ends), lambda call: makers(graph.arguments[call]))}


def _check(model: Model, graph: CallGraph, starts: Sequence[TensorRef], ends: Sequence[TensorRef], calls: set[int]) -> None:
    takers = {taker for ref in starts for taker in graph.consumers.get(ref, ())}
    behind = closure(takers & calls, graph.after) & calls
    names = _Names(model)
    missing = _missing(graph, starts, ends, behind)
    after = {taker for ref in ends for taker in graph.consumers.get(ref, ())}
    if missing and not behind and after & needed_calls(graph, ends, starts):
        raise CutError(
            f"{names(starts[0])} is computed from {names(ends[0])}",
            code="extract-missing",
            where=names(starts[0]),
            hint=f"exchange them: --from '{names(ends[0])}' --to '{names(starts[0])}'",
        )
    if missing:
        told = "; ".join(f"{names.call(graph, taker)} also needs {names(ref)}" for ref, taker in missing.items())
        hint = " ".join(f"--from '{names(ref)}'" for ref in missing)
        raise CutError(
            f"{told}: add {'it' if len(missing) == 1 else 'them'} to --from",
            code="extract-missing",
            where=names(next(iter(missing))),
            hint=f"add {hint}",
        )
    for ref in starts:
        if ref not in ends and not calls & set(graph.consumers.get(ref, ())):
            raise CutError(
                f"nothing between --from and --to needs {names(ref)}",
                code="extract-unused",
                where=names(ref),
                hint=f"leave out --from {names(ref)}, or add a tensor computed from it to --to",
            )


def _missing(
    graph: CallGraph, starts: Sequence[TensorRef], ends: Sequence[TensorRef], behind: set[int]
) -> dict[TensorRef, int | None]:
    """Tensors at the edge of what is computed from the starts, each with a call that needs it (None: it is an end)."""
    known = set(starts)
    missing: dict[TensorRef, int | None] = {}
    for call in sorted(behind):
        for ref in graph.arguments[call]:
            if ref not in known and graph.producer(ref) not in behind:
                missing.setdefault(ref, call)
    for ref in ends:
        if ref not in known and graph.producer(ref) not in behind:
            for argument in graph.arguments[graph.producer(ref)] or [ref]:
                if argument not in known:
                    missing.setdefault(argument, graph.producer(ref))
    return missing


class _Names:
    """Tensors and calls as a person would name them."""

    def __init__(self, model: Model) -> None:
        self._layers, self._used = model.by_name(), outputs_used(model)

    def __call__(self, ref: TensorRef) -> str:
        return tensor_name(ref, self._layers, self._used)

    def call(self, graph: CallGraph, call: int | None) -> str:
        if call is None:
            return "the end"
        layer, number = graph.calls[call]
        return f"{layer}@{number}" if len(self._layers[layer].calls) > 1 else layer


def consumers(model: Model, ref: TensorRef) -> list[CallRef]:
    """The calls that take a tensor, in document order."""
    graph = call_graph(model)
    return [graph.calls[call] for call in graph.consumers.get(ref, ())]
