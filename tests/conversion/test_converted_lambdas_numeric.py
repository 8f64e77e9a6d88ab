"""``convert --verify numeric`` of models with Lambdas: what was read, or given instead, runs in tf_keras; code never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support.thinned import thinned
from test_convert_lambdas import CASES, FLAT, IMAGE, given_for
from written_lambdas import WRITTEN

from configsplit import convert
from configsplit.catalog.tensorflow import table
from configsplit.catalog.tensorflow.interface import full_name
from configsplit.conversion.originals import without_code
from configsplit.errors import DocumentError, VerificationError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework
from configsplit.saving.conversion import Converted
from configsplit.saving.numeric import readable

READ = {**{title: (function, *shapes) for title, (function, _, *shapes) in CASES.items()}, **WRITTEN}

NOT_RECORDED = {"einsum", "outer"}
"""``tf.einsum`` takes any number of tensors by place, which tf_keras cannot read back from a document that it wrote itself."""


def in_tf_keras(made: Converted) -> tuple[Any, tuple[Any, ...]]:
    """The original as tf_keras gets it, and what stands in the place of code."""
    assert made.request is not None
    model, instead = without_code(made.request)
    with readable(made.document, model) as (path, weights):
        return load(path, weights, framework=framework("tf_keras"), classes={}), instead


def saved(function: Callable[..., Any], shapes: Any, folder: Path) -> Path:
    sources = [tf_keras.Input(shape) for shape in shapes]
    layer = tf_keras.layers.Lambda(function, name="code")
    model = tf_keras.Model(sources, layer(sources if len(sources) > 1 else sources[0]))
    (folder / "old.json").write_text(model.to_json())
    return folder / "old.json"


@pytest.mark.parametrize("title", thinned(sorted({*READ} - NOT_RECORDED), 60))
def test_what_was_read_runs_as_the_code_does(title: str, tmp_path: Path) -> None:
    function, *shapes = READ[title]
    model, instead = in_tf_keras(convert(saved(function, shapes, tmp_path)))
    assert [each.path for each in instead] == [("code",)]
    data = given_for(shapes)
    tensors = [tf.constant(each) for each in data] if isinstance(data, list) else tf.constant(data)
    wanted, found = tf.nest.flatten(function(tensors)), tf.nest.flatten(model(tensors))
    for one, other in zip(wanted, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-6, atol=2e-6)


def test_names_of_functions_are_those_of_tensorflow() -> None:
    from tensorflow.python.util.tf_export import get_symbol_from_name

    names = {name: full_name(name) for name, found in table.FUNCTIONS.items() if found.becomes is not None}
    assert not [name for name, full in names.items() if full and get_symbol_from_name(full) is None]


# ------------------------------------------------------------------------------------------------------- where Lambdas stand


def deep(folder: Path, suffix: str = ".h5") -> Path:
    """In a nested model, in wrappers, twice called, in a Sequential; with weights around them."""
    layers = tf_keras.layers
    part = tf_keras.Sequential(
        [tf_keras.Input(IMAGE), layers.Lambda(lambda x: x / 127.5 - 1, name="rescale"), layers.Conv2D(2, 2), layers.Flatten()],
        name="part",
    )
    first, second = tf_keras.Input(IMAGE, name="first"), tf_keras.Input(IMAGE, name="second")
    unit = layers.Lambda(lambda x: tf.math.l2_normalize(x, axis=-1), name="unit")
    both = layers.Lambda(lambda x: [x[0] - x[1], 1 - x[1]], name="both")([unit(part(first)), unit(part(second))])
    rows = layers.Reshape((2, -1))(layers.Concatenate()([layers.Dense(4)(each) for each in both]))
    inner = tf_keras.Sequential([tf_keras.Input((4,)), layers.Lambda(lambda x: x[:, ::-1], name="turned"), layers.Dense(3)])
    steps = layers.TimeDistributed(layers.Lambda(lambda x: 2 * x, name="twice"), name="steps")(rows)
    model = tf_keras.Model([first, second], layers.TimeDistributed(inner, name="rows")(steps))
    model.save(folder / f"old{suffix}")
    return folder / f"old{suffix}"


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_lambdas_wherever_they_stand_run(suffix: str, tmp_path: Path) -> None:
    path = deep(tmp_path, suffix)
    original = tf_keras.models.load_model(path, compile=False, safe_mode=False)
    model, instead = in_tf_keras(convert(path))
    assert {each.path for each in instead} == {
        ("part", "rescale"),
        ("unit",),
        ("both",),
        ("steps", "twice"),
        ("rows", "turned"),
    }
    data = given_for([IMAGE, IMAGE])
    np.testing.assert_array_equal(np.asarray(original(data)), np.asarray(model(data)))


def test_numeric_says_what_ran_in_the_place_of_code(tmp_path: Path, near_worker: None) -> None:
    found = convert(deep(tmp_path)).save(tmp_path / "new.keras", verify="numeric").numeric
    assert found is not None
    assert found.difference < 1e-5
    assert "part/rescale: x / 127.5 - 1" in found.instead


# --------------------------------------------------------------------------------------------- what the user puts in its place


PLUGIN = """
from configsplit.catalog.facts import FunctionFacts

