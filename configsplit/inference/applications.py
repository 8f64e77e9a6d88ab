"""The custom layers inside ``keras.applications``: those of ConvNeXt and of Inception-ResNet."""

from __future__ import annotations

from configsplit.inference.rules import Weights, declare, declared_dtype, first_shape, one_output, weight
from configsplit.ir.facts import CallFacts


def layer_scale_weights(call: CallFacts) -> Weights:
    """One factor a channel; Keras 3 leaves it unnamed, tf.keras calls it gamma."""
    return (weight(call, "gamma", int(call.config["projection_dim"])),)


_SAME = one_output(first_shape, declared_dtype)

LAYERS = (
    *declare("LayerScale", _SAME, layer_scale_weights),
    *declare("StochasticDepth CustomScaleLayer Custom>CustomScaleLayer", _SAME),  # tf_keras registers it as if a user had
)
