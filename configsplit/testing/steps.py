"""The steps in which a random model grows: each adds a layer, or a call of one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Node, TensorRef, Use
from configsplit.testing.sketch import STEP, UNDECLARED, Draw, Sketch

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
