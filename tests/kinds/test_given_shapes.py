"""Layers of which nobody has declared a shape: what is said with --shape holds for the cut, the proof, and wherever it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import fill, flat, inputs_for, run, run_parts, same

import configsplit
from configsplit.errors import ShapeError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework

FRAMEWORKS = pytest.mark.parametrize("name", ["keras", "tf_keras"])


def odd_class(works: Framework) -> Any:
    class Odd(works.module.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    return Odd


def residual(works: Framework, middle: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((6, 3), name="start")
    conv = middle(layers.Conv1D(4, 3, padding="same", name="conv")(start))
    both = layers.Add(name="add")([conv, layers.Activation("tanh", name="act")(conv)])
    return works.module.Model(start, layers.Dense(5, name="fc")(layers.Flatten(name="flat")(both)), name="inner")


def before_a_wrapper(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    video = works.module.Input((4, 6, 3), name="video")
    plain = layers.Activation("linear", name="plain")
    steps = layers.TimeDistributed(residual(works, plain), name="td")(odd(name="odd")(video))
    return works.module.Model(video, layers.GlobalMaxPooling1D(name="pool")(steps))  # no class that could use a mask of odd's


def in_a_wrapper(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    video = works.module.Input((4, 6, 3), name="video")
    steps = layers.TimeDistributed(residual(works, odd(name="odd")), name="td")(video)
    return works.module.Model(video, layers.GlobalMaxPooling1D(name="pool")(steps))


def in_a_nested_model(works: Framework, odd: Any) -> Any:
    start = works.module.Input((6, 3), name="begin")
    return works.module.Model(start, works.module.layers.Dense(2, name="o")(residual(works, odd(name="odd"))(start)))


KINDS: dict[str, tuple[Any, str, str]] = {
    "before a wrapper that is cut inside": (before_a_wrapper, "td/act", "odd=None,4,6,3"),
    "where a wrapper is cut": (in_a_wrapper, "td/odd", "td/odd=None,6,4"),
    "beside a cut in a wrapper": (in_a_wrapper, "td/act", "td/odd=None,6,4"),
    "in a nested model": (in_a_nested_model, "inner/odd", "inner/odd=None,6,4"),
}


@FRAMEWORKS
@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_is_given_where_nothing_tells_it(kind: str, name: str, tmp_path: Path) -> None:
    works = framework(name)
    odd = odd_class(works)
    make, at, shape = KINDS[kind]
    fill(make(works, odd)).save(path := tmp_path / "model.keras")
    document = configsplit.load(path)
    if name == "tf_keras":  # no shape is recorded there
        with pytest.raises(ShapeError) as caught:
            configsplit.split(document, at)
        assert caught.value.code == "shape-unknown"
        assert f"--shape {shape.partition('=')[0]}=" in str(caught.value.hint)  # by a name that is understood
    saved = configsplit.split(document, at, shapes=[shape]).save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts").proof == saved.proof
    configsplit.join(tmp_path / "parts").save(joined := tmp_path / "joined.keras")
    classes = {"Odd": odd}
    whole = load(path, framework=works, classes=classes)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, works), works)
    parts = flat(run_parts(saved.directory, saved.manifest, inputs, works, classes), works)
    again = flat(run(load(joined, framework=works, classes=classes), inputs, works), works)
    assert all(
        same(np.asarray(one), np.asarray(two)) for found in (parts, again) for one, two in zip(wanted, found, strict=True)
    )


@FRAMEWORKS
def test_a_given_shape_holds_where_the_dtype_is_widened(name: str, tmp_path: Path) -> None:
    works = framework(name)
    odd = odd_class(works)
    start = works.module.Input((6, 3), dtype="float16", name="start")
    made = works.module.layers.Dense(2, name="o")(odd(name="odd", dtype="float16")(start))
    fill(works.module.Model(start, made)).save(path := tmp_path / "model.keras")
    shapes = ["odd=None,6,3:float16"] if name == "tf_keras" else []
    parts = configsplit.split(configsplit.load(path), "odd", shapes=shapes, boundary_dtype="float32")
    saved = parts.save(tmp_path / "parts")
    assert [(tensor.dtype, tensor.shape) for tensor in saved.manifest.parts[1].inputs] == [("float32", (None, 6, 3))]
    assert configsplit.verify(tmp_path / "parts").proof == saved.proof
