"""Whole models, nested models, and models in wrappers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from configsplit.dialects import dialect_of, emit, parse, to_text
from configsplit.dialects.keras3 import BARE
from configsplit.errors import check_choice
from configsplit.graph.json import FrozenDict, freeze
from configsplit.graph.model import Model, Node, TensorRef, Use
from configsplit.testing.masked_sketch import Generation
from configsplit.testing.sketch import SEQUENCE, STEP, UNDECLARED, Draw, Sketch

Step = Callable[[Draw, Sketch], None]


def models(
    dialect: Generation = "keras3", *, depth: int = 2, most: int = 9, masks: bool = True, custom: bool = False
) -> st.SearchStrategy[Model]:
    """Random functional models of a dialect, as `configsplit.dialects.parse` gives them.

    Args:
        dialect: "keras3" or "keras2" (as TF 2.4 and later write it).
        depth: how deep models may nest.
        most: how many steps a model has at most; each adds a layer or a call.
        masks: whether Masking layers are drawn. Keras 3 cannot read an ``.h5`` back in which a mask is used: it has operations.
        custom: whether classes that nobody has declared are among the layers, to which masks may or may not matter.

    Returns:
        A strategy.

    Raises:
        OptionError: there is no such dialect.
    """
    check_choice("dialect", dialect, Generation)

    @st.composite
    def drawn(draw: Draw) -> Model:
        model = drawn_functional(draw, Sketch(dialect, "", masks=masks, custom=custom), depth, most, 2)
        return parse(to_text(model)).model

    return drawn()


def drawn_functional(draw: Draw, sketch: Sketch, depth: int, most: int, ends: int) -> Model:
    """A model with at most ``ends`` inputs and outputs."""
    for _ in range(draw(st.integers(1, ends))):
        sketch.add_input()
    steps = _steps(sketch, depth)
    for _ in range(draw(st.integers(2, most))):
        draw(st.sampled_from(steps))(draw, sketch)
    return _finished(draw, sketch, ends)


def _steps(sketch: Sketch, depth: int) -> list[Step]:
    def nest(draw: Draw, sketch: Sketch) -> None:
        _nest(draw, sketch, depth - 1)

    def wrap(draw: Draw, sketch: Sketch) -> None:
        _wrap(draw, sketch, depth - 1)

    steps: list[Step] = [dense, merge, again] + ([nest, _chain] if depth else [])
    if sketch.spec == SEQUENCE:
        steps += [recurrent, attention, both_ways, step_by_step] + ([wrap] if depth else [])
        steps += [masking] if sketch.masks else []
    if sketch.custom:
        steps += [undeclared, undeclared]
    return steps


def _finished(draw: Draw, sketch: Sketch, ends: int) -> Model:
    """Outputs: everything that nothing takes (so that all layers are needed), and perhaps a tensor from the middle."""
    inputs = [TensorRef(layer.name) for layer in sketch.layers.values() if layer.is_input]
    taken = {use.ref for layer in sketch.layers.values() for node in layer.calls for use in node.uses()}
    loose = [ref for ref in sketch.tensors if ref not in taken]
    if len(loose) > 1:
        name = sketch.add("Add", Node((tuple(map(sketch.use, loose)),)))
        loose = [TensorRef(name)]
    made = [ref for ref in sketch.tensors if ref not in inputs]
    outputs = loose or [made[-1] if made else TensorRef(sketch.add("Dense", sketch.one(inputs[0]), units=4))]
    if ends > 1 and made and draw(st.booleans()):
        outputs = [*outputs, draw(st.sampled_from(made))]
    return Model(
        name=f"{sketch.prefix}model",
        kind="functional",
        layers=tuple(sketch.layers.values()),
        inputs=tuple(inputs) if ends > 1 else inputs[0],
        outputs=tuple(outputs) if ends > 1 else outputs[0],
        config=freeze({"name": None, "layers": None, "input_layers": None, "output_layers": None}),
        dialect=sketch.dialect,
    )


def _nest(draw: Draw, sketch: Sketch, depth: int) -> None:
    """A nested functional model, new or called once more."""
    known = [layer.name for layer in sketch.layers.values() if layer.model and layer.model.kind == "functional"]
    if known and draw(st.booleans()):
        name = draw(st.sampled_from(known))
        inner = sketch.layers[name].model
        ref = sketch.call_again(name, _arguments(draw, sketch, len(inner.input_refs()) if inner else 1))
    else:
        inner = drawn_functional(draw, sketch.inner("m"), depth, 4, 2)
        class_name = "Functional" if sketch.dialect == "keras3" else "Model"
        name = sketch.add(class_name, _arguments(draw, sketch, len(inner.input_refs())), inner)
        ref = TensorRef(name)
    sketch.tensors += [ref._replace(output=number) for number in range(len(inner.output_refs()) if inner else 1)]


def _arguments(draw: Draw, sketch: Sketch, count: int) -> Node:
    refs = tuple(sketch.use(pick(draw, sketch)) for _ in range(count))
    return Node((refs[0] if count == 1 else refs,))


def _chain(draw: Draw, sketch: Sketch) -> None:
    """A nested Sequential."""
    made = _sequential(draw, sketch.inner("s"))
    sketch.tensors.append(TensorRef(sketch.add("Sequential", sketch.one(pick(draw, sketch)), made)))


def _sequential(draw: Draw, inner: Sketch) -> Model:
    ref = inner.add_input()
    for _ in range(draw(st.integers(1, 3))):
        ref = TensorRef(inner.add("Dense", inner.one(ref), units=4))
    layers = tuple(inner.layers.values())
    return Model(
        name=f"{inner.prefix}chain",
        kind="sequential",
        layers=layers,
        inputs=TensorRef(layers[0].name),
        outputs=ref,
        config=freeze({"name": None, "layers": None}),
        dialect=inner.dialect,
    )


def _wrap(draw: Draw, sketch: Sketch, depth: int) -> None:
    """A model at every time step, functional or Sequential."""
    inner = replace(sketch.inner("w"), spec=STEP)
    model = _sequential(draw, inner) if draw(st.booleans()) else drawn_functional(draw, inner, depth, 5, 1)
    name = sketch.add("TimeDistributed", sketch.one(pick(draw, sketch)), trainable=True, layer=_held_model(model))
    sketch.tensors.append(TensorRef(name))


def _held_model(model: Model) -> Any:
    """The entry of a model in the config of a wrapper. Keras 3.11 and later take no list of one output in TimeDistributed."""
    new = model.dialect == "keras3"
    if model.kind == "functional":
        return emit(replace(model, entry=dialect_of(model.dialect).functional_entry(new), form=BARE if new else ""))
    entry: dict[str, Any] = {"class_name": "Sequential", "config": None}
    return emit(replace(model, entry=freeze({"module": "keras", **entry, "registered_name": None} if new else entry)))


# The steps in which a random model grows: each adds a layer, or a call of one.


_SHARED = frozenset({"Dense", "TimeDistributed"})


def pick(draw: Draw, sketch: Sketch) -> TensorRef:
    """Any tensor that there is."""
    ref: TensorRef = draw(st.sampled_from(sketch.tensors))
    return ref


def dense(draw: Draw, sketch: Sketch) -> None:
    name = sketch.add("Dense", sketch.one(pick(draw, sketch)), units=4, activation="tanh")
    sketch.tensors.append(TensorRef(name))


def merge(draw: Draw, sketch: Sketch) -> None:
    refs = [pick(draw, sketch) for _ in range(draw(st.integers(2, 3)))]
    class_name = draw(st.sampled_from(["Add", "Multiply", "Maximum"]))
    sketch.tensors.append(TensorRef(sketch.add(class_name, Node((tuple(map(sketch.use, refs)),)))))


def masking(draw: Draw, sketch: Sketch) -> None:
    """A mask of steps, which goes on unseen to whatever uses one."""
    value = draw(st.sampled_from([0.0, -1.0]))
    sketch.tensors.append(TensorRef(sketch.add("Masking", sketch.one(pick(draw, sketch)), mask_value=value)))


def undeclared(draw: Draw, sketch: Sketch) -> None:
    """A class that nobody has declared. The real ones are in `configsplit.testing.masked_classes`."""
    class_name = draw(st.sampled_from(UNDECLARED))
    sketch.tensors.append(TensorRef(sketch.add(class_name, sketch.one(pick(draw, sketch)))))


def again(draw: Draw, sketch: Sketch) -> None:
    """Call a layer once more, at whatever depth."""
    names = [layer.name for layer in sketch.layers.values() if layer.class_name in _SHARED]
    if not names:
        return dense(draw, sketch)
    sketch.tensors.append(sketch.call_again(draw(st.sampled_from(names)), sketch.one(pick(draw, sketch))))
    return None


def recurrent(draw: Draw, sketch: Sketch) -> None:
    """A layer with three outputs, which may begin with the states of another one."""
    name = sketch.add("LSTM", _begun(draw, sketch, 2), units=4, return_sequences=True, return_state=True)
    sketch.tensors.append(TensorRef(name))
    sketch.states += [TensorRef(name, 0, 1), TensorRef(name, 0, 2)]


def both_ways(draw: Draw, sketch: Sketch) -> None:
    """The same in both directions: five outputs."""
    held = sketch.held("LSTM", "forward", units=4, return_sequences=True, return_state=True)
    name = sketch.add("Bidirectional", _begun(draw, sketch, 4), trainable=True, layer=held, merge_mode="sum")
    sketch.tensors.append(TensorRef(name))
    sketch.states += [TensorRef(name, 0, number) for number in range(1, 5)]


def _begun(draw: Draw, sketch: Sketch, count: int) -> Node:
    """A call on a sequence, and perhaps on states to begin with."""
    first = sketch.use(pick(draw, sketch))
    if not sketch.states or not draw(st.booleans()):
        return Node((first,))
    states = tuple(Use(draw(st.sampled_from(sketch.states)), spec=STEP) for _ in range(count))
    if sketch.dialect == "keras3":
        return Node((first,), FrozenDict({"initial_state": states}))
    return Node(((first, *states),))


def attention(draw: Draw, sketch: Sketch) -> None:
    """Tensors in keyword arguments."""
    query, value = sketch.use(pick(draw, sketch)), sketch.use(pick(draw, sketch))
    node = Node((query,), FrozenDict({"value": value}))
    config: dict[str, Any] = {"num_heads": 1, "key_dim": 4}
    if sketch.dialect == "keras2":  # tf_keras builds it from these
        config |= {f"{which}_shape": sketch.spec.shape for which in ("query", "key", "value")}
    sketch.tensors.append(TensorRef(sketch.add("MultiHeadAttention", node, **config)))


def step_by_step(draw: Draw, sketch: Sketch) -> None:
    """A layer at every time step."""
    name = sketch.add(
        "TimeDistributed", sketch.one(pick(draw, sketch)), trainable=True, layer=sketch.held("Dense", "held", units=4)
    )
    sketch.tensors.append(TensorRef(name))
