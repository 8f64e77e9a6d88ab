"""One model of Keras 2 while it is put together from one of Keras 3: layers, functions of TensorFlow, where each tensor is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from configsplit.catalog.keras2.objects import entry_of
from configsplit.catalog.keras3.refusals import Note, Refusal
from configsplit.conversion.building import OneModel
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Constant, Layer, LayerPath, Model, Node, TensorRef, TensorSpec, Use
from configsplit.inference import Inference

BARE = "bare"
"""How tf.keras spells the calls of functions: what one takes first is no list of one."""


@dataclass
class Writing(OneModel):
    """The state of one model on its way back.

    Attributes:
        old: the model of Keras 3; ``path`` leads to it from the outermost one.
        known: shapes and dtypes of its tensors.
        names: old name -> new name of every layer.
        wrapped: writes the model in a wrapper of that name.
        implicit: whether masks are left to Keras 2 to hand on, where the file of Keras 3 writes them down.
        tensors: old tensor -> new tensor.
        layers: the new layers by name.
        origins: new layer -> the old one that it is.
    """

    old: Model
    path: LayerPath
    known: Inference | None
    names: Mapping[str, str]
    implicit: bool
    wrapped: Callable[[str, FrozenDict], FrozenDict]
    tensors: dict[TensorRef, TensorRef] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    specs: dict[TensorRef, TensorSpec] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def spec(self, ref: TensorRef) -> TensorSpec:
        """What is known of a tensor of the old model."""
        return TensorSpec() if self.known is None else self.known.specs.get(ref, TensorSpec())

    def new_spec(self, use: Use) -> TensorSpec:
        """What is known of a tensor of the new model."""
        return self.specs.get(use.ref, TensorSpec())

    def add(self, layer: Layer, old: str | None) -> Layer:
        if old is not None:
            self.origins[layer.name] = old
        return self.layers.setdefault(layer.name, layer)

    def call(self, name: str, number: int, node: Node) -> None:
        """Give a layer one call more. The calls of each are converted in the order of the graph, which may be any."""
        layer = self.layers[name]
        calls = [*layer.calls, *[Node()] * (number + 1 - len(layer.calls))]
        calls[number] = node
        self.layers[name] = replace(layer, calls=tuple(calls))

    def function(self, name: str, wish: str, first: Any, kwargs: Mapping[str, Any], spec: TensorSpec, own: bool) -> Use:
        """Call a function of TensorFlow; with ``own`` its layer has the name of the operation that it stands for."""
        title = wish if own else self.free(wish)
        slices = name == "__operators__.getitem"
        config = {"name": title, "trainable": True, "dtype": "float32", "function": name}
        entry = entry_of("SlicingOpLambda" if slices else "TFOpLambda", config)
        node = Node((first,), FrozenDict(kwargs), BARE)
        self.add(Layer(name=title, class_name=str(entry["class_name"]), entry=entry, calls=(node,)), None)
        made = Use(TensorRef(title))
        self.specs[made.ref] = spec
        return made


def constant(value: Any, dtype: str | None) -> Constant:
    """A number in the place of a tensor: whole numbers beside fractions are written with their point."""
    return Constant(float(value) if dtype is not None and "float" in dtype and type(value) is int else value)
