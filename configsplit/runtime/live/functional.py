"""A functional graph of a model whose class hides its own: Keras traces it, and numbers say whether it is the model.

Nothing of the model is left changed: a symbolic call hangs nodes onto its layers, which are taken off again. What comes out is
a model of its own, with copies of the layers and of their weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from configsplit.dialects import parse
from configsplit.errors import ConfigSplitError, DocumentError
from configsplit.graph.model import walk
from configsplit.runtime.build import rebuild, safe_scope, variables
from configsplit.runtime.expansion.graphs import graph_of, is_functional
from configsplit.runtime.expansion.made_with import Made, taking_down
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.claims import hold_records
from configsplit.runtime.live.kinds import Inputs
from configsplit.runtime.live.layers import inner_layers, layer_at
from configsplit.runtime.live.numbers import differ
from configsplit.runtime.live.signature import call_specs, symbolic
from configsplit.runtime.live.transfer import transfer

_GRAPH_KEYS = {"layers", "input_layers", "output_layers"}


def shows_its_graph(model: Any, works: Framework) -> bool:
    """Whether the configuration of a model is the graph that it computes."""
    own = next(base for base in type(model).__mro__ if "call" in vars(base))
    if own.__module__.partition(".")[0] != works.name:
        return False  # whatever its graph says, it computes something of its own
    if isinstance(model, works.module.Sequential):
        return True
    try:
        return bool(set(model.get_config()) >= _GRAPH_KEYS)
    except (NotImplementedError, TypeError, ValueError):
        return False


def recovered(model: Any, works: Framework, classes: Mapping[str, Any], inputs: Inputs | None = None) -> tuple[Any, str]:
    """A functional model that computes what ``model`` computes at inference, bit for bit, layer by layer; and its document.

    Keras is asked for the graph that the model was made from, then for a symbolic call. A graph counts if it holds every weight
    of the model in its layers, can be built from its configuration, and gives the same bits as the model on two batches.
    """
    specs = call_specs(model, works, inputs)
    reasons = []
    ways = (("its own graph", _own_graph), ("a symbolic call", _symbolic_call), ("made by its class anew", _made_anew))
    for way, trace in ways if works.name == "keras" else ways[:2]:
        try:
            with _untouched(model), safe_scope(works, classes, allow_lambda=True):
                twin, text = _twin(*trace(model, works, specs), works, classes)
            if differ(twin, model, works, specs, text) is not False:
                raise _NotTheModelError("it gives other numbers than the model, or runs on nothing that was tried")
            return twin, text
        except Exception as error:  # noqa: BLE001 - a user's class is run, which may raise anything
            reasons.append(f"{way}: {_brief(error)}")
    raise DocumentError(
        f"no functional graph of {type(model).__name__} {model.name!r} could be found ({'; '.join(reasons)})",
        code="live-no-graph",
        where=str(model.name),
        hint="cut its TensorFlow graph instead: configsplit.keras.cut_trace(model, at=...)",
    )


def _brief(error: Exception) -> str:
    text = error.message if isinstance(error, ConfigSplitError) else f"{type(error).__name__}: {error}"
    return text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__


class _NotTheModelError(Exception):
    """The graph is something else than the model."""


_Traced: TypeAlias = tuple[Any, Any, Made]
"""A graph, the model whose layers it has, and with what these were made."""


def _own_graph(model: Any, works: Framework, _: Any) -> _Traced:
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise _NotTheModelError("it was made without one")
    return works.module.Model(model.input, model.output, name=model.name), model, {}


def _made_anew(model: Any, works: Framework, specs: Any) -> _Traced:
    """Not every layer keeps what it was made with, which its model's class knows."""
    written = works.module.saving.serialize_keras_object(model)
    with taking_down(works) as made:
        again = works.module.saving.deserialize_keras_object(written)
    for ours, its in zip(variables(again), variables(model), strict=True):
        ours.assign(its)
    for ours, its in zip(inner_layers(again), inner_layers(model), strict=True):
        operations = zip(getattr(ours, "operations", ()), getattr(its, "operations", ()), strict=True)
        for one, other in ((ours, its), *operations):  # what Keras named by itself it has numbered anew
            one.name = other.name
    return _own_graph(again, works, specs)[0], again, made


def _symbolic_call(model: Any, works: Framework, specs: Any) -> _Traced:
    """Straight into ``call``: by ``__call__`` the model would come out as one opaque layer."""
    taken = [layer.name for layer in inner_layers(model)]
    given = symbolic(specs, works, taken)
    return works.module.Model(given, model.call(given), name=model.name), model, {}


@contextmanager
def _untouched(model: Any) -> Iterator[None]:
    """Take off what a symbolic call hangs onto layers."""
    lists = [
        getattr(layer, name)
        for layer in inner_layers(model)
        for name in ("_inbound_nodes", "_outbound_nodes", "_losses")
        if isinstance(getattr(layer, name, None), list)
    ]
    before = [list(each) for each in lists]
    try:
        yield
    finally:
        for each, then in zip(lists, before, strict=True):
            each[:] = then


def _twin(graph: Any, model: Any, made: Made, works: Framework, classes: Mapping[str, Any]) -> tuple[Any, str]:
    """The graph built anew from its document, with the weights of the model; and the document."""
    _check_weights(graph, model, works)
    if works.name == "keras":
        recovered = graph_of(graph, works, made)
        document, origins = recovered.document, recovered.leaves
    else:
        text = graph.to_json()
        document = json.loads(text)
        origins = {path: layer_at(graph, path) for path, layer in walk(parse(text).model) if layer.model is None}
    twin = rebuild(document, framework=works, classes=classes, allow_lambda=True)
    if works.name == "keras":
        hold_records(document, twin, works)
    transfer(twin, {"/".join(path): layer for path, layer in origins.items()}, works)
    return twin, json.dumps(document)


def _check_weights(graph: Any, model: Any, works: Framework) -> None:
    """Every weight in a layer of the graph: what a call uses without a layer would stand there as a mere number. What runs
    nothing but its graph may keep others, as a backbone keeps the head of a task."""
    if any(layer is model for layer in graph.layers):
        raise _NotTheModelError("the model came out as one opaque layer")
    ours, its = ({id(weight): weight for weight in variables(each)} for each in (graph, model))
    lost = [str(getattr(weight, "path", weight.name)) for number, weight in its.items() if number not in ours]
    strange = [str(getattr(weight, "path", weight.name)) for number, weight in ours.items() if number not in its]
    if lost and not is_functional(model, works):
        raise _NotTheModelError(f"no layer that is called holds {', '.join(sorted(lost)[:3])}")
    if strange:
        raise _NotTheModelError(f"the call makes layers of its own, with {', '.join(sorted(strange)[:3])}")
