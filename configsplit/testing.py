"""Hypothesis strategies for random models, for tests of code that handles Keras documents. Needs ``hypothesis``.

    from hypothesis import given
    from configsplit.testing import models

    @given(models("keras3"))
    def test_something(model): ...

Every tensor that layers pass on has the shape (batch, 3, 4) in float32 and every layer of a class has weights of the same
shapes, so that any mix-up of references or weights shows in numbers and in nothing else. The graphs have several inputs and
outputs, shared layers, nested functional and Sequential models (called several times, with several tensors in and out),
layers with several outputs, and tensors in keyword arguments and lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hypothesis import strategies as st

from configsplit.dialects import parse, to_text
from configsplit.ir.graph import Layer, Model, Node, TensorRef, TensorSpec, Use
from configsplit.ir.values import FrozenDict, freeze

SEQUENCE = TensorSpec((None, 3, 4), "float32")
STATE = TensorSpec((None, 4), "float32")

Generation = Literal["keras2", "keras3"]
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class _Sketch:
    """A model being drawn: its layers so far, and the tensors that may be taken."""

    dialect: Generation
    prefix: str
    layers: dict[str, Layer] = field(default_factory=dict)
    tensors: list[TensorRef] = field(default_factory=list)
    states: list[TensorRef] = field(default_factory=list)

    def name(self, kind: str) -> str:
        return f"{self.prefix}{kind}{len(self.layers)}"

    def add_input(self) -> TensorRef:
        name = self.name("in")
        self.layers[name] = Layer(name=name, class_name="InputLayer", calls=(Node(),), spec=SEQUENCE)
        self.tensors.append(TensorRef(name))
        return TensorRef(name)

    def add(self, class_name: str, node: Node, model: Model | None = None, **config: Any) -> str:
        name = self.name(class_name.lower()[:4])
        self.layers[name] = Layer(
            name=name,
            class_name=class_name,
            entry=_entry(self.dialect, class_name, name, None if model else {"name": name, **config}),
            calls=(node,),
            model=None if model is None else replace(model, name=name),
            base=_base(self.dialect, model),
        )
        return name

    def call_again(self, name: str, node: Node) -> TensorRef:
        layer = self.layers[name]
        self.layers[name] = Layer(
            name=name,
            class_name=layer.class_name,
            entry=layer.entry,
            calls=(*layer.calls, node),
            model=layer.model,
            base=layer.base,
        )
        return TensorRef(name, len(layer.calls))


def _base(dialect: Generation, model: Model | None) -> int:
    """Nested models count their calls from 1 before Keras 3; since then only functional ones, and only at the ends."""
    return int(model is not None and (dialect == "keras2" or model.kind == "functional"))


def _entry(dialect: Generation, class_name: str, name: str, config: dict[str, Any] | None) -> FrozenDict:
    entry: dict[str, Any] = {"class_name": class_name, "config": config, "name": name, "inbound_nodes": None}
    if dialect == "keras3":
        is_functional = class_name == "Functional"
        module = "keras.src.models.functional" if is_functional else "keras" if class_name == "Sequential" else "keras.layers"
        entry = {"module": module, "registered_name": "Functional" if is_functional else None, **entry}
    frozen: FrozenDict = freeze(entry)
    return frozen


def _use(ref: TensorRef, spec: TensorSpec = SEQUENCE) -> Use:
    return Use(ref, spec=spec)


def _one(ref: TensorRef) -> Node:
    return Node((_use(ref),))


@st.composite
def models(draw: Draw, dialect: Generation = "keras3", *, depth: int = 2, most: int = 9) -> Model:
    """Random functional models of a dialect, as `configsplit.dialects.parse` gives them.

    Args:
        dialect: "keras3" or "keras2" (as TF 2.4 and later write it).
        depth: how deep models may nest.
        most: how many steps a model has at most; each adds a layer or a call.
    """
    model = draw(_functional(dialect, "", depth, most, 2))
    return parse(to_text(model)).model


@st.composite
def _functional(draw: Draw, dialect: Generation, prefix: str, depth: int, most: int, ends: int) -> Model:
    sketch = _Sketch(dialect, prefix)
    for _ in range(draw(st.integers(1, ends))):
        sketch.add_input()
    steps = [_dense, _merge, _again, _recurrent, _attention] + ([_nest, _chain] if depth else [])
    for _ in range(draw(st.integers(2, most))):
        draw(st.sampled_from(steps))(draw, sketch, depth)
    return _finished(draw, sketch, ends)


def _finished(draw: Draw, sketch: _Sketch, ends: int) -> Model:
    """Outputs: everything that nothing takes (so that all layers are needed), and perhaps a tensor from the middle."""
    inputs = [TensorRef(layer.name) for layer in sketch.layers.values() if layer.is_input]
    taken = {use.ref for layer in sketch.layers.values() for node in layer.calls for use in node.uses()}
    loose = [ref for ref in sketch.tensors if ref not in taken]
    if len(loose) > 1:
        name = sketch.add("Add", Node((tuple(map(_use, loose)),)))
        loose = [TensorRef(name)]
    made = [ref for ref in sketch.tensors if ref not in inputs]
    outputs = loose or [made[-1] if made else TensorRef(sketch.add("Dense", _one(inputs[0]), units=4))]
    if ends > 1 and made and draw(st.booleans()):
        outputs = [*outputs, draw(st.sampled_from(made))]
    return Model(
        name=f"{sketch.prefix}model",
        kind="functional",
        layers=tuple(sketch.layers.values()),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        config=freeze({"name": None, "layers": None, "input_layers": None, "output_layers": None}),
        dialect=sketch.dialect,
    )


def _pick(draw: Draw, sketch: _Sketch) -> TensorRef:
    ref: TensorRef = draw(st.sampled_from(sketch.tensors))
    return ref


def _dense(draw: Draw, sketch: _Sketch, _: int) -> None:
    name = sketch.add("Dense", _one(_pick(draw, sketch)), units=4, activation="tanh")
    sketch.tensors.append(TensorRef(name))


def _merge(draw: Draw, sketch: _Sketch, _: int) -> None:
    refs = [_pick(draw, sketch) for _ in range(draw(st.integers(2, 3)))]
    class_name = draw(st.sampled_from(["Add", "Multiply", "Maximum"]))
    sketch.tensors.append(TensorRef(sketch.add(class_name, Node((tuple(map(_use, refs)),)))))


def _again(draw: Draw, sketch: _Sketch, _: int) -> None:
    """Call a layer once more, at whatever depth."""
    names = [layer.name for layer in sketch.layers.values() if layer.class_name == "Dense"]
    if not names:
        return _dense(draw, sketch, 0)
    sketch.tensors.append(sketch.call_again(draw(st.sampled_from(names)), _one(_pick(draw, sketch))))
    return None


def _recurrent(draw: Draw, sketch: _Sketch, _: int) -> None:
    """A layer with three outputs, which may begin with the states of another one."""
    first = _use(_pick(draw, sketch))
    if len(sketch.states) >= 2 and draw(st.booleans()):
        states = [_use(draw(st.sampled_from(sketch.states)), STATE) for _ in range(2)]
        if sketch.dialect == "keras3":
            node = Node((first,), FrozenDict({"initial_state": tuple(states)}))
        else:
            node = Node(((first, *states),))
    else:
        node = Node((first,))
    name = sketch.add("LSTM", node, units=4, return_sequences=True, return_state=True)
    sketch.tensors.append(TensorRef(name))
    sketch.states += [TensorRef(name, 0, 1), TensorRef(name, 0, 2)]


def _attention(draw: Draw, sketch: _Sketch, _: int) -> None:
    """Tensors in keyword arguments."""
    query, value = _use(_pick(draw, sketch)), _use(_pick(draw, sketch))
    node = Node((query,), FrozenDict({"value": value}))
    config: dict[str, Any] = {"num_heads": 1, "key_dim": 4}
    if sketch.dialect == "keras2":  # tf_keras builds it from these
        config |= {f"{which}_shape": SEQUENCE.shape for which in ("query", "key", "value")}
    sketch.tensors.append(TensorRef(sketch.add("MultiHeadAttention", node, **config)))


def _nest(draw: Draw, sketch: _Sketch, depth: int) -> None:
    """A nested functional model, new or called once more."""
    known = [layer.name for layer in sketch.layers.values() if layer.model and layer.model.kind == "functional"]
    if known and draw(st.booleans()):
        name = draw(st.sampled_from(known))
        inner = sketch.layers[name].model
        ref = sketch.call_again(name, _arguments(draw, sketch, len(inner.input_refs()) if inner else 1))
    else:
        inner = draw(_functional(sketch.dialect, f"{sketch.prefix}m{len(sketch.layers)}_", depth - 1, 4, 2))
        class_name = "Functional" if sketch.dialect == "keras3" else "Model"
        name = sketch.add(class_name, _arguments(draw, sketch, len(inner.input_refs())), inner)
        ref = TensorRef(name)
    sketch.tensors += [ref._replace(output=number) for number in range(len(inner.output_refs()) if inner else 1)]


def _arguments(draw: Draw, sketch: _Sketch, count: int) -> Node:
    refs = tuple(_use(_pick(draw, sketch)) for _ in range(count))
    return Node((refs[0] if count == 1 else refs,))


def _chain(draw: Draw, sketch: _Sketch, _: int) -> None:
    """A nested Sequential."""
    inner = _Sketch(sketch.dialect, f"{sketch.prefix}s{len(sketch.layers)}_")
    ref = inner.add_input()
    for _ in range(draw(st.integers(1, 3))):
        ref = TensorRef(inner.add("Dense", _one(ref), units=4))
    layers = tuple(inner.layers.values())
    model = Model(
        name=f"{inner.prefix}chain",
        kind="sequential",
        layers=layers,
        inputs=TensorRef(layers[0].name),
        outputs=ref,
        config=freeze({"name": None, "layers": None}),
        dialect=sketch.dialect,
    )
    sketch.tensors.append(TensorRef(sketch.add("Sequential", _one(_pick(draw, sketch)), model)))
