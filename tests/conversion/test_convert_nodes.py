"""Nodes of TensorFlow's graphs, as TF 1.14 to 2.3 kept them in models: converted, they compute the same in Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from conversion_models import run_both, samples
from google.protobuf import json_format
from support.conversion import Bench
from tf_keras.src.engine.base_layer import TensorFlowOpLayer

_IMAGE, _SEQUENCE, _SQUARE = (8, 8, 4), (6, 4), (4, 4)
_RNG = np.random.default_rng(7)


def _numbers(*shape: int) -> Any:
    return _RNG.normal(size=shape).astype("float32")


NODES: Mapping[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "MaxPool": (_IMAGE, lambda x: tf.raw_ops.MaxPool(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")),
    "AvgPool": (_IMAGE, lambda x: tf.raw_ops.AvgPool(value=x, ksize=[1, 3, 3, 1], strides=[1, 1, 1, 1], padding="VALID")),
    "Conv2D": (
        _IMAGE,
        lambda x: tf.raw_ops.Conv2D(
            input=x, filter=_numbers(3, 2, 4, 5), strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1]
        ),
    ),
    "Conv2D explicit": (
        _IMAGE,
        lambda x: tf.nn.conv2d(x, _numbers(3, 2, 4, 5), 1, [[0, 0], [2, 1], [0, 3], [0, 0]]),
    ),
    "DepthwiseConv2dNative": (_IMAGE, lambda x: tf.nn.depthwise_conv2d(x, _numbers(3, 3, 4, 2), [1, 2, 2, 1], "SAME")),
    "BiasAdd": (_IMAGE, lambda x: tf.nn.bias_add(x, _numbers(4))),
    "BiasAdd first": (_IMAGE, lambda x: tf.nn.bias_add(x, _numbers(8), data_format="NCHW")),
    "DepthToSpace": (_IMAGE, lambda x: tf.nn.depth_to_space(x, 2)),
    "LRN": (_IMAGE, lambda x: tf.nn.local_response_normalization(x, 1, 2.0, 0.3, 0.75)),
    "Einsum": (_SEQUENCE, lambda x: tf.raw_ops.Einsum(inputs=[x, x], equation="bij,bkj->bik")),
    "Einsum constant": (_SEQUENCE, lambda x: tf.raw_ops.Einsum(inputs=[x, _numbers(4, 3)], equation="bij,jk->bik")),
    "Cumprod": (_SEQUENCE, lambda x: tf.math.cumprod(x, axis=1, exclusive=True)),
    "StridedSlice": (_SEQUENCE, lambda x: x[..., tf.newaxis, 1:3]),
    "Roll": (_SEQUENCE, lambda x: tf.roll(x, 2, 1)),
    "MatrixBandPart": (_SQUARE, lambda x: tf.linalg.band_part(x, -1, 0)),
    "Atanh": (_SEQUENCE, lambda x: tf.math.atanh(x)),
}
"""Title -> shape of a sample, and what makes the node."""

HARD = ("BiasAdd first", "Conv2D explicit", "Einsum", "StridedSlice")


def _layer(shape: tuple[int, ...], make: Callable[[Any], Any]) -> tuple[Any, int]:
    """The layer that TensorFlow made of a node: its definition, its constants by place; and how often it takes the input."""
    with tf.Graph().as_default():
        given = tf.compat.v1.placeholder("float32", (None, *shape))
        node = make(given).op
        constants = {at: tf.get_static_value(tensor) for at, tensor in enumerate(node.inputs) if tensor is not given}
    layer = TensorFlowOpLayer(json_format.MessageToDict(node.node_def), node.name, constants)
    return layer, len(node.inputs) - len(constants)


@pytest.mark.parametrize(
    "title", [title if title in HARD else pytest.param(title, marks=pytest.mark.exhaustive) for title in NODES]
)
def test_a_node(title: str, tmp_path: Path, bench: Bench) -> None:
    shape, make = NODES[title]
    layer, times = _layer(shape, make)
    given = tf_keras.Input(shape)
    model = tf_keras.Model(given, layer([given] * times if times > 1 else given))
    with tf_keras.utils.custom_object_scope({"TensorFlowOpLayer": TensorFlowOpLayer}):
        run_both(model, samples(shape), tmp_path, bench)
