"""The migration of a whole model: nested models innermost first, layers in the order of the graph, each by its own rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.keras3.refusals import Layout, Migration, Note, Refusal, Replacement, Stop
from configsplit.conversion import calls, finish, samples
from configsplit.conversion.building import Building, Stored, Surroundings, new_names
from configsplit.conversion.lambdas.reading import reading_facts
from configsplit.errors import DocumentError
from configsplit.graph.calls import CallGraph, call_graph, closure, topological
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, Node, TensorRef, TensorSpec, Use, walk
from configsplit.inference import RULE_ERRORS, Inference, trace
from configsplit.inference.inputs import input_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to migrate, and what is known besides.

    Attributes:
        model: a model of Keras 1 or 2; ``inference`` has its shapes and dtypes.
        stored: the weights of each layer, by path; those of a model inside a wrapper go on with ``"layer"``.
        facts: plug-ins.
        lambdas: what takes the place of the code of Lambda layers, by layer name.
        read_lambda: whether code that nothing takes the place of is read.
        backend: the backend that the weights were made with ("tensorflow", "theano"), as far as anybody knows.
        release: the release that wrote the file, as numbers; empty where it does not say.
        initialize: whether weights that the file lacks may begin anew.
        read: reads a model that stands inside a layer's config, in the dialect that is named.
        write: the document of a model.
    """

    model: Model
    inference: Inference
    stored: Mapping[LayerPath, Stored] = field(default_factory=dict)
    facts: Mapping[str, LayerFacts] = field(default_factory=dict)
    lambdas: Mapping[str, Replacement] = field(default_factory=dict)
    read_lambda: bool = True
    backend: str = "tensorflow"
    release: tuple[int, ...] = ()
    initialize: bool = False
    read: Callable[[FrozenDict, str], Model]
    write: Callable[[Model], FrozenDict]


@dataclass(slots=True)
class _Work:
    """Everything that the models of one request share."""

    request: Request
    results: dict[LayerPath, Building] = field(default_factory=dict)
    models: dict[LayerPath, Model] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def migrate(request: Request) -> Migration:
    """Migrate a model; see `Request`. Nothing is raised for what cannot be migrated: it is listed."""
    work = _Work(request)
    model = _tree((), request.model, request.inference, work)
    if work.refusals or model is None:
        return Migration(None, refusals=tuple(work.refusals), notes=tuple(work.notes))
    origins: dict[LayerPath, LayerPath] = {}
    layouts: dict[LayerPath, Layout] = {}
    todo: list[tuple[LayerPath, LayerPath]] = [((), ())]
    while todo:
        new, old = todo.pop()
        for name, made in work.results[old].layers.items():
            if made.old is None:
                continue
            path, origin = (*new, name), (*old, made.old)
            origins[path] = origin
            if made.slots:
                layouts[path] = Layout(origin, made.slots, made.old_places)
            if origin in work.results:  # a nested model, or one that the layer wraps
                todo.append((path, origin))
    return Migration(model, origins, layouts, (), tuple(work.notes))


def _tree(path: LayerPath, model: Model, inference: Inference | None, work: _Work) -> Model | None:
    """Migrate a model and all that are nested in it; None where something was refused."""
    nested = [(inner, layer.model) for inner, layer in walk(model) if layer.model is not None]
    for inner, each in [*reversed(nested), ((), model)]:
        place = (*path, *inner)
        building = _one(place, each, inside(inference, inner), work)
        work.results[place] = building
        work.refusals += building.refusals
        if building.refusals:
            work.notes += building.notes
            continue
        try:
            made = finish.finish(building)
        except RULE_ERRORS as error:
            building.refusals.append(_odd(error).of(building.title("")))
            made = None
        if made is not None:
            work.models[place] = made
        work.notes += building.notes
        work.refusals += building.refusals
    return work.models.get(path)


def inside(inference: Inference | None, path: LayerPath) -> Inference | None:
    """What is known of a nested model, from its first call; None where it is never called."""
    for name in path:
        inner = {} if inference is None else inference.inner
        inference = next((level for call, level in inner.items() if call.layer == name), None)
    return inference


