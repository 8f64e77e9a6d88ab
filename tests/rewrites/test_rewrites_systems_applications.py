"""The systems of old on the networks that they were made for: ResNet50, `Scale`, tied weights.

Each ends in numbers: what comes out equals, bit for bit, what the whole network gives. Keras 2 and Keras 3, in files and live.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from surgery_live import narrowed, run, same, saved, values, with_weights, works_of

import configsplit
import configsplit.keras
from configsplit import Document
from configsplit.runtime.frameworks import Framework

pytestmark = pytest.mark.first

KINDS = [("keras", "keras"), ("tf_keras", "h5")]


class Residual(NamedTuple):
    """ResNet50 with random weights and statistics, live and in a file; ``activations`` are its 49 ReLUs in order, of which
    Keras 2.0 called the 46th ``activation_46``; the next two lie inside the last branch."""

    works: Framework
    suffix: str
    model: Any
    path: Path
    document: Document
    activations: list[str]
    wanted: list[np.ndarray]


def in_the(turn: int) -> pytest.MarkDecorator:
    """The network of one framework; the other's, and the whole width, 25 million weights, are for the long run."""
    networks = [
        pytest.param((*kind, share), marks=[pytest.mark.exhaustive] * (share == 1 or number != turn), id=f"{kind[0]}-{share}")
        for number, kind in enumerate(KINDS)
        for share in (16, 1)
    ]
    return pytest.mark.parametrize("resnet", networks, indirect=True, scope="module")


@pytest.fixture(scope="module")
def resnet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Residual:
    name, suffix, share = request.param
    works = works_of(name)
    works.module.utils.set_random_seed(7)
    model = narrowed(works, "ResNet50", share, input_shape=(32, 32, 3), classes=10)
    chance = np.random.default_rng(7)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([chance.uniform(0.6, 1.4, value.shape).astype(value.dtype) for value in layer.get_weights()])
    path = saved(model, tmp_path_factory.mktemp("resnet50"), f"resnet50.{suffix}")
    activations = [layer.name for layer in model.layers if type(layer).__name__ == "Activation"]
    assert len(activations) == 49
    return Residual(works, suffix, model, path, configsplit.load(path), activations, run(path, works, pictures()))


def pictures(size: int = 32, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, size, size, 3)).astype("float32")


def forward(works: Framework, paths: list[Path], *inputs: np.ndarray) -> list[np.ndarray]:
    """Files in a row, each fed with what the one before gave."""
    given = list(inputs)
    for path in paths:
        given = run(path, works, *given)
    return given


