"""What is wanted of tensors of undeclared classes by the layers that take them: by class, weights, and what stands beside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from configsplit.catalog.classes import class_in
from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.rules import check_rank, is_float
from configsplit.catalog.table import class_facts, ships
from configsplit.errors import WeightsError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, Node, Shape, TensorRef, TensorSpec, Use, leaves
from configsplit.inference import RULE_ERRORS, Built, Inference, agree, hands_on, keeps_shape
from configsplit.inference.inputs import as_shape, input_spec
from configsplit.weights.parts import Weights


@dataclass(frozen=True, slots=True)
class Wanted:
    """What those that take a tensor want of it: its shape, with open sizes; or its rank, its last size, its number of elements
    for each sample, as far as they tell; or ``among`` which sizes its last one is. ``built`` tells that one was built on the
    shape, which has a batch."""

    shape: Shape | None = None
    rank: int | None = None
    last: int | None = None
    size: int | None = None
    among: frozenset[int | None] = frozenset()
    built: bool = False

    def takes(self, shape: Shape) -> bool:
        size = None if None in shape[1:] else prod(each or 0 for each in shape[1:])
        return (
            agree(self.shape, shape)
            and self.rank in (None, len(shape))
            and (None in (self.last, shape[-1]) or self.last == shape[-1])
            and (None in (self.size, size) or self.size == size)
            and (not self.among or shape[-1] in self.among)
        )

    def speaks_for(self, shape: Shape) -> bool:
        """Whether rank and last size are wanted, and those of a shape."""
        known = self.known if not self.among or self.rank is None else (*(None,) * (self.rank - 1), shape[-1])
        return known is not None and agree(known, shape)

    @property
    def known(self) -> Shape | None:
        """The shape, as far as it is wanted; None where even its rank or its last size is not."""
        if self.shape is not None or self.rank is None or self.last is None:
            return self.shape
        if self.rank == 3 and self.size is not None and self.size % self.last == 0:
            return (None, self.size // self.last, self.last)
        return (*(None,) * (self.rank - 1), self.last)

    def also(self, other: Wanted) -> Wanted:
        """What both want, where they do not contradict each other; `takes` finds out."""
        shape = self.shape if self.shape is not None else other.shape
        rank = len(shape) if shape else self.rank or other.rank
        last = (shape[-1] if shape else None) or self.last or other.last
        built = self.built or (self.shape is None and other.built)
        return Wanted(shape, rank, last, self.size or other.size, self.among or other.among, built)


def wanted_by_takers(
    inference: Inference, built: Built, path: LayerPath, held: Weights | None, *, closed: bool = False
) -> Mapping[TensorRef, Wanted]:
    """What is wanted of each tensor by all that takes it, back through layers that leave something of it as it is; where sizes
    are taken for granted (``closed``), also through classes of the user's own without weights, with one number or a vector."""
    stacked = stacked_layers(inference, path, held)
    wanted: dict[TensorRef, Wanted] = {ref: Wanted(spec.shape) for ref, spec in built.specs.items()}
    layers = inference.model.by_name()
    for ref in reversed(inference.specs):  # they stand in the order of computing
        layer = layers[ref.layer]
        if ref.output or ref.call >= len(layer.calls):
            continue
        if layer.model is not None:
            for taken, shape in _taken_by_model(layer.model, layer.calls[ref.call]):
                wanted[taken] = wanted.get(taken, Wanted()).also(Wanted(shape))
            continue
        uses, behind = layer.calls[ref.call].uses(), wanted.get(ref, Wanted())
        told = _built_on(layer, ref.call)
        shapes = shapes_in(layer, path, held)
        keeps = layer.name in stacked or (closed and _seems_to_keep(layer, inference.dialect, shapes))
        for number, use in enumerate(uses):
            if number < len(told):
                wish = told[number]
            else:
                wish = _of_merge(inference, layer, number, behind if closed else replace(behind, size=None))
            if len(uses) == 1 and inference.shape_undeclared(layer):
                widths = frozenset(size for shape in shapes if len(shape) > 1 for size in shape)
                wish = wish.also(replace(behind, size=None) if keeps else Wanted())
                wish = wish.also(_of_held(layer, inference.dialect, shapes)).also(Wanted(among=widths))
            elif len(uses) == 1:
                wish = wish.also(_of_one(inference, layer, shapes, behind))
            wanted[use.ref] = wanted.get(use.ref, Wanted()).also(wish)
    return wanted