def _one(path: LayerPath, model: Model, inference: Inference | None, work: _Work) -> Building:
    request = work.request

    def convert(entry: FrozenDict, inner: LayerPath) -> FrozenDict:
        return _wrapped(entry, inner, work)

    def taken(wrapper: LayerPath) -> TensorSpec:
        layer = model.by_name()[wrapper[-1]]
        facts = None if inference is None else inference.facts(layer)
        if inference is None or facts is None:
            return TensorSpec()
        return inference.table.unwrap(facts, inference.call(layer, 0))[1].first

    dialect = model.dialect or request.model.dialect
    around = Surroundings(
        dialect,
        request.backend,
        request.facts,
        request.release,
        convert,
        taken,
        request.initialize,
        request.lambdas,
        request.read_lambda,
        request.inference.ordering,
    )
    names, notes = new_names(path, model)
    building = Building(model, path, inference, around, request.stored, names, notes=notes)
    graph = call_graph(model)
    position = topological(graph)
    layers = model.by_name()
    refused: set[str] = set()
    for number in sorted(_leading_to_outputs(graph), key=position.__getitem__):
        ref = graph.calls[number]
        layer = layers[ref.layer]
        if layer.name in refused:
            continue
        try:
            calls.convert_call(building, layer, ref.call, work.models.get((*path, layer.name)), request.lambdas)
            samples.follow(building, layer, ref.call)
        except Stop as stop:
            refused.add(layer.name)
            building.refusals.append(stop.of(building.title(layer.name)))
        except RULE_ERRORS as error:
            refused.add(layer.name)
            if not _is_taken_from_refused(error, refused, work, path):
                building.refusals.append(_odd(error).of(building.title(layer.name)))
    return building


def _leading_to_outputs(graph: CallGraph) -> set[int]:
    """The calls that outputs come from, and inputs: what ``add_loss`` and ``add_metric`` put beside them stays behind."""
    wanted = closure((graph.producer(ref) for ref in graph.outputs), graph.before)
    return wanted | {number for number, is_input in enumerate(graph.is_input) if is_input}


def _is_taken_from_refused(error: Exception, refused: set[str], work: _Work, path: LayerPath) -> bool:
    """Whether a rule missed a tensor because its layer was refused before."""
    ref = error.args[0] if isinstance(error, KeyError) else None
    return isinstance(ref, TensorRef) and (ref.layer in refused or (*path, ref.layer) in work.results)


def _odd(error: Exception) -> Stop:
    """A rule met what no release writes."""
    return Stop("convert-odd", f"its config or call has a form that Keras never writes ({error!r})", "the file may be damaged")


def _wrapped(entry: FrozenDict, path: LayerPath, work: _Work) -> FrozenDict:
    """A model inside a wrapper, by a migration of its own."""
    request = work.request
    model = replace(request.read(entry, request.model.dialect), dialect=request.model.dialect)
    facts = {**request.facts, **(reading_facts(alone=not request.lambdas) if request.read_lambda else {})}
    made = _tree(path, model, trace(model, facts, read=request.read), work)
    if made is None:
        raise Stop("convert-inside", "something in the model that it wraps cannot be converted", "see the other refusals")
    return request.write(made)


# A Sequential of Keras 1 that begins with a Merge of other models, as the graph that it is.


def opened(model: Model, read: Callable[[FrozenDict, str], Model]) -> Model:
    """The model with the branches of its first layer as layers of its own; any other model as it is. Raises DocumentError if
    two branches have layers of one name, or a branch is damaged.
    """
    while (branches := _branches(model)) is not None:
        merge, entries = branches
        model = _opened(model, merge, [replace(read(entry, model.dialect), dialect=model.dialect) for entry in entries])
    return model


def _branches(model: Model) -> tuple[Layer, tuple[FrozenDict, ...]] | None:
    """The first Merge that holds the models it merges, and those."""
    for layer in model.layers:
        entries = layer.config.get("layers")
        if layer.class_name == "Merge" and type(entries) is tuple:
            return layer, entries
    return None


def _opened(model: Model, merge: Layer, branches: list[Model]) -> Model:
    layers: list[Layer] = []
    for branch in branches:
        layers += [
            replace(layer, implicit=False, spec=input_spec(branch, layer)) if layer.implicit else layer
            for layer in branch.layers
        ]
    ends = tuple(Use(ref) for branch in branches for ref in branch.output_refs())
    bare = replace(merge, entry=merge.entry | {"config": merge.config.without("layers")}, calls=(Node((ends,)),))
    own = {use.ref.layer for use in merge.calls[0].uses()} if model.kind == "sequential" else set()
    rest = [bare if layer is merge else layer for layer in model.layers if layer.name not in own]
    inputs = [ref for branch in branches for ref in branch.input_refs()]
    kept = [ref for ref in model.input_refs() if ref.layer not in own]
    names = [layer.name for layer in (*layers, *rest)]
    _check(names)
    made = (*layers, *rest)
    return replace(model, kind="functional", layers=made, inputs=(*inputs, *kept), form="")


def _check(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DocumentError(
            f"two branches have a layer {twice!r}",
            code="document-duplicate-layer",
            where="layers[0].config.layers",
            hint="rename one of them in the file",
        )
