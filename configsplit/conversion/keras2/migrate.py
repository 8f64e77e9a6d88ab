"""A whole model of Keras 3 as one of Keras 2 that computes the same, by the tables of the way there, read backwards.

Masks that Keras 3 writes down as tensors are left to Keras 2 to hand on where it hands every call the same (`masks`), else they
are written down, too. What has no equal in Keras 2 is listed, each layer with its reason and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.keras3.refusals import Migration, Note, Refusal, Stop
from configsplit.conversion.convert import inside
from configsplit.conversion.keras2.building import Writing
from configsplit.conversion.keras2.calls import convert_call
from configsplit.dialects import emit, read_entry
from configsplit.graph.calls import call_graph, closure, topological
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import LayerPath, Model, TensorRef, TensorSpec, free_name, walk
from configsplit.graph.rebuild_order import reordered
from configsplit.inference import RULE_ERRORS, Inference, trace

_LEGAL = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
"""Names that a scope of TensorFlow may have."""


@dataclass(slots=True)
class _Work:
    """What the models of one document share."""

    facts: Mapping[str, LayerFacts]
    implicit: bool
    done: dict[LayerPath, Writing] = field(default_factory=dict)
    models: dict[LayerPath, Model] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


Changed = Callable[[Migration], tuple[Refusal, ...]]


def to_keras2(model: Model, inference: Inference, facts: Mapping[str, LayerFacts], changed: Changed) -> Migration:
    """Write a model of Keras 3, as Keras writes it today, as one of Keras 2, without layouts of weights. What cannot be is
    listed. ``changed`` lists the layers that would receive another mask than before.
    """
    migration = _migrated(model, inference, facts, True)
    masked = changed(migration) if migration.model is not None else ()
    if not masked:
        return migration
    written = _migrated(model, inference, facts, False)
    if written.model is None or changed(written):
        return Migration(None, refusals=written.refusals or masked)
    return written


def _migrated(model: Model, inference: Inference, facts: Mapping[str, LayerFacts], implicit: bool) -> Migration:
    work = _Work(facts, implicit)
    made = _tree((), model, inference, work)
    if made is not None:
        work.refusals += _differing(made, work.done[()], inference, facts)
    if work.refusals:
        return Migration(None, refusals=tuple(dict.fromkeys(work.refusals)), notes=tuple(work.notes))
    return Migration(made, dict(_origins(work)), {}, (), tuple(work.notes))


def _tree(above: LayerPath, model: Model, inference: Inference | None, work: _Work) -> Model | None:
    """A model and all that are nested in it; ``above`` is the path of the wrapper that it stands in."""
    nested = [(path, layer.model) for path, layer in walk(model) if layer.model is not None]
    for inner, each in [*reversed(nested), ((), model)]:
        path = (*above, *inner)
        work.done[path] = writing = _one(path, each, inside(inference, inner), work)
        work.notes += writing.notes
        work.refusals += writing.refusals
        if not writing.refusals:
            work.models[path] = _finished(writing)
    return work.models.get(above) if not work.refusals else None


def _wrapped(work: _Work, path: LayerPath, known: Inference | None, name: str, entry: FrozenDict) -> FrozenDict:
    """The model in a wrapper. Raises Stop where something in it has no equal in Keras 2; the list has it."""
    model = read_entry(entry, "keras3")
    calls = {} if known is None else known.wrapped
    inner = next((level for call, level in calls.items() if call.layer == name), None)
    made = _tree((*path, name), model, inner or trace(model, work.facts, dialect="keras3", read=read_entry), work)
    if made is None:
        raise Stop("convert-inside", "something in the model that it wraps cannot be converted", "see the other refusals")
    return emit(made)


def _one(path: LayerPath, model: Model, known: Inference | None, work: _Work) -> Writing:
    names, notes = _names(path, model)
    writing = Writing(model, path, known, names, work.implicit, partial(_wrapped, work, path, known), notes=notes)
    graph = call_graph(model)
    position, layers, refused = topological(graph), model.by_name(), set[str]()
    for number in sorted(range(len(graph.calls)), key=position.__getitem__):
        ref = graph.calls[number]
        layer = layers[ref.layer]
        try:
            convert_call(writing, layer, ref.call, work.models.get((*path, layer.name)))
        except Stop as stop:
            refused.add(layer.name)
            writing.refusals.append(stop.of(writing.title(layer.name)))
        except KeyError as error:
            if not refused or not isinstance(error.args[0], TensorRef):
                raise
            refused.add(layer.name)
    return writing


def _names(path: LayerPath, model: Model) -> tuple[dict[str, str], list[Note]]:
    """Old name -> new name for every layer, and what was renamed: TensorFlow has its own mind about names."""
    taken, names, notes = {layer.name for layer in model.layers}, dict[str, str](), list[Note]()
    for layer in model.layers:
        name = layer.name
        if not _LEGAL.fullmatch(name):
            name = free_name(legal(name), taken)
            notes.append(
                Note("/".join((*path, layer.name)), f"is now called {name!r}: TensorFlow allows no such name for a scope")
            )
        names[layer.name] = name
    return names, notes


def legal(name: str) -> str:
    """A name that a scope of TensorFlow may have."""
    made = re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", name)
    return made if _LEGAL.fullmatch(made) else f"layer{made}"


def _finished(writing: Writing) -> Model:
    old = writing.old
    name, kind = legal(old.name), old.kind
    config = {"name": name, "layers": None}
    if kind == "functional":
        config |= {"trainable": old.config.get("trainable", True), "input_layers": None, "output_layers": None}
    made = Model(
        name=name,
        kind=kind,
        layers=tuple(writing.layers.values()),
        inputs=writing.mapped(old.inputs),
        outputs=writing.mapped(old.outputs),
        config=FrozenDict(config),
        entry=FrozenDict({"class_name": "Functional" if kind == "functional" else "Sequential", "config": None}),
        dialect="keras2",
    )
    return made if kind == "sequential" else reordered(_without_unused(made))


def _without_unused(model: Model) -> Model:
    """The model without what only masks needed that nobody takes any more."""
    graph = call_graph(model)
    wanted = closure((graph.producer(ref) for ref in graph.outputs), graph.before)
    names = {graph.calls[number].layer for number in wanted} | {ref.layer for ref in model.input_refs()}
    return model.with_layers(tuple(layer for layer in model.layers if layer.name in names))


def _origins(work: _Work) -> Mapping[LayerPath, LayerPath]:
    origins: dict[LayerPath, LayerPath] = {}
    todo: list[tuple[LayerPath, LayerPath]] = [((), ())]
    while todo:
        new, old = todo.pop()
        kept = work.models[old].by_name()
        for name, origin in work.done[old].origins.items():
            if name in kept:
                origins[*new, name] = (*old, origin)
                if (*old, origin) in work.models:
                    todo.append(((*new, name), (*old, origin)))
    return origins


def _differing(made: Model, writing: Writing, known: Inference, facts: Mapping[str, LayerFacts]) -> list[Refusal]:
    """A refusal for each tensor that the rules for Keras 2 say to be another than it was in Keras 3."""
    try:
        traced = trace(made, facts, dialect="keras2", read=read_entry)
    except RULE_ERRORS as error:
        return [Refusal(made.name, "convert-odd", f"Keras 2 would not build it ({error})", "please report it, with the file")]
    refused = []
    for old, new in writing.tensors.items():
        was, now = known.specs.get(old, TensorSpec()), traced.specs.get(new, TensorSpec())
        if not _agree(was, now):
            what = f"gives {was.shape} of {was.dtype}, and would give {now.shape} of {now.dtype} in Keras 2"
            hint = "put a layer that says its dtype in its place (`configsplit replace`), or cut the model there"
            refused.append(Refusal(old.layer, "convert-shape-changed", what, hint))
    return refused


def _agree(was: TensorSpec, now: TensorSpec) -> bool:
    if None not in (was.dtype, now.dtype) and was.dtype != now.dtype:
        return False
    if was.shape is None or now.shape is None:
        return True
    pairs = zip(was.shape, now.shape, strict=False)
    return len(was.shape) == len(now.shape) and all(None in pair or pair[0] == pair[1] for pair in pairs)