def _taken_by_model(model: Model, node: Node) -> Iterator[tuple[TensorRef, Shape]]:
    """The tensors that a nested model takes, each with the shape of its input: Keras casts and reshapes it to that."""
    layers = model.by_name()
    for use, ref in zip(leaves(node.args[:1]), model.input_refs(), strict=False):
        shape = input_spec(model, layers[ref.layer]).shape if ref.layer in layers else None
        if shape:
            yield use.ref, (None, *shape[1:])


def _built_on(layer: Layer, number: int) -> list[Wanted]:
    """What a layer of whatever class was built on, for the first of the tensors that a call takes, or for all of them."""
    build, node = layer.entry.get("build_config"), layer.calls[number]
    given = build.get("input_shape") if isinstance(build, Mapping) else None
    if len(layer.calls) != 1 or not isinstance(given, tuple) or not node.uses():
        return []
    if (shape := as_shape(given)) is not None:  # of several arguments Keras takes the first
        first = len(node.uses()) == 1 or (node.args and type(node.args[0]) is Use)
        return [_as_built(shape)] if shape and first else []
    shapes = [as_shape(each) for each in given]
    return [_as_built(shape) for shape in shapes] if len(shapes) == len(node.uses()) else []


def _as_built(shape: Shape | None) -> Wanted:
    return Wanted((None, *shape[1:]), built=shape[0] is None) if shape else Wanted()


def stacked_layers(inference: Inference, path: LayerPath, held: Weights | None) -> frozenset[str]:
    """Layers of undeclared classes of which one takes what another of its class with the same settings and weights gives: what
    goes into them is like what comes out."""
    layers, stacked = inference.model.by_name(), set[str]()
    for layer in inference.model.layers:
        if not inference.shape_undeclared(layer) or layer.model is not None or not shapes_in(layer, path, held):
            continue
        before = _before(inference, layer, layers)
        if (
            before is not None
            and (before.class_name, before.config.without("name")) == (layer.class_name, layer.config.without("name"))
            and shapes_in(before, path, held) == shapes_in(layer, path, held)
        ):
            stacked |= {before.name, layer.name}
    return frozenset(stacked)


def _before(inference: Inference, layer: Layer, layers: Mapping[str, Layer]) -> Layer | None:
    """What gives the one tensor that a layer takes, past layers that keep its shape."""
    while len(layer.calls) == 1 and len(uses := layer.calls[0].uses()) == 1 and not uses[0].ref.output:
        layer = layers[uses[0].ref.layer]
        facts = inference.facts(layer)
        if facts is None or layer.is_input or layer.model is not None or not keeps_shape(layer, facts):
            return layer
    return None


