"""Networks of keras.applications as files, made by Keras itself once for each run of the tests."""

from __future__ import annotations

import inspect
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import configsplit
from configsplit.models.document import Document


def names() -> list[str]:
    """Every network in keras.applications."""
    import keras

    found = vars(keras.applications).items()
    return sorted(name for name, value in found if inspect.isfunction(value) and name[0].isupper())


@lru_cache(maxsize=1)
def live(name: str) -> Any:
    """A network with its weights: only the last one asked for is kept, since some hold half a gigabyte."""
    import keras

    keras.backend.clear_session()
    return alexnet() if name == "AlexNet" else getattr(keras.applications, name)(weights=None)


def alexnet() -> Any:
    """The layers of AlexNet (Krizhevsky et al. 2012) in one column, as the partitioning literature uses it."""
    from keras import Sequential, layers

    return Sequential(
        [
            layers.Input((227, 227, 3)),
            layers.Conv2D(96, 11, strides=4, activation="relu", name="conv1"),
            layers.MaxPooling2D(3, 2, name="pool1"),
            layers.Conv2D(256, 5, padding="same", groups=2, activation="relu", name="conv2"),
            layers.MaxPooling2D(3, 2, name="pool2"),
            layers.Conv2D(384, 3, padding="same", activation="relu", name="conv3"),
            layers.Conv2D(384, 3, padding="same", groups=2, activation="relu", name="conv4"),
            layers.Conv2D(256, 3, padding="same", groups=2, activation="relu", name="conv5"),
            layers.MaxPooling2D(3, 2, name="pool5"),
            layers.Flatten(name="flatten"),
            layers.Dense(4096, activation="relu", name="fc6"),
            layers.Dense(4096, activation="relu", name="fc7"),
            layers.Dense(1000, activation="softmax", name="fc8"),
        ],
        name="alexnet",
    )


@cache
def _text(name: str) -> str:
    text = str(live(name).to_json())
    live.cache_clear()
    return text


def document(name: str, folder: Path) -> Document:
    """The architecture of a network, read by configsplit."""
    path = folder / f"{name}.json"
    path.write_text(_text(name))
    return configsplit.load(path)


@cache
def _text_without_top(name: str, size: int | None) -> str:
    import keras

    keras.backend.clear_session()
    return str(getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(size, size, 3)).to_json())


def without_top(name: str, size: int | None, folder: Path) -> Document:
    """A network without its top, for images of one size or of any."""
    path = folder / f"{name}_{size}.json"
    path.write_text(_text_without_top(name, size))
    return configsplit.load(path)


def saved(model: Any, path: Path) -> Document:
    """The architecture of a live model, read by configsplit."""
    path.write_text(model.to_json())
    return configsplit.load(path)