FUNCTIONS = FunctionFacts(name="scaled", keras_function=":scaled", tf_keras_function="{ours}")

def scaled(x):
    return x * 3

def other(x):
    return x * 4
"""


def replaced(folder: Path, ours: str) -> tuple[Converted, Path]:
    """A model whose Lambdas loop, which is never read, with a function in their places, and the plug-in that has it."""
    layers = tf_keras.layers
    source = tf_keras.Input(FLAT)
    flow = layers.Lambda(looping, output_shape=FLAT, name="code")(layers.Dense(4)(source))
    flow = layers.TimeDistributed(layers.Lambda(looping, output_shape=FLAT, name="inner"), name="outer")(
        layers.RepeatVector(2)(flow)
    )
    tf_keras.Model(source, flow).save(folder / "old.h5")
    (folder / "functions.py").write_text(PLUGIN.format(ours=ours))
    plugin = folder / "functions.py"
    lambdas = {"code": "functions:scaled", "outer": "functions:scaled"}
    return convert(folder / "old.h5", lambdas=lambdas, custom_objects=[plugin]), plugin


def looping(x: Any) -> Any:
    for _ in range(2):
        x = x * 3
    return x


def test_a_function_of_the_user_runs_in_both(tmp_path: Path, near_worker: None) -> None:
    made, plugin = replaced(tmp_path, ":scaled")
    found = made.save(tmp_path / "new.keras", verify="numeric", custom_objects=[plugin]).numeric
    assert found is not None
    assert found.instead == ("code: functions:scaled", "outer: functions:scaled")
    assert found.difference < 1e-5


def test_functions_that_compute_something_else_differ(tmp_path: Path, near_worker: None) -> None:
    made, plugin = replaced(tmp_path, ":other")
    with pytest.raises(VerificationError) as caught:
        made.save(tmp_path / "new.keras", verify="numeric", custom_objects=[plugin])
    assert caught.value.code == "verify-converted"


def test_a_function_for_keras_3_alone_is_said_to_be_missing(tmp_path: Path, near_worker: None) -> None:
    made, plugin = replaced(tmp_path, "")
    with pytest.raises(DocumentError, match="a function by name") as caught:
        made.save(tmp_path / "new.keras", verify="numeric", custom_objects=[plugin])
    assert caught.value.code == "hazard-lambda"


def test_code_that_nothing_stands_for_is_refused(tmp_path: Path) -> None:
    """What TensorFlow 1 alone has is read, and tf_keras has no name for it; the code itself is not run either."""
    source = tf_keras.Input((2,))
    layer = tf_keras.layers.Lambda(lambda x: x, name="code")
    model = tf_keras.Model(source, tf_keras.layers.Dense(2)(layer(source)))
    layer.function = lambda x: tf.where_v2(x > 0, x, -x)
    model.save(tmp_path / "old.h5")
    with pytest.raises(DocumentError) as caught:
        convert(tmp_path / "old.h5").save(tmp_path / "new.keras", verify="numeric")
    assert caught.value.code == "hazard-lambda"
    assert not (tmp_path / "new.keras").exists()
