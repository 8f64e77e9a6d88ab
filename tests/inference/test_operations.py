"""Operation layers against what real Keras infers: keras.ops entries, TFOpLambda, SlicingOpLambda."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from live import FRAMEWORKS, inferred, inputs_of, keras, live, outputs, tf, tf_keras

X, Y, ROW, INT, OPEN = (None, 4, 6), (None, 4, 6), (None, 1, 6), ((None, 4, 6), "int32"), (None, None, 6)
SQUARE, IMAGE = (None, 5, 5), (None, 8, 9, 3)
Op = Callable[..., Any]

KERAS: list[tuple[tuple[Any, ...], Op]] = [
    *(((X, Y), op) for op in (keras.ops.add, keras.ops.subtract, keras.ops.multiply, keras.ops.divide, keras.ops.maximum)),
    *(((X, ROW), op) for op in (keras.ops.add, keras.ops.power, keras.ops.greater, keras.ops.logical_and, keras.ops.minimum)),
    *(((OPEN, X), op) for op in (keras.ops.add, keras.ops.multiply)),
    *(((INT, X), op) for op in (keras.ops.add, keras.ops.true_divide, keras.ops.equal)),
    *(((INT, INT), op) for op in (keras.ops.add, keras.ops.true_divide, keras.ops.floor_divide, keras.ops.mod)),
    *(
        ((shape,), op)
        for shape in (X, INT)
        for op in (
            keras.ops.abs, keras.ops.exp, keras.ops.log, keras.ops.sqrt, keras.ops.square, keras.ops.negative, keras.ops.sign,
            keras.ops.sin, keras.ops.tanh, keras.ops.isnan, keras.ops.logical_not, keras.ops.zeros_like, keras.ops.ones_like,
        )
    ),
    *(
        ((X,), op)
        for op in (
            keras.ops.relu, keras.ops.relu6, keras.ops.sigmoid, keras.ops.softmax, keras.ops.silu, keras.ops.gelu,
            keras.ops.hard_sigmoid, keras.ops.log_softmax, keras.ops.leaky_relu, keras.ops.elu, keras.ops.softplus,
        )
    ),
    *(
        ((shape,), lambda x, op=op, kw=kw: op(x, **kw))
        for shape in (X, INT, OPEN)
        for op in (keras.ops.sum, keras.ops.mean, keras.ops.max, keras.ops.min, keras.ops.prod, keras.ops.any, keras.ops.std)
        for kw in ({}, {"axis": 1}, {"axis": (1, -1), "keepdims": True})
    ),
    ((X,), lambda x: keras.ops.argmax(x, axis=-1)),
    ((X,), lambda x: keras.ops.argmin(x)),
    ((X,), lambda x: keras.ops.cast(x, "int32")),
    ((X,), lambda x: x + 1),
    ((INT,), lambda x: x * 2.5),
    ((INT,), lambda x: x * 2),
    ((X,), lambda x: 1.0 - x),
    ((X,), lambda x: keras.ops.reshape(x, (-1, 24))),
    ((X,), lambda x: keras.ops.reshape(x, (-1, 3, 8))),
    (((2, 4, 6),), lambda x: keras.ops.reshape(x, (-1, 8))),
    ((X,), lambda x: keras.ops.transpose(x, (0, 2, 1))),
    ((X,), keras.ops.transpose),
    ((X,), lambda x: keras.ops.expand_dims(x, 1)),
    ((X,), lambda x: keras.ops.expand_dims(x, -1)),
    ((ROW,), lambda x: keras.ops.squeeze(x, 1)),
    ((ROW,), keras.ops.squeeze),
    ((X, ROW), lambda *xs: keras.ops.concatenate(xs, axis=1)),
    ((X, OPEN), lambda *xs: keras.ops.concatenate(xs, axis=1)),
    ((X, Y), lambda *xs: keras.ops.stack(xs, axis=1)),
    ((X,), lambda x: keras.ops.split(x, 2, axis=-1)),
    ((X,), lambda x: keras.ops.split(x, [1, 3], axis=1)),
    ((X,), lambda x: keras.ops.unstack(x, axis=1)),
    ((X,), lambda x: keras.ops.tile(x, (1, 2, 3))),
    ((X,), lambda x: keras.ops.repeat(x, 3, axis=1)),
    ((X,), lambda x: keras.ops.pad(x, ((0, 0), (1, 2), (3, 4)))),
    ((X, (None, 6, 5)), keras.ops.matmul),
    ((X, (6, 5)), keras.ops.matmul),
    ((X, (None, 6, 5)), lambda a, b: keras.ops.einsum("bij,bjk->bik", a, b)),
    ((X, Y, Y), lambda c, a, b: keras.ops.where(c > 0, a, b)),
    ((X,), lambda x: keras.ops.clip(x, 0, 1)),
    ((X,), lambda x: keras.ops.flip(x, axis=1)),
    ((X,), lambda x: keras.ops.cumsum(x, axis=1)),
    ((X,), lambda x: keras.ops.swapaxes(x, 1, 2)),
    ((X,), lambda x: x[:, 0]),
    ((X,), lambda x: x[..., 1:3]),
    ((X,), lambda x: x[:, ::2, -1]),
    ((X,), lambda x: x[:, None, 1:]),
    ((OPEN,), lambda x: x[:, :3]),
    (((None, 4),), lambda x: keras.ops.one_hot(keras.ops.cast(x, "int32"), 7)),
    (((None, 8, 9, 3),), lambda x: keras.ops.image.resize(x, (4, 5))),
    (((None, 4),), lambda x: keras.ops.broadcast_to(x[:, None], (3, 5, 4))),
    ((X,), lambda x: keras.ops.take(x, [0, 2], axis=1)),
]  # fmt: skip

TENSORFLOW: list[tuple[tuple[Any, ...], Op]] = [
    *(((X, ROW), op) for op in (tf.add, tf.subtract, tf.multiply, tf.divide, tf.maximum, tf.pow, tf.greater, tf.equal)),
    *(((OPEN, X), op) for op in (tf.add, tf.math.squared_difference)),
    *(((INT, INT), op) for op in (tf.add, tf.divide, tf.math.floordiv, tf.less_equal)),
    *(
        ((X,), op)
        for op in (
            tf.exp, tf.sqrt, tf.abs, tf.square, tf.tanh, tf.sigmoid, tf.nn.relu, tf.nn.relu6, tf.nn.softmax, tf.nn.gelu, tf.sin,
            tf.nn.silu, tf.zeros_like, tf.ones_like, tf.math.is_nan, tf.identity, tf.stop_gradient, tf.math.rsqrt, tf.nn.elu,
            tf.negative, tf.math.log, tf.sign, tf.round, tf.shape, tf.nn.leaky_relu, tf.nn.softplus,
        )
    ),
    *(
        ((shape,), lambda x, op=op, kw=kw: op(x, **kw))
        for shape in (X, INT, OPEN)
        for op in (tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_prod)
        for kw in ({}, {"axis": 1}, {"axis": [1, -1], "keepdims": True})
    ),
    ((X,), lambda x: tf.reduce_any(x > 0, axis=-1)),
    ((X,), lambda x: tf.argmax(x, axis=-1)),
    ((X,), lambda x: tf.argmax(x, axis=1, output_type=tf.int32)),
    ((X,), lambda x: tf.cast(x, tf.int32)),
    ((X,), lambda x: x + 1),
    ((X,), lambda x: 1.0 - x),
    ((X,), lambda x: x / 2.0),
    ((X,), lambda x: tf.reshape(x, (-1, 24))),
    ((X,), lambda x: tf.reshape(x, (-1, 3, 8))),
    (((2, 4, 6),), lambda x: tf.reshape(x, (-1, 8))),
    ((X,), lambda x: tf.reshape(x, (tf.shape(x)[0], 24))),
    ((X,), lambda x: tf.transpose(x, (0, 2, 1))),
    ((X,), tf.transpose),
    ((X,), lambda x: tf.expand_dims(x, 1)),
    ((X,), lambda x: tf.expand_dims(x, axis=-1)),
    ((ROW,), lambda x: tf.squeeze(x, 1)),
    ((ROW,), lambda x: tf.squeeze(x, axis=[1])),
    ((X, ROW), lambda *xs: tf.concat(xs, 1)),
    ((X, OPEN), lambda *xs: tf.concat(xs, axis=1)),
    ((X, OPEN), lambda *xs: tf.concat(xs, axis=-1)),
    ((X, Y), lambda *xs: tf.stack(xs, axis=1)),
    ((X,), lambda x: tf.split(x, 2, axis=-1)),
    ((X,), lambda x: tf.split(x, [1, 3], axis=1)),
    ((X,), lambda x: tf.unstack(x, axis=1)),
    ((X,), lambda x: tf.tile(x, (1, 2, 3))),
    ((X,), lambda x: tf.repeat(x, 3, axis=1)),
    ((X,), lambda x: tf.pad(x, ((0, 0), (1, 2), (3, 4)))),
    ((X, (None, 6, 5)), tf.matmul),
    ((X, (None, 5, 6)), lambda a, b: tf.matmul(a, b, transpose_b=True)),
    ((X, Y, Y), lambda c, a, b: tf.where(c > 0, a, b)),
    ((X,), lambda x: tf.clip_by_value(x, 0.0, 1.0)),
    ((X,), lambda x: tf.reverse(x, axis=[1])),
    ((X,), lambda x: tf.cumsum(x, axis=1)),
    ((X,), lambda x: tf.gather(x, [0, 2], axis=1)),
    ((X,), lambda x: tf.math.l2_normalize(x, axis=1)),
    ((X, Y, Y), lambda *xs: tf.add_n(xs)),
    ((X,), lambda x: x[:, 0]),
    ((X,), lambda x: x[..., 1:3]),
    ((X,), lambda x: x[:, ::2, -1]),
    ((X,), lambda x: x[:, tf.newaxis, 1:]),
    ((OPEN,), lambda x: x[:, :3]),
    (((None, 4),), lambda x: tf.one_hot(tf.cast(x, tf.int32), 7)),
    (((None, 8, 9, 3),), lambda x: tf.image.resize(x, (4, 5))),
    (((None, 8, 9, 3),), lambda x: tf.image.resize(x, (4, 5), method="nearest")),
    ((X,), lambda x: tf.norm(x, axis=1)),
    ((X,), lambda x: tf.split(x, [1, -1, 2], axis=2)),
    ((X, ((None, 3), "int32")), lambda x, at: tf.gather(x, at, batch_dims=1)),
    ((X, ((None, 3), "int32")), lambda x, at: tf.gather(x, at, axis=2, batch_dims=1)),
    ((X,), lambda x: tf.gather(x, [1, 0])),
    ((INT,), lambda x: tf.zeros_like(x, dtype=tf.float32)),
    ((INT,), lambda x: tf.one_hot(x, 5, dtype=tf.int32)),
    ((INT,), lambda x: tf.compat.v1.div(x, 2)),
    ((X,), lambda x: tf.math.top_k(x, 3)),
    ((X,), lambda x: tf.argsort(x, axis=1)),
    ((X,), lambda x: tf.math.count_nonzero(x, axis=1, dtype=tf.int32)),
    ((X,), lambda x: tf.tensordot(x, tf.ones((6, 5)), 1)),
    ((X,), lambda x: tf.nn.moments(x, [1], keepdims=True)),
    *(((SQUARE,), op) for op in (tf.linalg.inv, tf.linalg.det, tf.linalg.trace, tf.linalg.matrix_transpose)),
    *(((IMAGE,), op) for op in (tf.image.flip_up_down, tf.image.rgb_to_grayscale, tf.image.rgb_to_hsv)),
    ((X, ((None,), "bool")), lambda x, c: tf.compat.v1.where(c, x, x)),
    ((INT,), lambda x: tf.sequence_mask(x, 7)),
    ((X,), lambda x: tf.zeros([tf.shape(x)[0], 4])),
    ((X,), lambda x: tf.keras.activations.relu(x)),
    (((None, 8, 9, 3),), lambda x: tf.nn.max_pool(x, [1, 3, 2, 1], [1, 2, 3, 1], "SAME")),
    (((None, 8, 9, 3),), lambda x: tf.nn.max_pool2d(x, 3, 2, "VALID")),
    (((None, 7, None, 3),), lambda x: tf.nn.avg_pool2d(x, [3, 2], 2, "VALID")),
    (((None, 3, 8, 9),), lambda x: tf.nn.max_pool2d(x, [1, 1, 3, 2], [1, 1, 2, 2], "SAME", data_format="NCHW")),
    (((None, 9, 4),), lambda x: tf.nn.max_pool1d(x, [3], 2, "VALID")),
    (((None, 9, 4),), lambda x: tf.nn.avg_pool1d(x, [1, 2, 1], [1, 2, 1], "SAME")),
    (((None, 5, 6, 7, 2),), lambda x: tf.nn.max_pool3d(x, [1, 2, 2, 2, 1], [1, 2, 2, 3, 1], "SAME")),
    (((None, 8, None, 4),), lambda x: tf.nn.depth_to_space(x, 2)),
    (((None, 8, None, 3),), lambda x: tf.nn.space_to_depth(x, 2)),
    (((None, 4, 6, 6),), lambda x: tf.nn.depth_to_space(x, 2, data_format="NCHW")),
    (((None, 4, 6, 6),), lambda x: tf.nn.space_to_depth(x, 2, data_format="NCHW")),
]  # fmt: skip


def _check(name: str, shapes: tuple[Any, ...], op: Op) -> None:
    framework = FRAMEWORKS[name]
    tensors = inputs_of(framework, shapes)
    flat = tf.nest.flatten(op(*tensors))
    inference = inferred(framework.Model(tensors, flat))
    assert outputs(inference) == [live(tensor) for tensor in flat], inference.reasons


@pytest.mark.parametrize("number", range(len(KERAS)))
def test_keras_operations(number: int) -> None:
    _check("keras", *KERAS[number])


@pytest.mark.parametrize("number", range(len(TENSORFLOW)))
def test_tensorflow_operations(number: int) -> None:
    _check("tf_keras", *TENSORFLOW[number])


def test_an_operation_without_a_rule_is_unknown_and_says_so() -> None:
    x = tf_keras.Input((4, 4))
    inference = inferred(tf_keras.Model(x, tf.linalg.expm(x)))
    assert outputs(inference) == [(None, None)]
    assert "expm" in next(iter(inference.reasons.values()))
