"""Divide a model that stands in TimeDistributed: one wrapper becomes several in a row, each around a part of the model.

TimeDistributed runs its model at every time step by itself, so head and tail may each run over all steps in turn: the numbers
are the same. It gives one tensor in every release, and takes one in most; what crosses between two parts is packed into one,
and unpacked behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configsplit.errors import ShapeError
from configsplit.graph.calls import CallGraph, call_graph, closure
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import CallRef, Layer, Model, Node, TensorRef, TensorSpec, Use, free_name, leaves
from configsplit.graph.provenance import Origin, Provenance
from configsplit.rewrites.common import described
from configsplit.rewrites.nested.pack import packed
from configsplit.rewrites.nested.wrapping import NO_SPECS, Specs, Wrapping
from configsplit.rewrites.part import Extracted, part
from configsplit.rewrites.split import Wire, labels


@dataclass(frozen=True, slots=True)
class _Cut:
    """A wrapped model in parts.

    Attributes:
        parts: the parts, in order.
        wires: per part, where each of its inputs comes from.
        outputs: where each output of the wrapped model comes from.
        homes: for each cut the part and output that gives each tensor that crosses there to the outside; the same for all.
    """

    parts: tuple[Extracted, ...]
    wires: tuple[tuple[Wire, ...], ...]
    outputs: tuple[Wire, ...]
    homes: tuple[Mapping[TensorRef, Wire], ...]


@dataclass(frozen=True, slots=True)
class Divided:
    """The model around after the division, where its layers came from, and where tensors are now."""

    model: Model
    provenance: Provenance
    pieces: tuple[str, ...]
    name: str
    kept: tuple[int, ...]
    calls: tuple[int, ...]
    cut: _Cut
    arguments: Mapping[int, tuple[TensorRef, ...]]

    def outer(self, ref: TensorRef) -> TensorRef:
        """Where a tensor of the surface is now."""
        while ref.layer == self.name and ref.call in self.calls:
            call, source = ref.call, self.cut.outputs[ref.output]
            if source.part is not None:
                return self._given(call, source)
            ref = self.arguments[call][source.number]
        return ref._replace(call=self.kept.index(ref.call)) if ref.layer == self.name else ref

    def _given(self, call: int, source: Wire) -> TensorRef:
        assert source.part is not None
        return TensorRef(self.pieces[source.part], self.calls.index(call), source.number)

    def tensors(self, call: int, number: int, refs: Sequence[TensorRef]) -> list[TensorRef]:
        """The tensors of the surface that stand for those of cut ``number`` in one call."""
        return list(dict.fromkeys(self._given(call, self.cut.homes[number][ref]) for ref in refs))

    def taken(self, call: int, source: Wire) -> TensorRef:
        """What an input of a piece is fed in one call."""
        return self.outer(self.arguments[call][source.number]) if source.part is None else self._given(call, source)


def divide(
    model: Model,
    name: str,
    calls: Sequence[int],
    inner: Model,
    origins: Provenance,
    cuts: Sequence[Sequence[TensorRef]],
    wrapping: Wrapping,
    given: Specs = NO_SPECS,
) -> Divided:
    """Divide the model in some calls of the wrapper ``name``.

    Args:
        model: the model around.
        name, calls: the wrapper, and those of its calls that are divided; the others keep it.
        inner: the model in it, nested models opened as far as the cuts need; ``origins`` says where its layers came from.
        cuts: the tensors that cross at each cut, as `crossing.crossing_sets` gives them.
        wrapping: reads, writes and describes what is in wrappers.
        given: what the user says of tensors of ``inner``.

    Raises:
        CutError: a mask would be lost, or what crosses cannot be handed over as one tensor.
        ShapeError: nobody can say what shape crosses.
    """
    layer = model.by_name()[name]
    wrapping.check_masks(model, name, calls, inner)
    specs = wrapping.specs(inner, given)
    inner = described(inner, specs)
    graph = call_graph(inner)
    chosen = [closure((graph.producer(ref) for ref in cut), graph.before) for cut in cuts]
    cut = _in_a_row(inner, graph, chosen, specs, name)
    taken = {each.name for each in model.layers}
    made = Divided(
        model,
        Provenance({}),
        tuple(free_name(f"{name}_part_{number}", taken) for number in range(len(cut.parts))),
        name,
        tuple(call for call in range(len(layer.calls)) if call not in calls),
        tuple(calls),
        cut,
        {call: tuple(use.ref for use in Node(layer.calls[call].args).uses()) for call in calls},
    )
    layers: list[Layer] = []
    for each in model.layers:
        moved = replace(each, calls=tuple(_rewired(node, made) for node in each.calls))
        if each.name != name:
            layers.append(moved)
            continue
        if made.kept:
            layers.append(replace(moved, calls=tuple(moved.calls[call] for call in made.kept)))
        layers += [_piece(layer, number, made, wrapping) for number in range(len(cut.parts))]
    outputs = rebuild(model.outputs, lambda leaf: made.outer(leaf) if type(leaf) is TensorRef else leaf)
    around = replace(model, layers=tuple(layers), outputs=outputs)
    return replace(made, model=around, provenance=_provenance(around, made, origins))


def derived(made: Divided, before: Specs, after: Specs) -> dict[TensorRef, TensorSpec]:
    """What the pieces give, where inference cannot tell: what the next one takes, at every time step of the wrapper.

    ``before`` describes the tensors of the model around before the division, ``after`` those of the model that came out.
    """
    specs: dict[TensorRef, TensorSpec] = {}
    for name, behind in zip(made.pieces, made.cut.parts[1:], strict=False):
        spec = behind.model.by_name()[behind.model.input_refs()[0].layer].spec
        for number, call in enumerate(made.calls):
            ref, steps = TensorRef(name, number), before.get(made.arguments[call][0], TensorSpec()).shape
            if after.get(ref, TensorSpec()).shape is None and spec is not None and spec.shape is not None and steps is not None:
                specs[ref] = replace(spec, shape=(*steps[:2], *spec.shape[1:]))
    return specs


def _rewired(node: Node, made: Divided) -> Node:
    return node.map_uses(lambda use: use if made.outer(use.ref) == use.ref else replace(use, ref=made.outer(use.ref)))


def _piece(layer: Layer, number: int, made: Divided, wrapping: Wrapping) -> Layer:
    """The wrapper around one part, with a call for each call that is divided. The shape that the whole was built on is not
    its own."""
    name, model = made.pieces[number], made.cut.parts[number].model
    config = layer.config | {"layer": wrapping.write(model)}
    if number:
        config = _taking(config, wrapping.specs(model, NO_SPECS).get(model.input_refs()[0], TensorSpec()).dtype)
    config = config | {"name": name} if "name" in config else config
    entry = layer.entry.without("build_config") | {"config": config}
    entry = entry | {"name": name} if "name" in entry else entry
    return replace(
        layer, name=name, entry=entry, calls=tuple(_called(layer.calls[call], call, number, made) for call in made.calls)
    )


def _taking(config: FrozenDict, dtype: str | None) -> FrozenDict:
    """The config of a wrapper that takes numbers of a floating dtype as they are. Every layer casts what floats arrive to its
    own dtype; inside the whole no wrapper stood between head and tail."""
    return config | {"dtype": dtype} if dtype is not None and "float" in dtype and own_dtype(config) != dtype else config


def own_dtype(config: FrozenDict) -> Any:
    """The dtype, or the name of the policy, of a layer."""
    policy = config.get("dtype", "float32")
    return policy.get("config", FrozenDict()).get("name") if isinstance(policy, FrozenDict) else policy


def _called(node: Node, call: int, number: int, made: Divided) -> Node:
    given = Node(node.args).uses()  # what is recorded of them holds for the first piece, which takes the same
    fed = [(source, made.taken(call, source)) for source in made.cut.wires[number]]
    uses = tuple(Use(ref) if source.part is not None else replace(given[source.number], ref=ref) for source, ref in fed)
    kwargs = node.kwargs if number == 0 else FrozenDict({key: value for key, value in node.kwargs.items() if not leaves(value)})
    return replace(
        node,
        args=(uses[0] if len(uses) == 1 else uses,),
        kwargs=Node((), kwargs).map_uses(lambda use: replace(use, ref=made.outer(use.ref))).kwargs,
    )


def _provenance(model: Model, made: Divided, origins: Provenance) -> Provenance:
    """A piece came from the wrapper, and each layer in it from that one in the wrapped model."""
    paths: dict[tuple[str, ...], Origin] = {}
    for layer in model.layers:
        calls = made.kept if layer.name == made.name else tuple(range(len(layer.calls)))
        paths[(layer.name,)] = Origin((layer.name,), calls)
    for name, piece in zip(made.pieces, made.cut.parts, strict=True):
        paths[(name,)] = Origin((made.name,), made.calls)
        for path, origin in piece.provenance.after(origins).layers.items():
            paths[(name, *path)] = Origin((made.name, *origin.path), origin.calls)
    return Provenance(paths)


# ---------------------------------------------------------------- the wrapped model in parts


def _in_a_row(inner: Model, graph: CallGraph, chosen: Sequence[set[int]], specs: Specs, name: str) -> _Cut:
    """Parts with one tensor between each and the next: of several that cross, all are packed into one."""
    rest = {call for call in range(len(graph.calls)) if not graph.is_input[call]}
    ends: list[list[TensorRef]] = [inner.input_refs()]
    calls: list[list[CallRef]] = []
    head: set[int] = set()
    for each in chosen:
        calls.append([graph.calls[call] for call in sorted((each - head) & rest)])
        head |= each
        ends.append(_alive_behind(graph, head, inner))
    calls.append([graph.calls[call] for call in sorted(rest - head)])
    ends.append(inner.output_refs())
    names = labels(inner, list(dict.fromkeys(ref for refs in ends[1:-1] for ref in refs)))
    for ref in names:
        _require_shape(ref, specs, name)
    parts = []
    for number, own in enumerate(calls):
        taken, given = ends[number], ends[number + 1]
        piece = part(inner, own, taken, given, name=f"{inner.name}_part_{number}", specs=specs, labels=names)
        packs = [specs[ref] for ref in taken] if number else []
        parts.append(piece._replace(model=packed(piece.model, packs, [specs[ref] for ref in given], name)))
    own_inputs = tuple(Wire(None, number) for number in range(len(ends[0])))
    wires = own_inputs, *((Wire(number, 0),) for number in range(len(chosen)))
    homes = tuple(dict.fromkeys(refs, Wire(number, 0)) for number, refs in enumerate(ends[1:-1]))
    return _Cut(tuple(parts), wires, (Wire(len(chosen), 0),), homes)


def _require_shape(ref: TensorRef, specs: Specs, name: str) -> None:
    spec = specs.get(ref, TensorSpec())
    if spec.shape is None or spec.dtype is None:
        raise ShapeError(
            f"the shape of {ref.layer!r} inside {name!r} is not recorded in the document and cannot be inferred",
            code="shape-unknown",
            where=f"{name}/{ref.layer}",
            hint=f"give it: --shape {name}/{ref.layer}=None,28,28,128 (a dtype may follow: ...,128:float32), "
            "or declare the class in a plug-in: --custom-objects FILE.py",
        )


def _alive_behind(graph: CallGraph, head: set[int], inner: Model) -> list[TensorRef]:
    """What the calls behind a head take from it, inputs of the model among them."""
    inputs = {graph.producer(ref) for ref in inner.input_refs()}
    here = head | inputs
    takers = {
        ref: [each for each in behind if each not in here]
        for ref, behind in graph.consumers.items()
        if graph.producer(ref) in here
    }
    return sorted((ref for ref, behind in takers.items() if behind), key=lambda ref: (graph.producer(ref), ref.output))
