"""What an undeclared class gives, told by the layers that take its several outputs; and recurrent layers over cells of the
user's own: cut by it, parts compute the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import fill, flat, inputs_for, run, run_parts, same

import configsplit
from configsplit.errors import ShapeError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework

WORKS = framework("tf_keras")
keras = WORKS.module
tf = pytest.importorskip("tensorflow")
L: Any = keras.layers


class Forecast(L.Layer):  # type: ignore[misc]
    """What is explained of the past, and what is expected."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.inner = L.Dense(8)

    def call(self, x: Any) -> Any:
        both = self.inner(x)
        return both[:, :6], both[:, 6:]


class Encoded(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(shape[-1],))

    def call(self, x: Any) -> Any:
        return {"all": x * self.scale, "mean": tf.reduce_mean(x, 1)}


class Spectrum(L.Layer):  # type: ignore[misc]
    """Gives complex numbers beside real ones, and has no weights that would tell a type."""

    def call(self, x: Any) -> Any:
        made = tf.signal.rfft(x)
        return tf.abs(made), made


class Phase(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.math.angle(x)


class Minimal(L.Layer):  # type: ignore[misc]
    """A cell; ``gates`` wide kernels."""

    def __init__(self, units: int, gates: int = 1, **more: Any) -> None:
        super().__init__(**more)
        self.units = self.state_size = self.output_size = units
        self.gates = gates

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], self.units * self.gates))
        self.recurrent = self.add_weight(name="recurrent", shape=(self.units, self.units * self.gates))

    def call(self, x: Any, states: Any) -> Any:
        new = tf.tanh(tf.matmul(x, self.kernel) + tf.matmul(states[0], self.recurrent))[:, : self.units]
        return new, [new]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "gates": self.gates}


CLASSES = {each.__name__: each for each in (Forecast, Encoded, Minimal)}


def of_blocks() -> Any:
    flow = start = L.Input((6,))
    ends = []
    for name in ("at", "other"):
        past, future = Forecast(name=name)(flow)
        flow = L.Subtract()([flow, past])
        ends.append(future)
    return keras.Model(start, L.Add()(ends))


def of_names() -> Any:
    start = L.Input((5, 4))
    both = Encoded(name="at")(L.Dense(4)(start))
    return keras.Model(start, L.Dense(2)(L.Concatenate()([L.LSTM(3)(both["all"]), both["mean"]])))


def recurrent(cell: Callable[[], Any]) -> Any:
    start = L.Input((5, 3))
    flow = L.RNN(cell(), return_sequences=True, name="at")(L.Dense(4)(start))
    return keras.Model(start, L.Dense(2)(L.GlobalMaxPooling1D()(flow)))


MADE: dict[str, tuple[Callable[[], Any], str]] = {
    "blocks": (of_blocks, "keras"),
    "names": (of_names, "keras"),
    "a cell": (lambda: recurrent(lambda: Minimal(7)), "keras"),
    "a cell by its weights": (lambda: recurrent(lambda: Minimal(7)), "h5"),
    "a cell with gates": (lambda: recurrent(lambda: Minimal(7, 3)), "h5"),
    "a cell before a known one": (lambda: recurrent(lambda: [Minimal(7), L.GRUCell(5)]), "h5"),
}


@pytest.mark.parametrize("kind", MADE)
def test_it_is_cut_and_runs(kind: str, tmp_path: Path) -> None:
    make, suffix = MADE[kind]
    fill(make()).save(path := tmp_path / f"model.{suffix}")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    whole = load(path, framework=WORKS, classes=CLASSES)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, WORKS), WORKS)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, CLASSES), WORKS)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))


def of_any_type() -> Any:
    start = L.Input((8,))
    real, complex_ones = Spectrum(name="at")(L.Dense(8)(start))
    return keras.Model(start, L.Dense(2)(L.Concatenate()([real, Phase()(complex_ones)])))


UNTOLD: dict[str, tuple[Callable[[], Any], str]] = {
    "no units in its weights": (lambda: recurrent(lambda: Minimal(7, 2)), "h5"),
    "outputs that nothing was built on": (of_blocks, "h5"),
    "outputs of any type": (of_any_type, "keras"),
}


@pytest.mark.parametrize("kind", UNTOLD)
def test_what_nothing_tells_is_asked_for(kind: str, tmp_path: Path) -> None:
    make, suffix = UNTOLD[kind]
    make().save(path := tmp_path / f"model.{suffix}")
    with pytest.raises(ShapeError) as caught:
        configsplit.split(path, "at")
    assert caught.value.code == "shape-unknown"