def _of_merge(inference: Inference, layer: Layer, number: int, behind: Wanted) -> Wanted:
    """Of several tensors each is like the others, and like what comes out."""
    facts, uses = inference.facts(layer), layer.calls[0].uses()
    if facts is None or len(uses) < 2 or not facts.merge:
        return Wanted()
    others = [inference.specs.get(use.ref, TensorSpec()).shape for at, use in enumerate(uses) if at != number]
    known = [shape for shape in others if shape]
    if facts.merge != "joined":
        return Wanted(known[0]) if known else behind
    rank = len(known[0]) if known else behind.rank
    axis = layer.config.get("axis", -1)
    sizes = [shape[-1] if shape else None for shape in others]
    if type(axis) is not int or rank is None or behind.last is None:
        return Wanted(None, rank)
    if axis % rank != rank - 1:
        return Wanted(None, rank, behind.last)
    rest, sharing = behind.last - sum(size or 0 for size in sizes), 1 + sizes.count(None)
    if rest <= 0 or rest % sharing or (sharing > 1 and not _are_alike(inference, uses)):
        return Wanted(None, rank)
    return Wanted((*known[0][:-1], rest)) if known and sharing == 1 else Wanted(None, rank, rest // sharing)


def _are_alike(inference: Inference, uses: Sequence[Use]) -> bool:
    """Whether all tensors that have no shape come out of one class, which takes the same shapes for each."""
    layers, kinds = inference.model.by_name(), set[tuple[str, tuple[Shape | None, ...]]]()
    for use in uses:
        if not inference.specs.get(use.ref, TensorSpec()).shape:
            giver = layers[use.ref.layer]
            taken = [inference.specs.get(each.ref, TensorSpec()).shape for each in giver.calls[use.ref.call].uses()]
            kinds.add((giver.class_name, tuple(taken)))
    return len(kinds) == 1


def _of_one(inference: Inference, layer: Layer, shapes: Sequence[Shape], behind: Wanted) -> Wanted:
    """What a layer that takes one tensor wants of it by its class, its weights, and what is wanted of what it gives; a wrapper
    as what it wraps."""
    steps = 0
    while (facts := inference.facts(layer)) and facts.wraps and isinstance(inner := layer.config.get("layer"), FrozenDict):
        steps += facts.wraps == "steps"
        layer = replace(layer, class_name=str(inner.get("class_name")), entry=inner, model=None)
    if facts is None:
        return Wanted()
    wish = _of_plain(layer, facts, shapes, Wanted() if steps else behind)
    return Wanted(None if wish.shape is None else (*(None,) * steps, *wish.shape)) if steps else wish


def _of_plain(layer: Layer, facts: LayerFacts, shapes: Sequence[Shape], behind: Wanted) -> Wanted:
    rank = facts.ranks[0] if facts.ranks[0] == facts.ranks[1] else None
    axis = layer.config.get("axis")
    if shapes and len(shapes[0]) == 1 and type(axis) is tuple and len(axis) == 1 and type(axis[0]) is int:
        own = Wanted(None, axis[0] + 1 if axis[0] > 0 else None, shapes[0][0])  # Keras writes the axes that it counted
        return own.also(behind)
    if facts.input_of is not None and shapes:
        try:
            shape = facts.input_of(layer.config, shapes[0])
        except RULE_ERRORS:
            return Wanted(None, rank)
        if facts.ranks[0] > 2:
            return Wanted(shape)
        return Wanted(None, behind.rank, shape[-1])
    if keeps_shape(layer, facts):
        return behind.also(Wanted(None, rank))
    return Wanted(None, rank, *_left_as_it_is(layer, rank or 4, facts, behind))


def _left_as_it_is(layer: Layer, rank: int, facts: LayerFacts, behind: Wanted) -> tuple[int | None, int | None]:
    """Last size and number of elements of what a layer takes, where they are those of what it gives."""
    sizes = (8, 12, 16, 20)[: rank - 2]
    try:
        given = facts.outputs(CallFacts(layer.class_name, layer.config, (TensorSpec((None, *sizes, 17), "float32"),)))[0].shape
    except RULE_ERRORS:
        return None, None
    if not given or None in given[1:]:
        return None, None
    flat = len(given) == 2 and given[-1] == prod(sizes) * 17 and rank > 2
    return (behind.last if given[-1] == 17 else None), (behind.last if flat else None)


def untyped(inference: Inference, path: LayerPath, held: Weights | None) -> frozenset[TensorRef]:
    """Tensors out of undeclared classes of which nothing tells that they are of the type that layers compute in.

    That is told by weights, of the class itself or of what takes the tensor, and by a known tensor that it is merged with.
    """
    layers, ends = inference.model.by_name(), {*inference.model.output_refs()}
    told, found = dict[TensorRef, bool](), set[TensorRef]()
    for ref in reversed(inference.specs):  # they stand in the order of computing
        layer = layers[ref.layer]
        facts, weighed = inference.facts(layer), layer.model is not None or bool(shapes_in(layer, path, held))
        settled = told.get(ref, False) and ref not in ends
        if inference.shape_undeclared(layer) and not settled and not weighed:
            found.add(ref)
        uses = layer.calls[ref.call].uses() if ref.call < len(layer.calls) else []
        passes = settled and facts is not None and hands_on(layer, facts)
        for use in uses:
            others = [inference.specs.get(each.ref, TensorSpec()) for each in uses if each.ref != use.ref]
            beside = facts is not None and facts.merge and any(is_float(spec.dtype) for spec in others)
            told[use.ref] = told.get(use.ref, True) and bool(weighed or passes or beside)
    return frozenset(found)


def shapes_in(layer: Layer, path: LayerPath, held: Weights | None) -> tuple[Shape, ...]:
    """The shapes of the weights of a layer, and of all that it holds, as the file has them."""
    whole = (*path, layer.name)
    if held is None or whole not in held.layers:
        return ()
    try:
        return tuple(tuple(held.file.datasets[name].shape) for name in held.datasets(whole))
    except (*RULE_ERRORS, WeightsError):  # which weights are its own is said where they are moved
        return ()


def inner_layer(config: FrozenDict) -> tuple[str, FrozenDict] | None:
    """Class and config of the layer that a config holds as ``layer``, as those of wrappers do."""
    inner = config.get("layer")
    held = inner.get("config") if isinstance(inner, FrozenDict) else None
    return (class_in(inner), held) if isinstance(inner, FrozenDict) and isinstance(held, FrozenDict) else None


def _seems_to_keep(layer: Layer, dialect: str, shapes: Sequence[Shape]) -> bool:
    """Whether an undeclared class may give what it takes, but for the numbers: by its weights, and the layer that it holds."""
    inner = inner_layer(layer.config)
    facts = None if inner is None else class_facts(inner[0], dialect)
    if inner is not None and facts is not None:
        return keeps_shape(replace(layer, class_name=inner[0], entry=FrozenDict(config=inner[1])), facts)
    return all(len(shape) < 2 for shape in shapes)


def _of_held(layer: Layer, dialect: str, shapes: Sequence[Shape]) -> Wanted:
    """What an undeclared class wants that holds a layer of Keras, and the weights of that among its own."""
    if (inner := inner_layer(layer.config)) is None or (facts := class_facts(inner[0], dialect)) is None:
        return Wanted()
    for kernel in [shape for shape in shapes if len(shape) > 1 and facts.input_of is not None]:
        try:
            taken = facts.input_of(inner[1], kernel) if facts.input_of is not None else ()
        except RULE_ERRORS:
            continue
        if as_base(CallFacts(*inner, (TensorSpec(taken, "float32"),), dialect=dialect), shapes) is not None:
            return Wanted(taken) if facts.ranks[0] > 2 else Wanted(last=taken[-1])
    return Wanted()


def as_base(asked: CallFacts, shapes: Sequence[Shape]) -> Shape | None:
    """What a class of Keras would give in the place of an undeclared one; None where it would have other weights."""
    facts, axes = class_facts(asked.class_name, asked.dialect), re.search(r"(\d)D$", asked.class_name)
    if axes is not None and len(asked.first.shape or ()) != int(axes[1]) + 2:
        return None
    try:
        check_rank(facts, asked)
        outputs = facts.outputs(asked)
        own = [spec.shape for spec in facts.weights(asked)] if facts.weights is not None else []
    except RULE_ERRORS:
        return None
    return outputs[0].shape if ships(facts) and len(outputs) == 1 and {*own} <= {*shapes} else None
