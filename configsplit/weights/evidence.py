"""What a class that nobody has declared seems to give: told by its own config and weights, and by what takes its tensors.

None of this is certain, and all of it is said. Sizes that nothing tells stay open. Keras asks the class itself when a part is
built, so that what was taken for granted wrongly ends in an error of Keras, or in a shape that is narrower than it need be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from configsplit.catalog.constructors import bases_of
from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.rules import check_rank, is_float, policy, policy_dtype
from configsplit.catalog.table import class_facts, ships
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, Node, Shape, TensorRef, TensorSpec, Use, leaves
from configsplit.inference import RULE_ERRORS, Built, Inference, agree, keeps_shape
from configsplit.inference.inputs import as_shape, input_spec
from configsplit.weights.parts import Weights


@dataclass(frozen=True, slots=True)
class Wanted:
    """What those that take a tensor want of it: its shape, with open sizes; or its rank, its last size, its number of elements
    for each sample, as far as they tell; or ``among`` which sizes its last one is."""

    shape: Shape | None = None
    rank: int | None = None
    last: int | None = None
    size: int | None = None
    among: frozenset[int | None] = frozenset()

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
        return Wanted(shape, rank, last, self.size or other.size, self.among or other.among)


def wanted_by_takers(
    inference: Inference, built: Built, path: LayerPath, held: Weights | None, *, closed: bool = False
) -> Mapping[TensorRef, Wanted]:
    """What is wanted of each tensor by all that takes it, back through layers that leave something of it as it is; where sizes
    are taken for granted (``closed``), also through classes of the user's own that have no weights, or one for each channel."""
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
        keeps = layer.name in stacked or (closed and all(len(shape) == 1 for shape in shapes))
        for number, use in enumerate(uses):
            if number < len(told):
                wish = told[number]
            else:
                wish = _of_merge(inference, layer, number, behind if closed else replace(behind, size=None))
            if len(uses) == 1 and inference.shape_undeclared(layer):
                widths = frozenset(size for shape in shapes if len(shape) > 1 for size in shape)
                wish = wish.also(replace(behind, size=None) if keeps else Wanted()).also(Wanted(among=widths))
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
        return [Wanted((None, *shape[1:]))] if shape and (len(node.uses()) == 1 or type(node.args[0]) is Use) else []
    shapes = [as_shape(each) for each in given]
    return [Wanted((None, *shape[1:])) if shape else Wanted() for shape in shapes] if len(shapes) == len(node.uses()) else []


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


def shapes_in(layer: Layer, path: LayerPath, held: Weights | None) -> tuple[Shape, ...]:
    """The shapes of the weights of a layer, and of all that it holds, as the file has them."""
    whole = (*path, layer.name)
    if held is None or whole not in held.layers:
        return ()
    try:
        return tuple(tuple(held.file.datasets[name].shape) for name in held.datasets(whole))
    except RULE_ERRORS:
        return ()


def seems(
    inference: Inference,
    layer: Layer,
    number: int,
    shapes: Sequence[Shape],
    wish: Wanted,
    *,
    stacked: bool = False,
    closed: bool = False,
) -> tuple[TensorSpec, str] | None:
    """What a call of an undeclared class seems to give, and why; None where nothing tells.

    Args:
        inference: what is known of the model of the layer.
        layer: of the undeclared class, or one that wraps such a class.
        number: of the call.
        shapes: those of its weights.
        wish: what is wanted of its output.
        stacked: whether another one like it stands beside it.
        closed: whether sizes that nothing tells are taken for those of the input.
    """
    taken = [inference.specs.get(use.ref, TensorSpec()) for use in layer.calls[number].uses()]
    dtype = policy_dtype(policy(layer.config.get("dtype"))) or "float32"
    if layer.model or not taken or any(not spec.shape for spec in taken) or not inference.shape_undeclared(layer):
        known = wish.known
        return None if known is None or len(known) < 2 else (TensorSpec(known, dtype), _WANTED)
    if not is_float(taken[0].dtype) and wish.last is None and not shapes:
        return None  # it may be numbers of any kind
    for why, shape in _guesses(inference.call(layer, number), taken, shapes, wish, stacked, closed):
        if len(shape) > 1 and wish.takes(shape):
            return TensorSpec(shape, dtype), why
    return None


