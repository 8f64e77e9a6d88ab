"""Every layer class that Keras 3 and tf_keras both export: written for Keras 2, loaded by tf_keras, held against Keras 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras3_for_keras2 as made
import numpy as np
import pytest
import tf_keras
from support.layer_cases import CASES
from support.thinned import thinned

import configsplit
from configsplit.catalog.constructors import constructor
from configsplit.catalog.keras2.configs import DIFFERENT
from configsplit.catalog.table import class_facts
from configsplit.verbs.verify_file import verify_file

ROUNDED = frozenset({"BatchNormalization", "LayerNormalization", "MultiHeadAttention"})
"""Their kernels are others in tf_keras: fused, or the query multiplied in the place of the scores."""

ABSENT = frozenset({name for name in dir(keras.layers) if constructor(name, "keras3") and not constructor(name, "keras2")})
"""Classes of Keras 3 alone."""

MODELS = frozenset({"Bidirectional", "InputLayer", "LSTMCell", "GRUCell", "SimpleRNNCell", "RNN", "StackedRNNCells"})
"""What has no case of one layer: `test_back_models` has models of them."""

NO_MODELS = frozenset({"AbstractRNNCell", "InputSpec", "Layer", "Lambda", "Wrapper"})
"""Bases of other classes, and code."""


def cases() -> list[tuple[Any]]:
    found = [each for each in CASES if each.only != "tf_keras" and each.name not in ABSENT]
    return [(each,) for each in found if each.name != "Embedding" or each.inputs[0][1:] == ("int32",)]


def of_one(case: Any) -> Any:
    """A model of one layer."""
    taken = [each if len(each) == 2 and isinstance(each[1], str) else (each, "float32") for each in case.inputs]
    inputs = [keras.Input(batch_shape=shape, dtype=dtype) for shape, dtype in taken]
    layer = getattr(keras.layers, case.name)(**case.kwargs)
    return keras.Model(inputs, layer(*([inputs] if case.listed else inputs), **case.call))


def is_allowed(case: Any) -> bool:
    """Whether tf_keras has the class with these settings."""
    return case.name not in DIFFERENT and not case.kwargs.get("use_gate")


@pytest.mark.parametrize("case", thinned(cases(), 24), ids=lambda case: case.id)
def test_one_layer(case: Any, tmp_path: Path) -> None:
    made.filled(of_one(case)).save(tmp_path / "new.keras")
    found = configsplit.convert(tmp_path / "new.keras", to="keras2")
    if not is_allowed(case):
        assert {each.code for each in found.refusals} <= {"convert-class", "convert-setting"}
        assert found.refusals
        return
    found.save(tmp_path / "old.h5")
    model = keras.models.load_model(tmp_path / "new.keras", compile=False)
    given = made.drawn(model)
    off = made.off_by(made.run(model, given), made.run(made.in_keras2(tmp_path / "old.h5"), given))
    half = "16" in str(case.kwargs.get("dtype"))
    assert off <= ((1e-2 if half else 1e-6) if case.name in ROUNDED else 0.0)


def test_every_class_of_both_is_among_them() -> None:
    def classes(framework: Any) -> set[str]:
        found = {name: getattr(framework.layers, name) for name in dir(framework.layers) if name[0].isupper()}
        return {each.__name__ for each in found.values() if isinstance(each, type)}

    shown = {case.name for (case,) in cases()}
    both = (classes(keras) & classes(tf_keras)) - NO_MODELS - MODELS
    assert {name for name in both - shown if not class_facts(name).wraps} == set()


@pytest.mark.parametrize("name", sorted(ABSENT & {case.name for case in CASES}))
def test_what_keras_2_has_not_is_refused_by_name(name: str, tmp_path: Path) -> None:
    case = next(each for each in CASES if each.name == name)
    of_one(case).save(tmp_path / "new.keras")
    (refusal,) = configsplit.convert(tmp_path / "new.keras", to="keras2").refusals
    assert refusal.code == "convert-class"
    assert name in refusal.reason


def test_the_inputs_are_drawn_as_they_are_told() -> None:
    given = made.drawn(of_one(next(each for (each,) in cases() if each.name == "Dense")))
    assert len(given) == 1
    assert np.isfinite(given[0]).all()


@pytest.mark.parametrize("name", ["hard_silu", "hard_swish", "hard_sigmoid"])
def test_activations_that_keras_2_computes_otherwise_or_not(name: str, tmp_path: Path) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(3)(keras.layers.Activation(name)(x)))
    model.save(tmp_path / "new.keras")
    configsplit.convert(tmp_path / "new.keras", to="keras2").save(tmp_path / "old.h5")
    given = [np.linspace(-5, 5, 40, dtype="float32").reshape(10, 4)]
    assert made.off_by(made.run(model, given), made.run(made.in_keras2(tmp_path / "old.h5"), given)) == 0.0
    assert verify_file(tmp_path / "old.h5").weights == 2
