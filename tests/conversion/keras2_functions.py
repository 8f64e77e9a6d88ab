"""More functions of TensorFlow called on a tf_keras model's tensor: windows, images, matrices, computed shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tf_keras import backend as K  # noqa: N812 - its name everywhere

Shape = tuple[int | None, ...]

_IMAGE, _COLOURS, _SEQUENCE, _OPEN, _SQUARE = (8, 8, 4), (6, 7, 3), (6, 4), (None, 4), (4, 4)
_RNG = np.random.default_rng(3)


def _kernel(*shape: int) -> Any:
    return _RNG.normal(size=shape).astype("float32")


def _heads(x: Any) -> Any:
    """How attention with several heads is written by hand: samples and steps stay open."""
    samples = tf.shape(x)[0]
    split = tf.transpose(tf.reshape(x * 2.0, [samples, -1, 2, 2]), [0, 2, 1, 3])
    scores = tf.nn.softmax(tf.matmul(split, split, transpose_b=True) / 2.0)
    return tf.reshape(tf.transpose(tf.matmul(scores, split), [0, 2, 1, 3]), [samples, -1, 4])


def _flat(x: Any) -> Any:
    shape = tf.shape(x)
    return tf.reshape(x, [shape[0], shape[1] * shape[2], shape[3] // 2, 2])


def _joined_shape(x: Any) -> Any:
    return tf.reshape(x, tf.concat([tf.shape(x)[:-1], [2, 2]], axis=0))


FUNCTIONS: Mapping[str, tuple[Shape, Callable[[Any], Any]]] = {
    "max_pool": (
        _IMAGE,
        lambda x: tf.nn.max_pool(x, [1, 2, 3, 1], [1, 2, 2, 1], "SAME") + tf.nn.max_pool2d(x, 2, 2, "VALID")[:, :, :1],
    ),
    "avg_pool": (_IMAGE, lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME")),
    "avg_pool1d": (_SEQUENCE, lambda x: tf.nn.avg_pool1d(x, 2, 2, "VALID") + tf.nn.max_pool1d(x, 2, 2, "VALID")),
    "pool": (
        _IMAGE,
        lambda x: K.pool2d(x, (2, 2), (2, 2), "same", pool_mode="avg") + tf.nn.pool(x, [2, 2], "MAX", strides=[2, 2]),
    ),
    "conv": (_IMAGE, lambda x: tf.nn.conv2d(x, _kernel(3, 2, 4, 5), 2, "SAME")),
    "conv padded": (_IMAGE, lambda x: tf.nn.conv2d(x, _kernel(3, 2, 4, 5), 1, [[0, 0], [2, 1], [0, 3], [0, 0]])),
    "convolution": (_IMAGE, lambda x: K.conv2d(x, tf.constant(_kernel(2, 2, 4, 3)), padding="same")),
    "conv1d": (_SEQUENCE, lambda x: tf.nn.conv1d(x, _kernel(3, 4, 2), 1, "SAME")),
    "depthwise": (_IMAGE, lambda x: tf.nn.depthwise_conv2d(x, _kernel(3, 3, 4, 2), [1, 1, 1, 1], "VALID")),
    "separable": (
        _IMAGE,
        lambda x: tf.nn.separable_conv2d(x, _kernel(3, 3, 4, 1), _kernel(1, 1, 4, 5), [1, 1, 1, 1], "SAME"),
    ),
    "blocks": (
        _IMAGE,
        lambda x: tf.nn.depth_to_space(x, 2)[:, :8, :8] + tf.nn.space_to_depth(tf.nn.depth_to_space(x, 2), 2)[..., :1],
    ),
    "patches": (_IMAGE, lambda x: tf.image.extract_patches(x, [1, 3, 2, 1], [1, 2, 3, 1], [1, 1, 1, 1], "SAME")),
    "neighbours": (_IMAGE, lambda x: tf.nn.local_response_normalization(x, 1, 2.0, 0.3, 0.75)),
    "moments": (_IMAGE, lambda x: sum(tf.nn.moments(x, [1, 2], keepdims=True))),
    "batch normalization": (
        _IMAGE,
        lambda x: tf.nn.batch_normalization(x, *(tf.constant(abs(_kernel(4))) for _ in range(4)), 0.01),
    ),
    "silu": (_SEQUENCE, lambda x: tf.nn.silu(x, 1.5) + tf.nn.silu(x)),
    "crelu": (_SEQUENCE, lambda x: tf.nn.crelu(x)),
    "sort": (_SEQUENCE, lambda x: tf.sort(x, axis=1) - tf.sort(x, direction="DESCENDING")),
    "argsort": (_SEQUENCE, lambda x: tf.argsort(x, axis=1) + 7 * tf.argsort(tf.round(x), direction="DESCENDING")),
    "top": (_SEQUENCE, lambda x: tf.math.top_k(x, 3)[0] + tf.cast(tf.math.top_k(x, 3)[1], "float32")),
    "roll": (_SEQUENCE, lambda x: tf.roll(x, 2, 1) + tf.roll(x, [1, -1], [1, 2])),
    "gather by sample": (
        _SEQUENCE,
        lambda x: tf.gather(x, tf.cast(tf.abs(x[:, :3, 0]) * 4, "int32"), axis=1, batch_dims=1),
    ),
    "embedding": (_SEQUENCE, lambda x: tf.nn.embedding_lookup(tf.reshape(x, [-1, 4]), tf.cast(tf.abs(x) * 4, "int32"))),
    "sequence mask": (_SEQUENCE, lambda x: tf.sequence_mask(tf.cast(tf.abs(x[:, 0]) * 6, "int32"), 5, dtype="float32")),
    "one hot": (_SEQUENCE, lambda x: tf.one_hot(tf.cast(tf.abs(x) * 3, "int32"), 4, on_value=2.5, off_value=-1.0)),
    "cumulative": (
        _SEQUENCE,
        lambda x: tf.cumsum(x, 1, exclusive=True) + tf.cumsum(x, 2, reverse=True) + tf.math.cumprod(x, 1, True, True),
    ),
    "split": (_SEQUENCE, lambda x: tf.split(x, [1, -1, 2], axis=1)[1]),
    "tensordot": (_SEQUENCE, lambda x: tf.tensordot(x, _kernel(4, 5), 1) + tf.tensordot(x, _kernel(4, 5), [[2], [0]])),
    "dot": (_IMAGE, lambda x: K.dot(x, tf.constant(_kernel(4, 3)))),
    "batch dot": (_IMAGE, lambda x: K.batch_dot(x[:, 0], x[:, 1], axes=2)),
    "adjoint": (_SQUARE, lambda x: tf.matmul(x, _kernel(1, 4, 4), adjoint_a=True, transpose_b=True)),
    "matvec": (_SQUARE, lambda x: tf.linalg.matvec(x, x[:, 0])),
    "bias first": (_IMAGE, lambda x: tf.nn.bias_add(x, tf.constant(_kernel(8)), data_format="NCHW")),
    "norms": (
        _SEQUENCE,
        lambda x: (
            tf.norm(x, axis=-1) + tf.norm(x, ord=1, axis=-1) + tf.norm(x, np.inf, 2) + tf.math.reduce_euclidean_norm(x, 2)
        ),
    ),
    "count": (_SEQUENCE, lambda x: tf.math.count_nonzero(tf.round(x), axis=1)),
    "triangles": (_SQUARE, lambda x: tf.linalg.band_part(x, -1, 0) + tf.linalg.band_part(x, 1, 2) * 3.0),
    "diagonals": (_SQUARE, lambda x: tf.linalg.diag_part(x) + tf.linalg.trace(x)[:, None]),
    "inverse": (_SQUARE, lambda x: tf.linalg.inv(x + 3.0 * np.eye(4, dtype="float32")) + tf.linalg.det(x)[:, None, None]),
    "inverse adjoint": (_SQUARE, lambda x: tf.linalg.inv(x + 3.0 * np.eye(4, dtype="float32"), adjoint=True)),
    "zero or": (
        _SEQUENCE,
        lambda x: (
            tf.math.xlogy(tf.nn.relu(x), tf.nn.relu(x))
            + tf.math.xdivy(tf.round(x), tf.round(x))
            + tf.math.multiply_no_nan(x, tf.round(x))
        ),
    ),
    "hyperbolic": (_SEQUENCE, lambda x: tf.math.asinh(x) + tf.math.acosh(x + 3.0) + tf.math.atanh(x / 2.0) + tf.math.erfc(x)),
    "flips": (_COLOURS, lambda x: tf.image.flip_left_right(x) + tf.image.flip_up_down(x)),
    "turn": (_COLOURS, lambda x: tf.image.rot90(x, 3)),
    "gray": (_COLOURS, lambda x: tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(x))),
    "crop": (_COLOURS, lambda x: tf.image.crop_to_bounding_box(x, 1, 2, 4, 3)),
    "middle": (_COLOURS, lambda x: tf.image.central_crop(x, 0.5)),
    "frame": (_COLOURS, lambda x: tf.image.pad_to_bounding_box(x, 1, 2, 9, 9)),
    "standard": (_COLOURS, lambda x: tf.image.per_image_standardization(x)),
    "light": (_COLOURS, lambda x: tf.image.adjust_brightness(x, 0.2) + tf.image.adjust_contrast(x, 1.5)),
    "colours": (_COLOURS, lambda x: tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(tf.abs(x)))),
    "heads": (_OPEN, _heads),
    "flat": (_IMAGE, _flat),
    "joined shape": (_SEQUENCE, _joined_shape),
    "zeros": (
        _OPEN,
        lambda x: tf.zeros([tf.shape(x)[0], 3]) + tf.reduce_sum(x, [1, 2])[:, None] + tf.fill([tf.shape(x)[0], 1], 2.5),
    ),
    "tiles": (_SEQUENCE, lambda x: tf.tile(tf.constant(_kernel(1, 2, 4)), [tf.shape(x)[0], 3, 1]) + x),
    "broadcast": (_SEQUENCE, lambda x: tf.broadcast_to(tf.constant(_kernel(1, 1, 4)), [tf.shape(x)[0], 6, 4]) + x),
    "size of a slice": (_SEQUENCE, lambda x: x[:, : tf.shape(x)[1] // 2]),
}
"""Title -> shape of a sample, and what is computed of it."""
