"""Ordinary models of Keras 3 that people take back to Keras 2, each with random weights, and inputs with padding in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras import layers, ops

MADE: dict[str, Callable[[], Any]] = {}

STEPS = 7


def model(make: Callable[[], Any]) -> Callable[[], Any]:
    MADE[make.__name__] = make
    return make


def _ids(name: str = "ids") -> Any:
    return keras.Input((STEPS,), dtype="int32", name=name)


def _text(*between: Any) -> Any:
    x = ids = _ids()
    for layer in (layers.Embedding(20, 6, mask_zero=True), *between, layers.Dense(3, activation="softmax")):
        x = layer(x)
    return keras.Model(ids, x)


@model
def lstm() -> Any:
    return _text(layers.LSTM(5))


@model
def gru_both_ways() -> Any:
    return _text(layers.Bidirectional(layers.GRU(5, return_sequences=True)), layers.Dropout(0.2, seed=1), layers.SimpleRNN(4))


@model
def steps_apart() -> Any:
    return _text(
        layers.LSTM(5, return_sequences=True), layers.TimeDistributed(layers.Dense(4)), layers.GlobalAveragePooling1D()
    )


@model
def cells() -> Any:
    return _text(layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]))


@model
def masking() -> Any:
    x = keras.Input((STEPS, 3), name="steps")
    return keras.Model(x, layers.GRU(3)(layers.LSTM(4, return_sequences=True)(layers.Masking(0.0)(x))))


@model
def states() -> Any:
    x, y = keras.Input((STEPS, 3)), keras.Input((STEPS, 3))
    last, *kept = layers.LSTM(4, return_state=True)(x)
    return keras.Model([x, y], [layers.LSTM(4, return_sequences=True)(y, initial_state=kept), last])


@model
def attention() -> Any:
    ids = _ids()
    x = layers.Embedding(20, 8, mask_zero=True)(ids)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(ids, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


@model
def attention_of_two() -> Any:
    one, other, embed = _ids("one"), _ids("other"), layers.Embedding(20, 4, mask_zero=True)
    return keras.Model([one, other], layers.Attention(use_scale=True)([embed(one), embed(other)]))


@model
def sum_of_masked() -> Any:
    one, other, embed = _ids("one"), _ids("other"), layers.Embedding(20, 4, mask_zero=True)
    return keras.Model([one, other], layers.LSTM(3)(layers.Concatenate()([embed(one), embed(other)])))


@model
def twins() -> Any:
    x = keras.Input((8,))
    encoder = keras.Model(x, layers.BatchNormalization()(layers.Dense(4, activation="relu")(x)), name="encoder")
    one, other = keras.Input((8,)), keras.Input((8,))
    gap = layers.Subtract()([encoder(one), encoder(other)])
    return keras.Model([one, other], layers.Dense(1, activation="sigmoid")(gap))


@model
def frozen_inside() -> Any:
    inner = keras.Sequential(
        [layers.Input((6,)), layers.Dense(5, activation="relu"), layers.BatchNormalization()], name="inner"
    )
    inner.layers[0].trainable = False
    x = keras.Input((6,))
    middle = keras.Model(x, [inner(x), layers.Dense(3)(x)], name="middle")
    outer = keras.Input((6,))
    one, other = middle(outer)
    return keras.Model(outer, {"one": layers.Dense(2)(one), "other": other})


@model
def shared() -> Any:
    layer, x = layers.Dense(4, activation="tanh"), keras.Input((4,))
    y = layer(layer(x))
    return keras.Model(x, [y, layer(y)])


@model
def images() -> Any:
    chain = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.BatchNormalization(), layers.Flatten()]
    return keras.Sequential([layers.Input((12, 12, 3)), *chain, layers.Dense(3, activation="softmax")])


@model
def built_later() -> Any:
    made = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)])
    made.build((None, 5))
    return made


@model
def nested_later() -> Any:
    inner, x = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)], name="inner"), keras.Input((5,))
    return keras.Model(x, layers.Dense(2)(inner(x)))


@model
def frames() -> Any:
    image = keras.Input((8, 8, 3))
    each = keras.Model(image, layers.Flatten()(layers.BatchNormalization()(layers.Conv2D(2, 3)(image))), name="each")
    video = keras.Input((5, 8, 8, 3))
    return keras.Model(video, layers.LSTM(3)(layers.TimeDistributed(each)(video)))


@model
def settings() -> Any:
    dense = layers.Dense(3, "silu", kernel_regularizer="l2", kernel_initializer="he_normal", kernel_constraint="max_norm")
    return keras.Sequential([layers.Input((4,)), dense, layers.LeakyReLU(0.2), layers.ReLU(2.0, 0.1, 0.3), layers.PReLU()])


@model
def half() -> Any:
    x = keras.Input((12, 12, 3))
    y = layers.Conv2D(4, 3, dtype="mixed_float16", activation="relu")(x)
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D(dtype="mixed_float16")(y)))


@model
def odd_names() -> Any:
    x = keras.Input((4,), name="my input")
    return keras.Model(x, layers.Dense(2, name="_x y")(x), name="a model")


@model
def words() -> Any:
    text = keras.Input((1,), dtype="string")
    split = layers.TextVectorization(output_sequence_length=5)
    split.adapt(np.array([["a b c"], ["c d"]]))
    return keras.Model(text, layers.LSTM(2)(layers.Embedding(10, 3, mask_zero=True)(split(text))))


@model
def counted() -> Any:
    word, number, value = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64"), keras.Input((2,))
    one, other, normal = layers.StringLookup(output_mode="one_hot"), layers.IntegerLookup(), layers.Normalization()
    one.adapt(np.array(["a", "b", "zz"]))
    other.adapt(np.array([3, 5, 7]))
    normal.adapt(np.random.default_rng(2).normal(size=(9, 2)))
    bags = layers.TextVectorization(output_mode="multi_hot")
    bags.adapt(np.array([["a b"], ["c"]]))
    return keras.Model([word, number, value], [one(word), other(number), normal(value), bags(word)])


@model
def computed() -> Any:
    x = keras.Input((6, 4))
    y = ops.mean((ops.relu(x) + 1.0) * x, axis=1, keepdims=True) - ops.sqrt(ops.abs(x) + 0.1)
    y = layers.Dense(3)(ops.reshape(ops.concatenate([y, x], axis=-1), (-1, 48)))
    y = 1.0 / (1.0 + ops.exp(-y))
    chosen = ops.where(y > 0.5, y, ops.zeros_like(y))
    return keras.Model(x, [y[:, 1:3], chosen, ops.clip(y, 0.2, 0.7), 2.0 - y, ops.square(y) ** 2.0])


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "absolute": lambda x, n: ops.absolute(x),
    "add of two kinds": lambda x, n: x + n,
    "add a fraction to whole numbers": lambda x, n: n + 0.5,
    "any": lambda x, n: ops.any(n > 1, axis=1),
    "argument first": lambda x, n: 1.0 - x,
    "cast": lambda x, n: ops.cast(n, "float32"),
    "ceil": lambda x, n: ops.ceil(x),
    "clip": lambda x, n: ops.clip(x, -0.2, 0.7),
    "compare": lambda x, n: ops.logical_and(x > 0, n >= 1),
    "concatenate": lambda x, n: ops.concatenate([x, n], axis=1),
    "copy": lambda x, n: ops.copy(x),
    "divide whole numbers": lambda x, n: n / 2,
    "elu": lambda x, n: ops.elu(x),
    "erf": lambda x, n: ops.erf(x),
    "expm1": lambda x, n: ops.expm1(x),
    "floor division": lambda x, n: x // 2.0,
    "gelu": lambda x, n: ops.gelu(x),
    "gelu exactly": lambda x, n: ops.gelu(x, approximate=False),
    "hard_sigmoid": lambda x, n: ops.hard_sigmoid(x),
    "hard_silu": lambda x, n: ops.hard_silu(x),
    "isfinite": lambda x, n: ops.isfinite(x),
    "leaky_relu": lambda x, n: ops.leaky_relu(x, 0.1),
    "log_softmax": lambda x, n: ops.log_softmax(x, axis=1),
    "logical_not": lambda x, n: ops.logical_not(n > 1),
    "logsumexp": lambda x, n: ops.logsumexp(x, axis=1),
    "matmul": lambda x, n: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "max": lambda x, n: ops.max(x, axis=-1, keepdims=True),
    "maximum": lambda x, n: ops.maximum(x, 0.3),
    "mean of whole numbers": lambda x, n: ops.mean(n, axis=1),
    "mod": lambda x, n: x % 2.0,
    "pad": lambda x, n: ops.pad(x, [[0, 0], [1, 2], [0, 0]]),
    "prod": lambda x, n: ops.prod(x, axis=1),
    "reciprocal": lambda x, n: ops.reciprocal(ops.abs(x) + 1),
    "repeat": lambda x, n: ops.repeat(x, 2, axis=1),
    "round": lambda x, n: ops.round(x * 3),
    "rsqrt": lambda x, n: ops.rsqrt(ops.abs(x) + 0.1),
    "sign": lambda x, n: ops.sign(x),
    "silu": lambda x, n: ops.silu(x),
    "slices": lambda x, n: x[:, None, 1:, ::2],
    "slices from the end": lambda x, n: x[..., -1],
    "softmax": lambda x, n: ops.softmax(x),
    "softplus": lambda x, n: ops.softplus(x),
    "softsign": lambda x, n: ops.softsign(x),
    "squeeze": lambda x, n: ops.squeeze(ops.expand_dims(x, 1), 1),
    "stack": lambda x, n: ops.stack([x, x], 1),
    "std": lambda x, n: ops.std(x, axis=1),
    "sum of whole numbers": lambda x, n: ops.sum(n, axis=1),
    "tanh of whole numbers": lambda x, n: ops.tanh(n),
    "tile": lambda x, n: ops.tile(x, (1, 2, 1)),
    "var": lambda x, n: ops.var(x, axis=-1),
    "where": lambda x, n: ops.where(x > 0, x, 0.0),
    "where of numbers": lambda x, n: ops.where(n > 1, 1.0, 0.0),
    "zeros_like": lambda x, n: ops.zeros_like(x) + n,
}
"""What people write between layers, of fractions and of whole numbers."""


def of_operation(name: str) -> Any:
    x, n = keras.Input((6, 4)), keras.Input((6, 4), dtype="int32")
    return keras.Model([x, n], OPERATIONS[name](x, n))


def filled(made: Any) -> Any:
    """The model with random weights."""
    rng = np.random.default_rng(7)
    for weight in made.weights:
        if "float" in str(weight.dtype) and "normalization/" not in weight.path.replace("batch_normalization", ""):
            weight.assign(rng.normal(size=weight.shape) * 0.4 + ("variance" in weight.path) * 1.5)
    return made


def drawn(made: Any) -> list[Any]:
    """An input for each that the model takes: its last steps are padding in one sample, and none are in the others."""
    rng, found = np.random.default_rng(11), []
    for tensor in made.inputs:
        shape = [(3 if number == 0 else STEPS) if size is None else size for number, size in enumerate(tensor.shape)]
        kind = str(tensor.dtype)
        if kind == "string":
            found.append(np.resize(np.array(["a b", "c", "zz"]), shape))
            continue
        values = rng.integers(1, 4, shape) if "int" in kind else rng.normal(size=shape)
        if len(shape) > 1 and shape[1] == STEPS:
            values[0, 4:] = 0
        found.append(values.astype("float32" if kind == "bfloat16" else kind))
    return found


def run(made: Any, given: Sequence[Any]) -> list[Any]:
    """What a model of either Keras computes, untrained."""
    tensors = [tf.constant(each) for each in given]
    outputs = made(tensors[0] if len(tensors) == 1 else tensors, training=False)
    return [np.asarray(each) for each in tf.nest.flatten(outputs)]


def in_keras2(path: Path) -> Any:
    return tf_keras.models.load_model(path, compile=False)


def off_by(old: Sequence[Any], new: Sequence[Any]) -> float:
    """The largest difference, beside the largest number of an output; 0 where all bits are equal.

    Raises:
        AssertionError: there are others, or of another kind.
    """
    assert [(each.shape, each.dtype) for each in old] == [(each.shape, each.dtype) for each in new]
    found = 0.0
    for one, other in zip(old, new, strict=True):
        if one.tobytes() != other.tobytes():
            gap = np.abs(one.astype("float64") - other.astype("float64")).max()
            found = max(found, float(gap / np.abs(one.astype("float64")).max()), 1e-12)
    return found
