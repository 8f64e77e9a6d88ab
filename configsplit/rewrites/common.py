"""What every rewrite of surgery gives, and the small steps that they share; all pure, all iterative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from configsplit.graph.calls import call_graph, closure
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import CallRef, Layer, LayerPath, Model, Structure, TensorRef, TensorSpec, Use
from configsplit.graph.provenance import Provenance, unmoved

FLAG = "trainable"
"""Key of a config: whether a layer, or a model, is trained."""

Redirection = Callable[[CallRef | None, TensorRef], TensorRef]
"""The tensor that a call takes in place of another; the call is None for the outputs of the model."""


class Rewritten(NamedTuple):
    """A rewritten model, and where its layers came from."""

    model: Model
    provenance: Provenance


def described(model: Model, specs: Mapping[TensorRef, TensorSpec]) -> Model:
    """The model with shape and dtype of every argument that no document recorded, for dialects that want them written."""

    def fill(use: Use) -> Use:
        spec = specs.get(use.ref, TensorSpec())
        told = use.recorded is not None or (use.spec is not None and spec.shape is None)
        return use if told else replace(use, spec=spec)

    layers = (replace(layer, calls=tuple(node.map_uses(fill) for node in layer.calls)) for layer in model.layers)
    return model.with_layers(tuple(layers))


def redirected(model: Model, change: Redirection) -> Model:
    """The model with other tensors as arguments and outputs."""

    def layer(each: Layer) -> Layer:
        calls = []
        for number, node in enumerate(each.calls):
            call = CallRef(each.name, number)

            def use(old: Use, call: CallRef = call) -> Use:
                return old.of(change(call, old.ref))

            calls.append(node.map_uses(use))
        return each.called(tuple(calls))

    outputs = refs_mapped(model.outputs, lambda ref: change(None, ref))
    return replace(model, layers=tuple(map(layer, model.layers)), outputs=outputs)


def refs_mapped(structure: Structure, change: Callable[[TensorRef], TensorRef]) -> Structure:
    """A structure of inputs or outputs with other tensors."""
    return rebuild(structure, lambda leaf: change(leaf) if type(leaf) is TensorRef else leaf)


def within(model: Model, path: LayerPath, change: Callable[[Model], Model]) -> Model:
    """The model with the one that is nested at ``path`` changed; the empty path is the model itself."""
    chain = [model]
    for name in path:
        inner = chain[-1].by_name()[name].model
        if inner is None:
            raise KeyError(name)
        chain.append(inner)
    made = change(chain.pop())
    for name in reversed(path):
        outer = chain.pop()
        made = outer.with_layers(tuple(replace(each, model=made) if each.name == name else each for each in outer.layers))
    return made


def as_functional(model: Model, spec: TensorSpec) -> Model:
    """A Sequential as the functional model that it is; ``spec`` describes its input. A functional model stays as it is.

    Arguments are described by `configsplit.rewrites.nested.open.described` afterwards.
    """
    if model.kind == "functional":
        return model
    first, *rest = model.layers
    explicit = replace(first, entry=FrozenDict(), spec=spec, implicit=False) if first.implicit else first
    keep = {key: model.config[key] for key in ("trainable",) if key in model.config}
    frame = {"name": model.name, **keep, "layers": None, "input_layers": None, "output_layers": None}
    form = "" if model.form == "list" else model.form  # a list of layers is a spelling of Sequential models alone
    made = FrozenDict(frame)
    return replace(model, kind="functional", layers=(explicit, *rest), entry=FrozenDict(), config=made, form=form)


def as_chain(model: Model, like: Model, known: Iterable[TensorRef]) -> Model:
    """The model as a Sequential again, if ``like`` was one and it is a chain still; else as it is.

    ``known`` are the tensors that its layers give: no Sequential may hold a layer that gives several, taken or not.
    """
    if like.kind != "sequential" or model.kind == "sequential" or not _is_chain(model) or any(ref.output for ref in known):
        return model
    by_name, order = model.by_name(), [model.input_refs()[0].layer]
    takers = {layer.calls[0].uses()[0].ref.layer: layer.name for layer in model.layers if not layer.is_input}
    while order[-1] in takers:
        order.append(takers[order[-1]])
    layers = tuple(_bare(by_name[name]) for name in order)
    old, kept = like.layers[0], _keeps_input(like, layers)
    if kept:
        layers = (old, *layers[1:])
    stale = () if kept else OF_ITS_INPUT
    return replace(
        model,
        kind="sequential",
        layers=layers,
        inputs=TensorRef(order[0]),
        outputs=TensorRef(order[-1]),
        entry=like.entry.without(*stale),
        config=like.config.without(*stale),
        form=like.form,
    )


def _keeps_input(like: Model, layers: Sequence[Layer]) -> bool:
    """Whether a chain begins as ``like`` does: an input that no entry describes is told by the layer behind it."""
    old = like.layers[0]
    if not old.implicit:
        return old.name == layers[0].name
    told_by = [(layer.class_name, layer.entry, layer.model) for layer in (like.layers[1], layers[1])]
    return old.name == layers[0].name and told_by[0] == told_by[1]


OF_ITS_INPUT = ("build_config", "build_input_shape", "compile_config")
"""What the document of a Sequential says of the input that it was built with."""


def _bare(layer: Layer) -> Layer:
    """Layers of a Sequential have no nodes, and what takes a tensor there need not say its shape."""
    return replace(layer, calls=tuple(node.map_uses(lambda use: Use(use.ref)) for node in layer.calls))


def _is_chain(model: Model) -> bool:
    """One input, one output, every layer called once on the one before and with nothing else."""
    outputs, inputs = model.output_refs(), model.input_refs()
    taken = [use.ref for layer in model.layers for node in layer.calls for use in node.uses()]
    if len(outputs) != 1 or len(inputs) != 1 or len(set(taken)) != len(taken) or outputs[0] in taken or not taken:
        return False  # nothing but an input is no Sequential, which Keras builds by its layers
    plain = all(
        len(layer.calls) == 1 and (layer.is_input or _takes_one(layer)) and not layer.is_operation for layer in model.layers
    )
    return plain and all(ref.output == 0 for ref in taken) and sum(layer.is_input for layer in model.layers) == 1


def _takes_one(layer: Layer) -> bool:
    node = layer.calls[0]
    says_nothing = all(value is None for value in node.kwargs.values())
    return len(node.args) == 1 and type(node.args[0]) is Use and says_nothing and layer.class_name != "TFOpLambda"


# Layers with some of their calls: the calls that stay are numbered anew from 0, and so are all references to them.


class Kept:
    """The layers of a model that keep some of their calls, or all."""

    def __init__(self, model: Model, calls: Iterable[CallRef]) -> None:
        stays: dict[str, list[int]] = {}
        for layer, call in calls:
            stays.setdefault(layer, []).append(call)
        self.layers = [layer for layer in model.layers if layer.name in stays]
        self._calls = {layer.name: tuple(sorted(stays[layer.name])) for layer in self.layers}
        whole = (layer.name for layer in self.layers if len(self._calls[layer.name]) == len(layer.calls))
        self._numbers: dict[str, dict[int, int] | None] = {
            name: {call: number for number, call in enumerate(calls)} for name, calls in self._calls.items()
        } | dict.fromkeys(whole)

    def ref(self, ref: TensorRef) -> TensorRef:
        """A tensor of a call that stays, by the number that the call has now."""
        numbers = self._numbers[ref.layer]
        return ref if numbers is None else ref._replace(call=numbers[ref.call])

    def moved(self, layer: Layer, moved: Callable[[TensorRef], TensorRef]) -> Layer:
        """A layer with the calls that stay, their arguments moved; itself where nothing changes."""

        def use(old: Use) -> Use:
            return old.of(moved(old.ref))

        nodes = layer.calls
        return layer.called(tuple([nodes[call].map_uses(use) for call in self._calls[layer.name]]))

    def origins(self) -> Provenance:
        """Every layer came from itself, with the calls that stay."""
        return unmoved(self._calls.items())


# Leave out calls that no output needs. Opening a nested model brings up what only its unused outputs needed.


def prune(model: Model) -> tuple[Model, Provenance]:
    """The model without dead calls and without layers that have no call left; declared inputs stay."""
    graph = call_graph(model)
    needed = closure((graph.producer(ref) for ref in graph.outputs), graph.before)
    needed |= {graph.producer(ref) for ref in model.input_refs()}
    kept = Kept(model, [graph.calls[call] for call in needed])
    outputs = refs_mapped(model.outputs, kept.ref)
    made = tuple(kept.moved(layer, kept.ref) for layer in kept.layers)
    return replace(model, layers=made, outputs=outputs), kept.origins()
