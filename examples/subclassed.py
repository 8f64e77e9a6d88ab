"""A subclassed model keeps its graph in Python code: cut it live, do what you like between its halves, and save them.

Where Keras can trace the layers, the halves are Keras models. Here a TensorFlow op stands between the layers, so the TensorFlow
graph is cut, into two SavedModels that need neither Keras nor this class.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import configsplit.keras


def main() -> None:
    import numpy as np
    import tensorflow as tf

    # TensorFlow may fuse what it sees side by side, and rounds otherwise then: compare the kernels as they stand
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    model = network()
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    whole = np.asarray(model(images))
    parts = configsplit.keras.split(model, at="block/conv")
    head, tail = parts
    for port in head.outputs:
        print(f"crosses: {port.layer:<20} {port.shape} {port.dtype}")
    handed = head(tf.constant(images))
    print(f"halves equal the whole bit for bit: {np.asarray(tail(*handed)).tobytes() == whole.tobytes()}")
    shaken = [tensor + tf.random.stateless_normal(tf.shape(tensor), (0, 1)) for tensor in handed]
    print(f"noise between them changes the scores by {float(np.abs(np.asarray(tail(*shaken)) - whole).max()):.3f}")
    with tempfile.TemporaryDirectory() as folder:
        saved = parts.save(Path(folder, "parts"))
        names = sorted(path.name for path in saved.iterdir())
        loaded = tf.saved_model.load(str(saved / "part-1"))
        print(f"saved: {', '.join(names)}; part-1 alone has {len(loaded.weights)} variables")


def network() -> Any:
    """A stand-in for your trained network."""
    import keras
    import tensorflow as tf

    class Block(keras.layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.conv = keras.layers.Conv2D(8, 3, padding="same", name="conv")

        def call(self, x: Any) -> Any:
            return tf.nn.relu(self.conv(x)) + x

    class Network(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.stem = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="stem")
            self.block = Block(name="block")
            self.scores = keras.layers.Dense(4, name="scores")

        def call(self, x: Any) -> Any:
            return self.scores(tf.reduce_mean(self.block(self.stem(x)), axis=(1, 2)))

    model = Network()
    model(tf.zeros((1, 16, 16, 3)))
    return model


if __name__ == "__main__":
    main()
