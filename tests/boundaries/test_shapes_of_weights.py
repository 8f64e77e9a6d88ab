"""Classes that nobody has declared, where weights behind them tell what they give: cut as the real Keras computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import fill, flat, inputs_for, run, run_parts, same

import configsplit
from configsplit.errors import ShapeError
from configsplit.graph.model import TensorRef
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework


def odd_class(works: Framework) -> Any:
    class Odd(works.module.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    return Odd


def image(works: Framework, odd: Any, *behind: Any) -> Any:
    layers = works.module.layers
    flow = start = works.module.Input((8, 8, 3), name="start")
    for layer in (layers.Conv2D(4, 3, name="first"), odd(name="odd"), *behind):
        flow = layer(flow)
    return works.module.Model(start, layers.GlobalMaxPooling2D(name="pool")(flow))


def two_takers(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((8, 8, 3), name="start")
    flow = odd(name="odd")(start)
    both = [layers.Conv2D(2, 3, name=name)(flow) for name in ("one", "two")]
    return works.module.Model(start, layers.Add(name="add")(both))


def grouped(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    return image(works, odd, layers.Conv2D(6, 3, groups=2, name="conv"))


def through_a_relu(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    return image(works, odd, layers.Activation("relu", name="act"), layers.Conv2D(2, 3, name="conv"))


def before_an_lstm(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((5, 3), name="start")
    flow = odd(name="odd")(layers.Conv1D(4, 2, name="first")(start))
    return works.module.Model(start, layers.Conv1D(3, 2, name="conv")(flow))


def nested(works: Framework, odd: Any) -> Any:
    start = works.module.Input((8, 8, 3), name="outer")
    inner = through_a_relu(works, odd)
    return works.module.Model(start, works.module.layers.Dense(2, name="o")(inner(start)))


KINDS: dict[str, tuple[Any, str, tuple[int | None, ...]]] = {
    "two takers": (two_takers, "odd", (None, None, None, 3)),
    "groups": (grouped, "odd", (None, None, None, 4)),
    "through a ReLU": (through_a_relu, "odd", (None, None, None, 4)),
    "a sequence": (before_an_lstm, "odd", (None, None, 4)),
    "nested": (nested, "NESTED/odd", (None, None, None, 4)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_shape_has_to_be_given(kind: str, tmp_path: Path) -> None:
    works = framework("tf_keras")
    odd = odd_class(works)
    make, at, shape = KINDS[kind]
    fill(model := make(works, odd)).save(path := tmp_path / "model.h5")
    document = configsplit.load(path)
    at = at.replace("NESTED", next((layer.name for layer in model.layers if hasattr(layer, "layers")), ""))
    saved = configsplit.split(document, at).save(tmp_path / "parts")
    crossing = next(tensor for tensor in saved.manifest.parts[1].inputs if "odd" in tensor.name)
    assert (crossing.shape, crossing.dtype) == (shape, "float32")
    assert any("follows from the weights of" in warning for warning in saved.manifest.warnings)
    assert configsplit.verify(tmp_path / "parts").proof == saved.proof
    classes = {"Odd": odd}
    whole = load(path, framework=works, classes=classes)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, works), works)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, works, classes), works)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))


def needs_a_size(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((8, 8, 3), name="start")
    flow = layers.Conv2D(2, 3, name="conv")(odd(name="odd")(start))
    return works.module.Model(start, layers.Dense(2, name="fc")(layers.Flatten(name="flat")(flow)))


def any_rank(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((8, 3), name="start")
    return works.module.Model(start, layers.Dense(2, name="fc")(odd(name="odd")(start)))


def ids(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((8,), name="start")
    return works.module.Model(start, layers.Embedding(9, 2, name="emb")(odd(name="odd")(start)))


def also_an_output(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((8, 8, 3), name="start")
    flow = odd(name="odd")(start)
    return works.module.Model(start, [flow, layers.Conv2D(2, 3, name="conv")(flow)])


UNTOLD = {"a Dense": any_rank, "an Embedding": ids, "an output": also_an_output}


@pytest.mark.parametrize("kind", UNTOLD)
def test_where_weights_do_not_tell_enough_it_is_asked_for(kind: str, tmp_path: Path) -> None:
    works = framework("tf_keras")
    fill(UNTOLD[kind](works, odd_class(works))).save(path := tmp_path / "model.h5")
    with pytest.raises(ShapeError) as caught:
        configsplit.split(configsplit.load(path), "odd")
    assert caught.value.code == "shape-unknown"


def test_extract_and_prices_go_by_weights_too(tmp_path: Path) -> None:
    works = framework("tf_keras")
    fill(grouped(works, odd_class(works))).save(path := tmp_path / "model.h5")
    document = configsplit.load(path)
    made = configsplit.extract(document, from_="odd", to="conv")
    assert made.model.layers[0].config["batch_input_shape"] == (None, None, None, 4)
    assert any("follows from the weights of 'conv'" in warning for warning in made.warnings)
    assert [row.bytes is None for row in configsplit.cuts(document).places] == [False] * len(configsplit.cuts(document).places)


def test_what_the_user_says_stands(tmp_path: Path) -> None:
    works = framework("tf_keras")
    fill(grouped(works, odd_class(works))).save(path := tmp_path / "model.h5")
    parts = configsplit.split(configsplit.load(path), "odd", shapes=["odd=None,6,6,4"])
    assert parts.inference.specs[TensorRef("odd")].shape == (None, 6, 6, 4)


def twice_nested(works: Framework, odd: Any) -> Any:
    start = works.module.Input((8, 8, 3), name="outermost")
    return works.module.Model(start, nested(works, odd)(start), name="twice")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_conversion_goes_by_weights_too(kind: str, tmp_path: Path) -> None:
    old, new = framework("tf_keras"), framework("keras")
    odd = odd_class(old)
    fill(model := KINDS[kind][0](old, odd)).save(path := tmp_path / "model.h5")
    made = configsplit.convert(path)
    (note,) = [note for note in made.notes if "follows from the weights of" in note.what]
    assert note.layer.rpartition("/")[2] == "odd"
    assert note.layer.count("/") == (kind == "nested")
    made.save(tmp_path / "new.keras")
    anew = new.module.models.load_model(tmp_path / "new.keras", custom_objects={"Odd": odd_class(new)})
    (given,) = inputs_for(model)
    np.testing.assert_allclose(np.asarray(anew(given)), np.asarray(model(given)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_conversion_finds_what_a_model_in_a_model_tells(suffix: str, tmp_path: Path) -> None:
    """By weights in the older kind of file, by what layers were built on in the newer."""
    old, new = framework("tf_keras"), framework("keras")
    odd = odd_class(old)
    fill(model := twice_nested(old, odd)).save(path := tmp_path / f"model{suffix}")
    configsplit.convert(path, missing_weights="initialize").save(tmp_path / "new.keras")
    anew = new.module.models.load_model(tmp_path / "new.keras", custom_objects={"Odd": odd_class(new)})
    (given,) = inputs_for(model)
    np.testing.assert_allclose(np.asarray(anew(given)), np.asarray(model(given)), rtol=1e-5, atol=1e-5)


def needs_a_size_inside(works: Framework, odd: Any) -> Any:
    start = works.module.Input((8, 8, 3), name="outer")
    return works.module.Model(start, works.module.layers.Dense(2, name="o")(needs_a_size(works, odd)(start)))


UNKNOWN = {"a Dense behind a Flatten": needs_a_size, "inside of a model": needs_a_size_inside, "a Dense": any_rank}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_conversion_leaves_to_the_class_what_nobody_tells(kind: str, tmp_path: Path) -> None:
    """Keras 3 asks the class for the shape of what it gives, and never reads what the file records."""
    old, new = framework("tf_keras"), framework("keras")
    fill(model := UNKNOWN[kind](old, odd_class(old))).save(path := tmp_path / "model.h5")
    made = configsplit.convert(path)
    assert not made.refusals
    assert [note.what for note in made.notes if note.layer.endswith("odd") and "asks the class itself" in note.what]
    made.save(tmp_path / "new.keras")
    anew = new.module.models.load_model(tmp_path / "new.keras", custom_objects={"Odd": odd_class(new)})
    (given,) = inputs_for(model)
    np.testing.assert_allclose(np.asarray(anew(given)), np.asarray(model(given)), rtol=1e-5, atol=1e-5)
    odd = configsplit.load(tmp_path / "new.keras").model.by_name().get("odd")
    assert odd is None or configsplit.load(tmp_path / "new.keras").infer().specs[TensorRef("odd")].shape is None


def test_a_conversion_keeps_to_what_the_user_says(tmp_path: Path) -> None:
    works = framework("tf_keras")
    fill(grouped(works, odd_class(works))).save(path := tmp_path / "model.h5")
    made = configsplit.convert(path, shapes=["odd=None,6,6,4"])
    assert not made.refusals
    assert not [note for note in made.notes if "follows from the weights of" in note.what]
