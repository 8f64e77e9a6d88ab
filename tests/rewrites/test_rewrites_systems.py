"""The systems of old that did one of these jobs, each on the model it was made for, without its limits.

What each did with live models is done here with files; Keras itself says what comes out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from surgery_live import narrowed, run, same, saved, values, with_weights, works_of
from surgery_making import NOISE, layer_file

import configsplit

KINDS = [("keras", "keras"), ("tf_keras", "h5")]
pytestmark = pytest.mark.in_turn("name", "suffix")
FRAMEWORKS = pytest.mark.parametrize(("name", "suffix"), KINDS)


def residual(keras: Any) -> Any:
    """A small ResNet: three blocks with shortcuts."""
    image = keras.Input((16, 16, 3), name="image")
    tensor = keras.layers.Conv2D(4, 3, padding="same", name="conv1")(image)
    for number in range(3):
        inner = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name=f"block{number}_a")(tensor)
        inner = keras.layers.BatchNormalization(name=f"block{number}_bn")(inner)
        tensor = keras.layers.Add(name=f"block{number}_add")([tensor, inner])
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(tensor)
    return with_weights(keras.Model(image, keras.layers.Dense(5, name="scores")(pooled)), 4)


def digits(keras: Any) -> Any:
    """The dense network 784-128-64-32-10."""
    row = keras.Input((784,), name="row")
    tensor = row
    for size in (128, 64, 32):
        tensor = keras.layers.Dense(size, activation="relu", name=f"dense{size}")(tensor)
    return with_weights(keras.Model(row, keras.layers.Dense(10, activation="softmax", name="scores")(tensor)), 5)


def pictures() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")


def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 784)).astype("float32")


@FRAMEWORKS
def test_system_3_overlapping_sub_models_cut_inside_a_branch(name: str, suffix: str, tmp_path: Path) -> None:
    """Recursion from the last layer back: no cut in a branch, no two overlapping sub-models in one run."""
    works = works_of(name)
    path = saved(residual(works.module), tmp_path, f"net.{suffix}")
    document = configsplit.load(path)
    wanted = run(path, works, pictures())
    starts = {"block0_add": ["block0_add"], "block1_a": ["block0_add", "block1_a"], "block2_bn": ["block1_add", "block2_bn"]}
    for start, needed in starts.items():
        head = configsplit.extract(document, to=needed).save(tmp_path / f"head_{start}.{suffix}").path
        tail = configsplit.extract(document, from_=needed).save(tmp_path / f"tail_{start}.{suffix}").path
        assert same(run(tail, works, *run(head, works, pictures())), wanted)


@FRAMEWORKS
def test_system_5_several_starts(name: str, suffix: str, tmp_path: Path) -> None:
    """Overwriting ``model.inputs``: a tail from several tensors, only its own layers, the parameter count right."""
    works = works_of(name)
    model = residual(works.module)
    document = configsplit.load(saved(model, tmp_path, f"net.{suffix}"))
    edited = configsplit.extract(document, from_=["block0_add", "block1_bn"], to="block2_add")
    names = {layer.name for layer in edited.model.layers if not layer.is_input}
    assert names == {"block1_add", "block2_a", "block2_bn", "block2_add"}
    out = edited.save(tmp_path / f"out.{suffix}").path
    tensors = [np.random.default_rng(n).normal(size=(2, 16, 16, 4)).astype("float32") for n in range(2)]
    summed = tensors[0] + tensors[1]
    inner = model.get_layer("block2_bn")(model.get_layer("block2_a")(summed), training=False)
    assert same(run(out, works, *tensors), values(model.get_layer("block2_add")([summed, inner]), works))


@FRAMEWORKS
def test_system_7_features_of_several_layers(name: str, suffix: str, tmp_path: Path) -> None:
    works = works_of(name)
    model = residual(works.module)
    document = configsplit.load(saved(model, tmp_path, f"net.{suffix}"))
    wanted = ["block0_add", "block2_a", "scores"]
    out = configsplit.extract(document, to=wanted).save(tmp_path / f"out.{suffix}").path
    features = works.module.Model(model.input, [model.get_layer(each).output for each in wanted])
    assert same(run(out, works, pictures()), values(features(pictures(), training=False), works))


@FRAMEWORKS
def test_system_8_a_dense_block_becomes_a_convolution_branch(name: str, suffix: str, tmp_path: Path) -> None:
    works = works_of(name)
    keras = works.module
    model = digits(keras)
    row = keras.Input((784,), name="pixels")
    image = keras.layers.Reshape((28, 28, 1), name="image")(row)
    branch = keras.layers.Flatten(name="flat")(keras.layers.Conv2D(4, 5, strides=5, name="conv")(image))
    donor = with_weights(keras.Model(row, keras.layers.Dense(64, name="dense64")(branch)), 9)
    files = [saved(each, tmp_path, f"{n}.{suffix}") for n, each in enumerate((model, donor))]
    edited = configsplit.replace(configsplit.load(files[0]), files[1], from_="row", to="dense64")
    assert [layer.name for layer in edited.model.layers] == ["row", "image", "conv", "flat", "dense64", "dense32", "scores"]
    out = edited.save(tmp_path / f"out.{suffix}").path
    tail = model.get_layer("scores")(model.get_layer("dense32")(donor(rows(), training=False)))
    assert same(run(out, works, rows()), values(tail, works))


@FRAMEWORKS
def test_system_8_a_layer_becomes_two_branches_and_a_merge(name: str, suffix: str, tmp_path: Path) -> None:
    works = works_of(name)
    keras = works.module
    model = digits(keras)
    given = keras.Input((128,), name="given")
    sides = [keras.layers.Dense(32, activation=kind, name=f"side_{kind}")(given) for kind in ("relu", "tanh")]
    donor = with_weights(keras.Model(given, keras.layers.Concatenate(name="merge")(sides)), 9)
    files = [saved(each, tmp_path, f"{n}.{suffix}") for n, each in enumerate((model, donor))]
    edited = configsplit.replace(configsplit.load(files[0]), files[1], from_="dense128", to="dense64")
    out = edited.save(tmp_path / f"out.{suffix}").path
    middle = donor(model.get_layer("dense128")(rows()), training=False)
    assert same(run(out, works, rows()), values(model.get_layer("scores")(model.get_layer("dense32")(middle)), works))


@FRAMEWORKS
def test_system_9_train_only_what_lies_behind(name: str, suffix: str, tmp_path: Path) -> None:
    """Layers downstream of a cut-off by breadth-first search (InceptionV3 from ``mixed9``): here InceptionV3 itself."""
    works = works_of(name)
    model = narrowed(works, "InceptionV3", 8, input_shape=(75, 75, 3), classes=4)
    path = saved(model, tmp_path, f"net.{suffix}")
    document = configsplit.load(path)
    behind = {layer.name for layer in configsplit.layers(document, after="mixed9")}
    assert behind == _descendants(model, "mixed9")
    out = configsplit.freeze(document, before="mixed9").save(tmp_path / f"out.{suffix}").path
    from configsplit.runtime.build import load

    live = load(out, framework=works, classes={})
    trained = {layer.name for layer in live.layers if layer.trainable and layer.weights}
    assert trained == {layer.name for layer in model.layers if layer.name in behind and layer.weights}
    image = np.random.default_rng(0).normal(size=(1, 75, 75, 3)).astype("float32")
    assert same(values(live(image, training=False), works), values(model(image, training=False), works))


def _descendants(model: Any, start: str) -> set[str]:
    """By Keras's own links."""
    found: set[str] = set()
    todo = [model.get_layer(start)]
    while todo:
        for node in todo.pop()._outbound_nodes:
            layer = getattr(node, "operation", None) or node.layer
            if layer.name not in found:
                found.add(layer.name)
                todo.append(layer)
    return found


