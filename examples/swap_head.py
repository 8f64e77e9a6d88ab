"""Transfer learning from files: a new head on a trained backbone, the backbone frozen. Keras only trains."""

from __future__ import annotations

import tempfile
from pathlib import Path

import configsplit


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        network, head = Path(folder, "network.keras"), Path(folder, "head.keras")
        build(network, head)
        swapped = configsplit.replace(configsplit.load(network), head, from_="pooled", to="scores")
        path = swapped.save(Path(folder, "swapped.keras")).path
        frozen = configsplit.freeze(configsplit.load(path), before="pooled").save(Path(folder, "ready.keras"))
        for layer in configsplit.layers(configsplit.load(frozen.path)):
            print(f"  {layer.name:<12} {layer.class_name:<24} {'frozen' if layer.trainable is False else ''}".rstrip())
        train(frozen.path)


def build(network: Path, head: Path) -> None:
    """A stand-in for a trained network of ten classes, and a head of three."""
    import keras

    image = keras.Input((16, 16, 3), name="image")
    features = keras.layers.Conv2D(8, 3, activation="relu", name="features")(image)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(features)
    keras.Model(image, keras.layers.Dense(10, name="scores")(pooled)).save(network)
    given = keras.Input((8,), name="given")
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")(given)
    keras.Model(given, keras.layers.Dense(3, name="classes")(hidden)).save(head)


def train(path: Path) -> None:
    """One step: the head moves, the backbone does not."""
    import keras
    import numpy as np

    model = keras.models.load_model(path)
    before = {layer.name: [np.array(value) for value in layer.get_weights()] for layer in model.layers}
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    chance = np.random.default_rng(0)
    model.fit(chance.normal(size=(8, 16, 16, 3)), chance.integers(0, 3, 8), verbose=0)
    for layer in model.layers:
        if before[layer.name]:
            moved = any((old != new).any() for old, new in zip(before[layer.name], layer.get_weights(), strict=True))
            print(f"  {layer.name:<12} {'moved' if moved else 'stayed'}")


if __name__ == "__main__":
    main()
