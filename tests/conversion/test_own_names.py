"""Classes of the user's own that have the name of one of Keras's: they are kept, and never taken for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import configsplit
from configsplit.runtime.frameworks import framework

OLD: Any = framework("tf_keras").module


def own(library: Any) -> dict[str, Any]:
    """An activation, a regularizer, an initializer and a constraint, registered as users register theirs."""
    register = library.saving.register_keras_serializable("mine")

    @register
    class ELU(library.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 5.0

    @register
    class L2(library.regularizers.Regularizer):  # type: ignore[misc]
        def __init__(self, factor: float = 1.0) -> None:
            self.factor = factor

        def __call__(self, x: Any) -> Any:
            return 0.0

        def get_config(self) -> dict[str, Any]:
            return {"factor": self.factor}

    @register
    class HeNormal(library.initializers.Initializer):  # type: ignore[misc]
        def __init__(self, scale: float = 1.0) -> None:
            self.scale = scale

        def __call__(self, shape: Any, dtype: Any = None, **more: Any) -> Any:
            return np.full(shape, self.scale, "float32")

        def get_config(self) -> dict[str, Any]:
            return {"scale": self.scale}

    @register
    class MaxNorm(library.constraints.Constraint):  # type: ignore[misc]
        def __init__(self, rate: float = 1.0) -> None:
            self.rate = rate

        def get_config(self) -> dict[str, Any]:
            return {"rate": self.rate}

    return {each.__name__: each for each in (ELU, L2, HeNormal, MaxNorm)}


def saved(library: Any, classes: dict[str, Any], path: Path) -> Any:
    start = library.Input((3,))
    flow = library.layers.Dense(
        2,
        activation=classes["ELU"](),
        kernel_initializer=classes["HeNormal"](0.5),
        kernel_regularizer=classes["L2"](0.25),
        kernel_constraint=classes["MaxNorm"](3.0),
        name="at",
    )(start)
    model = library.Model(start, flow)
    model.save(path)
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_to_keras_3_it_computes_with_the_own_class(suffix: str, tmp_path: Path) -> None:
    whole = saved(OLD, own(OLD), tmp_path / f"old{suffix}")
    configsplit.convert(tmp_path / f"old{suffix}").save(new := tmp_path / "new.keras")
    (layer,) = [each for each in configsplit.load(new).model.layers if each.name == "at"]
    keys = ("activation", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
    assert [layer.config[key]["registered_name"] for key in keys] == ["mine>ELU", "mine>HeNormal", "mine>L2", "mine>MaxNorm"]
    x = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]], "float32")
    found = keras.models.load_model(new, custom_objects=own(keras), compile=False)(x)
    assert np.array_equal(np.asarray(found), whole(x).numpy())


def test_to_keras_2_they_keep_their_registered_names(tmp_path: Path) -> None:
    saved(keras, own(keras), tmp_path / "new.keras")
    made = configsplit.convert(tmp_path / "new.keras", to="keras2")
    assert made.refusals == ()
    made.save(tmp_path / "old.h5")
    (layer,) = [each for each in configsplit.load(tmp_path / "old.h5").model.layers if each.name == "at"]
    assert layer.config["activation"]["class_name"] == "mine>ELU"
    assert layer.config["kernel_regularizer"] == {"class_name": "mine>L2", "config": {"factor": 0.25}}


@keras.saving.register_keras_serializable("mine")  # type: ignore[untyped-decorator]
def shifted(x: Any) -> Any:
    return x + 1.0


def test_a_lambda_that_names_a_function_is_said_to(tmp_path: Path) -> None:
    start = keras.Input((3,))
    keras.Model(start, keras.layers.Lambda(shifted, output_shape=(3,))(start)).save(tmp_path / "new.keras")
    (refusal,) = configsplit.convert(tmp_path / "new.keras", to="keras2").refusals
    assert (refusal.code, "'mine>shifted'" in refusal.reason) == ("convert-lambda", True)