@FRAMEWORKS
def test_system_11_noise_between_two_halves(name: str, suffix: str, tmp_path: Path) -> None:
    """The layer in the file does what noise by hand does on the hand-off tensor, and only in training."""
    works = works_of(name)
    path = saved(digits(works.module), tmp_path, f"net.{suffix}")
    document = configsplit.load(path)
    noisy = configsplit.insert(document, layer_file(tmp_path, NOISE), after="dense64").save(tmp_path / f"noisy.{suffix}").path
    assert same(run(noisy, works, rows()), run(path, works, rows()))
    configsplit.split(configsplit.load(noisy), "gaussian_noise").save(tmp_path / "halves")
    head, tail = (tmp_path / "halves" / f"part-{n}.{suffix}" for n in range(2))
    handed = run(head, works, rows())[0]
    shaken = handed + np.random.default_rng(1).normal(scale=0.5, size=handed.shape).astype("float32")
    assert same(run(tail, works, handed), run(path, works, rows()))
    assert not same(run(tail, works, shaken), run(path, works, rows()))


def test_every_system_has_a_test_of_its_name() -> None:
    """Those of whole networks stand in test_rewrites_systems_applications.py, of live models in tests/live."""
    tests = Path(__file__).resolve().parents[1]
    named = {
        number for path in tests.rglob("test_*.py") for number in re.findall(r"^def test_system_(\d+)_", path.read_text(), re.M)
    }
    assert named == {str(number) for number in range(1, 12)}
