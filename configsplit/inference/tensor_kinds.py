"""Sparse and ragged tensors: which ones they are, so that a part's InputLayer declares them as such.

No document records it beyond the inputs of the model. Layers that make such tensors say so in their config; what becomes of
them behind is known for the layers below, as Keras 3 and tf_keras compute them. A cut through any other is refused, since a
fresh InputLayer would quietly ask for a dense tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from configsplit.errors import CutError
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Node, TensorRef, TensorSpec
from configsplit.inference import Inference

Kind = Literal["dense", "sparse", "ragged", "unknown"]

_SPARSE_MAKERS = frozenset(
    {"CategoryEncoding", "Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization", "Discretization"}
)
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"})
_POOLING = frozenset({"GlobalAveragePooling1D", "GlobalMaxPooling1D"})
_STEP_BY_STEP = frozenset({"Embedding", "Dense", "Activation", "Dropout", "ReLU", "LeakyReLU", "ELU", "TimeDistributed"})
"""Layers that treat every element or step of a ragged tensor by itself and give a ragged tensor."""


def with_kinds(inference: Inference) -> tuple[Inference, frozenset[TensorRef]]:
    """The inference with sparse and ragged tensors marked, and the tensors of which nobody can say what they are."""
    kinds = _kinds(inference)
    special = {ref: kind for ref, kind in kinds.items() if kind in ("sparse", "ragged")}
    unknown = frozenset(ref for ref, kind in kinds.items() if kind == "unknown")
    if not special:
        return inference, unknown
    specs = dict(inference.specs)
    for ref, kind in special.items():
        specs[ref] = replace(specs.get(ref, TensorSpec()), sparse=kind == "sparse", ragged=kind == "ragged")
    return replace(inference, specs=specs), unknown


def check_kinds(crossing: Sequence[TensorRef], unknown: frozenset[TensorRef], inference: Inference) -> None:
    """Raises CutError if one of the tensors that cross may be sparse or ragged, and nobody can say."""
    for ref in crossing:
        if ref in unknown:
            layer = inference.model.by_name()[ref.layer]
            raise CutError(
                f"{ref.layer!r} ({layer.class_name}) is fed a sparse or ragged tensor, and the file does not tell whether it "
                "gives one",
                code="cut-tensor-kind",
                where=ref.layer,
                hint=f"cut before {ref.layer!r}, or behind the next layer that gives a dense tensor, such as Dense",
            )


def _kinds(inference: Inference) -> dict[TensorRef, Kind]:
    """What each tensor is that is not dense; empty for all but a few models."""
    model = inference.model
    layers = model.by_name()
    if not any(_begins(layer) != "dense" for layer in model.layers):
        return {}
    graph = call_graph(model)
    position = topological(graph)
    found: dict[TensorRef, Kind] = {}
    outputs: dict[tuple[str, int], list[TensorRef]] = {}
    for ref in inference.specs:
        outputs.setdefault((ref.layer, ref.call), []).append(ref)
    for number in sorted(range(len(graph.calls)), key=position.__getitem__):
        call = graph.calls[number]
        layer = layers[call.layer]
        kind = _of_call(layer, layer.calls[call.call], found)
        if kind != "dense":
            found |= dict.fromkeys(outputs.get((call.layer, call.call), []), kind)
    return found


def _begins(layer: Layer) -> Kind:
    """What a layer's own config says that it gives."""
    config = layer.config
    makes = layer.is_input or layer.class_name in _SPARSE_MAKERS
    if makes and config.get("sparse") is True and config.get("output_mode") != "int":
        return "sparse"
    return "ragged" if makes and config.get("ragged") is True and config.get("output_mode", "int") == "int" else "dense"


def _of_call(layer: Layer, node: Node, found: Mapping[TensorRef, Kind]) -> Kind:
    own = _begins(layer)
    taken = [found.get(use.ref, "dense") for use in node.uses()]
    if own != "dense" or all(kind == "dense" for kind in taken):
        return own
    if "unknown" in taken or layer.model is not None:
        return "unknown"
    if layer.class_name == "Concatenate":
        return taken[0] if len(set(taken)) == 1 else "dense"
    return _of_sparse(layer) if "sparse" in taken else _of_ragged(layer)


def _of_sparse(layer: Layer) -> Kind:
    return "dense" if layer.class_name in ("Dense", "EinsumDense") else "unknown"


def _of_ragged(layer: Layer) -> Kind:
    if layer.class_name in _RECURRENT:
        return "ragged" if _returns_sequences(layer) else "dense"
    if layer.class_name in _POOLING:
        return "dense"
    return "ragged" if layer.class_name in _STEP_BY_STEP else "unknown"


def _returns_sequences(layer: Layer) -> bool:
    inner = layer.config.get("layer")
    config = inner.get("config") if isinstance(inner, FrozenDict) else layer.config
    return isinstance(config, FrozenDict) and bool(config.get("return_sequences"))
