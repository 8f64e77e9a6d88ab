"""Live models cut into live models: the same bits, and the original as it was."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from live_models import branching, run, same

import configsplit.keras
from configsplit.errors import CutError, TensorReferenceError

pytestmark = pytest.mark.in_turn("keras")


def forward(keras: Any, parts: tuple[Any, ...], *values: np.ndarray) -> list[np.ndarray]:
    """Each part takes what the one before gives; the first takes the image."""
    given = list(values)
    for part in parts:
        given = run(keras, part, *given)
    return given


@pytest.mark.parametrize("at", ["c2", "bn", "sum", "inner@1/act"])
def test_the_parts_compute_what_the_whole_computes(keras: Any, at: str) -> None:
    model = branching(keras)
    value = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    parts = configsplit.keras.split(model, at, boundary="early" if at == "c2" else "smallest")
    assert len(parts) == 2
    assert same(forward(keras, parts, value), run(keras, model, value))


def test_the_original_is_not_touched(keras: Any) -> None:
    model = branching(keras)
    before = model.to_json(), [value.copy() for value in model.get_weights()]
    nodes = {layer.name: len(layer._inbound_nodes) for layer in model.layers}
    head, tail = configsplit.keras.split(model, "sum")
    tail.set_weights([value * 2 for value in tail.get_weights()])
    head.set_weights([value * 2 for value in head.get_weights()])
    assert model.to_json() == before[0]
    assert all((now == then).all() for now, then in zip(model.get_weights(), before[1], strict=True))
    assert {layer.name: len(layer._inbound_nodes) for layer in model.layers} == nodes


def test_custom_classes_come_as_in_keras(keras: Any) -> None:
    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2.0

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="out")(Twice(name="twice")(keras.layers.Dense(4, name="in")(x))))
    value = np.ones((3, 4), "float32")
    parts = configsplit.keras.split(model, "in", custom_objects={"Twice": Twice})
    assert same(forward(keras, parts, value), run(keras, model, value))


def test_a_wrong_name_is_answered_with_the_right_ones(keras: Any) -> None:
    with pytest.raises(TensorReferenceError, match="'c2'"):
        configsplit.keras.split(branching(keras), "c22")


def test_a_cut_inside_time_distributed(keras: Any) -> None:
    """The model that is run for every step is divided, and its weights go with its layers; join puts them back."""
    layers = keras.layers
    step = keras.Input((4,), name="step")
    inner = keras.Model(
        step, layers.Dense(2, name="late")(layers.Dense(3, activation="relu", name="early")(step)), name="inner"
    )
    rows = keras.Input((5, 4), name="rows")
    steps = layers.TimeDistributed(inner, name="steps")(rows)
    model = keras.Model(rows, layers.Dense(2, name="out")(layers.Flatten(name="flat")(steps)))
    value = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    parts = configsplit.keras.split(model, "steps/early")
    assert same(forward(keras, parts, value), run(keras, model, value))
    joined = configsplit.keras.join(parts)
    assert joined.to_json() == model.to_json()
    assert same(joined.get_weights(), model.get_weights())


def test_parts_show_themselves_in_a_notebook(keras: Any) -> None:
    shown = configsplit.keras.split(branching(keras), "sum")._repr_html_()
    assert "2 parts of branching" in shown
    assert "from part 0" in shown


def test_it_is_there_without_an_import_of_its_own() -> None:
    """As the documentation has it: ``import configsplit``, then ``configsplit.keras.split``."""
    code = "import configsplit, sys; assert 'numpy' not in sys.modules; configsplit.keras.split"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


@pytest.mark.parametrize("supports", [True, False])
def test_a_mask_behind_a_class_of_the_user_crosses_or_the_cut_is_refused(keras: Any, supports: bool) -> None:
    """A class that does not support masks hands one on all the same where it gives back the tensor that it takes."""

    class Same(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self, name: str | None = None, **options: Any) -> None:
            super().__init__(name=name, **options)
            self.supports_masking = supports

        def call(self, x: Any) -> Any:
            return x

    first, last = keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.LSTM(3)
    model = keras.Sequential([keras.Input((6,), dtype="int32"), first, Same(name="twin"), last])
    if not supports:
        with pytest.raises(CutError) as caught:
            configsplit.keras.split(model, "twin")
        assert caught.value.code == "cut-mask-unknown"
        return
    halves = configsplit.keras.split(model, "twin")
    values = np.array([[1, 2, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0]], "int32")
    crossed = [np.asarray(each) for each in halves[0](values)]
    assert np.array_equal(np.asarray(halves[1](crossed)), np.asarray(model(values)))


def test_a_nested_model_with_a_call_of_its_own_is_not_taken_apart(keras: Any) -> None:
    class Twice(keras.Model):  # type: ignore[name-defined, misc]
        def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
            return 2 * super().call(x, training=training)

    x = keras.Input((4,))
    own = Twice(x, keras.layers.Dense(2)(keras.layers.Dense(3, name="a")(x)), name="own")
    y = keras.Input((4,))
    whole = keras.Model(y, keras.layers.Dense(1)(own(keras.layers.Dense(4)(y))))
    with pytest.raises(CutError) as caught:
        configsplit.keras.split(whole, "own/a", trace=False)
    assert caught.value.code == "cut-not-openable"
    value = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    parts = configsplit.keras.split(whole, "own")
    assert np.array_equal(forward(keras, parts, value)[0], run(keras, whole, value)[0])


def test_a_sequential_with_a_call_of_its_own_is_cut_as_it_runs_or_not_at_all() -> None:
    keras = importlib.import_module("keras")

    class Twice(keras.Sequential):  # type: ignore[name-defined, misc]
        def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
            return 2 * super().call(x, training=training)

    value = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    whole = Twice([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    parts = configsplit.keras.split(whole, "a", trace=False)
    assert np.array_equal(forward(keras, parts, value)[0], run(keras, whole, value)[0])
    y = keras.Input((4,))
    outer = keras.Model(y, keras.layers.Dense(1)(Twice([keras.Input((4,)), keras.layers.Dense(3, name="c")], name="own")(y)))
    with pytest.raises(CutError) as caught:
        configsplit.keras.split(outer, "own/c", trace=False)
    assert caught.value.code == "cut-not-openable"
