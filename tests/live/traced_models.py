"""Models that have no functional graph at all: tf ops between layers, loops, tied weights, tables."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np


def network(keras: Any) -> Any:
    """Residual blocks that are layers of the user's own, a layer called twice, a weight of the model's own, a loop."""
    tf, layers = importlib.import_module("tensorflow"), keras.layers

    class Block(layers.Layer):
        def __init__(self, width: int, **options: Any) -> None:
            super().__init__(**options)
            self.conv = layers.Conv2D(width, 3, padding="same", name="conv")
            self.norm = layers.BatchNormalization(name="norm")
            self.side = layers.Conv2D(width, 1, name="side")

        def call(self, x: Any, training: bool | None = None) -> Any:
            return tf.nn.relu(self.side(self.norm(self.conv(x), training=training))) + x

    class Network(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="network")
            self.stem = layers.Conv2D(4, 3, padding="same", name="stem")
            self.block1, self.block2 = Block(4, name="block1"), Block(4, name="block2")
            self.shared = layers.Dense(4, name="shared")
            self.head = layers.Dense(3, name="head")
            self.scale = self.add_weight(name="scale", shape=(4,), initializer="ones")

        def call(self, x: Any, training: bool | None = None) -> Any:
            x = self.block1(self.stem(x), training=training) * self.scale
            x = self.shared(self.block2(self.shared(x), training=training)) * self.scale
            x = tf.reshape(x, [tf.shape(x)[0], -1, 4])
            _, x = tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * 1.25), [0, x])
            return self.head(tf.reduce_mean(x, axis=1))

    model = Network()
    model(pictures())
    return shuffled(model)


def tied(keras: Any) -> Any:
    """An Embedding whose matrix is also that of the last step (row 6 of the systems)."""
    tf, layers = importlib.import_module("tensorflow"), keras.layers

    class Tied(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="tied")
            self.embedding = layers.Embedding(9, 4, name="embedding")
            self.middle = layers.Dense(4, activation="tanh", name="middle")

        def call(self, ids: Any) -> Any:
            return tf.matmul(self.middle(self.embedding(ids)), self.embedding.embeddings, transpose_b=True)

    model = Tied()
    model(ids())
    return shuffled(model)


def several(keras: Any) -> Any:
    """Two inputs in a dict, two outputs, one of which comes early; layers in a branch and in a loop."""
    tf, layers = importlib.import_module("tensorflow"), keras.layers

    class Several(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="several")
            self.left, self.right = layers.Dense(4, name="left"), layers.Dense(4, name="right")
            self.looped, self.branch = layers.Dense(4, name="looped"), layers.Dense(4, name="branch")
            self.head = layers.Dense(2, name="head")

        def call(self, given: Any) -> Any:
            left, right = self.left(given["a"]), self.right(given["b"])
            early = tf.nn.softmax(left)
            both = tf.stack([left * right, left - right], axis=1)
            state = tf.zeros_like(left)
            for step in tf.range(2):
                state = self.looped(state + both[:, step])
            state = tf.cond(tf.reduce_sum(state) > 0.0, lambda: self.branch(state), lambda: -state)
            return early, self.head(tf.math.top_k(state, 3).values)

    model = Several()
    converted = tf.autograph.to_graph(Several.call.__wrapped__ if hasattr(Several.call, "__wrapped__") else Several.call)
    Several.call = lambda self, given: converted(self, given)
    model(pair())
    return shuffled(model)


def pictures(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 6, 6, 3)).astype("float32")


def ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 9, size=(2, 5)).astype("int32")


def pair() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    return {"a": chance.normal(size=(3, 5)).astype("float32"), "b": chance.normal(size=(3, 2)).astype("float32")}


def shuffled(model: Any) -> Any:
    """Weights that no initializer makes."""
    chance = np.random.default_rng(7)
    model.set_weights([np.abs(chance.normal(size=value.shape)).astype(value.dtype) * 0.4 for value in model.get_weights()])
    return model
