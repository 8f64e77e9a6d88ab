"""What speaks for the shapes of classes that nobody has declared: cut by it, parts compute the same bits, and it is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import fill, flat, inputs_for, run, run_parts, same

import configsplit
from configsplit.errors import ConfigSplitError, ShapeError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework

WORKS = framework("tf_keras")
keras = WORKS.module
tf = pytest.importorskip("tensorflow")
L: Any = keras.layers


class Normalized(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.gamma, self.beta = (self.add_weight(name=name, shape=(shape[-1],)) for name in ("gamma", "beta"))

    def call(self, x: Any) -> Any:
        return (x - tf.reduce_mean(x, [1, 2], keepdims=True)) * self.gamma + self.beta


class Padded(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")


class Spectral(L.Conv2D):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        super().build(shape)
        self.vector = self.add_weight(name="u", shape=(1, self.filters), trainable=False)


class Always(L.Dropout):  # type: ignore[misc]
    def call(self, x: Any, training: Any = None) -> Any:
        return x * 3.0


class Dropped(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x * 0.5


class Weighed(L.Layer):  # type: ignore[misc]
    """The attention of many notebooks: a vector over the features, and one over the steps."""

    def build(self, shape: Any) -> None:
        self.w, self.b = self.add_weight(name="w", shape=(shape[-1], 1)), self.add_weight(name="b", shape=(shape[1],))

    def call(self, x: Any) -> Any:
        scores = tf.nn.softmax(tf.squeeze(tf.matmul(x, self.w), -1) + self.b)
        return tf.reduce_sum(x * scores[..., None], 1)


class Block(L.Layer):  # type: ignore[misc]
    def __init__(self, filters: int, **more: Any) -> None:
        super().__init__(**more)
        self.filters, self.conv = filters, L.Conv2D(filters, 3, strides=2)

    def call(self, x: Any) -> Any:
        return tf.nn.relu(self.conv(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


class Positions(L.Layer):  # type: ignore[misc]
    def __init__(self, steps: int, words: int, width: int, **more: Any) -> None:
        super().__init__(**more)
        self.steps, self.words, self.width = steps, words, width
        self.of_words, self.of_steps = L.Embedding(words, width), L.Embedding(steps, width)

    def call(self, x: Any) -> Any:
        return self.of_words(x) + self.of_steps(tf.range(self.steps))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "words": self.words, "width": self.width}


def chain(shape: tuple[int, ...], *layers: Any, **more: Any) -> Any:
    flow = start = L.Input(shape, **more)
    for layer in layers:
        flow = layer(flow)
    return keras.Model(start, flow)


def residual() -> Any:
    start = L.Input((6, 6, 3))
    flow = L.Conv2D(3, 3, padding="same")(start)
    return keras.Model(start, L.Conv2D(2, 1)(L.Add()([start, Dropped(name="at")(flow)])))


IMAGE = (8, 8, 3)
KINDS: dict[str, tuple[Callable[[], Any], tuple[int | None, ...], str]] = {
    "a vector for each channel": (
        lambda: chain(IMAGE, L.Conv2D(4, 3), Normalized(name="at"), L.ReLU(), Padded(), L.Conv2D(2, 3)),
        (None, 6, 6, 4),
        "2 for each channel",
    ),
    "a subclass of Conv2D": (
        lambda: chain(IMAGE, Spectral(4, 3, strides=2, name="at"), L.LeakyReLU(), L.Flatten(), L.Dense(2)),
        (None, 3, 3, 4),
        "that of a Conv2D",
    ),
    "a subclass of Dropout": (lambda: chain((5, 4), Always(0.2, name="at"), L.Flatten(), L.Dense(2)), (None, 5, 4), "Dropout"),
    "beside a tensor that is known": (residual, (None, 6, 6, 3), "want"),
    "elements that a Flatten wants": (
        lambda: chain(IMAGE, L.Conv2D(4, 3), Dropped(name="at"), L.Flatten(), L.Dense(2)),
        (None, 6, 6, 4),
        "its input",
    ),
    "the axes of a normalization": (
        lambda: chain((5, 4), Weighed(name="at"), L.Dense(6), L.BatchNormalization(), L.Dense(1)),
        (None, 4),
        "want",
    ),
    "filters": (
        lambda: chain(IMAGE, Block(4, name="at"), Block(5), L.GlobalMaxPooling2D(), L.Dense(1)),
        (None, None, None, 4),
        "4 in place of 3",
    ),
    "an embedding": (
        lambda: chain((5,), Positions(5, 9, 4, name="at"), Normalized2(), L.Dense(1), dtype="int32"),
        (None, 5, 4),
        "embedding",
    ),
}


class Normalized2(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.scale, self.shift = (self.add_weight(name=name, shape=(shape[-1],)) for name in ("scale", "shift"))

    def call(self, x: Any) -> Any:
        return x * self.scale + self.shift


CLASSES = {
    each.__name__: each for each in (Normalized, Normalized2, Padded, Spectral, Always, Dropped, Weighed, Block, Positions)
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_cut_by_what_speaks_for_a_shape(kind: str, tmp_path: Path) -> None:
    make, shape, why = KINDS[kind]
    fill(make()).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    (crossing,) = [tensor for tensor in saved.manifest.parts[1].inputs if tensor.name == "at"]
    assert crossing.shape == shape
    assert any("'at' is of a class that does not say it" in warning and why in warning for warning in saved.manifest.warnings)
    whole = load(path, framework=WORKS, classes=CLASSES)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, WORKS), WORKS)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, CLASSES), WORKS)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))


def test_code_tells_it_without_being_run(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    fill(chain(IMAGE, L.Lambda(lambda x: x[:, ::2] / 255.0, name="at"), Padded(), L.Conv2D(2, 3))).save(path)
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    assert saved.manifest.parts[1].inputs[0].shape == (None, 4, 8, 3)
    assert any("read and not run" in warning for warning in saved.manifest.warnings)


UNTOLD: dict[str, Callable[[], Any]] = {
    "a Dense takes any rank": lambda: chain((5, 4), Dropped(name="at"), L.Dense(1)),
    "a Dense behind another size": lambda: chain(IMAGE, Padded(name="at"), L.Flatten(), L.Dense(2)),
    "nobody tells": lambda: chain(IMAGE, Padded(name="at"), Dropped(), Dropped(name="end")),
}


@pytest.mark.parametrize("kind", UNTOLD)
def test_where_nothing_speaks_for_one_it_is_asked_for(kind: str, tmp_path: Path) -> None:
    fill(UNTOLD[kind]()).save(path := tmp_path / "model.h5")
    with pytest.raises(ShapeError) as caught:
        configsplit.split(path, "at")
    assert caught.value.code == "shape-unknown"
    assert "--shape at=" in str(caught.value.hint)


class Halved(L.Layer):  # type: ignore[misc]
    """Its weights are those of a normalization, and it gives every second row."""

    def build(self, shape: Any) -> None:
        self.gamma, self.beta = (self.add_weight(name=name, shape=(shape[-1],)) for name in ("gamma", "beta"))

    def call(self, x: Any) -> Any:
        return x[:, ::2] * self.gamma + self.beta


def test_what_is_taken_for_granted_wrongly_changes_no_number(tmp_path: Path) -> None:
    """Keras computes on the tensor that it is given; it may refuse it, and then says so."""
    fill(chain(IMAGE, Halved(name="at"), Dropped(), L.Conv2D(2, 3))).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    classes = {**CLASSES, "Halved": Halved}
    whole = load(path, framework=WORKS, classes=classes)
    inputs = inputs_for(whole)
    try:
        found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, classes), WORKS)
    except (ConfigSplitError, ValueError):
        return
    assert all(same(np.asarray(a), np.asarray(b)) for a, b in zip(flat(run(whole, inputs, WORKS), WORKS), found, strict=True))
