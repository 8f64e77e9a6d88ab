"""Embedding layers."""

from __future__ import annotations

from configsplit.inference.core import with_lora
from configsplit.inference.rules import Outputs, Weights, compute_dtype, declare, first_shape, one_output, weight
from configsplit.ir.facts import CallFacts
from configsplit.ir.graph import Shape, TensorSpec


def embedding_shape(call: CallFacts) -> Shape:
    return (*first_shape(call), int(call.config["output_dim"]))


def embedding_weights(call: CallFacts) -> Weights:
    matrix = weight(call, "embeddings", int(call.config["input_dim"]), int(call.config["output_dim"]))
    return with_lora(call, (matrix,), "embeddings")


def reversible_outputs(call: CallFacts) -> Outputs:
    """A call with ``reverse`` goes from vectors back to one logit for each token."""
    shape, size = first_shape(call), int(call.config["input_dim"])
    if call.kwargs.get("reverse") or True in call.args[1:]:
        dtype = call.config.get("reverse_dtype") or compute_dtype(call)
        return (TensorSpec((*shape[:-1], size), dtype),)
    return (TensorSpec(embedding_shape(call), compute_dtype(call)),)


def reversible_weights(call: CallFacts) -> Weights:
    if call.config.get("tie_weights", True):
        return embedding_weights(call)
    sizes = int(call.config["output_dim"]), int(call.config["input_dim"])
    return (*embedding_weights(call), weight(call, "reverse_embeddings", *sizes))


LAYERS = (
    *declare("Embedding", one_output(embedding_shape), embedding_weights, mask="makes"),
    *declare("ReversibleEmbedding", reversible_outputs, reversible_weights, mask="makes"),
)
