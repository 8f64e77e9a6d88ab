"""Functions of TensorFlow called on the tensors of a tf_keras model, each of which becomes operation layers in its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tf_keras import backend as K  # noqa: N812 - its name everywhere

WIDTH = np.arange(12, dtype="float32").reshape(3, 4) / 7

OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "arithmetic": lambda x, y: (1.0 - x) * 2.0 + y / 3.0 - (-x),
    "power": lambda x, y: tf.abs(x) ** 2.5 + 2.0**y,
    "floor division": lambda x, y: x // 0.3 + y % 0.4,
    "comparisons": lambda x, y: tf.cast((x > y) & (x >= 0.0) | (y < 0.2), "float32") + tf.cast(tf.equal(x, y), "float32"),
    "logic": lambda x, y: tf.where(tf.logical_not(x <= y), x, y),
    "maximum": lambda x, y: tf.maximum(x, 0.1) - tf.minimum(y, x),
    "squared difference": lambda x, y: tf.math.squared_difference(x, y),
    "divide no nan": lambda x, y: tf.math.divide_no_nan(x, tf.nn.relu(y)),
    "exponentials": lambda x, y: tf.exp(x) + tf.math.expm1(y) + tf.math.log1p(tf.abs(x)) + tf.math.log(tf.abs(y) + 1.0),
    "roots": lambda x, y: tf.sqrt(tf.abs(x)) + tf.math.rsqrt(tf.abs(y) + 0.5) + tf.square(x),
    "trigonometry": lambda x, y: tf.sin(x) + tf.cos(y) + tf.tan(x) + tf.tanh(y) + tf.atan(x) + tf.asin(y) + tf.atan2(x, y),
    "rounding": lambda x, y: tf.floor(x * 3) + tf.math.ceil(y * 3) + tf.round(x * 5) + tf.sign(y),
    "activations": lambda x, y: tf.nn.relu6(x * 8) + tf.nn.elu(y) + tf.nn.selu(x) + tf.nn.softplus(y) + tf.nn.swish(x),
    "more activations": lambda x, y: tf.nn.gelu(x) + tf.nn.leaky_relu(y, 0.3) + tf.nn.softsign(x) + tf.nn.sigmoid(y),
    "softmax": lambda x, y: tf.nn.softmax(x, axis=1) + tf.nn.log_softmax(y),
    "error function": lambda x, y: tf.math.erf(x) + tf.math.reciprocal(y + 2.0),
    "backend": lambda x, y: K.hard_sigmoid(x) + K.clip(y, -0.2, 0.3) + K.l2_normalize(x, axis=-1) + K.relu(y),
    "clip": lambda x, y: tf.clip_by_value(x, -0.3, 0.2) + tf.clip_by_value(y, -1.0, tf.abs(x)),
    "sums": lambda x, y: tf.reduce_sum(x, axis=-1, keepdims=True) + tf.reduce_mean(y, [1, 2], keepdims=True),
    "extremes": lambda x, y: tf.reduce_max(x, axis=1) + tf.reduce_min(y, 1) + tf.reduce_prod(x, axis=1),
    "deviation": lambda x, y: tf.math.reduce_std(x, axis=-1) + tf.math.reduce_variance(y, axis=-1),
    "truth": lambda x, y: tf.cast(tf.reduce_any(x > 0.5, axis=1) & tf.reduce_all(y < 0.9, axis=1), "int32"),
    "logsumexp": lambda x, y: tf.reduce_logsumexp(x, axis=-1) + K.mean(y, axis=-1),
    "positions": lambda x, y: tf.argmax(x, axis=-1) + tf.argmin(y, axis=-1),
    "cumulative": lambda x, y: tf.cumsum(x, axis=1) + tf.math.cumprod(y, axis=-1),
    "reshape": lambda x, y: tf.reshape(x, [-1, 2, 6]) + tf.reshape(y, [tf.shape(y)[0], 2, 6]),
    "flatten by shape": lambda x, y: tf.reshape(x, (K.shape(x)[0], x.shape[1] * x.shape[2])) + tf.reshape(y, [-1, 12]),
    "transpose": lambda x, y: tf.transpose(x, [0, 2, 1]) + tf.transpose(y, perm=(0, 2, 1)),
    "dimensions": lambda x, y: tf.squeeze(tf.expand_dims(x, 2), [2]) + K.expand_dims(y, -1)[..., 0],
    "concatenation": lambda x, y: tf.concat([x, y, x], axis=-1),
    "stacks": lambda x, y: tf.stack([x, y], axis=2),
    "unstack": lambda x, y: tf.unstack(x, axis=1)[1] + tf.unstack(y, axis=1)[2],
    "split": lambda x, y: tf.split(x, 2, axis=-1)[1] + tf.split(y, [1, 2, 1], axis=2)[1],
    "tiles": lambda x, y: tf.tile(x, [1, 2, 1]) + tf.repeat(y, 2, axis=1),
    "pad": lambda x, y: (
        tf.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=0.5) + tf.pad(y, [[0, 0], [1, 2], [0, 1]], "REFLECT")
    ),
    "slices": lambda x, y: x[:, 1:, ::2] + y[:, :-1, 1:3],
    "index": lambda x, y: x[:, 0] + y[:, -1, :],
    "new axis": lambda x, y: x[:, tf.newaxis] + y[:, None, ..., :],
    "gather": lambda x, y: tf.gather(x, [0, 2], axis=1) + tf.gather(y, tf.constant([1, 0]), axis=1),
    "one hot": lambda x, y: tf.one_hot(tf.cast(tf.abs(x) * 3, "int32"), 4) + y[..., None],
    "reverse": lambda x, y: tf.reverse(x, axis=[1]) + tf.reverse(y, [1]),
    "matmul": lambda x, y: tf.matmul(x, y, transpose_b=True) + tf.matmul(x, tf.transpose(y, [0, 2, 1])),
    "matmul constant": lambda x, y: tf.matmul(x, WIDTH, transpose_b=True) + y @ WIDTH.T,
    "constants": lambda x, y: x * WIDTH + tf.constant(WIDTH) - y,
    "like": lambda x, y: tf.zeros_like(x) + tf.ones_like(y) * x,
    "add n": lambda x, y: tf.add_n([x, y, x]),
    "identity": lambda x, y: tf.identity(x) + tf.stop_gradient(y),
    "bias": lambda x, y: tf.nn.bias_add(x, tf.constant([1.0, 2.0, 3.0, 4.0])) + y,
    "resize": lambda x, y: tf.image.resize(x[..., None], (5, 7)) + tf.image.resize(y[..., None], [5, 7], method="nearest"),
    "cast": lambda x, y: tf.cast(tf.cast(x * 5, "int32"), "float32") + tf.cast(tf.cast(y, tf.float16), tf.float32),
}
"""Title -> what is computed of two tensors of three rows and four columns."""
