"""Features at several layers at once: one model out of a trained network, cut from its file without Keras."""

from __future__ import annotations

import tempfile
from pathlib import Path

import configsplit


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        build(path)
        network = configsplit.load(path)
        features = configsplit.extract(network, to=["early", "late", "scores"])
        saved = features.save(Path(folder, "features.keras"))
        print(f"{saved.path.name}: {saved.layers} layers, {saved.compared} weights bit for bit those of {path.name}")
        show(saved.path)


def build(path: Path) -> None:
    """A stand-in for your trained network."""
    import keras

    image = keras.Input((32, 32, 3), name="image")
    early = keras.layers.Conv2D(8, 3, activation="relu", name="early")(image)
    late = keras.layers.Conv2D(16, 3, strides=2, activation="relu", name="late")(early)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(late)
    keras.Model(image, keras.layers.Dense(10, name="scores")(pooled)).save(path)


def show(path: Path) -> None:
    """Use it like any Keras model."""
    import keras
    import numpy as np

    model = keras.models.load_model(path)
    for name, value in zip(("early", "late", "scores"), model(np.ones((1, 32, 32, 3), "float32")), strict=True):
        print(f"  {name}: {tuple(value.shape)}")


if __name__ == "__main__":
    main()
