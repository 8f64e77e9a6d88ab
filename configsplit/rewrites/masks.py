"""Make implicit masks explicit: before Keras 3 a mask travels behind the scenes, and would be lost at a boundary.

After this rewrite every mask that a layer uses is an ordinary boolean tensor of the graph, computed by operation layers as the
layer that made it computes it, and handed to each user as an argument. Such a tensor crosses a cut like any other. The outputs
of the model stay the same bit for bit. Operation layers exist since TF 2.4; older releases cannot say this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from configsplit.algorithms.calls import call_graph, topological
from configsplit.errors import CutError
from configsplit.ir.graph import CallRef, Layer, Model, Node, TensorRef, Use
from configsplit.ir.values import FrozenDict

USERS = frozenset(
    {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "GlobalAveragePooling1D"}
)
"""Classes that use the mask of their first argument and take it as ``mask`` too."""

_PAIR_USERS = frozenset({"Attention", "AdditiveAttention"})
"""Classes that take ``mask`` as a list: the masks of query and value."""

_HIDDEN_USERS = frozenset({"MultiHeadAttention", "Softmax", "TimeDistributed", "CuDNNLSTM", "CuDNNGRU"})
"""Classes that may use a mask but have no argument that says just the same."""

_MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})


def users(model: Model, masked: frozenset[TensorRef]) -> dict[CallRef, tuple[TensorRef, ...]]:
    """Every call that uses a mask which nobody hands it, with the masked tensors among its first arguments."""
    found: dict[CallRef, tuple[TensorRef, ...]] = {}
    for layer in model.layers:
        uses_masks = layer.model is not None or layer.class_name in USERS | _PAIR_USERS | _HIDDEN_USERS
        for number, node in enumerate(layer.calls if uses_masks else ()):
            taken = tuple(use.ref for use in Node(node.args).uses() if use.ref in masked)
            if taken and node.kwargs.get("mask") is None:
                found[CallRef(layer.name, number)] = taken
    return found


def makers(model: Model, masked: frozenset[TensorRef]) -> dict[TensorRef, frozenset[CallRef]]:
    """For each masked tensor the calls in which its mask begins."""
    graph = call_graph(model)
    position = topological(graph)
    begins: dict[TensorRef, frozenset[CallRef]] = {}
    for ref in sorted(masked, key=lambda ref: position[graph.producer(ref)]):
        call = graph.producer(ref)
        arriving = [begins[taken] for taken in graph.arguments[call] if taken in begins]
        begins[ref] = frozenset().union(*arriving) if arriving else frozenset({graph.calls[call]})
    return begins


def explicit_masks(model: Model, masked: frozenset[TensorRef]) -> Model:
    """The same model with every mask that is used as a tensor of the graph.

    Raises:
        CutError: a mask takes a way that operation layers cannot follow.
    """
    work = _Making(model, masked, model.by_name())
    wanted = users(model, masked)
    layers = [_with_masks(layer, wanted, work) for layer in model.layers]
    return model.with_layers((*layers, *work.made))


def _with_masks(layer: Layer, wanted: Mapping[CallRef, tuple[TensorRef, ...]], work: _Making) -> Layer:
    calls = []
    for number, node in enumerate(layer.calls):
        if CallRef(layer.name, number) in wanted:
            node = replace(node, kwargs=node.kwargs | {"mask": work.argument(layer, node)})
        calls.append(node)
    return replace(layer, calls=tuple(calls))


@dataclass(slots=True)
class _Making:
    """Mask tensors made so far, by the tensor that they belong to, and the layers that compute them."""

    model: Model
    masked: frozenset[TensorRef]
    layers: Mapping[str, Layer]
    made: list[Layer] = field(default_factory=list)
    done: dict[TensorRef, TensorRef] = field(default_factory=dict)

    def argument(self, layer: Layer, node: Node) -> object:
        """The ``mask`` argument of a call."""
        taken = [use.ref for use in Node(node.args).uses()]
        if layer.class_name in _PAIR_USERS:
            return tuple(self._mask(ref) if ref in self.masked else None for ref in taken[:2])
        if layer.class_name in _HIDDEN_USERS or (layer.model is not None and len(taken) > 1):
            raise CutError(
                f"layer {layer.name!r} ({layer.class_name}) uses a mask that it cannot be handed as an argument",
                code="cut-mask-lost",
                hint="cut before the layer that makes the mask, or behind the last one that uses it",
            )
        return self._mask(taken[0])

    def _mask(self, ref: TensorRef) -> Use:
        """The mask of a tensor; the tensors it depends on are settled first, from an explicit stack."""
        todo = [ref]
        while todo:
            needed = [other for other in self._sources(todo[-1]) if other not in self.done]
            if needed:
                todo += needed
            else:
                current = todo.pop()
                if current not in self.done:
                    self.done[current] = self._settle(current)
        return Use(self.done[ref])

    def _sources(self, ref: TensorRef) -> list[TensorRef]:
        """The masked tensors from which a tensor has its mask; none if its own layer makes it."""
        layer = self._layer(ref)
        if layer.class_name in ("Embedding", "Masking") and layer.model is None:
            return []
        taken = [use.ref for use in Node(layer.calls[ref.call].args).uses()]
        arriving = [other for other in taken if other in self.masked]
        return arriving if self._combines(layer) else arriving[:1]

    def _layer(self, ref: TensorRef) -> Layer:
        return self.layers[ref.layer]

    @staticmethod
    def _combines(layer: Layer) -> bool:
        return layer.class_name in _MERGES or layer.class_name == "Concatenate"

    def _settle(self, ref: TensorRef) -> TensorRef:
        layer = self._layer(ref)
        node = layer.calls[ref.call]
        sources = [self.done[other] for other in self._sources(ref)]
        if layer.model is not None or (layer.class_name == "Concatenate" and layer.config.get("axis", -1) != -1):
            raise CutError(
                f"the mask behind layer {layer.name!r} ({layer.class_name}) cannot be computed by ordinary layers",
                code="cut-mask-lost",
                hint=f"cut before {layer.name!r}, or behind the last layer that uses its mask",
            )
        if not sources:
            return self._begin(layer, ref.call, node)
        while len(sources) > 1:
            sources[:2] = [self._operation(layer, ref.call, "math.logical_and", sources[0], {"y": Use(sources[1])})]
        return sources[0]

    def _begin(self, layer: Layer, call: int, node: Node) -> TensorRef:
        """What Embedding and Masking themselves compute (``compute_mask`` of tf_keras)."""
        taken = node.uses()[0].ref
        if layer.class_name == "Embedding":
            return self._operation(layer, call, "math.not_equal", taken, {"y": 0})
        differs = self._operation(layer, call, "math.not_equal", taken, {"y": layer.config.get("mask_value", 0.0)})
        return self._operation(layer, call, "math.reduce_any", differs, {"axis": -1})

    def _operation(self, layer: Layer, call: int, function: str, first: TensorRef, more: Mapping[str, object]) -> TensorRef:
        """One operation layer, as TF 2.4 and later write it; entries without ``module`` are read by every one of them."""
        taken = {each.name for each in (*self.model.layers, *self.made)}
        wish = name = f"{layer.name}_{call}_mask" if len(layer.calls) > 1 else f"{layer.name}_mask"
        number = 1
        while name in taken:
            number += 1
            name = f"{wish}_{number}"
        config = FrozenDict({"name": name, "trainable": True, "dtype": "float32", "function": function})
        entry = FrozenDict({"class_name": "TFOpLambda", "config": config, "name": name, "inbound_nodes": None})
        node = Node((Use(first),), FrozenDict({**more, "name": None}), "bare")
        self.made.append(Layer(name=name, class_name="TFOpLambda", entry=entry, calls=(node,)))
        return TensorRef(name)