def nodes(model: Any) -> dict[str, tuple[int, int]]:
    return {layer.name: (len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers}


@in_the(0)
def test_system_1_two_models_at_a_named_layer(resnet: Residual, tmp_path: Path) -> None:
    """The functional cut of a clone: here of the file and of the live model itself, which stays as it was."""
    at = resnet.activations[45]
    configsplit.split(resnet.document, at).save(tmp_path / "parts")
    files = [tmp_path / "parts" / f"part-{number}.{resnet.suffix}" for number in range(2)]
    assert same(forward(resnet.works, files, pictures()), resnet.wanted)
    before = nodes(resnet.model)
    head, tail = configsplit.keras.split(resnet.model, at)
    assert nodes(resnet.model) == before
    handed = values(head(pictures(), training=False), resnet.works)[0]
    assert same(values(tail(handed, training=False), resnet.works), resnet.wanted)


@in_the(1)
def test_system_3_resnet50_at_activation_46_and_inside_the_last_branch(resnet: Residual, tmp_path: Path) -> None:
    """Recursion from the last layer back: in one run overlapping sub-models, one cut inside a branch."""
    whole, _, deeper = resnet.activations[45:48]
    starts = {whole: [whole], deeper: [whole, deeper]}
    for start, needed in starts.items():
        head = configsplit.extract(resnet.document, to=needed).save(tmp_path / f"head_{start}.{resnet.suffix}", verify="none")
        tail = configsplit.extract(resnet.document, from_=needed).save(
            tmp_path / f"tail_{start}.{resnet.suffix}", verify="none"
        )
        assert same(forward(resnet.works, [head.path, tail.path], pictures()), resnet.wanted)


@in_the(0)
def test_system_5_a_tail_from_two_tensors_of_resnet50(resnet: Residual, tmp_path: Path) -> None:
    """Overwriting ``model.inputs``: only the layers behind remain, and the parameters are those of these layers."""
    start, branch = resnet.activations[45], resnet.activations[47]
    tail = configsplit.extract(resnet.document, from_=[start, branch]).save(tmp_path / f"tail.{resnet.suffix}").path
    live = configsplit.keras.extract(resnet.model, from_=[start, branch])
    kept = {layer.name for layer in live.layers if layer.weights}
    assert live.count_params() == sum(resnet.model.get_layer(name).count_params() for name in kept)
    head = configsplit.extract(resnet.document, to=[start, branch]).save(tmp_path / f"head.{resnet.suffix}").path
    given = run(head, resnet.works, pictures())
    assert same(run(tail, resnet.works, *given), resnet.wanted)
    assert same(values(live(given, training=False), resnet.works), resnet.wanted)


@in_the(1)
def test_system_10_head_and_tail_of_a_middle_that_all_passes_through(resnet: Residual, tmp_path: Path) -> None:
    """The list of layers, cut in two where one tensor passes, and the predictions compared: which is what `verify` does."""
    crossing = [place for place in configsplit.cuts(resnet.document).places if len(place.tensors) == 1 and place.at]
    middle = crossing[len(crossing) // 2].at
    parts = configsplit.split(resnet.document, middle)
    assert [len(part.inputs) for part in parts] == [1, 1]
    saved_parts = parts.save(tmp_path / "parts")
    files = [tmp_path / "parts" / part.file for part in saved_parts.manifest.parts]
    assert same(forward(resnet.works, files, pictures()), resnet.wanted)


@in_the(0)
def test_system_4_scale_in_keras_3(resnet: Residual, tmp_path: Path) -> None:
    """`Scale` layers of the plug-in in a network of either Keras, cut inside the branch that they stand in."""
    works = resnet.works
    module = importlib.import_module(f"configsplit.custom_objects.scale_{'keras' if works.name == 'keras' else 'tf_keras'}")
    scale = module.Scale(name="scale")
    branch = resnet.activations[46]
    scaled = configsplit.keras.insert(resnet.model, scale, after=branch)
    scaled.get_layer("scale").set_weights([value + 0.5 for value in scaled.get_layer("scale").get_weights()])
    head, tail = configsplit.keras.split(scaled, "scale")
    handed = values(head(pictures(), training=False), works)
    assert len(handed) == 2
    wanted = values(scaled(pictures(), training=False), works)
    assert not same(wanted, resnet.wanted)
    assert same(values(tail(handed, training=False), works), wanted)


@pytest.mark.parametrize(("name", "suffix"), KINDS)
def test_system_6_shared_and_tied_layers(name: str, suffix: str, tmp_path: Path) -> None:
    """One layer, two calls, on both sides of the cut: both parts get its weights, it is said so, and join has one again."""
    works = works_of(name)
    keras = works.module
    ids = keras.Input((6,), dtype="int32", name="ids")
    shared = keras.layers.Dense(5, name="shared")
    first = shared(keras.layers.Embedding(11, 5, name="embedding")(ids))
    model = with_weights(keras.Model(ids, shared(keras.layers.Dense(5, activation="tanh", name="middle")(first))), 3)
    path = saved(model, tmp_path, f"net.{suffix}")
    given = np.random.default_rng(0).integers(0, 11, size=(2, 6)).astype("int32")
    done = configsplit.split(configsplit.load(path), "middle").save(tmp_path / "parts")
    assert done.manifest.shared_layers == ("shared",)
    files = [tmp_path / "parts" / part.file for part in done.manifest.parts]
    assert same(forward(works, files, given), run(path, works, given))
    again = configsplit.join(tmp_path / "parts").save(tmp_path / f"again.{suffix}").path
    assert same(run(again, works, given), run(path, works, given))


@pytest.mark.parametrize(("name", "suffix"), KINDS)
def test_system_6_an_embedding_whose_matrix_is_borrowed(name: str, suffix: str) -> None:
    """The matrix of the Embedding is that of the last step too: both parts have it, and trained apart they do not join."""
    works = works_of(name)
    keras, tensorflow = works.module, importlib.import_module("tensorflow")

    class Reversible(keras.layers.Embedding):
        def call(self, x: Any, reverse: bool = False) -> Any:
            return tensorflow.matmul(x, self.embeddings, transpose_b=True) if reverse else super().call(x)

        def compute_output_spec(self, x: Any, reverse: bool = False) -> Any:
            last = (*x.shape[:-1], self.input_dim) if reverse else (*x.shape, self.output_dim)
            return keras.KerasTensor(last, "float32")

    ids = keras.Input((6,), dtype="int32", name="ids")
    words = Reversible(11, 5, name="words")
    middle = keras.layers.Dense(5, activation="tanh", name="middle")(words(ids))
    model = with_weights(keras.Model(ids, words(middle, reverse=True)), 3)
    given = np.random.default_rng(0).integers(0, 11, size=(2, 6)).astype("int32")
    wanted = values(model(given), works)
    assert wanted[0].shape == (2, 6, 11)
    parts = configsplit.keras.split(model, "middle")
    assert parts.parts.split.shared == ("words",)
    assert same(values(parts[1](parts[0](given)), works), wanted)
    assert same(values(configsplit.keras.join(parts)(given), works), wanted)
    copy = parts[1].get_layer("words")
    copy.set_weights([value * 2 for value in copy.get_weights()])
    with pytest.raises(configsplit.ConfigSplitError) as caught:
        configsplit.keras.join(parts)
    assert caught.value.code == "join-weights-differ"
