"""Small live models with weights of their own, the same for Keras 3 and tf_keras, and what they compute from files."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework

KINDS = [("keras", "keras"), ("keras", "h5"), ("tf_keras", "h5"), ("tf_keras", "keras")]
"""Framework and format of every way in which a functional model is saved."""

SIZE = (6, 6, 3)


def works_of(name: str) -> Framework:
    works = framework(name)  # type: ignore[arg-type]
    works.module.backend.clear_session()
    return works


def with_weights(model: Any, seed: int) -> Any:
    """Weights that no initializer makes; positive, as variances have to be."""
    chance = np.random.default_rng(seed)
    model.set_weights([np.abs(chance.normal(size=value.shape)).astype(value.dtype) * 0.4 for value in model.get_weights()])
    return model


def branched(keras: Any, seed: int = 1) -> Any:
    """A residual block, a nested model with BatchNormalization between convolutions, a head."""
    layers = keras.layers
    image = keras.Input(SIZE, name="image")
    stem = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    normal = layers.BatchNormalization(name="normal")(stem)
    active = layers.ReLU(name="active")(normal)
    deep = layers.Conv2D(4, 3, padding="same", name="deep")(active)
    summed = layers.Add(name="sum")([active, deep])
    tail = inner(keras)(summed)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(tail)
    return with_weights(keras.Model(image, layers.Dense(5, name="scores")(pooled), name="branched"), seed)


def inner(keras: Any) -> Any:
    layers = keras.layers
    given = keras.Input((6, 6, 4), name="given")
    one = layers.Conv2D(4, 1, name="one")(given)
    two = layers.BatchNormalization(name="two")(one)
    three = layers.Conv2D(4, 1, name="three")(two)
    return keras.Model(given, layers.BatchNormalization(name="four")(three), name="inner")


def chain(keras: Any, seed: int = 2) -> Any:
    """A Sequential."""
    layers = keras.layers
    steps = [layers.Dense(8, activation="tanh", name="a"), layers.Dropout(0.5, name="drop"), layers.Dense(4, name="b")]
    return with_weights(keras.Sequential([keras.Input((6,), name="row"), *steps], name="chain"), seed)


BUILDERS = {
    ("ResNet50", "keras"): ("resnet", "stack_residual_blocks_v1"),
    ("ResNet50", "tf_keras"): ("resnet", "stack1"),
    ("InceptionV3", "keras"): ("inception_v3", "conv2d_bn"),
    ("InceptionV3", "tf_keras"): ("inception_v3", "conv2d_bn"),
}
"""The function that Keras builds most of a network with: it takes a tensor and a number of channels."""


def narrowed(works: Framework, network: str, share: int, **options: Any) -> Any:
    """A network as Keras wires it and names its layers, with one of so many channels: all that a cut sees, in few bytes."""
    module, builder = BUILDERS[network, works.name]
    place = importlib.import_module(f"{works.name}.src.applications.{module}")
    build = getattr(place, builder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, builder, lambda x, filters, *rest, **more: build(x, filters // share, *rest, **more))
        return getattr(works.module.applications, network)(weights=None, **options)


def saved(model: Any, folder: Path, name: str) -> Path:
    path = folder / name
    model.save(path)
    return path


def run(path: Path, works: Framework, *inputs: np.ndarray) -> list[np.ndarray]:
    """What a file computes, loaded by Keras's own loader."""
    live = load(path, framework=works, classes={})
    return values(live(inputs[0] if len(inputs) == 1 else list(inputs), training=False), works)


def values(outputs: Any, works: Framework) -> list[np.ndarray]:
    return [np.asarray(value) for value in works.flatten(outputs)]


def images(seed: int = 0, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 6, 6, channels)).astype("float32")


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    """Bit for bit."""
    return [value.tobytes() for value in ours] == [value.tobytes() for value in theirs]
