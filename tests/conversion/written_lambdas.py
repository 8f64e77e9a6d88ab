"""Lambdas as people write them in published code: distances, attention, capsules, preprocessing, shapes taken apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import backend as K  # noqa: N812 - its name everywhere

F, W, P = (4,), (3, 4), (4, 6, 4)


def closed(scale: Any, mean: Any) -> Callable[[Any], Any]:
    return lambda x: (x - mean) * scale


WRITTEN: dict[str, tuple[Any, ...]] = {
    "irv2": (lambda inputs, scale=0.17: inputs[0] + inputs[1] * scale, P, P),
    "dueling": (lambda a: K.expand_dims(a[:, 0], -1) + a[:, 1:] - K.mean(a[:, 1:], axis=1, keepdims=True), F),
    "dueling max": (lambda a: K.expand_dims(a[:, 0], axis=-1) + a[:, 1:] - K.max(a[:, 1:], axis=1, keepdims=True), F),
    "s2d": (lambda x: tf.nn.space_to_depth(x, block_size=2), P),
    "s2d v1": (lambda x: tf.compat.v1.space_to_depth(x, 2), P),
    "d2s": (lambda x: tf.nn.depth_to_space(x, 2), P),
    "hswish": (lambda x: x * K.relu(x + 3.0, max_value=6.0) / 6.0, F),
    "hswish6": (lambda x: x * tf.nn.relu6(x + 3) / 6, F),
    "keras act": (lambda x: x * keras.activations.relu(x + 3.0, max_value=6.0) / 6.0, F),
    "tf keras act": (lambda x: tf.keras.activations.relu(x, max_value=1.0), F),
    "tf keras sig": (lambda x: tf.keras.activations.sigmoid(x), F),
    "activations hs": (lambda x: keras.activations.hard_sigmoid(x), F),
    "batchdot": (lambda x: K.batch_dot(x[0], x[1], axes=[1, 1]), W, W),
    "batchdot1": (lambda x: K.batch_dot(x[0], x[1], axes=1), F, F),
    "batchdot2": (lambda x: K.batch_dot(x[0], x[1], axes=[2, 2]), W, W),
    "batchdot21": (lambda x: K.batch_dot(x[0], x[1], axes=(2, 1)), W, (4, 5)),
    "batchdot none": (lambda x: K.batch_dot(x[0], x[1]), W, (4, 5)),
    "batchdot 3 2 axes": (lambda x: K.batch_dot(x[0], x[1], axes=[1, 1]), W, (3,)),
    "batchdot 2 3 axes": (lambda x: K.batch_dot(x[0], x[1], axes=[1, 1]), (3,), W),
    "batchdot perm": (lambda x: K.batch_dot(K.permute_dimensions(x[0], (0, 2, 1)), x[1]), W, W),
    "tf batch": (lambda x: tf.keras.backend.batch_dot(x[0], x[1], axes=(1, 1)), W, W),
    "softmax exp": (lambda x: K.exp(x) / K.sum(K.exp(x), axis=1, keepdims=True), W),
    "masks": (lambda x: K.cast(K.greater(K.expand_dims(x, 2), 0), "float32"), F),
    "maskne": (lambda x: K.cast(K.not_equal(x, 0), K.floatx()), F),
    "avgpool": (lambda x: K.sum(x[0] * x[1], 1) / (K.sum(x[1], 1) + 1e-6), W, W),
    "maxpool": (lambda x: K.max(x[0] - (1 - x[1]) * 1e10, 1), W, W),
    "onehot": (lambda x: K.one_hot(K.cast(x, "uint8"), 5), F),
    "onehot tf": (lambda x: tf.one_hot(tf.cast(x, tf.int32), 5), F),
    "stack": (lambda x: K.stack([x] * 3, axis=1), F),
    "concat twice": (lambda x: K.concatenate([x, x], axis=-1), F),
    "tile": (lambda x: K.tile(x, (1, 2)), F),
    "repeat": (lambda x: K.repeat(x, 3), F),
    "repeat el": (lambda x: K.repeat_elements(x, 3, 1), W),
    "argmax": (lambda x: K.cast(K.argmax(x), "float32"), F),
    "closure arr": (closed(0.5, np.array([1.0, 2, 3, 4], "float32")), F),
    "closure nparr64": (closed(0.5, np.array([1.0, 2, 3, 4])), F),
    "np array": (lambda x: x - np.array([1.0, 2.0, 3.0, 4.0]), F),
    "np array32": (lambda x: x - np.array([1.0, 2.0, 3.0, 4.0], dtype="float32"), F),
    "np array np32": (lambda x: (x - np.array([1.0, 2.0, 3.0, 4.0], dtype=np.float32)) / np.float32(3), F),
    "tf constant": (lambda x: x - tf.constant([1.0, 2.0, 3.0, 4.0]), F),
    "tf constant dt": (lambda x: x - tf.constant([1, 2, 3, 4], dtype=tf.float32), F),
    "k constant": (lambda x: x * K.constant([1, 2, 3, 4]), F),
    "k constant dt": (lambda x: x * K.constant([1, 2, 3, 4], dtype="float32"), F),
    "squeeze": (lambda x: tf.squeeze(x, axis=[1]), (1, 4)),
    "squeeze12": (lambda x: tf.squeeze(x, [1, 2]), (1, 1, 4)),
    "split": (lambda x: tf.split(x, num_or_size_splits=2, axis=3), P),
    "split0": (lambda x: tf.split(x, 2, axis=-1)[0], P),
    "split sizes": (lambda x: tf.split(x, [1, 3], -1), F),
    "pad refl": (lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT"), P),
    "pad refl pos": (lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), P),
    "pad sym": (lambda x: tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC"), P),
    "pad": (lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 0]]), W),
    "pad const": (lambda x: tf.pad(x, tf.constant([[0, 0], [1, 2], [0, 0]]), "CONSTANT"), W),
    "pad val": (lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 0]], constant_values=-1), W),
    "k sp2d": (lambda x: K.spatial_2d_padding(x, ((1, 1), (2, 0))), P),
    "k sp2d def": (lambda x: K.spatial_2d_padding(x), P),
    "clip": (lambda x: tf.clip_by_value(x, 0, 1), F),
    "tanh": (lambda x: tf.tanh(x) * 150 + 127.5, F),
    "nalu": (lambda x: K.exp(K.log(K.maximum(K.abs(x), 1e-7))), F),
    "pow": (lambda x: K.sum(K.pow(x[0] - x[1], 2), axis=-1, keepdims=True), F, F),
    "fm": (lambda x: 0.5 * (K.square(K.sum(x, 1)) - K.sum(K.square(x), 1)), W),
    "fm tf": (
        lambda x: 0.5 * tf.reduce_sum(tf.square(tf.reduce_sum(x, 1)) - tf.reduce_sum(tf.square(x), 1), 1, keepdims=True),
        W,
    ),
    "cos2": (lambda x: 1 - K.sum(K.l2_normalize(x[0], axis=-1) * K.l2_normalize(x[1], axis=-1), axis=-1, keepdims=True), F, F),
    "cos3": (
        lambda x: (
            K.sum(x[0] * x[1], axis=1, keepdims=True)
            / (K.sqrt(K.sum(K.square(x[0]), axis=1, keepdims=True)) * K.sqrt(K.sum(K.square(x[1]), axis=1, keepdims=True)))
        ),
        F,
        F,
    ),
    "exp dist": (lambda x: K.exp(-K.sum(K.abs(x[0] - x[1]), axis=1, keepdims=True)), F, F),
    "hs": (lambda x: K.hard_sigmoid(x), F),
    "resize": (lambda x: K.resize_images(x, 2, 3, "channels_last"), P),
    "resize kw": (
        lambda x: K.resize_images(x, height_factor=2, width_factor=2, data_format="channels_last", interpolation="nearest"),
        P,
    ),
    "gather": (lambda x: tf.gather(x, [0, 2], axis=1), W),
    "zeros": (lambda x: K.zeros_like(x) + K.ones_like(x)[:, :1], F),
    "capsnet": (lambda x: K.sqrt(K.sum(K.square(x), -1) + K.epsilon()), W),
    "squash": (
        lambda v: (
            (
                K.sum(K.square(v), -1, keepdims=True)
                / (1 + K.sum(K.square(v), -1, keepdims=True))
                / K.sqrt(K.sum(K.square(v), -1, keepdims=True) + K.epsilon())
            )
            * v
        ),
        W,
    ),
    "linalg norm": (lambda x: tf.linalg.norm(x, axis=1, keepdims=True), W),
    "shuffle": (lambda x: K.reshape(K.permute_dimensions(K.reshape(x, [-1, 4, 6, 2, 2]), (0, 1, 2, 4, 3)), [-1, 4, 6, 4]), P),
    "get shape": (lambda x: tf.reshape(x, [-1, x.get_shape()[1] * x.get_shape()[2]]), W),
    "shape prod": (lambda x: K.reshape(x, (-1, np.prod(K.int_shape(x)[1:]))), W),
    "shape0": (lambda x: tf.reshape(x, (tf.shape(x)[0], 2, 6)), W),
    "kshape0": (lambda x: K.reshape(x, (K.shape(x)[0], 2, 6)), W),
    "kshape concat": (lambda x: K.reshape(x, K.concatenate([K.shape(x)[:1], [2, 6]])), W),
    "where": (lambda x: tf.where(x > 0, x, 0.1 * x), F),
    "where zeros": (lambda x: tf.where(tf.greater(x, 0.5), tf.ones_like(x), tf.zeros_like(x)), F),
    "k switch": (lambda x: K.switch(x > 0, x, x * 0.1), F),
    "equal": (lambda x: K.cast(K.equal(x, K.max(x, axis=1, keepdims=True)), "float32"), F),
    "round": (lambda x: K.round(x), F),
    "tf floor": (lambda x: tf.floor(x) + tf.math.ceil(x), F),
    "einsum": (lambda x: tf.einsum("bij,bkj->bik", x[0], x[1]), W, W),
    "matmul kw": (lambda x: tf.matmul(x[0], x[1], transpose_b=True) / math.sqrt(4), W, W),
    "tensordot": (lambda x: tf.tensordot(x, tf.constant([[1.0], [2.0], [3.0], [4.0]]), axes=1), W),
    "kdot2": (lambda x: K.dot(x, K.transpose(x)), F),
    "multiply": (lambda x: tf.multiply(x[0], x[1]), F, F),
    "add n": (lambda x: tf.add_n(x), F, F),
    "sum list": (lambda x: K.sum(K.stack(x, axis=0), axis=0), F, F),
    "mean list": (lambda x: (x[0] + x[1]) / 2.0, F, F),
    "reversed": (lambda x: K.reverse(x, axes=-1), W),
    "tf reverse": (lambda x: tf.reverse(x, axis=[-1]), W),
    "bgr": (lambda x: x[:, :, :, ::-1] - tf.constant([103.939, 116.779, 123.68, 1.0]), P),
    "tfstop": (lambda x: K.stop_gradient(x) * 2, F),
    "log1p": (lambda x: tf.math.log1p(K.abs(x)), F),
    "tfmathlog": (lambda x: tf.math.log(K.abs(x) + 1e-3) / tf.math.log(10.0), F),
    "db": (lambda x: 10 * K.log(K.maximum(K.abs(x), 1e-10)) / np.log(10).astype("float32"), F),
    "db2": (lambda x: 10 * K.log(K.maximum(K.abs(x), 1e-10)) / np.log(10), F),
    "ndim": (lambda x: K.expand_dims(x, K.ndim(x)), F),
    "cast64": (lambda x: tf.cast(x, tf.float64), F),
    "softplus": (lambda x: K.softplus(x) * x + K.softsign(x), F),
    "mish": (lambda x: x * K.tanh(K.softplus(x)), F),
    "gelu": (lambda x: 0.5 * x * (1 + tf.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * tf.pow(x, 3)))), F),
    "gelu erf": (lambda x: 0.5 * x * (1.0 + tf.math.erf(x / tf.sqrt(2.0))), F),
    "unpack": (lambda x: [x[:, 0:2], x[:, 2:4]], F),
    "glu": (lambda x: x[:, :2] * K.sigmoid(x[:, 2:]), F),
    "minmax": (lambda x: (x - K.min(x)) / (K.max(x) - K.min(x)), F),
    "unstack": (lambda x: tf.unstack(x, axis=1), W),
    "lrn": (lambda x: tf.nn.local_response_normalization(x, depth_radius=2, bias=1.0, alpha=2e-5, beta=0.75), P),
    "avg_pool": (lambda x: tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"), P),
    "max_pool k": (lambda x: tf.nn.max_pool2d(x, ksize=2, strides=2, padding="SAME"), P),
    "rgb": (lambda x: tf.image.rgb_to_grayscale(x), (4, 6, 3)),
    "g2rgb": (lambda x: tf.image.grayscale_to_rgb(x), (4, 6, 1)),
    "gen": (lambda x: sum(x), F, F),
    "tupleargs": (lambda x: K.mean(x, (1, 2)), P),
    "crop": (lambda x: x[:, 1:-1, 1:-1, :], P),
    "crop call": (lambda x: tf.slice(x, [0, 1, 0], [-1, 2, 4]), W),
    "ss": (lambda x: tf.strided_slice(x, [0, 0], [2, 2]), F),
    "sgn": (lambda x: K.sign(x) * K.sqrt(K.abs(x) + 1e-10), F),
    "bilinear pool": (lambda x: K.batch_dot(x[0], x[1], axes=[1, 1]) / 24, (24, 4), (24, 4)),
    "outer": (lambda x: tf.einsum("ijkm,ijkn->imn", x[0], x[1]), P, P),
    "upsample": (lambda x: K.repeat_elements(K.repeat_elements(x, 2, 1), 2, 2), P),
    "globalavg": (lambda x: tf.reduce_mean(x, [1, 2]), P),
    "var": (lambda x: tf.math.reduce_variance(x, axis=1) + tf.math.reduce_std(x, axis=1), W),
    "moments": (lambda x: tf.nn.moments(x, axes=[1])[0], W),
    "layernorm": (lambda x: (x - K.mean(x, axis=-1, keepdims=True)) / K.sqrt(K.var(x, axis=-1, keepdims=True) + 1e-6), W),
    "instnorm": (lambda x: (x - K.mean(x, axis=[1, 2], keepdims=True)) / (K.std(x, axis=[1, 2], keepdims=True) + 1e-5), P),
    "sin": (lambda x: K.concatenate([K.sin(x), K.cos(x)], axis=-1), F),
    "logit": (lambda x: K.log(x / (1 - x)), F),
    "temp": (lambda x: x / K.constant(0.5), F),
}
"""Title -> the code and the shapes of what it takes."""

DRAWN: dict[str, tuple[Any, ...]] = {
    "sampling": (
        lambda a: a[0] + K.exp(0.5 * a[1]) * K.random_normal(K.shape(a[0])),
        "it draws at random (K.random_normal)",
        F,
        F,
    ),
    "noise": (lambda x: x + tf.random.normal(tf.shape(x)), "it draws at random (tf.random.normal)", F),
    "dropout": (lambda x: K.dropout(x, 0.5), "it draws at random (K.dropout)", F),
    "training": (lambda x: K.in_train_phase(x * 2, x), "it asks whether the model trains (K.in_train_phase)", F),
    "two axes": (lambda x: K.batch_dot(x[0], x[1]), "releases interpret differently", W, F),
    "between pixels": (
        lambda x: K.resize_images(x, 2, 2, "channels_last", interpolation="bilinear"),
        "differs between releases",
        P,
    ),
    "resized": (lambda x: tf.image.resize(x, (8, 12)), "no rule", P),
    "whole rows": (lambda x: tf.where(x[:, 0] > 0, x, -x[:, :1]), "no rule", F),
    "layers": (lambda x: keras.layers.ReLU()(x), "no rule", F),
}
"""Title -> the code, how the reason says why it is not read, and the shapes of what it takes."""
