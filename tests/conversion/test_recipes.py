"""The steps of recipes, each against arithmetic written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.corpus import releases

from configsplit.catalog.keras3.from_keras1 import layer
from configsplit.catalog.keras3.places import keras2_recipes
from configsplit.catalog.recipes import Recipe, copies
from configsplit.containers.relayout import STEPS, Relaying
from configsplit.containers.weights import WeightFile
from configsplit.containers.writing import Move, Relaid, prepare_weights
from configsplit.graph.json import FrozenDict

RNG = np.random.default_rng(0)


def cooked(recipe: Recipe, sources: list[np.ndarray]) -> np.ndarray:
    found: object = [sources[number] for number in recipe.sources]
    for step in recipe.steps:
        found = STEPS[step.name](found, step.argument)
    return np.asarray(found[0] if isinstance(found, list) else found)


def test_gates_of_keras_1_stand_side_by_side() -> None:
    """Keras 1 kept i, c, f, o, each as W, U, b; Keras 2 has i, f, c, o in one kernel."""
    units, width = 2, 3
    sources = [RNG.normal(size=shape) for _ in range(4) for shape in ((width, units), (units, units), (units,))]
    _, _, recipes = layer("LSTM", FrozenDict({"output_dim": units}), [each.shape for each in sources], "tensorflow")
    assert recipes is not None
    kernel, recurrent, bias = (cooked(recipe, sources) for recipe in recipes)
    for place, gate in enumerate((0, 2, 1, 3)):
        at = slice(place * units, (place + 1) * units)
        assert (kernel[:, at] == sources[3 * gate]).all()
        assert (recurrent[:, at] == sources[3 * gate + 1]).all()
        assert (bias[at] == sources[3 * gate + 2]).all()


@pytest.mark.parametrize(
    ("class_name", "config", "stored", "wanted"),
    [
        ("Convolution1D", {"filter_length": 3, "nb_filter": 5}, (3, 1, 4, 5), (3, 4, 5)),
        ("Convolution1D", {"filter_length": 3, "nb_filter": 5}, (5, 4, 3, 1), (3, 4, 5)),
        ("Convolution2D", {"nb_row": 3, "nb_col": 2, "dim_ordering": "th"}, (5, 4, 3, 2), (3, 2, 4, 5)),
        ("Convolution2D", {"nb_row": 3, "nb_col": 2, "dim_ordering": "tf"}, (3, 2, 4, 5), (3, 2, 4, 5)),
        ("Deconvolution2D", {"nb_row": 3, "nb_col": 2, "dim_ordering": "tf"}, (3, 2, 4, 5), (3, 2, 5, 4)),
    ],
)
def test_kernels_of_keras_1(
    class_name: str, config: dict[str, object], stored: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    _, _, recipes = layer(class_name, FrozenDict(config), [stored, (5,)], "tensorflow")
    assert recipes is not None
    assert cooked(recipes[0], [RNG.normal(size=stored)]).shape == wanted
    assert recipes[1] == Recipe((1,))


def test_theano_computes_with_kernels_turned_round() -> None:
    kernel = RNG.normal(size=(3, 2, 4, 5))
    recipes = keras2_recipes("Conv2D", FrozenDict(), [kernel.shape, (5,)], "theano")
    assert (cooked(recipes[0], [kernel]) == kernel[::-1, ::-1]).all()
    assert recipes[1] == copies(2)[1]


def test_cudnn_kernels_are_transposed_gate_by_gate() -> None:
    """A gate of CuDNN is a matrix in C's order of what Keras multiplies with: ``W_gate.T`` flattened, read in Fortran's."""
    units, width = 2, 3
    gates = [RNG.normal(size=(width, units)) for _ in range(4)]
    stored = np.hstack([gate.T.reshape((width, units), order="C") for gate in gates])
    recurrent = [RNG.normal(size=(units, units)) for _ in range(4)]
    bias = RNG.normal(size=(8 * units,))
    sources = [stored, np.hstack([gate.T for gate in recurrent]), bias]
    kernel, inner, both = keras2_recipes("CuDNNLSTM", FrozenDict(), [each.shape for each in sources], "tensorflow")
    assert np.allclose(cooked(inner, sources), np.hstack(recurrent))
    assert np.allclose(cooked(both, sources), bias[: 4 * units] + bias[4 * units :])
    assert np.allclose(cooked(kernel, sources), np.hstack(gates))
    grown = keras2_recipes("CuDNNGRU", FrozenDict(), [(3, 6), (2, 6), (12,)], "tensorflow")
    assert cooked(grown[2], [stored, stored, np.arange(12.0)]).shape == (2, 6)


def test_values_are_written_beside_copies(tmp_path: Path) -> None:
    source = releases() / "tf-2.4" / "residual.h5"
    from configsplit.containers.source import open_source

    with open_source(source) as opened, Relaying(tmp_path) as relaying:
        file = opened.weights
        assert isinstance(file, WeightFile)
        path = "model_weights/c2/c2/kernel:0"
        items = [
            relaying.item(file, [path], Recipe((0,)), "layers/conv2d/vars/0"),
            relaying.item(file, [path], Recipe((0,)).then("transpose", (3, 2, 0, 1)), "layers/conv2d_1/vars/0"),
        ]
        assert [type(item) for item in items] == [Move, Relaid]
        prepare_weights(tmp_path / "new.weights.h5", items=items).run()
        kernel = file.read(path)
    import h5py

    with h5py.File(tmp_path / "new.weights.h5") as made:
        assert (made["layers/conv2d/vars/0"][()] == kernel).all()
        assert (made["layers/conv2d_1/vars/0"][()] == kernel.transpose(3, 2, 0, 1)).all()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new.weights.h5"]
