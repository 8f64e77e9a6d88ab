"""The `Scale` layer of networks ported from Caffe: one factor and one offset for each channel, behind BatchNormalization.

Two kinds of config are about: ``axis`` with ``momentum`` (the ResNet and DenseNet ports of 2016), and ``axis`` alone.
"""

from __future__ import annotations

from configsplit.errors import ShapeError
from configsplit.plugins import CallFacts, LayerFacts, WeightSpec, same_as_input


def scale_weights(call: CallFacts) -> tuple[WeightSpec, ...]:
    """gamma and beta, one number each for every place along ``axis``. Raises ShapeError where that is not fixed."""
    shape = call.first.shape
    size = None if shape is None else shape[int(call.config.get("axis", -1))]
    if size is None:
        raise ShapeError("the scaled axis is not fixed", code="shape-unknown")
    return WeightSpec("gamma", (size,)), WeightSpec("beta", (size,))


LAYERS = (
    LayerFacts(
        class_name="Scale",
        outputs=same_as_input,
        weights=scale_weights,
        mask="stops",
        uses_mask=(),
        marks=("axis",),
        keras_class="configsplit.custom_objects.scale_keras:Scale",
        tf_keras_class="configsplit.custom_objects.scale_tf_keras:Scale",
    ),
)
