"""Make implicit masks explicit: before Keras 3 a mask travels behind the scenes, and would be lost at a boundary.

After this rewrite every mask that a layer uses is an ordinary boolean tensor of the graph, computed by operation layers as the
layer that made it computes it, and handed to each user as an argument. Such a tensor crosses a cut like any other. The outputs
of the model stay the same bit for bit. Operation layers exist since TF 2.4; older releases cannot say this.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from configsplit.algorithms.calls import call_graph, topological
from configsplit.errors import CutError
from configsplit.ir.graph import CallRef, Layer, Model, Node, TensorRef, Use, walk
from configsplit.ir.values import FrozenDict

USERS = frozenset(
    {
        "LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "Softmax",
        "GlobalAveragePooling1D", "TimeDistributed",
    }
)  # fmt: skip
"""Classes that use the mask of their first argument and take it as ``mask`` too."""

_PAIR_USERS = frozenset({"Attention", "AdditiveAttention"})
"""Classes that take ``mask`` as a list: the masks of query and value."""

_ATTENTION = "MultiHeadAttention"
"""Uses the masks of query, value and key, wherever among its arguments they stand; takes them as one ``attention_mask``."""

_HIDDEN_USERS = frozenset({"CuDNNLSTM", "CuDNNGRU"})
"""Classes that may use a mask but have no argument that says just the same."""

_USE = USERS | _PAIR_USERS | _HIDDEN_USERS | {_ATTENTION}

_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
_MAKERS = frozenset({"Embedding", "Masking"})
_MODELS = frozenset({"Functional", "Model", "Sequential"})
_MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})


def users(model: Model, masked: frozenset[TensorRef]) -> dict[CallRef, tuple[TensorRef, ...]]:
    """Every call that uses a mask which nobody hands it, with the masked tensors among its first arguments."""
    found: dict[CallRef, tuple[TensorRef, ...]] = {}
    for layer in model.layers:
        for number, node in enumerate(layer.calls if _uses_masks(layer) else ()):
            taken = tuple(use.ref for use in _looked_at(layer, node) if use.ref in masked)
            if taken and node.kwargs.get("mask") is None:
                found[CallRef(layer.name, number)] = taken
    return found


def _uses_masks(layer: Layer) -> bool:
    """TimeDistributed hands a mask to its layer only if that takes one."""
    inner = layer.config.get("layer")
    if layer.class_name == "TimeDistributed" and isinstance(inner, FrozenDict):
        return str(inner.get("class_name")) in _USE | {"Functional", "Model", "Sequential"}
    return layer.model is not None or layer.class_name in _USE


def _looked_at(layer: Layer, node: Node) -> list[Use]:
    """The arguments whose masks a layer looks at."""
    if layer.class_name != _ATTENTION:
        return Node(node.args).uses()
    named = (node.kwargs.get(name) for name in ("value", "key"))
    return [*Node(node.args).uses(), *(use for use in named if type(use) is Use)]


def may_use_masks(model: Model, known: Container[str]) -> bool:
    """Whether a layer of a model, also inside nested ones, would use a mask that reaches it, or is of a class not ``known``."""
    plain = (layer for _, layer in walk(model) if layer.model is None and not layer.is_input and not _is_operation(layer))
    return any(_uses_masks(layer) or layer.class_name not in known for layer in plain)


def _is_operation(layer: Layer) -> bool:
    return layer.is_operation or layer.class_name in _OPERATIONS


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
            name = "attention_mask" if layer.class_name == _ATTENTION else "mask"
            node = replace(node, kwargs=node.kwargs | {name: work.argument(layer, number, node)})
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

    def argument(self, layer: Layer, call: int, node: Node) -> object:
        """The ``mask`` argument of a call, or ``attention_mask``."""
        if layer.class_name == _ATTENTION:
            return self._attention(layer, call, node)
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

    def _attention(self, layer: Layer, call: int, node: Node) -> Use:
        """What ``_compute_attention_mask`` of tf.keras 2.10 and later makes of the masks of query, value and key."""
        query, *others = _looked_at(layer, node)
        masks = [self._spread(layer, call, query, -1)] if query.ref in self.masked else []
        keys = dict.fromkeys(use.ref for use in others if use.ref in self.masked)
        masks += [self._spread(layer, call, Use(ref), 1) for ref in keys]
        given = node.kwargs.get("attention_mask")
        if type(given) is Use:
            masks.insert(0, self._operation(layer, call, "cast", given.ref, {"dtype": "bool"}))
        elif given is not None:
            raise CutError(
                f"layer {layer.name!r} has an attention mask that is no tensor, beside the masks of its arguments",
                code="cut-mask-lost",
                hint="cut before the layer that makes the mask, or behind the last one that uses it",
            )
        while len(masks) > 1:
            masks[:2] = [self._operation(layer, call, "math.logical_and", masks[0], {"y": Use(masks[1])})]
        return Use(masks[0])

    def _spread(self, layer: Layer, call: int, use: Use, axis: int) -> TensorRef:
        """A mask of steps, along the queries (axis -1) or along the keys (axis 1) of the scores."""
        return self._operation(layer, call, "expand_dims", self._mask(use.ref).ref, {"axis": axis})

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
        if layer.model is None and (layer.class_name in _MAKERS or _wrapped_class(layer) in _MAKERS):
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
        if sources and _forgets(layer):
            return self._operation(layer, ref.call, "math.reduce_any", sources[0], {"axis": -1})
        wrapped = _wrapped_class(layer) in _MODELS | {"TimeDistributed"}
        strange = layer.model is not None or wrapped or self._of_steps_inside(layer, ref)
        if strange or (layer.class_name == "Concatenate" and layer.config.get("axis", -1) != -1):
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

    def _of_steps_inside(self, layer: Layer, ref: TensorRef) -> bool:
        """Whether a mask that TimeDistributed took from its layer, step by step, goes on: it has an axis more than others."""
        taken = [use.ref for use in Node(layer.calls[ref.call].args).uses()]
        return any(_wrapped_class(self._layer(other)) in _MAKERS for other in taken if other in self.masked)

    def _begin(self, layer: Layer, call: int, node: Node) -> TensorRef:
        """What Embedding and Masking themselves compute (``compute_mask`` of tf_keras), also at each step in a wrapper."""
        taken = node.uses()[0].ref
        kind = _wrapped_class(layer) or layer.class_name
        config = layer.config["layer"]["config"] if _wrapped_class(layer) else layer.config
        if kind == "Embedding":
            return self._operation(layer, call, "math.not_equal", taken, {"y": 0})
        if kind != "Masking":
            raise CutError(f"nobody knows what mask {layer.name!r} makes", code="cut-mask-lost", where=layer.name)
        differs = self._operation(layer, call, "math.not_equal", taken, {"y": config.get("mask_value", 0.0)})
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


def _forgets(layer: Layer) -> bool:
    """Whether the layer in TimeDistributed takes a mask, at each step one of several numbers, and hands none on: a step counts
    then if anything in it did."""
    kind = _wrapped_class(layer)
    if kind not in USERS - {"Softmax", "TimeDistributed"}:
        return False
    config = layer.config["layer"]["config"]
    if kind == "Bidirectional":
        config = config["layer"]["config"]
    return not config.get("return_sequences")


def _wrapped_class(layer: Layer) -> str:
    """The class of what TimeDistributed wraps; empty for any other layer."""
    inner = layer.config.get("layer")
    return str(inner.get("class_name")) if layer.class_name == "TimeDistributed" and isinstance(inner, FrozenDict) else ""
