"""By what names layers of Keras keep their weights, where these are told by name: the order in which Keras lists them."""

from __future__ import annotations

WEIGHT_ORDER = (
    *("gamma", "beta", "moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"),
    *("adapt_mean", "adapt_variance", "mean", "variance", "count"),
    *("scale", "concat_score_weight", "alpha", "embeddings", "position_embeddings"),
    *("_query_dense", "_key_dense", "_value_dense", "_output_dense"),
    *("query_dense", "key_dense", "value_dense", "output_dense"),
    *("depthwise_kernel", "pointwise_kernel", "kernel", "recurrent_kernel", "bias"),
    *("forward_layer", "backward_layer", "layer", "cell", "vector_u"),
)
"""What one layer keeps side by side: weights, and the layers in it."""
UNTRAINED = frozenset(
    {
        *("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"),
        *("adapt_mean", "adapt_variance", "mean", "variance", "count", "vector_u", "idf_weights"),
    }
)
"""Of these the weights that are no parameters: Keras lists them behind all others."""
NO_WEIGHTS = frozenset({"_random_generator", "_generator", "keras_api", "num_documents"})
"""What a layer keeps that has variables, of which it lists none as weights; ``num_documents`` of a layer that has its words."""
