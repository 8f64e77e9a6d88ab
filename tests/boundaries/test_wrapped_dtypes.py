"""Tensors of other dtypes than float32 between the pieces of a wrapper: no bit is lost, alone or packed with others.

Nothing stands behind the wrapper in these models that could round a difference away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.made import cut_and_run, fill

import configsplit
from configsplit.errors import CutError
from configsplit.runtime.frameworks import Framework, framework

FRAMEWORKS = pytest.mark.parametrize("name", ["keras", "tf_keras"])


WIDEST = {("float64", "float32"): "float64", ("float16", "float32"): "float32", ("float32", "float16"): "float32"}


def over_time(works: Framework, one: str, two: str, policy: str) -> Any:
    """Two layers of different dtypes in a wrapper of a third; ``a`` and ``b`` cross together at ``b``, ``c`` alone."""
    layers = works.module.layers
    start = works.module.Input((6, 3), name="start")
    first = layers.Dense(4, dtype=one, name="a")(start)
    both = layers.Concatenate(dtype="float64", name="c")([first, layers.Dense(4, dtype=two, name="b")(first)])
    end = layers.Dense(3, dtype="float64", name="end")(layers.Flatten(dtype="float64", name="f")(both))
    video = works.module.Input((4, 6, 3), name="video")
    wrapper = layers.TimeDistributed(works.module.Model(start, end, name="inner"), dtype=policy, name="td")
    return fill(works.module.Model(video, wrapper(video)))


@FRAMEWORKS
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_wrapper_does_not_round_what_is_handed_over(policy: str, name: str, tmp_path: Path) -> None:
    works = framework(name)
    manifest = cut_and_run(over_time(works, "float64", "float64", policy), "td/c", tmp_path, works)
    assert [tensor.dtype for tensor in manifest.parts[1].inputs] == ["float64"]


@pytest.mark.parametrize("kinds", WIDEST)
def test_floats_of_different_width_are_packed_as_the_widest(kinds: tuple[str, str], tmp_path: Path) -> None:
    works = framework("keras")
    manifest = cut_and_run(over_time(works, *kinds, "float32"), "td/b", tmp_path, works)
    assert [(tensor.dtype, tensor.shape) for tensor in manifest.parts[1].inputs] == [(WIDEST[kinds], (None, 4, 48))]


def with_choices(works: Framework, dtype: str) -> Any:
    """What crosses at ``one`` is a float and a number or truth value of ``dtype``."""
    keras, layers = works.module, works.module.layers
    keras.backend.clear_session()  # operations are numbered from the start again
    start = keras.Input((6, 3), name="start")
    other = keras.ops.cast(start > 0.3, dtype) if dtype != "bool" else start > 0.3
    one = layers.Dense(3, name="one")(start)
    end = layers.Flatten(name="f")(keras.ops.where(keras.ops.cast(other, "bool"), one, start))
    video = keras.Input((4, 6, 3), name="video")
    return fill(keras.Model(video, layers.TimeDistributed(keras.Model(start, end, name="inner"), name="td")(video)))


def test_truth_values_are_packed_with_floats(tmp_path: Path) -> None:
    works = framework("keras")
    manifest = cut_and_run(with_choices(works, "bool"), "td/one,td/greater", tmp_path, works)
    assert [tensor.dtype for tensor in manifest.parts[1].inputs] == ["float32"]


def test_dtypes_that_do_not_go_into_one_another_are_no_boundary(tmp_path: Path) -> None:
    works = framework("keras")
    with_choices(works, "int32").save(path := tmp_path / "model.keras")
    with pytest.raises(CutError) as caught:
        configsplit.split(configsplit.load(path), "td/one,td/cast")
    assert caught.value.code == "cut-not-one-tensor"
    over_time(framework("tf_keras"), "float64", "float32", "float32").save(path := tmp_path / "old.keras")
    with pytest.raises(CutError) as caught:
        configsplit.split(configsplit.load(path), "td/b")
    assert caught.value.code == "cut-not-one-tensor"
