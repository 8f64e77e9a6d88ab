"""Parameters and multiply-accumulates against Keras's own count and TensorFlow's count of the traced function."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import networks
import pytest
from support.thinned import thinned

from configsplit.verbs.cuts import cuts

SOME = ["MobileNetV2", "EfficientNetB0", "ConvNeXtTiny"]


def macs_of_the_trace(model: Any) -> int:
    """Multiply-accumulates of every convolution and matrix product in the function that TensorFlow traces of a model.

    Counted here from the shapes in the traced graph; a TensorFlow FLOP count would be twice as much, plus what is no product.
    """
    import tensorflow as tf

    traced = tf.function(lambda image: model(image, training=False)).get_concrete_function(
        tf.TensorSpec((1, *(size or 224 for size in model.inputs[0].shape[1:])), model.inputs[0].dtype)
    )
    total, graphs = 0, [traced.graph]
    while graphs:
        graph = graphs.pop()
        for operation in graph.get_operations():
            if "PartitionedCall" in operation.type:  # Keras compiles grouped convolutions apart
                graphs.append(graph._get_function(operation.get_attr("f").name).graph)
            total += _macs(operation)
    return total


def _macs(operation: Any) -> int:
    shapes = [tuple(tensor.shape) for tensor in (*operation.inputs, *operation.outputs)]
    if operation.type == "Conv2D":
        kernel, output = shapes[1], shapes[-1]
        return math.prod(output) * math.prod(kernel[:3])
    if operation.type == "DepthwiseConv2dNative":
        return math.prod(shapes[-1]) * math.prod(shapes[1][:2])
    if operation.type in ("MatMul", "BatchMatMulV2"):
        return math.prod(shapes[-1]) * shapes[0][0 if operation.type == "MatMul" and operation.get_attr("transpose_a") else -1]
    return 0


def check(name: str, folder: Path) -> None:
    model = networks.live(name)
    shapes = ["input_layer=None,224,224,3"] if name.startswith("MobileNetV3") else []
    found = cuts(networks.document(name, folder), shapes=shapes)
    assert not found.uncounted
    for place in found.places:
        assert place.before.parameters + place.after.parameters == model.count_params()
    expected = macs_of_the_trace(model)
    for place in found.places:
        assert place.before.macs + place.after.macs == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", thinned(SOME, 1))
def test_parameters_and_operations_are_those_of_keras(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in networks.names() if name not in SOME])
def test_parameters_and_operations_of_every_network(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.exhaustive
def test_the_profiler_of_tensorflow_agrees(tmp_path: Path) -> None:
    """`tf.compat.v1.profiler` counts two operations for each multiply-accumulate, and one for each bias, batch norm and
    activation besides: a few per cent, which is why the other tests count the products themselves."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    traced = tf.function(lambda image: model(image, training=False)).get_concrete_function(
        tf.TensorSpec((1, 224, 224, 3), "float32")
    )
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    frozen = convert_variables_to_constants_v2(traced)
    flops = tf.compat.v1.profiler.profile(frozen.graph, options=options).total_float_ops
    found = cuts(networks.saved(model, tmp_path / "vgg16.json")).places[0]
    assert found.before.macs + found.after.macs == pytest.approx(flops / 2, rel=0.01)