_WANTED = "is what those that take it want, with sizes that they do not tell left open"


def _guesses(
    call: CallFacts, taken: Sequence[TensorSpec], shapes: Sequence[Shape], wish: Wanted, stacked: bool, closed: bool
) -> Iterator[tuple[str, Shape]]:
    """Reasons with what they tell, the strongest first."""
    first = taken[0].shape or ()
    last = first[-1] if first else None
    for why, asked in _bases(call):
        if (shape := _as_base(asked, shapes)) is not None:
            yield f"is taken for that of {why}", shape
    alike = all(spec.shape == first for spec in taken)
    vectors = shapes and all(shape == (last,) for shape in shapes)
    if alike and vectors and (len(shapes) > 1 or len(first) != 3):  # one vector over steps may weigh them and add them up
        yield f"is taken for that of its input, since its weights are {len(shapes)} for each channel", first
    if alike and shapes and len(first) == 2 and all({*shape} == {last} for shape in shapes):
        yield "is taken for that of its input, since its weights have no other size", first
    if stacked:
        kept = first[1:-1] if closed else (None,) * (len(first) - 2)
        yield "is taken for that of its input, which another layer like it takes or gives", (first[0], *kept, last)
    yield from _of_sizes(call, taken, shapes, wish, alike, closed)


def _of_sizes(
    call: CallFacts, taken: Sequence[TensorSpec], shapes: Sequence[Shape], wish: Wanted, alike: bool, closed: bool
) -> Iterator[tuple[str, Shape]]:
    """Reasons that are sizes, of settings and weights and of what is wanted."""
    first = taken[0].shape or ()
    last = first[-1] if first else None
    widths, said = {shape[-1] for shape in shapes}, {*call.config.values()}
    if len(first) == 2 and len(widths) == 1 and all(len(shape) == 2 and {*shape} <= said for shape in shapes):
        yield "is taken for that of an embedding, as its config and weights say", (*first, *widths)
    known = wish.known
    sized = wish.size is not None and None not in first[1:] and wish.size == prod(size or 0 for size in first[1:])
    if alike and (sized or (closed and wish.speaks_for(first))):
        yield "is taken for that of its input, which what takes it could take as it is", first
    if known is not None:
        yield _WANTED, known
    if len(first) == 2 and wish.last is not None and is_float(taken[0].dtype):
        yield f"is taken for a vector of the {wish.last} numbers that those that take it want", (None, wish.last)
    for unit in [value for value in call.config.values() if type(value) is int and value > 1]:
        kernels = [len(shape) - 2 for shape in shapes if len(shape) > 1 and shape[-2:] == (last, unit)]
        if kernels and wish.last in (None, unit):
            sizes = first[1:-1] if 0 in kernels and len(first) < 4 else (None,) * (len(first) - 2)
            why = f"is taken for that of its input with {unit} in place of {last}, as its config and weights say"
            yield why, (None, *sizes, unit)


def _bases(call: CallFacts) -> Iterator[tuple[str, CallFacts]]:
    """Classes of Keras that an undeclared one may derive from, or that it wraps, with the call as those would take it."""
    for base in bases_of(call.config, call.dialect):
        yield f"a {base}, all of whose settings its config has", replace(call, class_name=base)
    inner = call.config.get("layer")
    if isinstance(inner, FrozenDict) and isinstance(inner.get("config"), FrozenDict):
        name = str(inner.get("class_name"))
        yield f"the {name} that it wraps", replace(call, class_name=name, config=inner["config"])


def _as_base(asked: CallFacts, shapes: Sequence[Shape]) -> Shape | None:
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
