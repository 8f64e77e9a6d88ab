"""Sparse and ragged tensors: which ones they are, so that a part's InputLayer declares them as such.

No document records it beyond the inputs of the model. Layers that make such tensors say so in their config; what becomes of
them behind is known for the layers below, as Keras 3 and tf_keras compute them. A cut through any other is refused, since a
fresh InputLayer would quietly ask for a dense tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from configsplit.catalog.facts import UNDECLARED, TensorKind
from configsplit.catalog.operations.layers import snake
from configsplit.errors import CutError
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.model import Layer, Node, TensorRef, TensorSpec
from configsplit.graph.walking import grouped
from configsplit.inference import Inference


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
                f"{ref.layer!r} ({layer.class_name}) takes a sparse or ragged tensor, and the file does not say whether it "
                "gives one",
                code="cut-tensor-kind",
                where=ref.layer,
                hint=f"cut before {ref.layer!r}, or behind the next layer that gives a dense tensor, such as Dense",
            )


def _kinds(inference: Inference) -> dict[TensorRef, TensorKind]:
    """What each tensor is that is not dense; empty for all but a few models."""
    model = inference.model
    layers = model.by_name()
    if not any(_begins(inference, layer) != "dense" for layer in model.layers):
        return {}
    graph = call_graph(model)
    position = topological(graph)
    kinds: dict[TensorRef, TensorKind] = {}
    outputs = grouped(((ref.layer, ref.call), ref) for ref in inference.specs)
    for number in sorted(range(len(graph.calls)), key=position.__getitem__):
        call = graph.calls[number]
        layer = layers[call.layer]
        kind = _of_call(inference, layer, layer.calls[call.call], kinds)
        if kind != "dense":
            kinds |= dict.fromkeys(outputs.get((call.layer, call.call), []), kind)
    return kinds


def _begins(inference: Inference, layer: Layer) -> TensorKind:
    """What a layer's own config says that it gives."""
    config = layer.config
    if config.get("sparse") is not True and config.get("ragged") is not True:
        return "dense"
    makes = layer.is_input or (inference.facts(layer) or UNDECLARED).tells_kind
    if makes and config.get("sparse") is True and config.get("output_mode") != "int":
        return "sparse"
    return "ragged" if makes and config.get("ragged") is True and config.get("output_mode", "int") == "int" else "dense"


def _of_call(inference: Inference, layer: Layer, node: Node, kinds: Mapping[TensorRef, TensorKind]) -> TensorKind:
    own, facts = _begins(inference, layer), inference.facts(layer) or UNDECLARED
    taken = [kinds.get(use.ref, "dense") for use in node.uses()]
    if own != "dense" or all(kind == "dense" for kind in taken):
        return own
    if "unknown" in taken or layer.model is not None:
        return "unknown"
    if facts.merge == "joined" or (layer.is_operation and snake(layer.class_name) == "concatenate"):
        return taken[0] if len(set(taken)) == 1 else "dense"
    if "sparse" in taken:
        return facts.of_sparse
    return "dense" if facts.of_ragged == "ragged" and not facts.keeps_steps(layer.config) else facts.of_ragged
