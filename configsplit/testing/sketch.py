"""A model while it is being drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from configsplit.graph.json import FrozenDict, freeze
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec, Use
from configsplit.testing.masked_sketch import Generation

SEQUENCE = TensorSpec((None, 3, 4), "float32")
STEP = TensorSpec((None, 4), "float32")
"""One step of a sequence, or a state."""

UNDECLARED = ("ZeroMasked", "ZeroStop", "PassScale", "StopScale")
"""Classes that no table knows: they use a mask and hand it on, use and stop it, hand it on, or stop it."""

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class Sketch:
    """A model being drawn: its layers so far, and the tensors that may be taken."""

    dialect: Generation
    prefix: str
    spec: TensorSpec = SEQUENCE
    masks: bool = True
    custom: bool = False
    layers: dict[str, Layer] = field(default_factory=dict)
    tensors: list[TensorRef] = field(default_factory=list)
    states: list[TensorRef] = field(default_factory=list)

    def name(self, kind: str) -> str:
        return f"{self.prefix}{kind}{len(self.layers)}"

    def add_input(self) -> TensorRef:
        name = self.name("in")
        self.layers[name] = Layer(name=name, class_name="InputLayer", calls=(Node(),), spec=self.spec)
        self.tensors.append(TensorRef(name))
        return TensorRef(name)

    def add(self, class_name: str, node: Node, model: Model | None = None, **config: Any) -> str:
        name = self.name(class_name.lower()[:4])
        self.layers[name] = Layer(
            name=name,
            class_name=class_name,
            entry=entry_of(self.dialect, class_name, name, None if model else {"name": name, **config}),
            calls=(node,),
            model=None if model is None else replace(model, name=name),
            base=_base(self.dialect, model),
        )
        return name

    def use(self, ref: TensorRef) -> Use:
        return Use(ref, spec=self.spec)

    def one(self, ref: TensorRef) -> Node:
        """A call on one tensor."""
        return Node((self.use(ref),))

    def inner(self, kind: str) -> Sketch:
        """A new sketch of a model within this one."""
        return Sketch(self.dialect, f"{self.prefix}{kind}{len(self.layers)}_", self.spec, self.masks, self.custom)

    def held(self, class_name: str, name: str, **config: Any) -> FrozenDict:
        """The entry of a layer in the config of a wrapper."""
        return entry_of(self.dialect, class_name, name, {"name": name, **config}).without("name", "inbound_nodes")

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


def entry_of(dialect: Generation, class_name: str, name: str, config: dict[str, Any] | None) -> FrozenDict:
    entry: dict[str, Any] = {"class_name": class_name, "config": config, "name": name, "inbound_nodes": None}
    if dialect == "keras3" and class_name in UNDECLARED:
        entry = {"module": "elsewhere", "registered_name": class_name, **entry}
    elif dialect == "keras3":
        is_functional = class_name == "Functional"
        module = "keras.src.models.functional" if is_functional else "keras" if class_name == "Sequential" else "keras.layers"
        entry = {"module": module, "registered_name": "Functional" if is_functional else None, **entry}
    frozen: FrozenDict = freeze(entry)
    return frozen
