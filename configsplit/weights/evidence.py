"""What a class that nobody has declared seems to give: told by its own config and weights, and by what takes its tensors.

None of this is certain, and all of it is said. Sizes that nothing tells stay open. Keras asks the class itself when a part is
built, so that what was taken for granted wrongly ends in an error of Keras, or in a shape that is narrower than it need be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

from configsplit.catalog.constructors import bases_of
from configsplit.catalog.facts import CallFacts
from configsplit.catalog.layers.recurrent import over_own_cell, seemingly
from configsplit.catalog.rules import is_float, policy, policy_dtype
from configsplit.graph.model import Layer, Shape, TensorRef, TensorSpec
from configsplit.inference import Inference
from configsplit.weights.wanted import Wanted, as_base, inner_layer


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
    if TensorRef(layer.name, number, 1) in inference.specs:  # each may be anything, also without a batch
        return (TensorSpec(wish.shape, dtype), _BUILT) if wish.built else None
    if layer.model or not taken or any(not spec.shape for spec in taken) or not inference.shape_undeclared(layer):
        known = wish.known
        return None if known is None or len(known) < 2 else (TensorSpec(known, dtype), _WANTED)
    if not is_float(taken[0].dtype) and wish.last is None and not shapes:
        return None  # it may be numbers of any kind
    for why, shape in _guesses(inference.call(layer, number), taken, shapes, wish, stacked, closed):
        if len(shape) > 1 and wish.takes(shape):
            return TensorSpec(shape, dtype), why
    return None


def of_own_cell(
    inference: Inference, layer: Layer, number: int, shapes: Sequence[Shape], wish: Wanted
) -> tuple[TensorSpec, str] | None:
    """What a recurrent layer over a cell of the user's own seems to give, and why; None where nothing tells.

    Args:
        inference: what is known of the model of the layer.
        layer: of a class of Keras.
        number: of the call.
        shapes: those of its weights.
        wish: what is wanted of its output.
    """
    call = inference.call(layer, number)
    if TensorRef(layer.name, number, 1) in inference.specs or not over_own_cell(call) or not call.first.shape:
        return None
    dtype = policy_dtype(policy(layer.config.get("dtype"))) or "float32"
    if wish.built:
        return TensorSpec(wish.shape, dtype), _BUILT
    for kind in seemingly(call):
        if (shape := as_base(kind, shapes)) is not None and wish.takes(shape):
            return TensorSpec(shape, dtype), f"is taken for that of a {kind.class_name} with the units and weights of its cell"
    return None


_BUILT = "is that which a layer that takes it was built on"
_WANTED = "is what those that take it want, with sizes that they do not tell left open"


def _guesses(
    call: CallFacts, taken: Sequence[TensorSpec], shapes: Sequence[Shape], wish: Wanted, stacked: bool, closed: bool
) -> Iterator[tuple[str, Shape]]:
    """Reasons with what they tell, the strongest first."""
    first = taken[0].shape or ()
    last = first[-1] if first else None
    for why, asked in _bases(call):
        if (shape := as_base(asked, shapes)) is not None:
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
    widths, said = {shape[-1] for shape in shapes if shape}, {*call.config.values()}
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
    if (inner := inner_layer(call.config)) is not None:
        name, config = inner
        yield f"the {name} that it wraps", replace(call, class_name=name, config=config)
