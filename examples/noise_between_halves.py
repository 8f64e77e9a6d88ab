"""Noise on the tensor between two halves, as information-bottleneck attribution wants it: by hand, and as a layer in the file.

By hand: cut the network, load both halves, do what you like with what one hands to the other. In the file: put a noise layer
there, which is active in training only.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import configsplit


def main() -> None:
    import keras
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        build(path)
        parts = configsplit.split(configsplit.load(path), at="middle").save(Path(folder, "halves"))
        first, second = (keras.models.load_model(parts.directory / part.file) for part in parts.manifest.parts)
        image = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("float32")
        middle = np.asarray(first(image))
        clean = np.asarray(second(middle))
        whole = np.asarray(keras.models.load_model(path)(image))
        print(f"halves without noise equal the whole bit for bit: {clean.tobytes() == whole.tobytes()}")
        for scale in (0.1, 1.0):
            noise = np.random.default_rng(1).normal(scale=scale, size=middle.shape).astype("float32")
            change = float(np.abs(np.asarray(second(middle + noise)) - clean).max())
            print(f"noise of {scale} on the hand-off changes the output by {change:.3f}")
        layer = Path(folder, "noise.json")
        layer.write_text(json.dumps({"class_name": "GaussianNoise", "config": {"stddev": 0.1}}))
        noisy = configsplit.insert(configsplit.load(path), layer, after="middle").save(Path(folder, "noisy.keras"))
        names = [each.name for each in keras.models.load_model(noisy.path).layers]
        print(f"in the file: {' -> '.join(names)}")


def build(path: Path) -> None:
    """A stand-in for your trained network."""
    import keras

    image = keras.Input((16, 16, 3), name="image")
    middle = keras.layers.Conv2D(8, 3, activation="relu", name="middle")(image)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(middle)
    keras.Model(image, keras.layers.Dense(4, name="scores")(pooled)).save(path)


if __name__ == "__main__":
    main()
